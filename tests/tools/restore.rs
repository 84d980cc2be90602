//! A tree that was saved, restored: onto another volume, and onto another endpoint.

use std::sync::Arc;

use filerfs::backend::NewVolume;
use filerfs::tree::endpoint::Endpoint;

use crate::case::{bash, check, done, refused};
use crate::common::mounted::Mount;
use crate::common::{counting, options, tree_over};

/// What can be written of a saved tree: not what the storage decides, nor who holds a lock.
const WRITABLE: &str = "writable() { find . \\( -name snapshots -o -name staging -o -name junctions \\) -prune -o \
                        -type f -perm -u=w ! -name lock ! -name nfs_locks -print | sort; }\n";

/// Volume db2, saved and restored onto db1: three attributes differ.
fn onto_another(save: &str, restore: &str) -> String {
    format!("{WRITABLE}V=$PWD/volumes\n{save}\n{restore}\n")
}

const GROWS: &str = "a filer that makes a volume larger moves its limit of growth as well";

#[test]
fn a_saved_volume_is_restored_by_at_most_as_many_changes_as_attributes_differ() {
    // `config` brings all that is left when its turn comes, and is the only one to bring an unset value.
    let all: &[_] = &[
        "patch_volume(db1, comment=second)",
        "patch_volume(db1, size_total=21474836480 junction_path= policy=nfs)",
    ];
    let each: &[_] = &[
        "patch_volume(db1, comment=second)",
        "set_policy(db1, nfs)",
        "patch_volume(db1, size_total=21474836480)",
    ];
    let mut cases = Vec::new();
    for save in
        ["rsync -a $V/db2/ $T/s", "cp -r $V/db2 $T/s", "mkdir $T/s; tar c -C $V/db2 . | tar x -C $T/s"]
    {
        for restore in [
            "rsync -c --files-from=- . $V/db1",
            "tar c -T - | tar x --overwrite -C $V/db1",
            "xargs cp -t $V/db1",
        ] {
            for (files, changes) in [("writable", all), ("writable | grep -v config", each)] {
                // The second time there is nothing to change.
                let script = format!("cd $T/s; {files} | {restore} && {files} | {restore}");
                let case = done(onto_another(save, &script), changes).on_memory_only(GROWS);
                cases.push(case.after("echo second > volumes/db2/comment"));
            }
        }
    }
    check(&cases);
}

#[test]
fn a_saved_config_is_restored_by_one_change_of_the_volume() {
    let script = "cat volumes/db2/config > $T/config; for i in 1 2; do cp $T/config volumes/db1/config; done; diff volumes/db?/config";
    check(&[done(script, &["patch_volume(db1, size_total=21474836480 junction_path= policy=nfs)"])
        .on_memory_only(GROWS)]);
}

#[test]
fn what_cannot_be_written_is_refused_and_the_rest_restored() {
    const READ_ONLY: &str = "Operation not permitted";
    check(&[
        refused(
            onto_another(
                "cp -r $V/db2 $T/s; rm -r $T/s/snapshots",
                "rsync -rc $T/s/ $V/db1; code=$?; rsync -rc $T/s/ $V/db1; exit $code",
            ),
            23,
            &[READ_ONLY, "-> \"uuid\"", "-> \"creation_time\"", "-> \"size_used\"", "-> \"info.json\""],
            &["errno=EPERM op=rename path=/dummy/volumes/db1/.uuid.", "uuid is read-only"],
        )
        .having(&["patch_volume(db1, size_total=21474836480 junction_path= policy=nfs)"])
        .on_memory_only(GROWS),
        refused(
            "cp -r volumes/db1 $T/s; cp -r $T/s/. volumes/db1",
            1,
            &["uuid': Operation not permitted"],
            &[],
        ),
        refused(
            "cp volumes/db1/uuid $T; cp $T/uuid volumes/db1/uuid",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=open path=/dummy/volumes/db1/uuid", "uuid is read-only"],
        ),
        refused(
            "tar c -C volumes/db1 . | tar x --overwrite -C volumes/db1",
            2,
            &["uuid: Cannot open: Operation not permitted"],
            &[],
        ),
        // Without --overwrite it unlinks first.
        refused(
            "tar c -C volumes/db1 ./comment | tar x -C volumes/db1",
            2,
            &["./comment: Cannot open: File exists"],
            &["errno=EPERM op=unlink path=/dummy/volumes/db1/comment", "to change a value, write it"],
        ),
        // mkdir in snapshots/ makes one of today: leave them out.
        refused(
            "cp -r volumes/db1/snapshots/s1 $T; cp -r $T/s1 volumes/db2/snapshots",
            1,
            &["s1/created': File exists"],
            &[],
        )
        .having(&["create_snapshot(db2, s1)"]),
        done("rsync -a volumes/db1 $T && rsync -rc --exclude=/db1/snapshots $T/db1 volumes", &[]),
    ]);
}

const FIRST: &str = r#"{
  "policies": [{"name": "default", "rules": ["10.0.0.9"]}, {"name": "nfs", "rules": ["10.0.0.1", "10.0.0.2", "@hosts"]},
               {"name": "web", "rules": ["web1"]}],
  "volumes": [
    {"name": "db1", "size_total": 10737418240, "junction_path": "/db1", "active_policy_name": "nfs", "comment": "first",
     "creation_time": "2025-01-01T00:00:00Z", "snapshots": [{"name": "s1", "creation_time": "2025-01-02T00:00:00Z"}]},
    {"name": "db2", "size_total": 21474836480, "active_policy_name": "web", "creation_time": "2025-02-01T00:00:00Z"}
  ]
}"#;

const SECOND: &str = r#"{
  "policies": [{"name": "default", "rules": ["10.0.0.9"]}, {"name": "nfs", "rules": ["10.0.0.3", "@hosts"]}],
  "volumes": [
    {"name": "db1", "size_total": 5368709120, "junction_path": "/other", "active_policy_name": "default",
     "creation_time": "2025-03-01T00:00:00Z", "snapshots": [{"name": "t1", "creation_time": "2025-03-02T00:00:00Z"}]}
  ]
}"#;

/// A mount with the endpoints `dummy` and `b`, of which the changes of `b` are counted.
fn two() -> Mount {
    let (from, to) = (counting(FIRST), counting(SECOND));
    let settings = filerfs::backend::Settings { size_total: Some(1 << 30), ..Default::default() };
    let defaults = || NewVolume { settings: settings.clone(), aggregate_name: None };
    let endpoints = vec![
        Arc::new(Endpoint::new("dummy", from, defaults())),
        Arc::new(Endpoint::new("b", to.clone(), defaults())),
    ];
    let tree = tree_over(endpoints, options(), Vec::new());
    Mount::tree(to, tree, false)
}

/// What differs afterwards: what the storage decides by itself, and the snapshots, which are of their time.
const DIFFERENCES: &str = "Files dummy/volumes/db1/creation_time and b/volumes/db1/creation_time differ\n\
    Files dummy/volumes/db1/info.json and b/volumes/db1/info.json differ\n\
    Only in dummy/volumes/db1/snapshots: s1\n\
    Only in b/volumes/db1/snapshots: t1\n\
    Files dummy/volumes/db2/creation_time and b/volumes/db2/creation_time differ\n\
    Files dummy/volumes/db2/info.json and b/volumes/db2/info.json differ\n\
    Files dummy/volumes/db2/size_used and b/volumes/db2/size_used differ\n\
    Files dummy/volumes/db2/uuid and b/volumes/db2/uuid differ\n";

#[test]
fn a_saved_endpoint_restored_onto_another_differs_in_what_the_storage_decides() {
    let mut expected = vec![
        "create_policy(web)",
        "create_volume(db2, size_total=1073741824)",
        "ensure_policy_rules_absent(nfs, 10.0.0.3)",
        "ensure_policy_rules_present(nfs, 10.0.0.1 10.0.0.2)",
        "ensure_policy_rules_present(web, web1)",
        "order_policy_rules(nfs, 10.0.0.1 10.0.0.2 @hosts)",
        "patch_volume(db1, comment=first)",
        "patch_volume(db1, size_total=10737418240 junction_path=/db1 policy=nfs)",
        "patch_volume(db2, size_total=21474836480 policy=web)",
    ];
    expected.sort_unstable();
    for restore in
        ["writable | rsync -c --files-from=- . $M/b", "writable | tar c -T - | tar x --overwrite -C $M/b"]
    {
        let (mount, outside) = (two(), tempfile::tempdir().unwrap());
        let save = format!("{WRITABLE}rsync -a $M/dummy/ $T/saved; cd $T/saved; {restore}");
        let ran = bash(&mount, outside.path(), &save);
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{restore}");
        let mut changes = mount.backend.take_changes();
        changes.sort_unstable();
        assert_eq!(changes, expected, "{restore}");
        // A second time there is nothing to change.
        let ran = bash(&mount, outside.path(), &format!("{WRITABLE}cd $T/saved; {restore}"));
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{restore}");
        assert_eq!(mount.backend.take_changes(), Vec::<String>::new(), "{restore}");
        let differ = bash(&mount, outside.path(), "cd $M; diff -rq dummy b | grep -v junctions");
        assert_eq!(differ.stdout, DIFFERENCES, "{restore}");
    }
}

#[test]
fn what_is_empty_is_no_write_and_stays_on_the_target() {
    check(&[
        // An unset junction path and a list without rules.
        done("rsync -a volumes/db2/junction_path policies/default/rules $T; for i in 1 2; do\n\
              rsync -c $T/junction_path volumes/db1; rsync -c $T/rules policies/nfs; done; cat volumes/db1/junction_path", &[])
            .printing("/db1\n"),
        done("echo none > policies/nfs/rules; cat policies/nfs/rules", &[
            "ensure_policy_rules_absent(nfs, 10.0.0.1 10.0.0.2 @hosts)",
        ])
        .printing(""),
        refused(
            "cp -r policies $T; rmdir policies/web; cd $T; cp --parents policies/web/rules $M/dummy",
            1,
            &["policies/web/rules': File exists"],
            &[],
        )
        .after("mkdir policies/web; echo web1 > policies/web/rules")
        .having(&["remove_policy(web)", "create_policy(web)"]),
    ]);
}
