//! A volume being prepared, and what becomes of it.

use crate::table::{Says, check, done, refused};

#[test]
fn a_staged_volume_is_created_by_one_rename_with_all_its_fields() {
    check(&[
        done(
            "mkdir staging/v; cd staging/v; echo 20G > size_total; echo nfs > policy; echo /v > junction_path\n\
             cd ../..; mv staging/v volumes/v; cat volumes/v/policy junctions/%2Fv/size_total; ls staging",
            "nfs\n21474836480\n",
            &["create_volume(v, size_total=21474836480 junction_path=/v policy=nfs)"],
        ),
        // Nothing of the preparation reaches the storage.
        done(
            "mkdir staging/v; echo 20G > staging/v/size_total; cat staging/v/size_total; rmdir staging/v; ls staging",
            "21474836480\n",
            &[],
        ),
        done("mkdir staging/v; mv staging/v volumes/w; ls volumes", "db1\ndb2\nw\n", &["create_volume(w, )"]).on_memory_only("a volume on a filer needs size_total and junction_path"),
        done("mkdir staging/v; mv staging/v volumes; ls volumes", "db1\ndb2\nv\n", &["create_volume(v, )"]).on_memory_only("a volume on a filer needs size_total and junction_path"),
        done("mkdir staging/v; cd staging/v; echo x > comment; echo > comment; cat comment", "", &[]),
        done(
            "mkdir staging/v; echo aggr1 > staging/v/aggregate_name; mv staging/v volumes; cat volumes/v/aggregate_name",
            "aggr1\n",
            &["create_volume(v, )"],
        ).on_memory_only("a volume on a filer needs size_total and junction_path"),
        // What is not set comes from the defaults.
        done(
            "mkdir staging/v; echo x > staging/v/comment; mv staging/v volumes; cat volumes/v/size_total",
            "1073741824\n",
            &["create_volume(v, size_total=1073741824 comment=x)"],
        ).on_memory_only("a volume on a filer needs size_total and junction_path")
        .after("echo size_total 1G > defaults"),
    ]);
}

#[test]
fn a_staged_volume_with_an_origin_is_a_clone() {
    check(&[
        done(
            "mkdir staging/v; echo db1@s1 > staging/v/origin; cat staging/v/origin; mv staging/v volumes/; cat volumes/v/size_total",
            "db1@s1\n10737418240\n",
            &["clone_volume(v, db1, s1, )"],
        ),
        done(
            "mkdir staging/v; cd staging/v; echo db1@s1 > origin; echo x > comment; mv ../v ../../volumes",
            "",
            &["clone_volume(v, db1, s1, comment=x)"],
        ),
        done(
            "mkdir staging/v; cd staging/v; echo db1@s1 > origin; echo > origin; mv ../v ../../volumes",
            "",
            &["create_volume(v, )"],
        )
        .on_memory_only("a volume on a filer needs size_total and junction_path"),
        refused(
            "mkdir staging/v; echo db1@s9 > staging/v/origin",
            Says::Echo("No such file or directory"),
            &["errno=ENOENT op=write path=/dummy/staging/v/origin", "\n  db1@s9\n  ^\n"],
        ),
        refused(
            "mkdir staging/v; echo db1 > staging/v/origin",
            Says::Echo("Invalid argument"),
            &["names no snapshot", "\n  db1\n     ^\n", "VOLUME@SNAPSHOT"],
        ),
    ]);
}

#[test]
fn a_refused_rename_keeps_the_staged_volume_for_another_try() {
    check(&[
        // The origin went away in the meantime.
        refused(
            "mv staging/v volumes/v",
            Says::Tool("mv: cannot move 'staging/v' to 'volumes/v': No such file or directory\n"),
            &["errno=ENOENT op=rename path=/dummy/staging/v", "no snapshot s1"],
        )
        .after("mkdir staging/v; echo db1@s1 > staging/v/origin; rmdir volumes/db1/snapshots/s1")
        .having(&["clone_volume(v, db1, s1, )"]),
        done(
            "mv staging/v volumes/v 2> /dev/null || echo refused; echo db1@s2 > staging/v/origin; mv staging/v volumes/v",
            "refused\n",
            &["clone_volume(v, db1, s1, )", "clone_volume(v, db1, s2, )"],
        )
        .after("mkdir staging/v; echo db1@s1 > staging/v/origin; rmdir volumes/db1/snapshots/s1"),
        // mv(1) takes EINVAL for a file system without renameat2(2), says something else and tries rename(2).
        refused(
            "mv staging/v volumes/v; echo went on",
            Says::Tool("mv: cannot move 'staging/v' to a subdirectory of itself, 'volumes/v'\n"),
            &["errno=EINVAL op=rename", "there is no aggregate none", "accepted: aggr1"],
        ).on_memory_only("a volume on a filer needs size_total and junction_path")
        .after("mkdir staging/v; echo none > staging/v/aggregate_name")
        .having(&["create_volume(v, )", "create_volume(v, )"]),
        refused(
            "mv staging/v volumes/v",
            Says::Tool("mv: cannot move 'staging/v' to a subdirectory of itself, 'volumes/v'\n"),
            &["errno=EINVAL op=rename", "a clone lives on the aggregate of its source"],
        )
        .after("mkdir staging/v; cd staging/v; echo db1@s1 > origin; echo aggr1 > aggregate_name"),
        refused(
            "mv -T staging/v volumes/db1 2>&1; cat staging/v/comment",
            Says::Tool(""),
            &["errno=EEXIST op=rename"],
        ).on_memory_only("a volume on a filer needs size_total and junction_path")
        .after("mkdir staging/v; echo kept > staging/v/comment")
        .printing("mv: cannot move 'staging/v' to 'volumes/db1': File exists\n")
        .having(&["create_volume(db1, comment=kept)"]),
    ]);
}

#[test]
fn a_staged_volume_can_become_nothing_but_a_volume() {
    check(&[
        refused(
            "mkdir staging/db1",
            Says::Tool("mkdir: cannot create directory 'staging/db1': File exists\n"),
            &["errno=EEXIST op=mkdir path=/dummy/staging/db1", "volume db1 exists already"],
        ),
        refused(
            "mkdir staging/v; mv staging/v policies/",
            Says::Tool("mv: cannot move 'staging/v' to 'policies/v': Operation not permitted\n"),
            &["errno=EPERM op=rename", "mv staging/v volumes/v"],
        ),
        refused(
            "mkdir staging/v; mv staging/v staging/w",
            Says::Tool("mv: cannot move 'staging/v' to 'staging/w': Operation not permitted\n"),
            &["errno=EPERM op=rename"],
        ),
        refused(
            "mkdir staging/v; mv staging/v 'volumes/a b'",
            Says::Tool("mv: cannot move 'staging/v' to a subdirectory of itself, 'volumes/a b'\n"),
            &["errno=EINVAL op=rename", "\n  a b\n   ^\n"],
        ),
        refused(
            "mkdir staging/v; echo nsf > staging/v/policy",
            Says::Echo("Invalid argument"),
            &["known: nfs"],
        ),
        refused(
            "mkdir staging/v; echo 10GB > staging/v/size_total",
            Says::Echo("Invalid argument"),
            &["errno=EINVAL op=write path=/dummy/staging/v/size_total", "\n  10GB\n    ^\n"],
        ),
        refused(
            "mkdir staging/v; rmdir staging/v; rmdir staging/v",
            Says::Tool("rmdir: failed to remove 'staging/v': No such file or directory\n"),
            &["ok\n"],
        ),
    ]);
}
