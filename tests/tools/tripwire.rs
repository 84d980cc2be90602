//! What stops a recursive delete, and whom it leaves alone.

use std::fs;
use std::time::Duration;

use filerfs::backend::Kind;
use filerfs::tree::ROOT;
use filerfs::tree::shared::Options;
use filerfs::tree::table::Caller;

use crate::case::{check, done, refused};
use crate::common::{ROOT as CALLER, SMALL, counting, options, tree_of};
use crate::destruction::memory;

const RECURSIVE: &[&str] =
    &["errno=ENOTEMPTY op=rmdir", "recursive delete refused", "to remove an object: rmdir"];
const S1: &[&str] = &["delete_snapshot(db1, s1)"];
const BOTH: &[&str] = &["delete_snapshot(db1, s1)", "delete_snapshot(db1, s2)"];

/// Python, with what is refused printed by its errno's name.
fn python(steps: &str) -> String {
    format!(
        "python3 -c '
import errno, os, threading
def tried(how, *path):
    try: how(*path)
    except OSError as e: print(errno.errorcode[e.errno])
    else: print(\"done\")
{steps}'"
    )
}

#[tokio::test]
async fn who_cannot_be_seen_is_nobody_who_has_listed() {
    let tree = tree_of(counting(SMALL));
    let mut volumes = ROOT;
    for name in ["dummy", "volumes"] {
        volumes = tree.lookup(volumes, name.as_bytes(), &CALLER).await.unwrap().ino;
    }
    let db1 = tree.lookup(volumes, b"db1", &CALLER).await.unwrap().ino;
    tree.listing(db1, 0, 0, &CALLER).await.unwrap();
    let refused = tree.rmdir(volumes, b"db1", &CALLER).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::RecursiveDelete);
    // From outside of this container, for one.
    tree.rmdir(volumes, b"db1", &Caller { pid: 0, ..CALLER }).await.unwrap();
}

#[test]
fn who_was_refused_an_unlink_removes_nothing_nearby() {
    check(&[
        refused(
            python(
                "for unlinked, removed in [
    (\"db1/snapshots/s1/created\", \"db1/snapshots/s1\"),
    (\"db1/snapshots/s1/created\", \"db1\"),
    (\"db2/size_total\", \"db2\"),
    (\"db2/size_total\", \"../volumes\")]:
    tried(os.unlink, \"volumes/\" + unlinked)
    tried(os.rmdir, \"volumes/\" + removed)",
            ),
            0,
            &[],
            RECURSIVE,
        )
        .printing("EPERM\nENOTEMPTY\nEPERM\nENOTEMPTY\nEPERM\nENOTEMPTY\nEPERM\nENOTEMPTY\n"),
        // A volume is not near another one, nor a snapshot near another.
        done(
            python(
                "tried(os.unlink, \"volumes/db1/snapshots/s2/created\")
tried(os.rmdir, \"volumes/db1/snapshots/s1\")
tried(os.rmdir, \"volumes/db2\")",
            ),
            &["delete_snapshot(db1, s1)", "restrict_volume(db2)"],
        )
        .printing("EPERM\ndone\ndone\n"),
        // Its threads are the same process.
        refused(
            python(
                "def threaded(*what):
    thread = threading.Thread(target=tried, args=what)
    thread.start()
    thread.join()
threaded(os.unlink, \"volumes/db1/comment\")
threaded(os.rmdir, \"volumes/db1\")",
            ),
            0,
            &[],
            RECURSIVE,
        )
        .printing("EPERM\nENOTEMPTY\n"),
        // A part of the tree is what only a recursive delete removes.
        refused(
            python("tried(os.rmdir, \"volumes/db1/snapshots\")\ntried(os.rmdir, \"volumes/db1\")"),
            0,
            &[],
            RECURSIVE,
        )
        .printing("EPERM\nENOTEMPTY\n"),
    ]);
}

#[test]
fn who_has_listed_an_object_does_not_remove_it() {
    check(&[
        refused(
            python("os.listdir(\"volumes/db1/snapshots/s1\")\ntried(os.rmdir, \"volumes/db1/snapshots/s1\")"),
            0,
            &[],
            &["errno=ENOTEMPTY", "this process has listed /dummy/volumes/db1/snapshots/s1, and removes it"],
        )
        .printing("ENOTEMPTY\n"),
        refused(
            python("list(os.scandir(\"policies/spare\"))\ntried(os.rmdir, \"policies/spare\")"),
            0,
            &[],
            RECURSIVE,
        )
        .after("mkdir policies/spare")
        .printing("ENOTEMPTY\n"),
        // What it is in may be listed, and others may list it.
        done(
            python("for s in sorted(os.listdir(\"volumes/db1/snapshots\")): tried(os.rmdir, \"volumes/db1/snapshots/\" + s)"),
            BOTH,
        )
        .printing("done\ndone\n"),
        done("ls volumes/db1/snapshots/s1 >$T/ls; rmdir volumes/db1/snapshots/s1", S1),
        done("find volumes >$T/found; rmdir volumes/db1/snapshots/s1", S1),
    ]);
}

/// The index names a file that is there no more, and git removes the directories that this leaves empty.
#[test]
fn git_takes_no_volume_for_an_empty_directory() {
    const WORK_TREE: &str = "--git-dir=$T/git --work-tree=.";
    check(&[refused(
        format!("git {WORK_TREE} rm -q volumes/db1/comment~"),
        0,
        &[],
        &["errno=ENOTEMPTY op=rmdir path=/dummy/volumes/db1", "removes directories before it looks inside"],
    )
    .after(
        "git init -q --bare $T/git
        echo x > volumes/db1/comment~
        git --git-dir=$T/git --work-tree=. add volumes/db1/comment~
        rm volumes/db1/comment~",
    )]);
}

#[test]
fn the_tripwire_does_not_hit_another_process() {
    check(&[
        refused("rm volumes/db1/size_total", 1, &["Operation not permitted"], &["op=unlink"]),
        done("rm volumes/db1/size_total; rmdir volumes/db1/snapshots/s1", S1).noisy(),
        done("rm -rf volumes/db1/snapshots/s1; rmdir volumes/db1/snapshots/s1", S1).noisy(),
        // The program rmdir is taken at its word, whoever runs it.
        done("find volumes/db1/snapshots/s1 -depth -type d -exec rmdir {} ';'", S1),
        // One that is still there.
        done(
            "coproc perl -e '$| = 1; unlink q(volumes/db1/comment); print qq($!\\n); sleep 50'
            read -u ${COPROC[0]} refused; echo $refused
            rmdir volumes/db1/snapshots/s1; code=$?; kill $COPROC_PID; exit $code",
            S1,
        )
        .printing("Operation not permitted\n"),
    ]);
}

#[test]
fn who_says_rmdir_removes() {
    let scripts = [
        "rmdir volumes/db1/snapshots/s1",
        "busybox rmdir volumes/db1/snapshots/s1",
        "zsh -fc 'zmodload zsh/files; zf_rmdir volumes/db1/snapshots/s1'",
        "python3 -c 'import os; os.rmdir(\"volumes/db1/snapshots/s1\")'",
        "python3 -c 'import pathlib; pathlib.Path(\"volumes/db1/snapshots/s1\").rmdir()'",
        "perl -e 'rmdir q(volumes/db1/snapshots/s1) or die'",
        "ruby -e 'Dir.rmdir %q(volumes/db1/snapshots/s1)'",
        "php -r 'rmdir(\"volumes/db1/snapshots/s1\") or exit(1);'",
        "find volumes/db1/snapshots -name s1 -prune -exec rmdir {} +",
        "find volumes/db1/snapshots -mindepth 1 -maxdepth 1 -name s1 -delete",
        "ls -d volumes/db1/snapshots/s1 | xargs rmdir",
    ];
    check(&scripts.map(|script| done(script, S1)));
}

#[test]
fn a_volume_that_is_protected_or_held_is_not_restricted() {
    check(&[
        refused(
            "rmdir volumes/db1",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rmdir path=/dummy/volumes/db1"],
        )
        .after("echo 1 > volumes/db1/protect"),
        refused(
            "rmdir volumes/db1",
            1,
            &["Device or resource busy"],
            &["errno=EBUSY op=rmdir path=/dummy/volumes/db1", "elsewhere"],
        )
        .after("echo elsewhere > volumes/db1/lock"),
        done("rmdir volumes/db2; ls volumes", &["restrict_volume(db2)"])
            .after(
                "echo 1 > volumes/db2/protect; echo 0 > volumes/db2/protect; echo admin1 > volumes/db2/lock",
            )
            .printing("db1\n"),
    ]);
}

#[test]
fn the_tripwire_ends_after_its_time() {
    let mount = memory(Options { tripwire: Duration::from_millis(300), ..options() });
    let (volume, s1) = (mount.path("dummy/volumes/db1"), mount.path("dummy/volumes/db1/snapshots/s1"));
    fs::remove_file(volume.join("size_total")).unwrap_err();
    fs::read_dir(&s1).unwrap().for_each(drop);
    while let Err(error) = fs::remove_dir(&s1) {
        assert_eq!(error.raw_os_error(), Some(39), "{error}");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(mount.backend.take_changes(), S1);
}
