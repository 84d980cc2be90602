//! Signals to processes of the tests.
#![allow(dead_code, reason = "each test crate uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than it ever takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a signal. One that is to `STOP` has stopped then: until each of its threads has, it may still answer.
pub fn signal(pid: u32, name: &str) {
    let signal = format!("SIG{name}").parse::<Signal>().unwrap();
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
    // A thread that waits for the kernel does nothing either, and stops when that answers.
    let stopped = |status: String| status.contains("State:\tT") || status.contains("State:\tD");
    let begun = Instant::now();
    while signal == Signal::SIGSTOP && !threads(pid).all(stopped) {
        assert!(begun.elapsed() < PATIENCE, "process {pid} did not stop");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What the system tells of each thread of a process.
pub fn threads(pid: u32) -> impl Iterator<Item = String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).ok())
}
