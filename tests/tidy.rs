//! The house is as docs/architecture.md draws it: who may use whom, and how large a file may be.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer, and the layers that it may use. `main` and `cli` see all.
const LAYERS: [(&str, &[&str]); 19] = [
    ("src/backend/", &["backend"]),
    ("src/backends/memory/", &["backend"]),
    ("src/backends/mod.rs", &[]),
    ("src/backends/ontap/", &["backend", "tls"]),
    ("src/gate/", &["backend"]),
    ("src/cache/", &["backend"]),
    ("src/registry/", &["backend", "clock", "registry", "tls"]),
    ("src/journal/", &["backend", "crash"]),
    ("src/clock.rs", &[]),
    ("src/crash.rs", &[]),
    ("src/tree/", &["backend", "clock", "tree"]),
    ("src/mount/", &["crash", "tree"]),
    ("src/simulator/", &["backend", "backends", "simulator"]),
    ("src/logging.rs", &["tree"]),
    ("src/config/", &["backend", "backends"]),
    (
        "src/compose/",
        &["backend", "backends", "cache", "config", "gate", "journal", "registry", "tls", "tree"],
    ),
    ("src/cli.rs", &["backend", "compose", "config", "logging", "mount", "simulator", "tree"]),
    ("src/tls.rs", &["backend"]),
    ("src/main.rs", &[]),
];

/// No file is longer.
const LINES: usize = 500;

fn rust_files(below: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut dirs = vec![PathBuf::from(below)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty(), "{below} has no Rust files");
    files
}

fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn every_arrow_points_the_way_it_should() {
    for (path, text) in rust_files("src") {
        if path == "src/lib.rs" {
            continue;
        }
        let layer = LAYERS.iter().find(|(prefix, _)| path.starts_with(prefix));
        let Some((_, allowed)) = layer else { panic!("{path} belongs to no layer: add it to LAYERS") };
        for line in code(&text) {
            for used in line.split("crate::").skip(1) {
                let used = used.split(|c: char| !c.is_ascii_lowercase()).next().unwrap();
                assert!(allowed.contains(&used), "{path} uses {used}: {line}");
            }
        }
    }
}

#[test]
fn only_the_mount_names_fuser() {
    for (path, text) in rust_files("src") {
        let names = code(&text).any(|line| line.contains("fuser::"));
        assert!(!names || path.starts_with("src/mount/"), "{path} names fuser");
    }
}

#[test]
fn no_back_end_is_named_by_the_layers_above_it() {
    for (path, text) in rust_files("src") {
        let above = ["src/tree/", "src/mount/", "src/registry/", "src/backend/"];
        if above.iter().any(|layer| path.starts_with(layer)) {
            assert!(!code(&text).any(|line| line.contains("backends::")), "{path} names a back-end");
        }
    }
}

#[test]
fn no_file_is_too_long() {
    for dir in ["src", "tests"] {
        for (path, text) in rust_files(dir) {
            let lines = text.lines().count();
            assert!(lines <= LINES, "{path} has {lines} lines");
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    for dir in ["src", "tests"] {
        for (path, text) in rust_files(dir).iter().filter(|(path, _)| path != "tests/tidy.rs") {
            for word in ["todo!(", "unimplemented!(", "#[ignore", "dbg!("] {
                assert!(!text.contains(word), "{path} has {word}");
            }
        }
    }
}

#[test]
fn scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    for script in ["scripts/demo", "scripts/test", "scripts/bench", ".ci/run"] {
        let mode =
            fs::metadata(Path::new(script)).unwrap_or_else(|e| panic!("{script}: {e}")).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} has no run bit");
    }
}
