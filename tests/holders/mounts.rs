//! Two mounts of one host. To the registry both are that host; its processes are told apart all the same.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::process::{Daemon, until};
use crate::tools::{ECHO, FLOCK, PYTHON, contend};
use crate::{Shared, memory, read, write};

fn volume(root: PathBuf) -> PathBuf {
    root.join("dummy/volumes/vol00001")
}

fn flock(daemon: &Daemon, arguments: &[&str]) -> Child {
    let mut command = Command::new("flock");
    command.args(arguments).current_dir(volume(daemon.root()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn of_processes_on_two_mounts_of_one_host_at_most_one_holds_the_volume() {
    for shared in Shared::all() {
        let mounts = [shared.host("host1"), shared.host("host1")];
        let volumes = mounts.each_ref().map(|mount| volume(mount.root()));
        contend(&volumes, &[FLOCK, PYTHON, ECHO]);
        until("the end of the lock", || read(&mounts[0], "lock").is_empty());
        // Nor if the host itself has the volume, and keeps it.
        write(&mounts[0], "lock", "host1").unwrap();
        contend(&volumes, &[FLOCK, PYTHON]);
        assert_eq!(read(&mounts[1], "lock"), "host1\n");
    }
}

/// The registry ends with the process that has both mounts.
#[test]
fn of_processes_on_two_mounts_in_memory_at_most_one_holds_the_volume() {
    for names in [["host1", "host1"], ["host1", "host2"]] {
        let mounts = memory::mounts(names);
        let volumes = mounts.each_ref().map(|mount| volume(mount.root().to_owned()));
        contend(&volumes, &[FLOCK, PYTHON, ECHO]);
    }
}

#[test]
fn what_a_process_holds_is_not_freed_through_another_mount_of_its_host_but_broken() {
    for shared in Shared::all() {
        let mounts = [shared.host("host1"), shared.host("host1")];
        let mut holder = flock(&mounts[0], &["lock", "cat"]);
        until("the lock", || read(&mounts[1], "lock") == "host1\n");
        assert_eq!(write(&mounts[1], "lock", "").unwrap_err().raw_os_error(), Some(libc::EBUSY));
        let said = std::fs::read_to_string(mounts[1].path(".ctl/last_error")).unwrap();
        assert!(said.contains("process flock[") && said.contains("echo -host1 > lock"), "{said}");
        write(&mounts[1], "lock", "-host1").unwrap();
        assert_eq!(read(&mounts[0], "lock"), "");
        drop(holder.stdin.take());
        assert!(holder.wait().unwrap().success());
    }
}

/// Else another host could take it, and both would count on it.
#[test]
fn what_is_written_is_not_freed_while_a_process_holds_it_through_another_mount() {
    for shared in Shared::all() {
        let (mounts, other) = ([shared.host("host1"), shared.host("host1")], shared.host("host2"));
        write(&mounts[1], "lock", "host1").unwrap();
        let mut holder = flock(&mounts[0], &["lock", "sh", "-c", "echo held; cat"]);
        let mut said = [0; 5];
        holder.stdout.take().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"held\n");
        assert_eq!(write(&mounts[1], "lock", "").unwrap_err().raw_os_error(), Some(libc::EBUSY));
        let said = std::fs::read_to_string(mounts[1].path(".ctl/last_error")).unwrap();
        assert!(
            said.contains("a process of host1 holds the lock") && said.contains("echo -host1 > lock"),
            "{said}"
        );
        assert!(write(&other, "lock", "host2").is_err());
        drop(holder.stdin.take());
        assert!(holder.wait().unwrap().success());
        until("the end of the flock", || write(&mounts[1], "lock", "").is_ok());
        write(&other, "lock", "host2").unwrap();
    }
}

/// Whoever holds it next holds it longer than what the dead daemon has left of it.
#[test]
fn a_process_on_a_mount_that_is_back_holds_the_volume_as_long_as_it_lives() {
    for shared in Shared::all() {
        let (mut mount, other) = (shared.host("host1"), shared.host("host2"));
        let mut before = flock(&mount, &["lock", "cat"]);
        until("the lock", || read(&other, "lock") == "host1\n");
        mount.signal("KILL");
        mount.wait();
        drop(before.stdin.take());
        before.wait().unwrap();
        let back = mount.another().ready();
        let mut holder = flock(&back, &["lock", "cat"]);
        let process = format!("\nprocess flock[{}]\n", holder.id());
        until("the next lock", || read(&other, "lock.info").contains(&process));
        // More than twice the lease.
        sleep(Duration::from_secs(5));
        assert_eq!(read(&other, "lock"), "host1\n");
        drop(holder.stdin.take());
        assert!(holder.wait().unwrap().success());
        until("the end of the lock", || read(&other, "lock").is_empty());
    }
}
