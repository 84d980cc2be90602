//! Processes that run another program while they have files open: execve(2) closes them, or copies of them.

use std::fs::{File, OpenOptions};
use std::future::ready;
use std::io::Write;
use std::process::{Command, Stdio};

use filerfs::backend::Kind;
use nix::errno::Errno;
use nix::unistd::close;

use filerfs::tree::Opening;
use filerfs::tree::table::{Caller, Processes};

use crate::common::mounted::Mount;
use crate::common::{ROOT, SMALL, counting, now, tree_of};

/// Files of each kind; a text in two pieces, of which the first would be taken alone; and the change it is.
const PIECES: [(&str, [&str; 2], &str); 3] = [
    ("volumes/db1/comment", ["wor", "ds"], "patch_volume(db1, comment=words)"),
    ("volumes/db1/config", ["comment wor", "ds"], "patch_volume(db1, comment=words)"),
    ("policies/nfs/rules", ["10.0.0.3", "0"], "ensure_policy_rules_present(nfs, 10.0.0.30)"),
];

fn opened(mount: &Mount, path: &str) -> File {
    OpenOptions::new().append(true).open(mount.path(&format!("dummy/{path}"))).unwrap()
}

/// A child has a copy of every descriptor until it runs its program.
fn run_another_program() {
    assert!(Command::new("true").status().unwrap().success());
}

#[test]
fn a_child_that_closes_its_copy_applies_no_half_of_a_text() {
    for (path, pieces, change) in PIECES {
        let mount = Mount::small();
        let mut file = opened(&mount, path);
        for piece in pieces {
            file.write_all(piece.as_bytes()).unwrap();
            run_another_program();
            assert_eq!(mount.backend.take_changes(), [""; 0], "{path} after {piece}");
        }
        // Another thread of the process that opened the file is no child.
        std::thread::spawn(|| close(file)).join().unwrap().unwrap();
        assert_eq!(mount.backend.take_changes(), [change], "{path}");
    }
}

#[test]
fn a_refusal_at_close_is_told_to_who_wrote_and_not_to_a_child() {
    for (path, pieces, _) in PIECES {
        let mount = Mount::small();
        let mut file = opened(&mount, path);
        file.write_all(pieces.concat().as_bytes()).unwrap();
        *mount.backend.refusal.lock() = Some(Kind::NoSpace);
        run_another_program();
        assert_eq!(close(file), Err(Errno::ENOSPC), "{path}");
    }
}

/// Each thread is a process.
#[derive(Debug)]
struct Apart;

impl Processes for Apart {
    fn session(&self, _: u32) -> u32 {
        1
    }
    fn process_id(&self, thread: u32) -> u32 {
        thread
    }
    fn process(&self, thread: u32) -> (u32, u64) {
        (thread, 0)
    }
    fn command(&self, _: u32) -> String {
        String::new()
    }
    fn groups(&self, _: u32) -> Vec<u32> {
        Vec::new()
    }
    fn removes_unseen(&self, _: u32) -> bool {
        false
    }
}

/// Its copy is closed when the process that wrote has none any more, but has not been heard of yet.
#[test]
fn a_refusal_that_a_child_meets_first_is_told_to_who_wrote() {
    for (path, pieces, _) in PIECES {
        let (backend, [writer, child]) =
            (counting(SMALL), [5, 6].map(|pid| Caller { pid, processes: &Apart, ..ROOT }));
        let tree = tree_of(backend.clone());
        let path = format!("dummy/{path}");
        let found = |dir, name: &str| now(tree.lookup(dir, name.as_bytes(), &writer)).unwrap().ino;
        let ino = path.split('/').fold(1, found);
        let mode = Opening { writes: true, append: true, ..Opening::default() };
        let handle = tree.open(ino, mode, &writer).unwrap();
        now(tree.write(ino, handle, 0, pieces.concat().as_bytes(), &writer)).unwrap();
        *backend.refusal.lock() = Some(Kind::NoSpace);
        let close = |who| now(tree.flush(ino, handle, &who, |_, _| ready(false))).map_err(|e| e.kind());
        let told = [child, writer, writer].map(|who| (tree.owes(handle), close(who).err()));
        let refused = (true, Some(Kind::NoSpace));
        assert_eq!(told, [refused, refused, (false, None)], "{path}");
    }
}

/// As with `{ /bin/printf w; } > comment`, where the shell has opened the file and closes it later.
#[test]
fn a_child_that_has_written_is_told_what_came_of_it() {
    for (path, pieces, change) in PIECES {
        let mount = Mount::small();
        let write = |refusal| {
            let (file, mut printf) = (opened(&mount, path), Command::new("printf"));
            *mount.backend.refusal.lock() = refusal;
            mount.backend.take_changes();
            printf.args(["%s", &pieces.concat()]).stdout(file.try_clone().unwrap()).stderr(Stdio::null());
            let status = printf.status().unwrap();
            *mount.backend.refusal.lock() = None;
            status.success()
        };
        assert!(!write(Some(Kind::NoSpace)), "{path}");
        assert!(write(None), "{path}");
        assert_eq!(mount.backend.take_changes(), [change], "{path}");
    }
}

#[test]
fn what_nobody_but_a_child_holds_any_more_is_applied_when_it_closes() {
    for (path, pieces, change) in PIECES {
        let mount = Mount::small();
        let file = opened(&mount, path);
        let mut child = Command::new("sh");
        child.args(["-c", "read x; printf %s \"$0\"", &pieces.concat()]).stdin(Stdio::piped()).stdout(file);
        let mut running = child.spawn().unwrap();
        drop(child);
        drop(running.stdin.take());
        assert!(running.wait().unwrap().success());
        assert_eq!(mount.backend.take_changes(), [change], "{path}");
    }
}
