//! Scratch files: what may be put where, by whom, how much and for how long; and that a rename of one is a write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use filerfs::backend::{Kind, Result};
use filerfs::tree::scratch::New;
use filerfs::tree::shared::Options;
use filerfs::tree::{Opening, ROOT, Tree};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::case::{bash, check, done, left, refused};
use crate::common::counting::Counting;
use crate::common::mounted::Mount;
use crate::common::{ROOT as CALLER, SMALL, counting, options, tree_of, tree_with};

const NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

#[test]
fn a_scratch_file_has_a_limit_and_so_has_a_directory() {
    check(&[
        done("cd volumes/db1; head -c 65536 /dev/zero > .x; wc -c < .x; rm .x", &[]).printing("65536\n"),
        refused(
            "cd volumes/db1; head -c 65537 /dev/zero > .x; code=$?; wc -c < .x; rm .x; exit $code",
            1,
            &["head: write error: Argument list too long"],
            &["errno=E2BIG op=write path=/dummy/volumes/db1/.x", "accepted: up to 65536 bytes"],
        )
        .printing("65536\n"),
        refused(
            "cd volumes/db1; truncate -s 65537 .x; code=$?; rm .x; exit $code",
            1,
            &["Argument list too long"],
            &["errno=E2BIG op=setattr", "accepted: up to 65536 bytes"],
        ),
        refused(
            "cd volumes/db1; for i in {1..32}; do : > .$i; done; : > .33; code=$?
             : > ../db2/.33; rm ../db2/.33 .?*; exit $code",
            1,
            &[".33: No space left on device"],
            &["errno=ENOSPC op=create path=/dummy/volumes/db1/.33", "accepted: 32 in a directory"],
        ),
        // What is removed or renamed into place makes room.
        done(
            "cd volumes/db1; for i in {1..32}; do : > .$i; done; rm .1; echo a > .33; mv .33 comment; : > .34; rm .?*",
            &["patch_volume(db1, comment=a)"],
        ),
    ]);
}

#[test]
fn only_names_that_tools_make_up_are_taken() {
    let names = [
        "new",
        "size_total.bak",
        "size_total2",
        "sed",
        "seda",
        "4913",
        "tmp.1",
        "'~'",
        "'##'",
        "'a b'",
        "-x",
    ];
    let created = names.map(|name| {
        refused(
            format!("cd volumes/db1; : > {name}"),
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=create path=/dummy/volumes/db1/", "cannot be created: files here are parts"],
        )
    });
    let made = names.map(|name| {
        refused(
            format!("cd volumes/db1; mkdir -- {name}"),
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=mkdir path=/dummy/volumes/db1/", "cannot be created: files here are parts"],
        )
    });
    check(&created);
    check(&made);
    let taken =
        ".x .size_total.swp size_total~ '#size_total#' sedAbC123 XXAbC123 tmp.0123456789 size_total.o1a2b3c";
    check(&[
        done(format!("cd volumes/db1; for name in {taken}; do : > $name; rm $name; done"), &[]),
        done(format!("cd volumes/db1; for name in {taken}; do mkdir $name; rmdir $name; done"), &[]),
        done(
            "mkdir staging/v; for dir in . volumes/db1 policies/nfs volumes/db1/snapshots/s1 staging/v ../.ctl
             do echo a > $dir/.x; cat $dir/.x; rm $dir/.x; done; rmdir staging/v",
            &[],
        )
        .printing("a\na\na\na\na\na\n"),
    ]);
}

#[test]
fn nothing_of_it_is_ever_in_a_collection() {
    let dirs = ["volumes", "staging", "policies", "volumes/db1/snapshots", "junctions", "$M"];
    let names = [".x", "x~", "sedAbC123", "tmp.0123456789"];
    let created = dirs.iter().flat_map(|dir| {
        names.map(|name| {
            let script = format!("cd {dir}; : > {name}; code=$?; ls -A | grep {name}; exit $code");
            refused(script, 1, &["Operation not permitted"], &["errno=EPERM op=create"])
        })
    });
    check(&created.collect::<Vec<_>>());
    let moved = dirs.map(|dir| {
        refused(
            format!("cd volumes/db1; : > .x; mv .x $OLDPWD/{dir}/.y; code=$?; rm .x; exit $code")
                .replace("$OLDPWD/$M", "$M"),
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rename path=/dummy/volumes/db1/.x", "a scratch file cannot be renamed"],
        )
    });
    check(&moved);
    // There mkdir creates an object, so no tool's name may be taken for one.
    check(&dirs.map(|dir| {
        refused(format!("mkdir {dir}/.x"), 1, &["Invalid argument"], &["errno=EINVAL op=mkdir", "write %2E"])
    }));
}

#[test]
fn a_scratch_directory_holds_files_only() {
    check(&[
        done(
            "cd volumes/db1; mkdir .d; echo 11G > .d/any; mv .d/any .d/'other name'; mv .d/other* .x
             mv .x .d/x; ls -A .d; mv .d/x size_total; rmdir .d",
            &["patch_volume(db1, size_total=11811160064)"],
        )
        .printing("x\n"),
        done("cd volumes/db1; mkdir .d; echo a > .d/a; echo b > .d/b; mv .d .e; cat .e/*; rm -r .e", &[])
            .printing("a\nb\n"),
        refused(
            "cd volumes/db1; mkdir .d; : > .d/a; rmdir .d; code=$?; rm -r .d; exit $code",
            1,
            &["Directory not empty"],
            &["errno=ENOTEMPTY op=rmdir path=/dummy/volumes/db1/.d"],
        ),
        refused(
            "cd volumes/db1; mkdir .d; mkdir .d/e; code=$?; rmdir .d; exit $code",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=mkdir path=/dummy/volumes/db1/.d/e"],
        ),
        refused(
            "cd volumes/db1; mkdir .d .e; mv .d .e; code=$?; rmdir .d .e; exit $code",
            1,
            &["cannot move '.d' to '.e/.d': Operation not permitted"],
            &["errno=EPERM op=rename path=/dummy/volumes/db1/.d"],
        ),
        refused(
            "cd volumes/db1; mkdir .d; mv -T .d size_total; code=$?; rmdir .d; exit $code",
            1,
            &["cannot overwrite non-directory 'size_total' with directory '.d'"],
            &["ok\n"],
        ),
    ]);
}

#[test]
fn scratch_files_are_renamed_among_themselves_and_onto_what_is_written() {
    check(&[
        done("cd volumes/db1; echo a > .a; echo b > .b; mv .a .b; cat .b; ls -A | grep '^[.]'; rm .b", &[])
            .printing("a\n.b\n"),
        done("cd volumes/db1; echo a > .a; mv -n .a comment; cat .a comment; rm .a", &[]).printing("a\n"),
        // Whatever directory it is from: it is a write of its content.
        done(
            "echo a > volumes/db1/.a; mv volumes/db1/.a volumes/db2/comment",
            &["patch_volume(db2, comment=a)"],
        ),
        done(
            "echo new > volumes/db1/.a; mv -T volumes/db1/.a volumes/db1/snapshots/s1/clone",
            &["clone_volume(new, db1, s1, )"],
        ),
        done("cd volumes/db1; : > .a; mv .a size_total; cat size_total; test ! -e .a", &[])
            .printing("10737418240\n"),
        refused(
            "cd volumes/db1; echo 1 > .a; mv .a size_used; code=$?; rm .a; exit $code",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rename", "size_used is read-only"],
        ),
        refused(
            "cd volumes/db1; echo 1 > .a; mv .a new; code=$?; cat .a; rm .a; exit $code",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rename", "a scratch file cannot be renamed to \"new\""],
        )
        .printing("1\n"),
        refused(
            "cd volumes/db1; echo 10GB > .a; mv .a size_total; code=$?; cat .a; rm .a; exit $code",
            1,
            &["cannot move '.a'"],
            &["errno=EINVAL op=rename", "10GB"],
        )
        .printing("10GB\n"),
    ]);
}

#[test]
fn nobody_but_its_owner_gets_at_a_scratch_file() {
    check(&[
        done("cd volumes/db1; umask 0; : > .x; stat -c '%u %a' .x; chmod 777 .x; stat -c %a .x; rm .x", &[])
            .printing("0 600\n700\n"),
        refused(
            format!("cd volumes/db1; echo secret > .x; chmod 666 .x; {NOBODY} cat .x; code=$?; rm .x; exit $code"),
            1,
            &["cat: .x: Permission denied"],
            &["ok\n"],
        ),
        refused(
            format!("cd volumes/db1; echo a > .x; {NOBODY} sh -c 'echo b >> .x; rm -f .x; mv .x .y'; cat .x; rm .x; exit 1"),
            1,
            &["cannot create .x: Permission denied", "cannot remove '.x': Permission denied", "cannot move '.x'"],
            &["ok\n"],
        )
        .printing("a\n"),
        // Whoever may not write the directory makes none in it.
        refused(
            format!("cd volumes/db1; {NOBODY} sh -c ': > .x'"),
            2,
            &["cannot create .x: Permission denied"],
            &["ok\n"],
        ),
        refused(
            format!("cd volumes/db1; mkdir .d; : > .d/secret; {NOBODY} ls .d; code=$?; rm -r .d; exit $code"),
            2,
            &["cannot open directory '.d': Permission denied"],
            &["ok\n"],
        ),
    ]);
}

#[test]
fn hostile_names_do_no_harm() {
    check(&[
        refused(
            r"cd volumes/db1; echo 10GB > $'.\e[2J'; mv $'.\e[2J' size_total 2> /dev/null; code=$?; rm .?*; exit $code",
            1,
            &[],
            &[r"path=/dummy/volumes/db1/.\u{1b}[2J to=/dummy/volumes/db1/size_total"],
        ),
        refused(
            r"cd volumes/db1; echo 10GB > $'.a\nb c'; mv $'.a\nb c' size_total 2> /dev/null; code=$?; rm .?*; exit $code",
            1,
            &[],
            &["errno=EINVAL op=rename", "to=/dummy/volumes/db1/size_total"],
        ),
        refused(r"cd volumes/db1; : > $'.\xff'", 1, &["Operation not permitted"], &["errno=EPERM op=create"]),
        refused(
            r"cd volumes/db1; echo 1 > .a; mv .a $'.\xff'; code=$?; rm .a; exit $code",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rename"],
        ),
        done("cd volumes/db1; name=.$(printf %0254d 0); : > $name; rm $name", &[]),
        refused(
            "cd volumes/db1; : > .$(printf %0255d 0)",
            1,
            &["File name too long"],
            &["errno=ENAMETOOLONG", "accepted: up to 255 bytes"],
        ),
        refused(
            "cd volumes/db1; : > .a; ln .a .b; ln -s .a .c; mkfifo .d; rm .a; exit 1",
            1,
            &["hard link '.b'", "symbolic link '.c'", "fifo '.d'"],
            &["errno=EPERM op=mknod path=/dummy/volumes/db1/.d"],
        ),
    ]);
}

#[test]
fn scratch_files_go_with_their_object() {
    let mount = Mount::small();
    let script =
        "mkdir policies/p; echo a > policies/p/.x; rmdir policies/p; mkdir policies/p; ls -A policies/p";
    let ran = bash(&mount, TempDir::new().unwrap().path(), script);
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "rules\nused_by\n", ""));
    assert_eq!(mount.backend.take_changes(), ["create_policy(p)", "remove_policy(p)", "create_policy(p)"]);
}

#[test]
fn a_scratch_file_is_gone_after_its_time_unless_it_is_open() {
    let backend = counting(SMALL);
    let ttl = Duration::from_millis(300);
    let tree = tree_with(backend.clone(), Options { scratch_ttl: ttl, ..options() }, Vec::new());
    let (mount, outside) = (Mount::tree(backend, tree, false), TempDir::new().unwrap());
    let ran = bash(
        &mount,
        outside.path(),
        "cd volumes/db1; exec 3> .x; sleep 1; echo a >&3; ls -A | grep '^[.]'; cat .x",
    );
    assert_eq!((ran.code, &*ran.stdout), (0, ".x\na\n"), "{ran:?}");
    let begun = Instant::now();
    while !left(&mount).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", left(&mount));
        std::thread::sleep(Duration::from_millis(50));
    }
    let ran = bash(&mount, outside.path(), "cd volumes/db1; cat .x; echo b > .x; cat .x");
    assert_eq!((&*ran.stdout, &*ran.stderr), ("b\n", "cat: .x: No such file or directory\n"));
}

/// A tree on the small content, used through its own functions.
struct Side {
    runtime: Runtime,
    backend: Arc<Counting>,
    tree: Arc<Tree>,
}

/// How a text ended up: refused or not, the changes, and what the file then reads as.
type Outcome = (std::result::Result<(), Kind>, Vec<String>, String);

impl Side {
    fn new() -> Side {
        let backend = counting(SMALL);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Side { runtime, tree: tree_of(backend.clone()), backend }
    }

    fn find(&self, path: &str) -> Result<u64> {
        path.split('/').try_fold(ROOT, |dir, name| {
            let found = self.runtime.block_on(self.tree.lookup(dir, name.as_bytes(), &CALLER));
            found.map(|found| found.ino)
        })
    }

    /// open(`O_TRUNC`), write, close: the first refusal counts.
    fn write(&self, path: &str, text: &[u8]) -> Result<()> {
        let (ino, mode) = (self.find(path)?, Opening { writes: true, truncates: true, append: false });
        let handle = self.tree.open(ino, mode, &CALLER)?;
        let wrote = match text {
            [] => Ok(()),
            _ => self.runtime.block_on(self.tree.write(ino, handle, 0, text)).map(drop),
        };
        let closed = self.runtime.block_on(self.tree.flush(ino, handle, &CALLER, |_, _| false)).map(drop);
        self.runtime.block_on(self.tree.release(handle)).unwrap();
        wrote.and(closed)
    }

    /// The same text in a scratch file, renamed onto it.
    fn rename(&self, path: &str, text: &[u8]) -> Result<()> {
        let (dir, name) = path.rsplit_once('/').unwrap();
        let dir = self.find(dir).unwrap();
        let new = New { is_dir: false, owner: (0, 0), mode: 0o600 };
        let (made, handle) = self.tree.create(dir, b".new", new, 1).unwrap();
        if !text.is_empty() {
            self.runtime.block_on(self.tree.write(made.ino, handle, 0, text)).unwrap();
        }
        self.tree.close(handle);
        let renamed = self.runtime.block_on(self.tree.rename(dir, b".new", dir, name.as_bytes())).map(drop);
        // It stays for another try if that was refused, and only then.
        let stays = self.runtime.block_on(self.tree.lookup(dir, b".new", &CALLER));
        assert_eq!(stays.map(|stays| stays.size).ok(), renamed.is_err().then_some(text.len() as u64));
        renamed
    }

    fn outcome(&self, path: &str, done: Result<()>) -> Outcome {
        let changes = self.backend.take_changes();
        let ino = self.find(path).unwrap();
        let handle = self.tree.open(ino, Opening::default(), &CALLER).unwrap();
        let text = self.runtime.block_on(self.tree.read(ino, handle, 0, 1 << 20, &CALLER)).unwrap();
        (done.map_err(|error| error.kind()), changes, String::from_utf8(text).unwrap())
    }
}

const FILES: [&str; 12] = [
    "dummy/volumes/db1/size_total",
    "dummy/volumes/db1/percentage_snapshot_reserve",
    "dummy/volumes/db1/comment",
    "dummy/volumes/db1/protect",
    "dummy/volumes/db1/policy",
    "dummy/volumes/db1/lock",
    "dummy/volumes/db1/rollback",
    "dummy/volumes/db1/uuid",
    "dummy/volumes/db1/config",
    "dummy/volumes/db1/snapshots/s1/clone",
    "dummy/policies/nfs/rules",
    "dummy/defaults",
];

const LINES: [&str; 38] = [
    "",
    " ",
    "11G",
    "10GB",
    " 10737418240\r",
    "5",
    "1",
    "yes",
    "words",
    "nfs",
    "nsf",
    "admin1",
    "other",
    "-other",
    "s1",
    "s2",
    "s1 discard-newer",
    "db2",
    "new",
    "none",
    "non",
    "# words",
    "10.0.0.9",
    "10.0.0.1",
    "-10.0.0.1",
    "@hosts",
    "10.0.0.",
    "10.0.0.300",
    "a b",
    "size_total 11G",
    "size_total 10GB",
    "comment x",
    "policy nfs",
    "size 1",
    "-",
    "\0",
    "e\u{301}",
    "-10.0.0.9",
];

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let lines = (vec(select(&LINES[..]), 0..5), any::<bool>()).prop_map(|(lines, newline)| {
        let text = lines.join("\n");
        if newline { text + "\n" } else { text }.into_bytes()
    });
    let long = (4000usize..5000, any::<bool>()).prop_map(|(size, newline)| {
        [vec![b'a'; size], if newline { b"\n".to_vec() } else { Vec::new() }].concat()
    });
    prop_oneof![12 => lines, 1 => long, 1 => Just(b"\xff\n".to_vec())]
}

proptest! {
    #![proptest_config(Config { cases: 1500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_rename_is_a_write_of_the_whole_text(path in select(&FILES[..]), text in texts(), held: bool) {
        let (writing, renaming) = (Side::new(), Side::new());
        for side in [&writing, &renaming] {
            if held {
                side.write("dummy/volumes/db1/lock", b"other\n").unwrap();
                side.backend.take_changes();
            }
        }
        let written = writing.outcome(path, writing.write(path, &text));
        let renamed = renaming.outcome(path, renaming.rename(path, &text));
        prop_assert_eq!(&written.0, &renamed.0);
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        if !path.ends_with("rules") || text.ends_with(b"\n") || lines == 0 {
            prop_assert_eq!(written, renamed);
        } else if renamed.0.is_ok() {
            // The last line of a list that lacks its newline comes by a change of its own only if it is written.
            prop_assert_eq!(written.2, renamed.2);
        } else {
            prop_assert!(renamed.1.is_empty(), "a refused list changes nothing: {:?}", renamed.1);
        }
    }
}
