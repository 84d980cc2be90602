//! Snapshots: create, delete, rename, clone, roll back.

use crate::common::counting;
use crate::common::mounted::Mount;
use crate::common::shell::{SHELLS, run};
use crate::table::{Says, check, check_on, done, refused};

#[test]
fn mkdir_and_rmdir_create_and_delete_a_snapshot() {
    check(&[
        done(
            "cd volumes/db1/snapshots; mkdir s3; ls; rmdir s1",
            "s1\ns2\ns3\n",
            &["create_snapshot(db1, s3)", "delete_snapshot(db1, s1)"],
        ),
        done(
            "cd volumes/db1/snapshots; mkdir -p s3; mkdir -p s3; mkdir -p s1",
            "",
            &["create_snapshot(db1, s3)"],
        ),
        done("cd volumes/db1/snapshots; cat s1/created s1/size_kbytes", "2025-01-02T00:00:00Z\n100\n", &[]),
        done("cd volumes/db1/snapshots; cat s1/clone s1/info.json | head -n 1", "{\n", &[]),
        refused(
            "mkdir volumes/db1/snapshots/s1",
            Says::Tool("mkdir: cannot create directory 'volumes/db1/snapshots/s1': File exists\n"),
            &["ok\n"],
        ),
        refused(
            "cd volumes/db1/snapshots; rmdir s1; rmdir s1",
            Says::Tool("rmdir: failed to remove 's1': No such file or directory\n"),
            &["ok\n"],
        )
        .having(&["delete_snapshot(db1, s1)"]),
        refused(
            "mkdir -p volumes/db1/snapshots/x/a/b",
            Says::Tool(
                "mkdir: cannot create directory 'volumes/db1/snapshots/x/a': Operation not permitted\n",
            ),
            &["errno=EPERM op=mkdir path=/dummy/volumes/db1/snapshots/x/a"],
        )
        .having(&["create_snapshot(db1, x)"]),
        refused(
            "mkdir -m 700 volumes/db1/snapshots/.tmp",
            Says::Tool("mkdir: cannot create directory 'volumes/db1/snapshots/.tmp': Invalid argument\n"),
            &["errno=EINVAL op=mkdir", "\n  .tmp\n  ^\n"],
        ),
        // rm -rf is inert: it never comes to rmdir.
        refused(
            "rm -rf volumes/db1/snapshots/s1/clone volumes/db1/snapshots/s1 2> /dev/null",
            Says::Tool(""),
            &["errno=EPERM op=unlink path=/dummy/volumes/db1/snapshots/s1/", "rmdir snapshots/S"],
        ),
    ]);
}

#[test]
fn mv_renames_a_snapshot_in_its_volume_only_and_never_makes_one() {
    let not_permitted = |to| format!("mv: cannot move 's1' to '{to}': Operation not permitted\n");
    let (out, over, up) =
        (not_permitted("../../db2/snapshots/s1"), not_permitted("s2/s1"), not_permitted("../s1"));
    let (out, over, up): (&'static str, &'static str, &'static str) = (out.leak(), over.leak(), up.leak());
    check(&[
        done(
            "cd volumes/db1/snapshots; mv s1 first; ls; cat first/size_kbytes",
            "first\ns2\n100\n",
            &["rename_snapshot(db1, s1, first)"],
        ),
        refused(
            "cd volumes/db1/snapshots; mv -T s1 s2",
            Says::Tool("mv: cannot move 's1' to 's2': File exists\n"),
            &["errno=EEXIST op=rename path=/dummy/volumes/db1/snapshots/s1"],
        )
        .having(&["rename_snapshot(db1, s1, s2)"]),
        refused(
            "cd volumes/db1/snapshots; mv s1 ../../db2/snapshots/",
            Says::Tool(out),
            &[
                "errno=EPERM op=rename path=/dummy/volumes/db1/snapshots/s1",
                "cannot leave its volume",
                "snapshots/S/clone",
            ],
        ),
        refused("cd volumes/db1/snapshots; mv s1 s2", Says::Tool(over), &["errno=EPERM op=rename"]),
        refused("cd volumes/db1/snapshots; mv s1 ..", Says::Tool(up), &["errno=EPERM op=rename"]),
        refused(
            "cd volumes/db1/snapshots; mv s1 .s1",
            Says::Tool("mv: cannot move 's1' to a subdirectory of itself, '.s1'\n"),
            &["errno=EINVAL op=rename", "%2E"],
        ),
    ]);
}

/// The kernel alone says EXDEV here, and mv goes on to copy; what it copies from stays.
#[test]
fn mv_out_of_the_mount_deletes_nothing() {
    for shell in SHELLS {
        let (mount, elsewhere) = (Mount::small(), tempfile::tempdir().unwrap());
        let script = format!("set -e; mv snapshots/s1 {}; echo done", elsewhere.path().display());
        let ran = run(shell, &mount.path("dummy/volumes/db1"), &script);
        assert_eq!((ran.code, &*ran.stdout), (1, ""), "{shell:?}: {}", ran.stderr);
        assert_eq!(mount.backend.take_changes(), [""; 0], "{shell:?}");
    }
}

#[test]
fn the_limit_of_snapshots_has_an_errno_of_its_own() {
    let snapshots: Vec<_> = (0..1023).map(|n| format!(r#"{{"name": "s{n}"}}"#)).collect();
    let content = format!(
        r#"{{"volumes": [{{"name": "db1", "size_total": 1, "snapshots": [{}]}}]}}"#,
        snapshots.join(",")
    );
    let case = refused(
        "mkdir volumes/db1/snapshots/more",
        Says::Tool("mkdir: cannot create directory 'volumes/db1/snapshots/more': Too many links\n"),
        &["errno=EMLINK op=mkdir", "rmdir snapshots/NAME"],
    );
    check_on(|| Mount::of(counting(&content)), &[case.having(&["create_snapshot(db1, more)"])]);
}

#[test]
fn a_name_written_to_clone_is_a_new_volume() {
    check(&[
        done(
            "echo copy > volumes/db1/snapshots/s1/clone; cat volumes/copy/size_total",
            "10737418240\n",
            &["clone_volume(copy, db1, s1, )"],
        ),
        done(
            "printf copy > volumes/db1/snapshots/s1/clone; ls volumes",
            "copy\ndb1\ndb2\n",
            &["clone_volume(copy, db1, s1, )"],
        ),
        // A value is written as it is, a file name is encoded.
        done(
            "echo a/b > volumes/db1/snapshots/s1/clone; cat volumes/a%2Fb/junction_path",
            "",
            &["clone_volume(a/b, db1, s1, )"],
        )
        .on_memory_only("names on a filer have no /"),
        refused(
            "echo db2 > volumes/db1/snapshots/s1/clone",
            Says::Echo("File exists"),
            &[
                "errno=EEXIST op=write path=/dummy/volumes/db1/snapshots/s1/clone",
                "volume db2 exists already",
                "\n  db2\n  ^\n",
            ],
        ),
        refused(
            "echo > volumes/db1/snapshots/s1/clone",
            Says::Echo("Invalid argument"),
            &["the volume name is empty"],
        ),
        refused(
            "echo 'a b' > volumes/db1/snapshots/s1/clone",
            Says::Echo("Invalid argument"),
            &["\n  a b\n   ^\n"],
        ),
    ]);
}

#[test]
fn a_name_written_to_rollback_rolls_back_unless_newer_snapshots_would_go() {
    check(&[
        done(
            "echo s2 > volumes/db1/rollback; cat volumes/db1/rollback; ls volumes/db1/snapshots",
            "s1\ns2\n",
            &["rollback_volume(db1, s2, Keep)"],
        ),
        refused(
            "echo s1 > volumes/db1/rollback",
            Says::Echo("Device or resource busy"),
            &[
                "errno=EBUSY op=write path=/dummy/volumes/db1/rollback",
                "destroy the newer snapshots s2",
                "\n  s1\n  ^\n",
                "echo 's1 discard-newer' > rollback",
            ],
        ),
        done(
            "echo s1 discard-newer > volumes/db1/rollback; ls volumes/db1/snapshots",
            "s1\n",
            &["rollback_volume(db1, s1, Discard)"],
        ),
        done(
            "echo s2 discard-newer > volumes/db1/rollback; ls volumes/db1/snapshots",
            "s1\ns2\n",
            &["rollback_volume(db1, s2, Discard)"],
        ),
        refused(
            "echo s9 > volumes/db1/rollback",
            Says::Echo("No such file or directory"),
            &["errno=ENOENT op=write", "volume db1 has no snapshot s9", "known: s1, s2"],
        ),
        refused(
            "echo s1 discard > volumes/db1/rollback",
            Says::Echo("No such file or directory"),
            &["has no snapshot s1 discard"],
        ),
        refused("echo > volumes/db1/rollback", Says::Echo("Invalid argument"), &["errno=EINVAL op=write"]),
    ]);
}
