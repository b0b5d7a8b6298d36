//! The functions' binaries for `--processes`: where they are, and bringing them up to date.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// Builds the binaries with the profile of this program. Cargo decides what is stale.
pub(crate) async fn build(names: &[&str]) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .arg("build")
        .arg("--quiet")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    for name in names {
        command.args(["--bin", name]);
    }
    // Standard output is for the caller of `--json`.
    let status = command
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .await;
    let status = status.context("cargo cannot be started")?;
    ensure!(status.success(), "the functions cannot be built");
    Ok(())
}

/// Where a binary is: beside this program, or one folder up from a test's.
pub(crate) fn path(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program does not know where it is")?;
    let mut folder = program.parent().context("this program is in no folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("the folder deps is in no folder")?;
    }
    Ok(folder
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION))
}
