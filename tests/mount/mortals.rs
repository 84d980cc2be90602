//! Programs that are killed at any moment, with a filer that is slow at times: nothing is left of them, and nothing
//! comes of what they had not finished.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use filerfs::backend::{PolicyName, VolumeName};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::common::mounted::Mount;
use crate::common::now;

/// Run in `dummy/`. Whatever becomes of them, these rules stay, and these values are whole.
const PROGRAMS: [&str; 14] = [
    "echo 5G > volumes/db1/size_total",
    "exec > volumes/db1/size_total; printf 5; sleep 0.1; echo G",
    "exec > volumes/db2/comment; printf half; sleep 0.05; echo whole",
    "for r in 10.9.0.1 10.9.0.2 10.0.0.1 10.0.0.2 @hosts 10.9.0.3; do echo $r; done > policies/nfs/rules",
    "for r in 10.9.0.1 10.9.0.2 10.0.0.1 10.0.0.2 @hosts; do /bin/echo $r; done > policies/nfs/rules",
    "printf '%s\\n' 10.9.0.3 @hosts 10.0.0.2 10.0.0.1 | tee policies/nfs/rules",
    "flock volumes/db1/lock sleep 0.1",
    "flock -s volumes/db1/lock sleep 0.1",
    "flock volumes/db2/lock flock volumes/db1/lock sleep 0.05",
    "exec python3 -c \"import fcntl, time
fcntl.lockf(open('volumes/db2/lock', 'r+'), fcntl.LOCK_EX); time.sleep(0.1)\"",
    "mkdir volumes/db1/snapshots/k$$ && rmdir volumes/db1/snapshots/k$$",
    "mkdir staging/k$$; echo 1G > staging/k$$/size_total; mv staging/k$$ volumes/; rmdir volumes/k$$",
    "cat volumes/db1/info.json volumes/db2/* policies/*/*",
    "ls -lR .",
];
const CHANGES: [&str; 2] =
    ["patch_volume(db1, size_total=5368709120)", "patch_volume(db2, comment=halfwhole)"];
const STAY: [&str; 3] = ["10.0.0.1", "10.0.0.2", "@hosts"];
const SIGNALS: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL, Signal::SIGHUP];
const PATIENCE: Duration = Duration::from_secs(30);

/// A program, how many milliseconds it lives at most, and what ends it.
type Life = (&'static str, u64, Signal);

fn life() -> impl Strategy<Value = Life> {
    (prop::sample::select(&PROGRAMS[..]), 0..900_u64, prop::sample::select(&SIGNALS[..]))
}

fn start(mount: &Mount, script: &str) -> Child {
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(mount.path("dummy")).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whether it ended in time.
fn lives(mount: &Mount, &(script, most, signal): &Life) -> bool {
    let (mut child, begun) = (start(mount, script), Instant::now());
    let group = Pid::from_raw(child.id() as i32);
    let mut next = Duration::from_millis(most);
    while begun.elapsed() < PATIENCE {
        if child.try_wait().unwrap().is_some() {
            // Those that it started may live on.
            let _ = killpg(group, Signal::SIGKILL);
            return true;
        }
        if begun.elapsed() >= next {
            // A shell that waits for a program takes a signal for that one's.
            let signal = if next.as_millis() == u128::from(most) { signal } else { Signal::SIGKILL };
            let _ = killpg(group, signal);
            next = begun.elapsed() + Duration::from_secs(1);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

fn until(what: &str, holds: impl Fn() -> bool) -> Result<(), TestCaseError> {
    let begun = Instant::now();
    while !holds() {
        prop_assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 8, max_shrink_iters: 0, ..Config::default() })]
    #[test]
    fn nothing_is_left_of_who_is_killed(
        slow in prop::sample::select(vec![0_u64, 5, 80, 300]),
        several in prop::collection::vec(life(), 8..16),
    ) {
        let mount = Mount::small();
        *mount.backend.delay.lock() = Duration::from_millis(slow);
        let ended: Vec<bool> = std::thread::scope(|threads| {
            let lives: Vec<_> = several.iter().map(|life| threads.spawn(|| lives(&mount, life))).collect();
            lives.into_iter().map(|life| life.join().unwrap()).collect()
        });
        prop_assert!(ended.iter().all(|ended| *ended), "{ended:?}");
        *mount.backend.delay.lock() = Duration::ZERO;
        let inner = mount.backend.inner().clone();
        for volume in ["db1", "db2"].map(|name| VolumeName::new(name).unwrap()) {
            until("a lock is left", || now(inner.locks(&volume)).unwrap().is_none())?;
        }
        // What was under way has ended when it has been quiet for longer than a call took.
        let mut changes = Vec::new();
        let quiet = || std::thread::sleep(Duration::from_millis(100 + 2 * slow));
        quiet();
        while let more @ [_, ..] = &mount.backend.take_changes()[..] {
            changes.extend_from_slice(more);
            quiet();
        }
        let patches = changes.iter().filter(|change| change.starts_with("patch_volume"));
        let halves: Vec<_> = patches.filter(|change| !CHANGES.contains(&change.as_str())).collect();
        prop_assert!(halves.is_empty(), "{halves:?}");
        let rules = &now(inner.get_policy(&PolicyName::new("nfs").unwrap())).unwrap().rules;
        prop_assert!(STAY.iter().all(|stays| rules.iter().any(|rule| rule.as_str() == *stays)), "{rules:?}");
        for volume in ["db1", "db2"] {
            let free = start(&mount, &format!("flock -n volumes/{volume}/lock true")).wait().unwrap();
            prop_assert!(free.success(), "the lock of {volume} is left");
        }
    }
}
