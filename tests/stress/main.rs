//! Much at once, on the real daemon: nothing hangs, nothing is changed, and it lives on.
//!
//! A few seconds each; ten minutes each where `FILERFS_LONG` is set.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../daemon/process.rs"]
mod process;
#[path = "../common/signal.rs"]
mod signal;

mod calls;
mod ng;
mod posix;

use std::fs;
use std::process::Command;
use std::time::Duration;

use process::Daemon;

/// How long a test goes on.
fn lasts() -> Duration {
    Duration::from_secs(if std::env::var_os("FILERFS_LONG").is_some() { 600 } else { 9 })
}

/// Of these lines a kernel has more only if something is wrong with it.
fn kernel_messages() -> Vec<String> {
    let output = Command::new("dmesg").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let about_us = [
        "task filerfs",
        "task stress",
        "task pjdfstest",
        "BUG:",
        "kernel BUG",
        "Comm: filerfs",
        "Comm: stress-ng",
        "Comm: pjdfstest",
    ];
    let lines = text.lines().filter(|line| about_us.iter().any(|words| line.contains(words)));
    lines.map(str::to_owned).collect()
}

/// A daemon, and what everything was like before.
struct Stressed {
    daemon: Daemon,
    tree: String,
    kernel: Vec<String>,
}

impl Stressed {
    fn new() -> Stressed {
        let config =
            "[[endpoint]]\nname = \"d\"\nkind = \"memory\"\ngenerate = { volumes = 8, snapshots = 3 }\n";
        let daemon = Daemon::start(config, &["--log-level", "error"]);
        let tree = tree(&daemon);
        Stressed { daemon, tree, kernel: kernel_messages() }
    }

    /// All is as before, and the daemon knows it. `known` are the changes that do not reach the storage.
    fn ended_well(mut self, known: &str) {
        assert!(self.daemon.runs(), "{}", self.daemon.log());
        let version = fs::read_to_string(self.daemon.path(".ctl/version")).unwrap();
        assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
        let events = fs::read_to_string(self.daemon.path(".ctl/events")).unwrap();
        let others = events.lines().filter(|line| known.is_empty() || !line.contains(known));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new());
        assert_eq!(tree(&self.daemon), self.tree);
        // EIO is what a panic is answered with. No name is in the metrics: one may have these letters.
        let metrics = fs::read_to_string(self.daemon.path(".ctl/metrics")).unwrap();
        assert!(metrics.contains("result=\"E") && !metrics.contains("result=\"EIO\""), "{metrics}");
        let log = self.daemon.log();
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
        let new: Vec<_> = kernel_messages().into_iter().filter(|line| !self.kernel.contains(line)).collect();
        assert_eq!(new, Vec::<String>::new());
        self.daemon.signal("TERM");
        assert_eq!(self.daemon.wait(), 0, "{}", self.daemon.log());
    }
}

/// Names, numbers, modes, sizes, times and contents of everything but `.ctl`.
fn tree(daemon: &Daemon) -> String {
    let script = "find d -printf '%p %i %y %m %U %G %s %T@ %l\\n' | sort; find d -type f | sort | xargs cat";
    let output = Command::new("bash").args(["-c", script]).current_dir(daemon.root()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
