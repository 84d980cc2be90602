//! The real program, as a process of its own, for as long as the value lives.
#![allow(dead_code, reason = "each test crate uses its part")]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::{NamedTempFile, TempDir};

use crate::signal;

/// Longer than anything here takes; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program, with nothing to read and no language of its own.
pub fn filerfs() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filerfs"));
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// What a command printed, and its exit status. One that does not end is ended, and fails.
pub fn output(command: &mut Command) -> (i32, String, String) {
    let (stdout, stderr) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
    command.stdout(stdout.reopen().unwrap()).stderr(stderr.reopen().unwrap());
    let child = command.spawn();
    let mut child =
        child.unwrap_or_else(|e| panic!("{command:?} cannot be run: {e}; scripts/test installs it"));
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(2));
    }
    // Too late for one that has ended.
    let _ = child.kill();
    let code = child.wait().unwrap().code().unwrap_or(-1);
    let text = |file: &NamedTempFile| String::from_utf8_lossy(&fs::read(file.path()).unwrap()).into_owned();
    (code, text(&stdout), text(&stderr))
}

/// Waits until something is true; fails if it never is.
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether something is mounted there.
pub fn is_mounted(path: &Path) -> bool {
    let path = path.to_str().unwrap();
    fs::read_to_string("/proc/self/mountinfo")
        .unwrap()
        .lines()
        .any(|line| line.split(' ').nth(4) == Some(path))
}

/// A `filerfs mount` on a directory of its own.
pub struct Daemon {
    child: Child,
    dir: Arc<TempDir>,
    log: NamedTempFile,
    ended: bool,
}

impl Daemon {
    /// Mounts with this configuration (none if empty) and these arguments, and waits until it is ready.
    pub fn start(config: &str, arguments: &[&str]) -> Daemon {
        let daemon = Daemon::spawn(config, |command| command, arguments);
        daemon.ready()
    }

    /// The same, not waiting; the command may be changed before it starts.
    pub fn spawn(
        config: &str,
        change: impl FnOnce(&mut Command) -> &mut Command,
        arguments: &[&str],
    ) -> Daemon {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("mnt")).unwrap();
        fs::write(dir.path().join("filerfs.toml"), config).unwrap();
        Daemon::on(Arc::new(dir), change, arguments)
    }

    /// Another one, with the same configuration, on the same mount point; not waiting.
    pub fn another(&self) -> Daemon {
        self.another_with(|command| command)
    }

    /// The same; the command may be changed before it starts.
    pub fn another_with(&self, change: impl FnOnce(&mut Command) -> &mut Command) -> Daemon {
        Daemon::on(self.dir.clone(), change, &[])
    }

    fn on(
        dir: Arc<TempDir>,
        change: impl FnOnce(&mut Command) -> &mut Command,
        arguments: &[&str],
    ) -> Daemon {
        let log = NamedTempFile::new().unwrap();
        let mut command = filerfs();
        // What a mount keeps by default it keeps here.
        command.env("STATE_DIRECTORY", dir.path().join("state"));
        change(&mut command);
        command.arg("mount").args(arguments);
        if fs::metadata(dir.path().join("filerfs.toml")).unwrap().len() > 0 {
            command.arg("-c").arg(dir.path().join("filerfs.toml"));
        }
        command.arg(dir.path().join("mnt")).stderr(log.reopen().unwrap());
        Daemon { child: command.spawn().unwrap(), dir, log, ended: false }
    }

    /// Waits until it is ready.
    pub fn ready(mut self) -> Daemon {
        let ready = format!("filerfs: ready on {}\n", self.root().display());
        until("the ready line", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}: {}", self.log());
            }
            self.log().contains(&ready)
        });
        self
    }

    /// The root of the mount.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("mnt")
    }

    /// A path in the mount.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Everything that it has written to stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// KiB of memory in use, without the program itself.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends it a signal, by name; when this ends a stopped daemon has stopped, with all its threads. Not by a program:
    /// that would close files of ours, and wait for a stopped daemon.
    pub fn signal(&self, name: &str) {
        signal::signal(self.pid(), name);
    }

    /// What the system tells of each thread.
    pub fn threads(&self) -> impl Iterator<Item = String> {
        signal::threads(self.pid())
    }

    /// Waits until it ends: its exit status, or the signal that it died of as a negative number.
    pub fn wait(&mut self) -> i32 {
        until("the end of the daemon", || self.child.try_wait().unwrap().is_some());
        self.ended = true;
        let status = self.child.wait().unwrap();
        status.code().unwrap_or_else(|| -status.signal().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.ended {
            let _ = Command::new("kill").arg(self.pid().to_string()).status();
            let begun = Instant::now();
            while self.child.try_wait().is_ok_and(|status| status.is_none()) && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // The last one on a mount point leaves nothing there.
        while Arc::strong_count(&self.dir) == 1 && is_mounted(&self.root()) {
            if !Command::new("umount").arg("-l").arg(self.root()).status().is_ok_and(|done| done.success()) {
                break;
            }
        }
    }
}
