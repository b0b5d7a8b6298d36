//! The files of the workspace, and where cargo puts what it builds of them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// What holds nothing of the project's own.
const FOREIGN: [&str; 5] = [".git", ".local", ".venv", "node_modules", "target"];

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the crate is a folder of the workspace")
}

/// The text of a file of the workspace.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The folders in a folder of the workspace, by name.
pub(crate) fn folders(path: &str) -> Vec<String> {
    let folder = fs::read_dir(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut names: Vec<String> = folder
        .map(|entry| entry.expect("a readable folder"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(!names.is_empty(), "{path} holds no folder");
    names
}

/// Every file under a folder of the workspace (`""` is all of it), as paths from the workspace's folder.
pub(crate) fn files(path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(path)];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let entry = entry.expect("a readable folder");
            let path = entry.path();
            // In a working tree beside the repository, `.git` is a file.
            if FOREIGN.contains(&&*entry.file_name().to_string_lossy()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let within = path.strip_prefix(root()).expect("a file of the workspace");
                found.push(within.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{path} holds no file");
    found
}

/// The folder of the profile these tests were built with: `target/debug`, `target/release`.
pub(crate) fn artifacts() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let folder = test.parent().and_then(Path::parent);
    folder
        .expect("tests are built in target/<profile>/deps")
        .to_owned()
}

/// The cargo that runs these tests.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells its tests in the environment which cargo it is"
)]
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
