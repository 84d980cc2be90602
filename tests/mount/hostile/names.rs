//! Names for mkdir.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::{check_last_error, lives_on};
use crate::common::mounted::Mount;

/// What becomes of a name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Taken,
    Refused(Errno),
    /// Refused by the filer, whose names are narrower than those of the tree.
    ByFiler,
}

use Fate::{ByFiler, Refused, Taken};

const INVALID: Fate = Refused(Errno::EINVAL);
const TOO_LONG: Fate = Refused(Errno::ENAMETOOLONG);

/// What becomes of file names in volumes/ and staging/, in snapshots/, and in policies/.
fn names() -> Vec<(Vec<u8>, [Fate; 3])> {
    let same = |fate| [fate, fate, fate];
    let text = |name: &str, fates| (name.as_bytes().to_vec(), fates);
    let slashes = "%2F".repeat(85);
    vec![
        (vec![b'a'; 255], same(Taken)),
        (vec![b'a'; 256], same(TOO_LONG)),
        (vec![b'a'; 1025], same(TOO_LONG)),
        (vec![b'a'; 4000], same(TOO_LONG)),
        (vec![b'a'; 4095], same(TOO_LONG)),
        (vec![0xff; 255], same(INVALID)),
        (b"a\xffb".to_vec(), same(INVALID)),
        (b"\xc0\xaf".to_vec(), same(INVALID)),
        text("a b", [INVALID, ByFiler, ByFiler]),
        text("a%2Fb", [Taken, INVALID, ByFiler]),
        text(&slashes, [Taken, INVALID, ByFiler]),
        text("%2F..%2F..%2Fetc", [Taken, INVALID, ByFiler]),
        text("%2f", same(INVALID)),
        text("%", same(INVALID)),
        text("%2", same(INVALID)),
        text("%zz", same(INVALID)),
        text("%61", same(INVALID)),
        text("%00", same(INVALID)),
        text("%0A", same(INVALID)),
        text("%1B", same(INVALID)),
        text("%25", [INVALID, ByFiler, ByFiler]),
        text("%FF", same(INVALID)),
        text("a\nb", same(INVALID)),
        text("\u{1b}[2J", same(INVALID)),
        text("\u{7f}", same(INVALID)),
        text("\u{9b}2J", same(INVALID)),
        text("a\u{202e}b", same(INVALID)),
        text("\u{feff}", same(INVALID)),
        text(".a", same(INVALID)),
        text("...", same(INVALID)),
        text("%2Ea", same(Taken)),
        text("-rf", same(INVALID)),
        text("--", same(INVALID)),
        text(" a", same(INVALID)),
        text("*", [INVALID, ByFiler, ByFiler]),
        text("$(touch x)", [INVALID, ByFiler, ByFiler]),
        text("日本", [INVALID, ByFiler, ByFiler]),
        text("a:b_c.d-e", same(Taken)),
    ]
}

#[test]
fn hostile_names_are_refused_with_the_right_errno_and_no_call() {
    let mount = Mount::small();
    let collections = [
        ("dummy/volumes", 0),
        ("dummy/staging", 0),
        ("dummy/volumes/db1/snapshots", 1),
        ("dummy/policies", 2),
    ];
    for (collection, column) in collections {
        let dir = File::open(mount.path(collection)).unwrap();
        for (name, fates) in names() {
            let at = format!("{:?} in {collection}", String::from_utf8_lossy(&name[..name.len().min(40)]));
            let fate = fates[column];
            mount.backend.take_changes();
            let made = mkdirat(dir.as_fd(), OsStr::from_bytes(&name), Mode::from_bits_truncate(0o755));
            let calls = mount.backend.take_changes().len();
            match fate {
                Taken => {
                    assert_eq!(made, Ok(()), "{at}");
                    let listed = fs::read_dir(mount.path(collection)).unwrap();
                    let found = listed.filter(|entry| entry.as_ref().unwrap().file_name().as_bytes() == name);
                    assert_eq!(found.count(), 1, "{at}");
                    let removed = unlinkat(dir.as_fd(), OsStr::from_bytes(&name), UnlinkatFlags::RemoveDir);
                    assert_eq!(removed, Ok(()), "{at}");
                }
                Refused(errno) => assert_eq!((made, calls), (Err(errno), 0), "{at}"),
                ByFiler => assert_eq!((made, calls), (Err(Errno::EINVAL), 1), "{at}"),
            }
            if fate != Taken {
                // The kernel refuses 4,095 bytes by itself.
                let kernel = name.len() == 4095;
                check_last_error(
                    &mount,
                    if fate == TOO_LONG { Errno::ENAMETOOLONG } else { Errno::EINVAL },
                    kernel,
                    &at,
                );
            }
        }
    }
    lives_on(&mount);
}
