//! The command `filerfs simulate`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filerfs"));
    command
        .arg("simulate")
        .arg("--password-file")
        .arg(folder.join("password"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "secret\n").unwrap();
    fs::set_permissions(folder.path().join("password"), fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

fn refused(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn it_says_where_it_is_and_ends_when_told() {
    let folder = folder();
    let arguments = ["--svm", "vs7", "--user", "me", "--volumes", "3", "--snapshots", "2", "--ontap", "9.15"];
    let mut child =
        command(folder.path()).args(arguments).args(["--strict", "--latency", "1ms"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let (address, digest) = line
        .trim()
        .strip_prefix("filerfs: simulating on https://")
        .and_then(|rest| rest.split_once(" with certificate SHA-256 "))
        .unwrap_or_else(|| panic!("{line:?}"));
    address.parse::<std::net::SocketAddr>().unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_password_that_others_can_read_is_refused() {
    let folder = folder();
    fs::set_permissions(folder.path().join("password"), fs::Permissions::from_mode(0o644)).unwrap();
    let told = refused(command(folder.path()).spawn().unwrap());
    assert!(told.contains("others can read the password (mode 644)"), "{told}");
}

#[test]
fn a_file_that_cannot_be_loaded_is_named() {
    let folder = folder();
    let file = folder.path().join("content.json");
    for (content, fault) in [("{", "EOF while parsing"), (r#"{"volume": []}"#, "unknown field `volume`")] {
        fs::write(&file, content).unwrap();
        let told = refused(command(folder.path()).arg("--load").arg(&file).spawn().unwrap());
        assert!(told.contains("content.json") && told.contains(fault), "{told}");
    }
    let told =
        refused(command(folder.path()).arg("--load").arg(&file).args(["--volumes", "3"]).spawn().unwrap());
    assert!(told.contains("cannot be used with"), "{told}");
}
