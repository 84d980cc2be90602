//! The command from its start to the first listing, and the memory it then takes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use crate::filer::{self, VOLUMES};

/// What one start took.
pub struct Start {
    /// From exec to the line that says it is ready.
    pub ready: Duration,
    /// From exec to the end of the first listing of all volumes.
    pub listed: Duration,
    /// KiB resident after that.
    pub resident: u64,
    /// KiB resident after `ls -l`, when the kernel knows every volume.
    pub resident_stat: u64,
}

/// A running daemon and its mount.
struct Daemon {
    child: Child,
    dir: TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It ends when it is unmounted.
        if umount2(self.dir.path(), MntFlags::MNT_DETACH).is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Starts the command with this many snapshots of each volume.
pub fn start(snapshots: usize) -> Start {
    let (dir, config) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    fs::write(config.path(), filer::config(VOLUMES, snapshots)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_filerfs"));
    command.arg("mount").arg("-c").arg(config.path()).arg(dir.path()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut daemon = Daemon { child: command.spawn().unwrap(), dir };
    let mut lines = BufReader::new(daemon.child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("filerfs: ready")), "the daemon did not start");
    let ready = begun.elapsed();
    let volumes = daemon.dir.path().join("dummy/volumes");
    assert_eq!(fs::read_dir(&volumes).unwrap().flatten().count(), VOLUMES);
    let listed = begun.elapsed();
    let after_listing = resident(&daemon.child);
    let entries = fs::read_dir(&volumes).unwrap().flatten();
    assert_eq!(entries.filter(|entry| entry.metadata().unwrap().is_dir()).count(), VOLUMES);
    Start { ready, listed, resident: after_listing, resident_stat: resident(&daemon.child) }
}

fn resident(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
