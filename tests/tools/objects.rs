//! Objects: mkdir makes them, rmdir removes them, mv renames snapshots and creates what was staged.

use crate::case::{bash, check, done, refused};
use crate::common::mounted::Mount;
use crate::common::{options, tree_with, zapi};
use crate::destruction::memory;

const A: &[&str] = &["create_snapshot(db1, a)"];
const S1: &[&str] = &["delete_snapshot(db1, s1)"];
const RENAMED: &[&str] = &["rename_snapshot(db1, s1, t)"];

#[test]
fn mkdir_creates_once() {
    check(&[
        done("mkdir volumes/db1/snapshots/a", A),
        done("mkdir policies/p", &["create_policy(p)"]),
        refused("mkdir volumes/db1/snapshots/s1", 1, &["File exists"], &["ok\n"]),
        refused(
            "mkdir volumes/db1/snapshots/a; mkdir volumes/db1/snapshots/a",
            1,
            &["File exists"],
            &["ok\n"],
        )
        .having(A),
        done("mkdir -p volumes/db1/snapshots/s1", &[]),
        done("mkdir -p volumes/db1/snapshots/a; mkdir -p volumes/db1/snapshots/a", A),
        done("python3 -c 'import os; os.makedirs(\"volumes/db1/snapshots/s1\", exist_ok=True)'", &[]),
        done("install -d volumes/db1/snapshots/a", A),
        done("mkdir -m 755 volumes/db1/snapshots/a", A),
        refused(
            "mkdir -m 700 volumes/db1/snapshots/a",
            1,
            &["cannot change permissions"],
            &["errno=EPERM op=setattr path=/dummy/volumes/db1/snapshots/a", "-o quiet"],
        )
        .having(A),
        done("mkdir -m 700 volumes/db1/snapshots/a", A).quiet(),
        refused(
            "mkdir -p volumes/db1/snapshots/a/b",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=mkdir path=/dummy/volumes/db1/snapshots/a/b"],
        )
        .having(A),
    ]);
}

#[test]
fn odd_names_are_refused_with_a_reason() {
    const INVALID: &[&str] = &["Invalid argument"];
    check(&[
        refused("mkdir volumes/db1/snapshots/.x", 1, INVALID, &["errno=EINVAL op=mkdir", "write %2E"]),
        refused(
            "mkdir 'volumes/db1/snapshots/a b'",
            1,
            INVALID,
            &["errno=EINVAL op=mkdir", "letters, digits"],
        )
        .having(&["create_snapshot(db1, a b)"]),
        refused("mkdir volumes/db1/snapshots/a%2Fb", 1, INVALID, &["errno=EINVAL op=mkdir", "a/b"]),
        refused(
            "mkdir volumes/db1/snapshots/$(printf %0256d 0)",
            1,
            &["File name too long"],
            &["errno=ENAMETOOLONG op=lookup", "256 bytes"],
        ),
        refused(
            "touch volumes/db1/snapshots/a",
            1,
            &["Operation not permitted"],
            &["op=create", "objects are created with mkdir"],
        ),
        refused("ln -s s1 volumes/db1/snapshots/latest", 1, &["Operation not permitted"], &["op=symlink"]),
    ]);
}

#[test]
fn rmdir_removes_one_object() {
    const FIXED: &[&str] = &["errno=EPERM op=rmdir path=/dummy/volumes/db1/snapshots", "a part of the tree"];
    check(&[
        done("rmdir volumes/db1/snapshots/s1", S1),
        done("rmdir policies/p", &["remove_policy(p)"]).after("mkdir policies/p"),
        refused("rmdir policies/nfs", 1, &["Device or resource busy"], &["errno=EBUSY op=rmdir"])
            .having(&["remove_policy(nfs)"]),
        refused(
            "rmdir volumes/db1/snapshots/s1; rmdir volumes/db1/snapshots/s1",
            1,
            &["No such file or directory"],
            &["ok\n"],
        )
        .having(S1),
        // It goes on to the parents, which are no objects that one could remove.
        refused("rmdir -p volumes/db1/snapshots/s1", 1, &["'volumes/db1/snapshots'"], FIXED).having(S1),
        done("python3 -c 'import os; os.removedirs(\"volumes/db1/snapshots/s1\")'", S1).leaving(FIXED),
        done("rmdir staging/v; ls staging", &[]).after("mkdir staging/v").printing(""),
    ]);
}

#[test]
fn mv_renames_a_snapshot_and_copies_none() {
    const HELD: &[&str] = &["errno=EEXIST op=rename path=/dummy/volumes/db1/snapshots/s1"];
    const AWAY: &[&str] =
        &["op=rename path=/dummy/volumes/db1/snapshots/s1", "snapshot s1 cannot leave its volume"];
    const UNLINK: &[&str] = &["errno=EPERM op=unlink path=/dummy/volumes/db1/snapshots/s1/"];
    let run = |script: &str| format!("cd volumes/db1/snapshots; {script}");
    check(&[
        done(run("mv s1 t; ls"), RENAMED).printing("s2\nt\n"),
        done(run("mv -n s1 t"), RENAMED),
        done(run("mv -f s1 t"), RENAMED),
        done(run("busybox mv s1 t"), RENAMED),
        done(run("python3 -c 'import os; os.rename(\"s1\", \"t\")'"), RENAMED),
        done(run("python3 -c 'import shutil; shutil.move(\"s1\", \"t\")'"), RENAMED),
        done(run("perl -MFile::Copy -e 'move(q(s1), q(t)) or die'"), RENAMED),
        // Onto another one.
        refused(run("mv -fT s1 s2"), 1, &["File exists"], HELD).having(&["rename_snapshot(db1, s1, s2)"]),
        refused(run("mv s1 s2"), 1, &["'s2/s1': Operation not permitted"], &["errno=EPERM op=rename"]),
        // Elsewhere.
        refused(run("mv s1 ../../db2/snapshots/"), 1, &["Operation not permitted"], AWAY),
        refused(run("mv s1 ../.."), 1, &["Operation not permitted"], AWAY),
        // To another file system mv copies, and then cannot remove.
        refused(run("mv s1 $T"), 1, &["cannot remove 's1/clone': Operation not permitted"], UNLINK),
        refused(
            run("python3 -c 'import os, shutil; shutil.move(\"s1\", os.environ[\"T\"])'"),
            1,
            &["PermissionError"],
            UNLINK,
        ),
        refused("mv volumes/db1 volumes/new", 1, &["Operation not permitted"], &["op=rename"]),
        refused("mv policies/nfs policies/new", 1, &["Operation not permitted"], &["op=rename"]),
    ]);
}

#[test]
fn old_snapshots_are_removed_as_old_files_are() {
    let old = |script: &str| {
        done(format!("cd volumes/db1; {script}; ls snapshots"), S1)
            .after("rmdir volumes/db1/snapshots/s2; mkdir volumes/db1/snapshots/new")
            .printing("new\n")
    };
    check(&[
        old("find snapshots -mindepth 1 -maxdepth 1 -mtime +7 -exec rmdir {} +"),
        old("find snapshots -mindepth 1 -maxdepth 1 -mtime +7 -exec rmdir {} ';'"),
        old("find snapshots -mindepth 1 -maxdepth 1 -mtime +7 -print0 | xargs -0 rmdir"),
        old("find snapshots -mindepth 1 -maxdepth 1 -mtime +7 -delete"),
        old("find snapshots -mindepth 1 -maxdepth 1 ! -newermt 2025-06-01 -exec rmdir {} +"),
        old("cd snapshots; ls -t | tail -n +2 | xargs rmdir; cd .."),
        old("rmdir $(find snapshots -mindepth 1 -mtime +7 -name 's?')"),
    ]);
}

#[test]
fn a_staged_volume_is_created_by_mv() {
    check(&[
        done(
            "mkdir staging/v; echo 5G > staging/v/size_total; echo /v > staging/v/junction_path
            mv staging/v volumes/v; ls staging; cat volumes/v/junction_path",
            &["create_volume(v, size_total=5368709120 junction_path=/v)"],
        )
        .printing("/v\n"),
        done(
            "mkdir staging/v; echo db1@s1 > staging/v/origin; mv staging/v volumes/; ls volumes",
            &["clone_volume(v, db1, s1, )"],
        )
        .printing("db1\ndb2\nv\n"),
    ]);
}

/// A filer wants a size. mv takes EINVAL for its own mistake and says so, after a second try; `last_error` knows.
#[test]
fn a_staged_volume_that_lacks_something_stays() {
    let (mount, outside) = (zapi::small_with(options()), tempfile::tempdir().unwrap());
    let ran = bash(&mount, outside.path(), "mkdir staging/v; mv staging/v volumes/v");
    assert!(ran.code == 1 && ran.stderr.contains("cannot move 'staging/v'"), "{ran:?}");
    let last = mount.read(".ctl/last_error");
    assert!(last.contains("errno=EINVAL op=rename") && last.contains("needs size_total"), "{last}");
    let again = "cd staging/v; echo 5G > size_total; echo /v > junction_path; cd ..; mv v ../volumes; ls ../volumes .";
    let ran = bash(&mount, outside.path(), again);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (".:\n\n../volumes:\ndb1\ndb2\nv\n", ""));
}

/// Two processes of each of two mounts, twenty times.
#[test]
fn of_many_that_make_one_snapshot_one_succeeds() {
    for mount in [memory(options()), zapi::small_with(options())] {
        let tree = tree_with(mount.backend.clone(), options(), Vec::new());
        let other = Mount::tree(mount.backend.clone(), tree, false);
        let script = format!(
            "for n in {{1..20}}; do
                all=()
                for m in $M $M {other} {other}; do
                    mkdir $m/dummy/volumes/db1/snapshots/r$n 2>$T/refused.$n.${{#all[@]}} & all+=($!)
                done
                won=0; for one in ${{all[@]}}; do wait $one && won=$((won+1)); done
                echo $won
            done | uniq -c | tr -d ' '
            cat $T/refused.* | grep -c 'File exists$'; cat $T/refused.* | grep -v 'File exists$'; ls volumes/db1/snapshots | wc -l",
            other = other.root().display()
        );
        let outside = tempfile::tempdir().unwrap();
        let ran = bash(&mount, outside.path(), &script);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("201\n60\n22\n", ""), "{ran:?}");
    }
}
