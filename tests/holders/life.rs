//! What outlives a daemon: a lock that was written stays, one that a process held lapses.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::process::until;
use crate::{Shared, read, write};

#[test]
fn a_lock_that_was_written_outlives_the_daemon() {
    for shared in Shared::all() {
        let mut host = shared.host("host1");
        write(&host, "lock", "host1").unwrap();
        let info = read(&host, "lock.info");
        assert!(info.starts_with("holder host1\nsince ") && !info.contains("\nttl "), "{info}");
        host.signal("KILL");
        host.wait();
        let other = shared.host("host2");
        assert_eq!((read(&other, "lock"), read(&other, "lock.info")), ("host1\n".into(), info.clone()));
        let again = host.another().ready();
        assert_eq!(read(&again, "lock.info"), info);
        // Again by the same host is the same lock.
        write(&again, "lock", "host1").unwrap();
        assert_eq!(read(&other, "lock.info"), info);
        let refused = write(&other, "size_total", "20G").unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EBUSY));
        write(&again, "size_total", "20G").unwrap();
        write(&again, "lock", "").unwrap();
        assert_eq!(read(&other, "lock"), "");
    }
}

/// One process, not two, so that nothing is left of it when it is killed; it ends with the test, however that ends.
fn holder(volume: &Path) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "flock", "--no-fork", "lock", "sleep", "600"]);
    command.current_dir(volume).stdin(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_lock_that_a_process_holds_is_prolonged_and_lapses_with_its_daemon() {
    for shared in Shared::all() {
        let (mut host, other) = (shared.host("host1"), shared.host("host2"));
        let volume = host.path("dummy/volumes/vol00001");
        let mut holder = holder(&volume);
        until("the lock", || read(&other, "lock") == "host1\n");
        let info = read(&other, "lock.info");
        assert!(info.contains("\nttl 2\n") && info.contains("\nprocess flock["), "{info}");
        // Twice as long as it would last alone.
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(read(&other, "lock.info"), info);
        host.signal("KILL");
        host.wait();
        assert_eq!(read(&other, "lock"), "host1\n");
        until("the end of the lock", || read(&other, "lock").is_empty());
        write(&other, "lock", "host2").unwrap();
        let _ = holder.kill();
        let _ = holder.wait();
    }
}

/// Else who has broken it finds it held again.
#[test]
fn a_lock_that_a_process_holds_stays_broken() {
    for shared in Shared::all() {
        let (host, other) = (shared.host("host1"), shared.host("host2"));
        let mut holder = holder(&host.path("dummy/volumes/vol00001"));
        for written in [false, true] {
            if written {
                // What somebody has written does not lapse: neither does it come back.
                write(&host, "lock", "host1").unwrap();
            }
            until("the lock", || read(&other, "lock") == "host1\n");
            // It was prolonged at least once.
            std::thread::sleep(Duration::from_secs(1));
            write(&other, "lock", "-host1").unwrap();
            for _ in 0..6 {
                assert_eq!(read(&other, "lock"), "");
                std::thread::sleep(Duration::from_millis(500));
            }
            write(&other, "lock", "host2").unwrap();
            assert!(write(&host, "size_total", "20G").is_err());
            write(&other, "lock", "").unwrap();
            // Its process counted on it.
            assert!(write(&host, "size_total", "20G").is_err());
        }
        let _ = holder.kill();
        let _ = holder.wait();
        // What was written is let go by writing.
        until("the end of the flock", || write(&host, "lock", "").is_ok());
        write(&host, "size_total", "20G").unwrap();
    }
}

/// A clean end frees what processes hold at once.
#[test]
fn a_daemon_that_ends_frees_what_processes_hold() {
    for shared in Shared::all() {
        let (mut host, other) = (shared.host("host1"), shared.host("host2"));
        let volume = host.path("dummy/volumes/vol00001");
        let mut holder = holder(&volume);
        until("the lock", || read(&other, "lock") == "host1\n");
        host.signal("TERM");
        assert_eq!(host.wait(), 0);
        assert_eq!(read(&other, "lock"), "");
        let _ = holder.kill();
        let _ = holder.wait();
    }
}
