//! flock and fcntl: a process holds the lock of the volume for as long as it lives.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::HostName;
use filerfs::tree::shared::Options;
use tokio::sync::Semaphore;

use crate::case::{check, done, refused};
use crate::common::counting::{Counting, Fault};
use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with};
use crate::process::until;

const TAKEN: &str = "create_lock(db1, admin1)";
const FREED: &str = "remove_lock(db1, admin1)";

#[test]
fn a_process_holds_the_volume_while_it_holds_the_file() {
    check(&[
        done("cd volumes/db1; flock lock cat lock", &[TAKEN, FREED]).printing("admin1\n"),
        done("cd volumes/db1; exec 9< lock; flock 9; cat lock; flock -u 9; cat lock", &[TAKEN, FREED])
            .printing("admin1\n"),
        done("cd volumes/db1; flock -s lock flock -s lock cat lock", &[TAKEN, FREED]).printing("admin1\n"),
        done(
            r#"cd volumes/db1; python3 -c '
import fcntl
f = open("lock", "r+")
fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5)
print(open("state").read(), end="")
fcntl.lockf(f, fcntl.LOCK_UN, 12, 5)
fcntl.lockf(f, fcntl.LOCK_UN)'"#,
            &[TAKEN, FREED],
        )
        .printing("online\n"),
        // Closing any descriptor of a file ends the fcntl locks of the process.
        done(
            r#"cd volumes/db1; python3 -c '
import fcntl
f = open("lock", "r+")
fcntl.lockf(f, fcntl.LOCK_EX)
open("lock").close()'"#,
            &[TAKEN, FREED],
        ),
        // Any other file locks among the processes of this host only.
        done("cd volumes/db1; flock config flock comment true", &[]),
        refused("cd volumes/db1; flock -n lock flock -n lock true", 1, &[], &["errno=EAGAIN op=lock"])
            .having(&[TAKEN, FREED]),
        refused(
            "cd volumes/db1; flock -w 0.3 lock flock -w 0.3 lock true",
            1,
            &[],
            &["errno=EINTR op=lock", "a signal came"],
        )
        .having(&[TAKEN, FREED]),
    ]);
}

#[test]
fn what_is_written_to_lock_and_what_a_process_holds_go_together() {
    check(&[
        // The host holds it already, and keeps it.
        done("cd volumes/db1; flock lock true; cat lock", &[TAKEN, FREED])
            .after("echo admin1 > volumes/db1/lock")
            .printing("admin1\n"),
        // Written while a process holds it, it stays.
        done("cd volumes/db1; flock lock sh -c 'echo admin1 > lock'; cat lock", &[TAKEN, TAKEN, FREED])
            .printing("admin1\n"),
        refused(
            "cd volumes/db1; flock lock sh -c 'echo > lock'",
            1,
            &["I/O error"],
            &["errno=EBUSY op=write", "of this host holds the lock", "echo -admin1 > lock"],
        )
        .having(&[TAKEN, FREED]),
        done("cd volumes/db1; flock lock sh -c 'echo -admin1 > lock; cat lock'", &[TAKEN, FREED, FREED]),
        refused(
            "cd volumes/db1; flock -n lock true",
            1,
            &[],
            &[
                "errno=EAGAIN op=lock path=/dummy/volumes/db1/lock",
                "other holds the lock",
                "echo -other > lock",
            ],
        )
        .after("echo other > volumes/db1/lock"),
    ]);
}

/// A process that holds a lock until it is told otherwise.
fn hold(dir: &Path) -> Child {
    let mut child = Command::new("flock")
        .args(["lock", "sh", "-c", "echo held; exec cat"])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    child
}

#[test]
fn a_killed_holder_holds_nothing() {
    let mount = Mount::small();
    let dir = mount.path("dummy/volumes/db1");
    let mut holder = hold(&dir);
    assert_eq!(mount.read("dummy/volumes/db1/lock"), "admin1\n");
    holder.kill().unwrap();
    holder.wait().unwrap();
    until("the end of the lock", || mount.read("dummy/volumes/db1/lock").is_empty());
    assert_eq!(mount.backend.take_changes(), [TAKEN, FREED]);
}

#[test]
fn a_lock_that_is_being_prolonged_is_freed_after_that() {
    let backend = counting(SMALL);
    let options = Options { lease: Duration::from_millis(600), ..options() };
    let mount = Mount::tree(backend.clone(), tree_with(backend.clone(), options, Vec::new()), false);
    let mut holder = hold(&mount.path("dummy/volumes/db1"));
    let late = Arc::new(Semaphore::new(0));
    backend.faults.lock().push_back(Fault::Wait(late.clone()));
    until("a prolonging", || backend.faults.lock().is_empty());
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(backend.take_changes(), [TAKEN, TAKEN]);
    late.add_permits(1);
    until("the end of the lock", || mount.read("dummy/volumes/db1/lock").is_empty());
    assert_eq!(backend.take_changes(), [FREED]);
}

/// A second host, with the same storage and registry.
fn other_host(backend: &Arc<Counting>) -> Mount {
    let options = Options { host: HostName::new("admin2").unwrap(), ..options() };
    Mount::tree(backend.clone(), tree_with(backend.clone(), options, Vec::new()), false)
}

#[test]
fn one_holder_among_the_processes_of_two_hosts() {
    let backend = counting(SMALL);
    let (here, there) = (Mount::of(backend.clone()), other_host(&backend));
    let dirs = [&here, &there].map(|mount| mount.path("dummy/volumes/db1"));
    let count = here.root().with_extension("count");
    std::fs::write(&count, "0\n").unwrap();
    // Who holds it adds one, in two steps that others would tear apart.
    let script = format!("n=$(cat {0}); sleep 0.01; echo $((n + 1)) > {0}", count.display());
    let mut contenders: Vec<Child> = (0..8)
        .map(|at| {
            Command::new("flock")
                .args(["lock", "sh", "-c", &script])
                .current_dir(&dirs[at % 2])
                .spawn()
                .unwrap()
        })
        .collect();
    for contender in &mut contenders {
        assert!(contender.wait().unwrap().success());
    }
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "8\n");
    std::fs::remove_file(count).unwrap();
    until("the end of the last lock", || here.read("dummy/volumes/db1/lock").is_empty());
}

#[test]
fn a_waiter_gets_the_lock_when_the_other_host_frees_it_and_can_be_killed() {
    let backend = counting(SMALL);
    let (here, there) = (Mount::of(backend.clone()), other_host(&backend));
    let dir = there.path("dummy/volumes/db1");
    let mut holder = hold(&here.path("dummy/volumes/db1"));
    let wait = || {
        Command::new("flock").args(["lock", "cat", "lock"]).current_dir(&dir).stdout(Stdio::piped()).spawn()
    };
    let (mut killed, waiting) = (wait().unwrap(), wait().unwrap());
    let asked = || backend.take_reads().iter().filter(|call| call.starts_with("locks(")).count() > 2;
    until("their asking", asked);
    killed.kill().unwrap();
    killed.wait().unwrap();
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    assert_eq!(waiting.wait_with_output().unwrap().stdout, b"admin2\n");
    until("the end of the lock", || here.read("dummy/volumes/db1/lock").is_empty());
}

#[test]
fn only_who_may_write_lock_may_take_it() {
    let mount = Mount::small();
    std::fs::set_permissions(
        mount.root().parent().unwrap(),
        std::os::unix::fs::PermissionsExt::from_mode(0o1777),
    )
    .unwrap();
    let as_nobody = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "flock", "-n", "lock", "true"])
        .current_dir(mount.path("dummy/volumes/db1"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&as_nobody.stderr).into_owned();
    assert!(!as_nobody.status.success() && said.contains("Permission denied"), "{said}");
    assert_eq!(mount.backend.take_changes(), [""; 0]);
}
