//! Tools that only read: sums, searches, backups, indexes, and what they cost.

use std::collections::BTreeMap;

use serde_json::json;

use crate::case::{bash, check, done, refused};
use crate::common::{options, zapi};

/// Where a backup is kept, outside the mount, and its passphrase.
const RESTIC: &str =
    "export RESTIC_REPOSITORY=$T/repo RESTIC_PASSWORD=x RESTIC_CACHE_DIR=$T/cache; restic -q init\n";

/// A repository outside the mount, of what is in it.
const GIT: &str = "export GIT_DIR=$T/git GIT_WORK_TREE=.; git init -q; git config user.name a; git config user.email a@b\n\
                   git add -A && git commit -qm before && git status --porcelain\n";

fn with(first: &str, script: &str) -> String {
    format!("{first}{script}")
}

#[test]
fn sums_and_searches_agree_with_what_is_read() {
    check(&[
        done("cd volumes/db1; md5sum size_total policy > $T/md5; md5sum -c $T/md5", &[])
            .printing("size_total: OK\npolicy: OK\n"),
        done(
            "find volumes -type f -exec sha256sum {} + > $T/sums; sha256sum -c --quiet $T/sums && [ $(wc -l < $T/sums) -gt 50 ]",
            &[],
        ),
        refused("md5sum volumes/db1", 1, &["md5sum: volumes/db1: Is a directory"], &["ok\n"]),
        done("test -s volumes/db1/size_total && ! test -s volumes/db1/lock", &[]),
        done("test -s volumes/db1/lock && cat volumes/db1/lock", &[])
            .after("echo h1 > volumes/db1/lock")
            .printing("h1\n"),
        done("find volumes/db1 policies -type f -empty ! -name caching_policy ! -name nfs_locks | sort", &[]).printing(
            "policies/default/rules\nvolumes/db1/comment\nvolumes/db1/lock\nvolumes/db1/lock.info\nvolumes/db1/rollback\nvolumes/db1/snapshots/s1/clone\n\
             volumes/db1/snapshots/s2/clone\n",
        ),
        done("grep -rl hosts . | sort", &[]).printing("./policies/nfs/rules\n"),
        done("rg -l --sort path hosts", &[]).printing("policies/nfs/rules\n"),
        done("rg -l --hidden --no-ignore --sort path hosts .", &[]).printing("./policies/nfs/rules\n"),
        refused("grep -r nothing-has-this .", 1, &[], &["ok\n"]),
    ]);
}

#[test]
fn git_keeps_its_repository_outside() {
    check(&[
        done(with(GIT, "git diff --stat; git ls-files policies"), &[])
            .printing("policies/default/rules\npolicies/default/used_by\npolicies/nfs/rules\npolicies/nfs/used_by\n"),
        done(with(GIT, "echo text > volumes/db1/comment; git status --porcelain; git diff --numstat -- '*/comment'"), &[
            "patch_volume(db1, comment=text)",
        ])
        .printing(" M volumes/db1/comment\n M volumes/db1/config\n M volumes/db1/info.json\n1\t0\tvolumes/db1/comment\n"),
        // What was committed comes back by a write of it.
        done(
            with(GIT, "echo x > volumes/db2/comment; git show HEAD:volumes/db2/comment > volumes/db2/comment\n\
                 echo nfs > volumes/db1/policy; git show HEAD:volumes/db1/policy > volumes/db1/policy; git status --porcelain"),
            &["patch_volume(db2, comment=x)", "set_policy(db1, nfs)", "set_policy(db1, default)"],
        )
        .printing(" M volumes/db2/comment\n M volumes/db2/config\n M volumes/db2/info.json\n"),
        // checkout and stash begin with unlink.
        refused(
            with(GIT, "echo text > volumes/db2/comment; git checkout -- volumes/db2/comment"),
            255,
            &["error: unable to unlink old 'volumes/db2/comment': Operation not permitted"],
            &["errno=EPERM op=unlink path=/dummy/volumes/db2/comment", "to change a value, write it"],
        )
        .having(&["patch_volume(db2, comment=text)"]),
        refused("git init -q", 1, &["dummy/.git", "Operation not permitted"], &["errno=EPERM op=mkdir path=/dummy/.git"]),
    ]);
}

#[test]
fn a_second_backup_finds_nothing_new() {
    check(&[
        done(
            with(
                RESTIC,
                "restic -q backup volumes/db1 && restic backup volumes/db1 | grep -E '^(Files|Added)' | tr -s ' ' | cut -d, -f1-2\n\
                 restic -q check && restic -q restore latest --target $T/out && diff -r $T/out/volumes/db1 volumes/db1",
            ),
            &[],
        )
        .printing("Files: 0 new, 0 changed\nAdded to the repository: 0 B (0 B stored)\n"),
        done("rsync -a volumes/db1 $T && rsync -ani volumes/db1 $T && rsync -rcni $T/db1 volumes", &[])
            .printing(""),
    ]);
}

/// The time of a file is that of its object's creation: who goes by time and size alone sees no such change.
#[test]
fn a_value_of_equal_length_is_seen_by_who_looks_at_contents() {
    const CHANGE: &str = "echo b > volumes/db1/comment";
    let looks = [
        ("rsync -a volumes/db1 $T", "rsync -rcni volumes/db1 $T | grep -q db1/comment"),
        ("cp -r volumes/db1 $T", "! diff -r $T/db1 volumes/db1 > /dev/null"),
        ("tar cf $T/tar volumes/db1", "tar df $T/tar | grep -q 'db1/comment: Contents differ'"),
        (
            "export RESTIC_REPOSITORY=$T/repo RESTIC_PASSWORD=x RESTIC_CACHE_DIR=$T/cache; restic -q init; restic -q backup volumes",
            "restic backup --force volumes | grep -q 'Added to the repository: [1-9]'",
        ),
        (
            "export GIT_DIR=$T/git GIT_WORK_TREE=.; git init -q; git config user.name a; git config user.email a@b; git add -A; git commit -qm a",
            "git read-tree HEAD && git status --porcelain | grep -q db1/comment",
        ),
    ];
    let cases = looks.map(|(before, after)| {
        done(format!("{before}\n{CHANGE}\n{after}"), &["patch_volume(db1, comment=b)"])
            .after("echo a > volumes/db1/comment")
    });
    check(&cases);
}

#[test]
fn df_is_about_the_volume_that_it_is_asked_about() {
    check(&[
        done("df -B1 --output=fstype,size,used,avail,pcent,file volumes/db1 volumes/db2/lock | tail -n +2 | tr -s ' '", &[])
            .printing(
                "fuse.filerfs 10737418240 1048576 10736369664 1% volumes/db1\n\
                 fuse.filerfs 21474836480 2097152 21472739328 1% volumes/db2/lock\n",
            ),
        // There is no limit of inodes, and none is made up.
        done("df --output=itotal,iused,iavail,ipcent volumes/db1 | tail -n 1 | tr -s ' '", &[]).printing(" 0 0 0 -\n"),
        done("df -h volumes/db1 | tail -n 1 | tr -s ' ' | cut -d' ' -f2-5; df -P volumes/db2 | tail -n 1 | tr -s ' ' | cut -d' ' -f2-5", &[])
            .printing("10G 1.0M 10G 1%\n20971520 2048 20969472 1%\n"),
        done("stat -f -c '%S %b %f %a %c %d %l' volumes/db1", &[]).printing("1024 10485760 10484736 10484736 0 0 255\n"),
        // busybox asks the root of the mount instead.
        done("cd volumes/db1; busybox df . | tail -n 1 | tr -s ' ' | cut -d' ' -f2-5", &[])
            .printing("0 0 0 0%\n"),
        // Outside of every volume nothing is said.
        done("df --output=size,used,avail,pcent . policies | tail -n +2 | tr -s ' '", &[]).printing(" 0 0 0 -\n 0 0 0 -\n"),
        done("cd volumes/db1; TZ=UTC ls -l --time-style=full-iso snapshots | tail -n +2 | cut -d' ' -f5-", &[]).printing(
            "102400 2025-01-02 00:00:00.000000000 +0000 s1\n204800 2025-01-03 00:00:00.000000000 +0000 s2\n",
        ),
    ]);
}

/// Walks over everything, each from a cold start.
const CRAWLS: [&str; 11] = [
    "ls -lR > /dev/null",
    "du -s . > /dev/null",
    "tree -a > /dev/null",
    "find . -ls > /dev/null",
    "ncdu -0 -o $T/ncdu . && grep -q size_total $T/ncdu",
    "updatedb -o $T/db -U $M --prunefs '' --prunepaths '' --prunenames '' --prune-bind-mounts no && locate -d $T/db size_total | grep -q vol",
    "grep -r nothing-has-this . || [ $? = 1 ]",
    "rg --no-ignore --hidden nothing-has-this . || [ $? = 1 ]",
    "tar c . | cat > /dev/null",
    "rsync -a . $T/copy",
    "export RESTIC_REPOSITORY=$T/repo RESTIC_PASSWORD=x RESTIC_CACHE_DIR=$T/cache; restic -q init && restic -q backup .",
];

/// So many volumes, each with three snapshots.
fn filer_of(volumes: u64) -> String {
    let volume = |i: u64| {
        json!({"name": format!("vol{i}"), "size_total": 10_737_418_240_u64, "junction_path": format!("/vol{i}"),
            "snapshots": [{"name": "s1"}, {"name": "s2"}, {"name": "s3"}]})
    };
    let policies = json!([{"name": "default"}, {"name": "nfs", "rules": ["10.0.0.1", "@hosts"]}]);
    json!({"policies": policies, "volumes": (0..volumes).map(volume).collect::<Vec<_>>()}).to_string()
}

/// What it costs: the lists; snapshots and NFS locks of an eighth of the volumes one by one, then of all at once.
fn walk_costs_at_most_one_call_and_one_a_volume(volumes: u64, crawl: &str) {
    let (mount, filer) = zapi::of(&filer_of(volumes), options());
    let outside = tempfile::tempdir().unwrap();
    filer.forget_calls();
    let ran = bash(&mount, outside.path(), crawl);
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{crawl}");
    let singly = volumes / 8;
    let most = BTreeMap::from([
        // That a volume without NFS locks is there is asked for as well.
        ("volume-get-iter", 1 + singly),
        ("lock-get-iter", 1 + singly),
        ("sis-get-iter", 1),
        ("export-policy-get-iter", 1),
        ("export-rule-get-iter", 1),
        ("snapshot-get-iter", 1 + singly),
    ]);
    let calls = filer.calls();
    let dear = calls.iter().filter(|(call, count)| most.get(call.as_str()).is_none_or(|most| *count > most));
    assert_eq!(dear.collect::<Vec<_>>(), Vec::<(&String, &u64)>::new(), "{crawl}: {calls:?}");
    assert!(calls.values().sum::<u64>() <= 1 + volumes, "{crawl}: {calls:?}");
    assert!(calls.contains_key("volume-get-iter"), "{crawl}: {calls:?}");
    assert_eq!(mount.backend.take_changes(), Vec::<String>::new(), "{crawl}");
}

#[test]
fn a_walk_over_everything_costs_a_filer_at_most_one_call_and_one_a_volume() {
    for crawl in CRAWLS {
        walk_costs_at_most_one_call_and_one_a_volume(8, crawl);
    }
}

#[test]
fn a_walk_over_many_volumes_costs_a_filer_no_more() {
    walk_costs_at_most_one_call_and_one_a_volume(40, CRAWLS[6]);
}
