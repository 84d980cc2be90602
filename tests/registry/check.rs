//! What `filerfs check` says of a registry.

use std::fs;
use std::process::{Command, Stdio};

use crate::etcd::Etcd;

fn check(config: &str) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("filerfs.toml");
    fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_filerfs"));
    let output = command.args(["check", "-c"]).arg(file).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_says_whether_the_registry_can_be_asked() {
    let etcd = Etcd::start(1);
    let config = format!("[registry]\nkind = \"etcd\"\nendpoints = [\"{}/\"]\n", etcd.endpoint(0));
    let fine = (0, "dummy: ok, memory, 0 volumes\n[registry]: ok\n".to_owned(), String::new());
    assert_eq!(check(&config), fine);
    etcd.kill(0);
    let (code, stdout, stderr) = check(&config);
    assert_eq!((code, &*stdout), (1, "dummy: ok, memory, 0 volumes\n"));
    assert!(stderr.starts_with("filerfs: [registry]: etcd cannot be reached ("), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
