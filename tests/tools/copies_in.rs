//! What copies into a collection: mkdir means create there, and the files that follow are refused.

use crate::case::{check, done, refused};

/// A backup of two snapshots, of which only one is there.
const BACKUP: &str =
    "mkdir $T/bk; cp -r volumes/db1/snapshots/s1 $T/bk/; cp -r volumes/db1/snapshots/s1 $T/bk/s9";
const S9: &[&str] = &["create_snapshot(db1, s9)"];
const T: &[&str] = &["create_snapshot(db1, t)"];

#[test]
fn a_copy_of_a_snapshot_is_a_new_one_of_today() {
    let run = |script: &str| format!("cd volumes/db1/snapshots; {script}");
    check(&[
        refused(run("cp -r s1 t"), 1, &["'t/created': File exists", "'t/clone': File exists"], &["ok\n"])
            .having(T),
        refused(run("cp -a s1 t"), 1, &["'t/created': File exists"], &["ok\n"]).having(T),
        refused(run("cp -r s1 s2"), 1, &["'s2/s1': Operation not permitted"], &["errno=EPERM op=mkdir"]),
        refused(run("python3 -c 'import shutil; shutil.copytree(\"s1\", \"t\")'"), 1, &["created"], &[])
            .having(T),
        refused(
            run("rsync -a s1/ t"),
            23,
            &["size_kbytes\": Operation not permitted"],
            &["errno=EPERM op=rename", "read-only"],
        )
        .having(T),
        // As a snapshot of another volume, and as a policy.
        refused("cp -r volumes/db1/snapshots/s1 volumes/db2/snapshots/", 1, &["File exists"], &["ok\n"])
            .having(&["create_snapshot(db2, s1)"]),
        refused("cp -r volumes/db1/snapshots/s1 policies/t", 1, &["Operation not permitted"], &["op=create"])
            .having(&["create_policy(t)"]),
    ]);
}

#[test]
fn a_backup_put_back_makes_the_snapshots_that_are_missing() {
    let run = |script: &str| format!("cd volumes/db1/snapshots; {script}");
    check(
        &[
            refused(run("cp -r $T/bk/* ."), 1, &["cannot create regular file './s9/created'"], &[])
                .having(S9),
            refused(
                run("rsync -r $T/bk/ ."),
                23,
                &["s9/size_kbytes\": Operation not permitted"],
                &["read-only"],
            )
            .having(S9),
            refused(
                run("rsync -a $T/bk/ ."),
                23,
                &["s9/size_kbytes\": Operation not permitted"],
                &["read-only"],
            )
            .having(S9),
            refused(run("tar c -C $T/bk . | tar x"), 2, &["./s9/created: Cannot open: File exists"], &[])
                .having(S9),
            refused(run("tar c -C $T/bk . | tar x --overwrite"), 2, &["./s9/created: Cannot open"], &[])
                .having(S9),
            refused(
                run("mv $T/bk/s9 ."),
                1,
                &["unable to remove target: Operation not permitted"],
                &["op=unlink"],
            )
            .having(S9),
            // The one that is there stays what it is.
            refused(run("mv $T/bk/s1 ."), 1, &["Directory not empty"], &["errno=ENOTEMPTY op=rmdir"]),
            refused(run("rsync -rI --existing $T/bk/ ."), 23, &["Operation not permitted"], &["read-only"]),
            // What does not go into snapshots/ makes none.
            done("cp -r volumes $T/v; rsync -rc --exclude='/*/snapshots' $T/v/ volumes/", &[]),
            done(run("mkdir $T/t; mv $T/t ."), T),
        ]
        .map(|case| case.after(BACKUP)),
    );
}

#[test]
fn a_volume_copied_in_is_created_with_the_defaults_and_not_with_the_copy() {
    check(&[
        refused("cp -r volumes/db2 volumes/new", 1, &["'volumes/new/size_total': File exists"], &["ok\n"])
            .after("printf 'size_total 1G\njunction_path /new\n' > defaults")
            .having(&["create_volume(new, size_total=1073741824 junction_path=/new)"]),
        // What is written over files that are there arrives.
        refused(
            "mkdir staging/new; cp -r volumes/db2/. staging/new; code=$?
            cat staging/new/size_total; exit $code",
            1,
            &["Operation not permitted"],
            &[],
        )
        .printing("21474836480\n"),
        refused("cp -r volumes/db2 staging/new", 1, &["'staging/new/size_total': File exists"], &[]),
    ]);
}
