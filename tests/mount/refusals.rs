//! Every error return, walked: the caller sees the errno of the kind, and `last_error` names it.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::Kind;
use filerfs::mount::errno::errno;
use filerfs::tree::shared::Options;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FallocateFlags, OFlag, RenameFlags, fallocate, open, readlink, renameat2};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmod, fchmodat, fstat, lstat, mknod};
use nix::sys::statfs::fstatfs;
use nix::unistd::{Whence, ftruncate, linkat, lseek, mkdir, read, symlinkat, unlink, write};

use crate::apart::write_apart;
use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with};

/// A mount whose names the kernel knows, and files of it that are open.
struct Scene {
    mount: Mount,
    comment: File,
    volume: File,
}

impl Scene {
    fn new() -> Scene {
        let backend = counting(SMALL);
        let options = Options { cache_ttl: Duration::from_secs(3600), ..options() };
        let mount = Mount::tree(backend.clone(), tree_with(backend, options, Vec::new()), false);
        let comment = mount.path("dummy/volumes/db1/comment");
        let comment = OpenOptions::new().read(true).write(true).open(comment).unwrap();
        let volume = File::open(mount.path("dummy/volumes/db1")).unwrap();
        fs::create_dir(mount.path("dummy/policies/p")).unwrap();
        Scene { mount, comment, volume }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.mount.path("dummy").join(path)
    }

    /// One write through a file of its own; its close is not what is tried.
    fn write(&self, path: &str, text: &str) -> nix::Result<()> {
        let file = open(&self.path(path), OFlag::O_WRONLY, Mode::empty())?;
        write(&file, text.as_bytes()).map(drop)
    }

    fn last_error(&self) -> String {
        self.mount.read(".ctl/last_error")
    }
}

fn io<T>(tried: std::io::Result<T>) -> nix::Result<()> {
    tried.map(drop).map_err(|e| Errno::from_raw(e.raw_os_error().unwrap()))
}

type Try = fn(&Scene) -> nix::Result<()>;

/// Operations that read from the back-end, with what `last_error` may call them: the kernel often asks for
/// attributes first.
const READS: [(&[&str], Try); 9] = [
    (&["getattr"], |s| fstat(&s.comment).map(drop)),
    (&["setattr", "getattr"], |s| fchmod(&s.comment, Mode::from_bits_truncate(0o644))),
    (&["setattr", "getattr"], |s| ftruncate(&s.comment, 0)),
    (&["read", "getattr"], |s| {
        lseek(&s.comment, 0, Whence::SeekSet)?;
        read(&s.comment, &mut [0; 16]).map(drop)
    }),
    (&["write"], |s| {
        lseek(&s.comment, 0, Whence::SeekSet)?;
        write(&s.comment, b"words\n").map(drop)
    }),
    (&["lseek", "getattr"], |s| lseek(&s.comment, 0, Whence::SeekData).map(drop)),
    (&["statfs"], |s| fstatfs(&s.volume).map(drop)),
    (&["readdir"], |s| {
        io(fs::read_dir(s.path("volumes")).and_then(|mut list| list.try_for_each(|e| e.map(drop))))
    }),
    (&["readlink"], |s| readlink(&s.path("junctions/%2Fdb1")).map(drop)),
];

/// Operations on paths: the kernel looks them up again when it is told that they were replaced.
const PATHS: [(&[&str], Try); 2] = [
    (&["lookup"], |s| lstat(&s.path("volumes/other")).map(drop)),
    (&["open", "getattr", "lookup"], |s| {
        open(&s.path("volumes/db1/comment"), OFlag::O_RDONLY, Mode::empty()).map(drop)
    }),
];

/// Operations that ask the back-end for a change.
const CHANGES: [(&[&str], Try); 17] = [
    (&["mkdir"], |s| mkdir(&s.path("volumes/v"), Mode::from_bits_truncate(0o755))),
    (&["mkdir"], |s| mkdir(&s.path("volumes/db1/snapshots/s3"), Mode::from_bits_truncate(0o755))),
    (&["mkdir"], |s| mkdir(&s.path("policies/q"), Mode::from_bits_truncate(0o755))),
    (&["rmdir"], |s| io(fs::remove_dir(s.path("volumes/db2")))),
    (&["rmdir"], |s| io(fs::remove_dir(s.path("volumes/db1/snapshots/s1")))),
    (&["rmdir"], |s| io(fs::remove_dir(s.path("policies/p")))),
    (&["rename"], |s| io(fs::rename(s.path("volumes/db1/snapshots/s1"), s.path("volumes/db1/snapshots/s9")))),
    (&["rename"], |s| {
        let _ = fs::create_dir(s.path("staging/v"));
        io(fs::rename(s.path("staging/v"), s.path("volumes/v")))
    }),
    (&["write"], |s| s.write("volumes/db1/comment", "words\n")),
    (&["write"], |s| s.write("volumes/db1/policy", "nfs\n")),
    (&["write"], |s| s.write("volumes/db1/lock", "admin1\n")),
    (&["write"], |s| s.write("volumes/db1/rollback", "s2\n")),
    (&["write"], |s| s.write("volumes/db1/config", "comment words\n")),
    (&["write"], |s| s.write("volumes/db1/snapshots/s1/clone", "copy\n")),
    (&["write"], |s| s.write("policies/nfs/rules", "10.0.0.9\n")),
    (&["close"], |s| write_apart(&s.path("volumes/db1/comment"), "words", OFlag::empty())),
    (&["close"], |s| write_apart(&s.path("policies/nfs/rules"), "10.0.0.1\n", OFlag::O_TRUNC)),
];

/// Checks what came of an operation that the back-end refused.
fn check(scene: &Scene, kind: Kind, ops: &[&str], number: usize, tried: nix::Result<()>) {
    let at = format!("{ops:?} number {number} with {kind:?}");
    let (code, name) = errno(kind);
    assert_eq!(tried, Err(Errno::from_raw(code)), "{at}");
    let last_error = scene.last_error();
    let first = last_error.lines().next().unwrap();
    assert!(first.contains(&format!(" errno={name} ")), "{at}: {first}");
    // Of a path that was replaced, the kernel looks up each part anew.
    let named = ops.iter().any(|op| first.contains(&format!(" op={op} ")));
    assert!(named || kind == Kind::Replaced, "{at}: {first}");
    assert!(last_error.contains("refused by the test"), "{at}: {last_error}");
}

#[test]
fn each_refused_read_has_the_errno_of_its_kind_and_sets_last_error() {
    let scene = Scene::new();
    for kind in Kind::ALL {
        for (number, (ops, act)) in READS.iter().chain(&PATHS).enumerate() {
            // A lookup of a missing name is no refusal.
            let lookup = ops[0] == "lookup" && kind == Kind::NotFound;
            // The C library takes this errno for the end of a directory.
            let end = ops[0] == "readdir" && kind == Kind::NotFound;
            clear(&scene);
            *scene.mount.backend.refusal.lock() = Some(kind);
            let tried = act(&scene);
            *scene.mount.backend.refusal.lock() = None;
            match (lookup, end) {
                (true, _) => {
                    assert_eq!((tried, &*scene.last_error()), (Err(Errno::ENOENT), "ok\n"));
                }
                (_, true) => check(&scene, kind, ops, number, tried.and(Err(Errno::ENOENT))),
                _ => check(&scene, kind, ops, number, tried),
            }
        }
    }
}

#[test]
fn each_refused_change_has_the_errno_of_its_kind_and_sets_last_error() {
    let scene = Scene::new();
    for kind in Kind::ALL {
        for (number, (ops, act)) in CHANGES.iter().enumerate() {
            clear(&scene);
            // Only the change itself is refused, and what follows on it.
            let backend = Arc::downgrade(&scene.mount.backend);
            *scene.mount.backend.watch.lock() = Some(Box::new(move |_| {
                if let Some(backend) = backend.upgrade() {
                    *backend.refusal.lock() = Some(kind);
                }
            }));
            let tried = act(&scene);
            *scene.mount.backend.watch.lock() = None;
            *scene.mount.backend.refusal.lock() = None;
            check(&scene, kind, ops, number, tried);
        }
    }
    // Nothing of it all happened.
    assert_eq!(scene.mount.read("dummy/volumes/db1/comment"), "");
    assert_eq!(scene.mount.read("dummy/policies/nfs/rules"), "10.0.0.1\n10.0.0.2\n@hosts\n");
    assert_eq!(fs::read_dir(scene.path("volumes")).unwrap().count(), 2);
}

/// Operations that are refused whatever the back-end says.
const NEVER: [(&str, Errno, Try); 18] = [
    ("create", Errno::EPERM, |s| {
        let flags = OFlag::O_CREAT | OFlag::O_WRONLY;
        open(&s.path("volumes/db1/new"), flags, Mode::from_bits_truncate(0o644)).map(drop)
    }),
    ("create", Errno::EPERM, |s| io(File::create(s.path("volumes/new")))),
    ("mknod", Errno::EPERM, |s| {
        mknod(&s.path("volumes/new"), SFlag::S_IFIFO, Mode::from_bits_truncate(0o644), 0)
    }),
    ("symlink", Errno::EPERM, |s| symlinkat("x", AT_FDCWD, &s.path("volumes/new"))),
    ("link", Errno::EPERM, |s| {
        let (from, to) = (s.path("volumes/db1/comment"), s.path("volumes/db1/new"));
        linkat(AT_FDCWD, &from, AT_FDCWD, &to, nix::fcntl::AtFlags::empty())
    }),
    ("rmdir", Errno::EPERM, |s| io(fs::remove_dir(s.path("junctions")))),
    ("unlink", Errno::EPERM, |s| unlink(&s.path("volumes/db1/comment"))),
    ("rmdir", Errno::ENOTEMPTY, |s| io(fs::remove_dir(s.path("volumes/db1/snapshots/s1")))),
    ("unlink", Errno::EPERM, |s| unlink(&s.path("junctions/%2Fdb1"))),
    ("mkdir", Errno::EPERM, |s| io(fs::create_dir(s.path("volumes/db1/new")))),
    ("mkdir", Errno::EPERM, |s| io(fs::create_dir(s.path("junctions/new")))),
    ("rename", Errno::EPERM, |s| io(fs::rename(s.path("volumes/db1"), s.path("volumes/db9")))),
    ("rename", Errno::EPERM, |s| {
        io(fs::rename(s.path("volumes/db1/snapshots/s1"), s.path("volumes/db2/snapshots/s1")))
    }),
    ("rename", Errno::EINVAL, |s| {
        let (one, other) = (s.path("volumes/db1"), s.path("volumes/db2"));
        renameat2(AT_FDCWD, &one, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE)
    }),
    ("open", Errno::EPERM, |s| open(&s.path("volumes/db1/uuid"), OFlag::O_WRONLY, Mode::empty()).map(drop)),
    ("setattr", Errno::EPERM, |s| {
        let path = s.path("volumes/db1/comment");
        fchmodat(AT_FDCWD, &path, Mode::from_bits_truncate(0o600), FchmodatFlags::FollowSymlink)
    }),
    ("setattr", Errno::EPERM, |s| io(std::os::unix::fs::chown(s.path("volumes/db1"), Some(1), Some(1)))),
    ("fallocate", Errno::EOPNOTSUPP, |s| fallocate(&s.comment, FallocateFlags::empty(), 0, 16)),
];

#[test]
fn what_cannot_be_done_here_says_so_in_last_error() {
    let scene = Scene::new();
    scene.mount.backend.take_changes();
    for (op, errno, act) in NEVER {
        clear(&scene);
        scene.mount.backend.take_changes();
        assert_eq!(act(&scene), Err(errno), "{op}");
        assert_eq!(scene.mount.backend.take_changes(), [""; 0], "{op}");
        let last_error = scene.last_error();
        assert!(last_error.contains(&format!(" errno={errno:?} op={op} path=/dummy/")), "{op}: {last_error}");
        assert!(last_error.lines().count() >= 2, "{op}: {last_error}");
    }
}

/// A success: whatever is in `last_error` from now on is new. And the kernel knows the names that are used.
fn clear(scene: &Scene) {
    for known in ["volumes/db1/snapshots/s1", "volumes/db2", "policies/p", "policies/nfs", "junctions/%2Fdb1"]
    {
        lstat(&scene.path(known)).unwrap();
    }
    let turn = scene.mount.backend.take_reads().len();
    scene.write("volumes/db2/comment", &format!("{turn} words\n")).unwrap();
    assert_eq!(scene.last_error(), "ok\n");
}
