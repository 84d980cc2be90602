//! flock, Python and echo on two hosts want one lock, and what it guards is never entered by two.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::net::Network;
use crate::process::until;
use crate::{Shared, read, write};

/// What is guarded. Who finds another in it says so; each goes in this often.
const GUARDED: &str =
    "mkdir $T/inside || echo overlap >> $T/overlaps; sleep 0.01; rmdir $T/inside; echo in >> $T/entered";
const TIMES: usize = 4;

pub const FLOCK: &str = "for i in $(seq $N); do flock -w 60 lock sh -c \"$G\" || exit 1; done";

pub const PYTHON: &str = r#"exec python3 -c '
import fcntl, os, subprocess
for i in range(int(os.environ["N"])):
    with open("lock", "r+") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        subprocess.run(["sh", "-c", os.environ["G"]], check=True)'"#;

/// The name of nobody else.
pub const ECHO: &str = "for i in $(seq $N); do until echo $NAME > lock; do sleep 0.02; done; sh -c \"$G\"; echo -$NAME > lock || exit 1; done 2> /dev/null";

fn contender(volume: &Path, script: &str, name: &str, outside: &Path) -> Child {
    let mut command = Command::new("timeout");
    command.args(["120", "bash", "-c", script]).current_dir(volume).stdin(Stdio::null());
    command.env("N", TIMES.to_string()).env("G", GUARDED).env("T", outside).env("NAME", name);
    command.spawn().unwrap()
}

/// Each of these on each of the mounts wants the volume, and gets it; never two at once.
pub fn contend(volumes: &[PathBuf], scripts: &[&str]) {
    let outside = tempfile::tempdir().unwrap();
    let on = |(at, volume): (usize, &PathBuf)| {
        let name = format!("name{at}");
        let start = |script: &&str| contender(volume, script, &name, outside.path());
        scripts.iter().map(start).collect::<Vec<_>>()
    };
    let contenders: Vec<Child> = volumes.iter().enumerate().flat_map(on).collect();
    let count = contenders.len();
    for mut contender in contenders {
        assert!(contender.wait().unwrap().success());
    }
    let lines = |name| std::fs::read_to_string(outside.path().join(name)).unwrap_or_default().lines().count();
    assert_eq!((lines("entered"), lines("overlaps")), (count * TIMES, 0));
}

#[test]
fn of_tools_on_two_hosts_at_most_one_holds_the_volume() {
    for shared in [Shared::File(tempfile::tempdir().unwrap()), Shared::Apart(Network::enter())] {
        let hosts = [shared.host("host1"), shared.host("host2")];
        contend(&hosts.each_ref().map(|host| host.path("dummy/volumes/vol00001")), &[FLOCK, PYTHON, ECHO]);
        until("the end of the lock", || read(&hosts[0], "lock").is_empty());
        assert_eq!(read(&hosts[1], "lock"), "");
    }
}

#[test]
fn a_flock_waits_for_another_host_and_gets_the_lock_soon_and_can_be_killed() {
    for shared in Shared::all() {
        let hosts = [shared.host("host1"), shared.host("host2")];
        let volume = hosts[1].path("dummy/volumes/vol00001");
        let flock = |arguments: &[&str]| {
            Command::new("flock").args(arguments).current_dir(&volume).stdin(Stdio::null()).spawn().unwrap()
        };
        write(&hosts[0], "lock", "host1").unwrap();
        let mut waiter = flock(&["lock", "cat", "lock"]);
        let mut killed = flock(&["lock", "true"]);
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(waiter.try_wait().unwrap().is_none() && killed.try_wait().unwrap().is_none());
        killed.kill().unwrap();
        assert!(!killed.wait().unwrap().success());
        write(&hosts[0], "lock", "").unwrap();
        let freed = Instant::now();
        assert!(waiter.wait().unwrap().success());
        // Nothing is timed here; but what takes longer than this has not waited for the lock.
        assert!(freed.elapsed().as_secs() < 20);
        until("the end of the lock", || read(&hosts[0], "lock").is_empty());
    }
}
