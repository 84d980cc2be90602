//! A back-end that panics: the caller is told EIO, and the mount lives on.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::apart::write_apart;
use crate::common::mounted::Mount;

/// Whatever fails, with its errno.
type Tried = Result<(), Errno>;

type Change = fn(&Mount) -> Tried;

fn io(tried: std::io::Result<()>) -> Tried {
    tried.map_err(|e| Errno::from_raw(e.raw_os_error().unwrap()))
}

/// Changes, each by another operation.
const CHANGES: [(&str, Change); 6] = [
    ("mkdir", |mount| io(fs::create_dir(mount.path("dummy/volumes/v")))),
    ("rename", |mount| {
        let snapshots = mount.path("dummy/volumes/db1/snapshots");
        io(fs::rename(snapshots.join("s1"), snapshots.join("first")))
    }),
    ("rmdir", |mount| io(fs::remove_dir(mount.path("dummy/volumes/db1/snapshots/s2")))),
    ("write", |mount| {
        let mut file = OpenOptions::new().write(true).open(mount.path("dummy/volumes/db1/comment")).unwrap();
        io(file.write_all(b"words\n"))
    }),
    ("write", |mount| {
        let rules = mount.path("dummy/policies/nfs/rules");
        io(OpenOptions::new().append(true).open(rules).unwrap().write_all(b"10.0.0.9\n"))
    }),
    ("close", |mount| write_apart(&mount.path("dummy/volumes/db2/comment"), "words", OFlag::empty())),
];

fn panics_and_lives_on(delay: Duration) {
    let mount = Mount::small();
    *mount.backend.delay.lock() = delay;
    for (op, change) in CHANGES {
        *mount.backend.watch.lock() = Some(Box::new(|call| panic!("the test lets {call} panic")));
        assert_eq!(change(&mount), Err(Errno::EIO), "{op}");
        let last_error = mount.read(".ctl/last_error");
        assert!(last_error.contains(&format!("errno=EIO op={op} ")), "{last_error}");
        assert_eq!(mount.backend.take_changes(), [""; 0], "{op}");
        *mount.backend.watch.lock() = None;
        assert_eq!(change(&mount), Ok(()), "{op}");
        assert_eq!(mount.backend.take_changes().len(), 1, "{op}");
        assert_eq!(mount.read(".ctl/last_error"), "ok\n", "{op}");
    }
}

#[test]
fn a_panic_in_a_call_that_is_answered_at_once_is_eio() {
    panics_and_lives_on(Duration::ZERO);
}

#[test]
fn a_panic_in_a_call_that_had_to_wait_is_eio() {
    panics_and_lives_on(Duration::from_millis(5));
}

#[test]
fn a_file_whose_write_panicked_takes_the_next_one() {
    let mount = Mount::small();
    let mut file = OpenOptions::new().write(true).open(mount.path("dummy/volumes/db1/comment")).unwrap();
    *mount.backend.watch.lock() = Some(Box::new(|call| panic!("the test lets {call} panic")));
    assert_eq!(io(file.write_all(b"words\n")), Err(Errno::EIO));
    *mount.backend.watch.lock() = None;
    assert_eq!(io(file.write_all(b"words\n")), Ok(()));
    drop(file);
    assert_eq!(mount.read("dummy/volumes/db1/comment"), "words\n");
}

#[test]
fn a_panic_in_what_is_known_without_asking_is_asked_for() {
    let mount = Mount::small();
    let missing = || fs::symlink_metadata(mount.path("dummy/volumes/none")).unwrap_err().raw_os_error();
    *mount.backend.known.lock() = Some(|| panic!("the test lets it panic"));
    assert_eq!(missing(), Some(libc::ENOENT));
    assert!(fs::symlink_metadata(mount.path("dummy/volumes/db1")).unwrap().is_dir());
    assert_eq!(mount.backend.take_reads(), ["get_volume(none)", "get_volume(db1)"]);
    *mount.backend.known.lock() = None;
    assert_eq!(missing(), Some(libc::ENOENT));
}
