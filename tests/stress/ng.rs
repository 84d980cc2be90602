//! stress-ng. Its files have names that are no tool's: it is refused at the door, except in `staging/`, where its
//! directories are volumes that are being prepared, and its files are refused one by one.

use std::process::Command;

use crate::{Stressed, lasts};

/// What works on files. Not `getdent`, which reads directories of the whole machine instead.
const STRESSORS: &[&str] = &[
    "access",
    "aio",
    "chdir",
    "chmod",
    "chown",
    "copy-file",
    "dentry",
    "dir",
    "dirdeep",
    "dirmany",
    "dnotify",
    "dup",
    "fallocate",
    "fiemap",
    "file-ioctl",
    "filename",
    "flock",
    "fpunch",
    "fsize",
    "fstat",
    "handle",
    "hdd",
    "inotify",
    "io",
    "iomix",
    "lease",
    "link",
    "locka",
    "lockf",
    "lockofd",
    "mknod",
    "mmap",
    "open",
    "readahead",
    "rename",
    "seek",
    "sendfile",
    "symlink",
    "sync-file",
    "touch",
    "utime",
    "verity",
    "xattr",
];

fn stress(place: &str) -> Stressed {
    let stressed = Stressed::new();
    // As long again is not needed to end; who needs that hangs.
    let patience = (lasts().as_secs() + 60).to_string();
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", &patience, "stress-ng", "--temp-path", place, "--timeout"]);
    command.arg((lasts().as_secs() / 3).to_string());
    STRESSORS.iter().for_each(|stressor| {
        command.args([format!("--{stressor}"), "1".to_owned()]);
    });
    let output = command.current_dir(stressed.daemon.root()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // Some of it failed, as it must; none of it hung.
    assert_eq!(output.status.code(), Some(2), "{place}: {said}");
    assert!(said.contains("Operation not permitted"), "{place}: {said}");
    stressed
}

#[test]
fn stress_ng_harms_nothing_where_it_is_refused() {
    for place in ["d/volumes/vol00001", "."] {
        stress(place).ended_well("");
    }
}

#[test]
fn stress_ng_harms_nothing_in_staging() {
    let stressed = stress("d/staging");
    // What it leaves behind when it fails are volumes that are being prepared.
    let removed = Command::new("find")
        .args(["d/staging", "-mindepth", "1", "-maxdepth", "1", "-exec", "rmdir", "{}", "+"])
        .current_dir(stressed.daemon.root())
        .status();
    assert!(removed.unwrap().success());
    stressed.ended_well(" d/staging/");
}
