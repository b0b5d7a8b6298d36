//! The layering, checked in the sources: what may name what, and how long a file may be.

use std::collections::BTreeSet;

use crate::workspace;

/// Most lines of a source file, its tests at the end not counted.
const MAX_LINES: usize = 350;

/// What a crate depends on when it is built, from its manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = workspace::read(manifest);
    let mut found = BTreeSet::new();
    let mut within = false;
    for line in text.lines() {
        if let Some(section) = line.strip_prefix('[') {
            within =
                section.starts_with("dependencies]") || section.starts_with("build-dependencies]");
            let named = section
                .strip_prefix("dependencies.")
                .and_then(|name| name.strip_suffix(']'));
            found.extend(named.map(str::to_owned));
        } else if within && !line.trim_start().starts_with('#') {
            let name = line.split(['=', '.']).next().unwrap_or_default().trim();
            if !name.is_empty() {
                found.insert(name.to_owned());
            }
        }
    }
    found
}

/// The manifests of the crates in a folder.
fn manifests(folder: &str) -> Vec<String> {
    let crates = workspace::folders(folder);
    crates
        .iter()
        .map(|name| format!("{folder}/{name}/Cargo.toml"))
        .collect()
}

/// Rust sources in these folders, with what stands before their tests.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let paths = folders.iter().flat_map(|folder| workspace::files(folder));
    let sources: Vec<_> = paths
        .filter(|path| path.contains("/src/") && path.ends_with(".rs"))
        .filter(|path| !path.ends_with("/tests.rs"))
        .map(|path| {
            let text = workspace::read(&path);
            let code = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default();
            (path, code.to_owned())
        })
        .collect();
    assert!(sources.len() > 10);
    sources
}

/// The files of the tests' own crate.
fn test_files() -> Vec<String> {
    let folders = ["tests/it", "tests/model", "tests/notices"];
    folders.into_iter().flat_map(workspace::files).collect()
}

#[test]
fn the_payload_crate_knows_no_aws_no_runtime_and_no_network() {
    for dependency in dependencies("shared/payload/Cargo.toml") {
        for foreign in [
            "aws", "lambda", "tokio", "reqwest", "hyper", "axum", "state", "reply",
        ] {
            assert!(
                !dependency.starts_with(foreign),
                "payload depends on {dependency}"
            );
        }
    }
}

#[test]
fn functions_do_not_depend_on_each_other() {
    let functions = workspace::folders("functions");
    for manifest in manifests("functions") {
        for dependency in dependencies(&manifest) {
            assert!(
                !functions.contains(&dependency),
                "{manifest} names {dependency}"
            );
        }
    }
    for manifest in manifests("shared") {
        for dependency in dependencies(&manifest) {
            assert!(
                !functions.contains(&dependency),
                "{manifest} names {dependency}"
            );
        }
    }
}

#[test]
fn what_is_deployed_does_not_depend_on_local_or_on_the_tests() {
    for manifest in manifests("functions")
        .into_iter()
        .chain(manifests("shared"))
    {
        let text = workspace::read(&manifest);
        for line in text.lines() {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            assert!(!["local", "tests"].contains(&name), "{manifest}: {line}");
        }
    }
}

#[test]
fn state_knows_payload_and_nothing_above_it() {
    let dependencies = dependencies("shared/state/Cargo.toml");
    assert!(dependencies.contains("payload"));
    assert!(!dependencies.contains("reply"));
    assert!(
        !dependencies
            .iter()
            .any(|name| name.starts_with("lambda") || name == "aws_lambda_events")
    );
}

#[test]
fn the_environment_is_read_in_one_place() {
    for (path, source) in sources(&["functions", "shared"]) {
        let reads = source.contains("std::env") || source.contains("env::var");
        assert_eq!(reads, path == "shared/state/src/settings.rs", "{path}");
    }
}

#[test]
fn the_clock_is_read_in_the_handlers_once_and_set_before_anything_else() {
    let of_functions = |file: &str| -> Vec<String> {
        let functions = workspace::folders("functions").into_iter();
        functions
            .map(|name| format!("functions/{name}/src/{file}.rs"))
            .collect()
    };
    let handlers = of_functions("handler");
    for (path, source) in sources(&["functions", "shared"]) {
        let reads = source.matches("clock::now()").count();
        assert_eq!(reads, usize::from(handlers.contains(&path)), "{path}");
    }
    for main in of_functions("main") {
        let source = workspace::read(&main);
        let set = source.find("clock::set(").expect(&main);
        assert!(Some(set) < source.find("Config::read("), "{main}");
    }
}

#[test]
fn names_of_keys_and_attributes_are_in_state_only() {
    for (path, source) in sources(&["functions", "shared"]) {
        if path.starts_with("shared/state/") {
            continue;
        }
        for name in [
            "\"pk\"",
            "\"sk\"",
            "\"ttl\"",
            "\"due_at\"",
            "attribute_not_exists",
            "aws_sdk",
        ] {
            assert!(!source.contains(name), "{path} names {name}");
        }
    }
}

#[test]
fn lambda_types_are_in_the_handlers_and_webhooks_are_sent_from_one_file() {
    for (path, source) in sources(&["functions"]) {
        let is_handler = path.ends_with("/handler.rs");
        assert!(
            is_handler || !source.contains("aws_lambda_events"),
            "{path}"
        );
        assert!(
            path.ends_with("delivery/src/attempt.rs") || !source.contains("outbound::{Client"),
            "{path}"
        );
    }
}

#[test]
fn no_source_file_is_too_long() {
    let long: Vec<String> = sources(&["functions", "shared", "local"])
        .into_iter()
        .map(|(path, source)| (path, source.lines().count()))
        .chain(test_files().into_iter().map(|path| {
            let lines = workspace::read(&path).lines().count();
            (path, lines)
        }))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{path}: {lines}"))
        .collect();
    assert!(long.is_empty(), "more than {MAX_LINES} lines: {long:#?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, source) in sources(&["functions", "shared", "local"]) {
        assert!(
            source.starts_with("//! "),
            "{path} does not start with `//!`"
        );
    }
    for path in test_files() {
        assert!(
            workspace::read(&path).starts_with("//! "),
            "{path} does not start with `//!`"
        );
    }
}

#[test]
fn no_file_names_material_outside_of_the_project() {
    // Written in parts, so that this file does not name it either.
    let outside = [["..", "/shared/"].concat(), ["/wo", "rk/"].concat()];
    for path in workspace::files("") {
        if path == ".ci/run" {
            continue;
        }
        // What is not text is no source.
        let Ok(text) = std::fs::read_to_string(workspace::root().join(&path)) else {
            continue;
        };
        for place in &outside {
            let named = text.lines().find(|line| line.contains(place.as_str()));
            assert!(named.is_none(), "{path} names {place}: {named:?}");
        }
    }
}

#[test]
fn the_page_of_the_audit_log_has_every_action() {
    let source = workspace::read("shared/state/src/audit_log.rs");
    let actions: Vec<&str> = source
        .lines()
        .filter_map(|line| {
            line.trim()
                .strip_prefix("#[serde(rename = \"")?
                .split('"')
                .next()
        })
        .filter(|name| name.contains('.'))
        .collect();
    assert!(actions.len() > 20, "{actions:?}");
    let page = workspace::read("docs/audit.md");
    let is_missing = |action: &&&str| !page.contains(&format!("`{action}`"));
    let missing: Vec<_> = actions.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
