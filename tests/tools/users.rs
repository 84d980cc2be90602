//! Other users: who only reads, a group that was given a volume, sudo and su, namespaces.

use filerfs::tree::access::AccessRule;

use crate::case::{bash, left};
use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with, zapi};

/// A user that nobody knows, and a member of the group 23456.
const OTHER: &str = "chmod 755 $T; as() { setpriv --reuid=34567 --regid=34567 --clear-groups \"$@\"; }\n";
const MEMBER: &str = "chmod 777 $T; as() { setpriv --reuid=45678 --regid=34567 --groups=23456 \"$@\"; }\n";

/// What a script prints, its status, words on stderr (nothing if there are none), and its changes.
struct Row(&'static str, i32, &'static [&'static str], &'static [&'static str], &'static str);

fn check(rules: &[AccessRule], users: &str, rows: &[Row]) {
    for Row(script, code, says, changes, stdout) in rows {
        let memory = counting(SMALL);
        let tree = tree_with(memory.clone(), options(), rules.to_vec());
        for mount in [Mount::tree(memory, tree, false), zapi::ruled(options(), rules.to_vec())] {
            let outside = tempfile::tempdir().unwrap();
            let ran = bash(&mount, outside.path(), &format!("{users}{script}"));
            assert_eq!((ran.code, &*ran.stdout), (*code, *stdout), "{script}: {ran:?}");
            assert!(says.iter().all(|words| ran.stderr.contains(words)), "{script}: {ran:?}");
            assert!(!says.is_empty() || ran.stderr.is_empty(), "{script}: {ran:?}");
            assert_eq!(mount.backend.take_changes(), *changes, "{script}");
            assert_eq!(left(&mount), Vec::<String>::new(), "{script}");
        }
    }
}

fn rule(path: &str, mode: u32) -> AccessRule {
    AccessRule { path: glob::Pattern::new(path).unwrap(), uid: None, gid: Some(23456), mode: Some(mode) }
}

const COMMENT: &[&str] = &["patch_volume(db1, comment=new)"];
const DENIED: &[&str] = &["Permission denied"];

#[test]
fn another_user_reads_everything_and_changes_nothing() {
    check(
        &[],
        OTHER,
        &[
            Row("as find . -type f -exec cat {} + > /dev/null", 0, &[], &[], ""),
            Row("as cat volumes/db1/size_total", 0, &[], &[], "10737418240\n"),
            Row("as bash -c 'echo new > volumes/db1/comment'", 1, DENIED, &[], ""),
            Row("as sed -i s/.*/new/ volumes/db1/size_total", 4, &["couldn't open temporary file"], &[], ""),
            Row("as mkdir volumes/db1/snapshots/x", 1, DENIED, &[], ""),
            Row("as rmdir volumes/db1", 1, DENIED, &[], ""),
            Row("as rm -rf volumes/db1", 1, DENIED, &[], ""),
            Row("as mv volumes/db1/snapshots/s1 volumes/db1/snapshots/x", 1, DENIED, &[], ""),
            Row("as touch volumes/db1/.scratch", 1, DENIED, &[], ""),
            // Each sees the result of his own last change alone.
            Row(
                "echo x > volumes/db1/uuid; as cat $M/.ctl/last_error",
                0,
                &["Operation not permitted"],
                &[],
                "ok\n",
            ),
        ],
    );
}

/// A file alone is enough for whoever writes into it.
#[test]
fn a_member_of_a_group_writes_into_the_files_that_it_was_given() {
    let rules = [rule("dummy/volumes/db1/comment", 0o660), rule("dummy/volumes/db1/snapshots", 0o770)];
    check(
        &rules,
        MEMBER,
        &[
            Row(
                "as bash -c 'echo new > volumes/db1/comment'; cat volumes/db1/comment",
                0,
                &[],
                COMMENT,
                "new\n",
            ),
            Row("echo new | as tee volumes/db1/comment", 0, &[], COMMENT, "new\n"),
            Row(
                "echo new > $T/comment; as rsync --inplace -c $T/comment volumes/db1/comment",
                0,
                &[],
                COMMENT,
                "",
            ),
            Row("as vim -n -es -u NONE -c 's/^/new/' -c wq volumes/db1/comment", 0, &[], COMMENT, ""),
            Row(
                "as mkdir volumes/db1/snapshots/x && as rmdir volumes/db1/snapshots/x",
                0,
                &[],
                &["create_snapshot(db1, x)", "delete_snapshot(db1, x)"],
                "",
            ),
            // A file beside it needs the directory.
            Row(
                "echo a > volumes/db1/comment; as sed -i s/a/new/ volumes/db1/comment",
                4,
                &["couldn't open temporary file"],
                &["patch_volume(db1, comment=a)"],
                "",
            ),
            Row("echo new > $T/comment; as rsync -c $T/comment volumes/db1/comment", 23, DENIED, &[], ""),
            Row("as bash -c 'echo 5G > volumes/db1/size_total'", 1, DENIED, &[], ""),
            Row(
                "as cat volumes/db2/comment; as bash -c 'echo new > volumes/db2/comment'",
                1,
                DENIED,
                &[],
                "",
            ),
            Row(
                "setpriv --reuid=45678 --regid=34567 --clear-groups cat volumes/db1/comment",
                1,
                DENIED,
                &[],
                "",
            ),
        ],
    );
}

/// Elsewhere, who may write in a directory may replace each file in it; here, only what he may write.
#[test]
fn a_member_of_a_group_replaces_files_where_it_was_given_the_directory() {
    let rules = [rule("dummy/volumes/db1/comment", 0o660), rule("dummy/volumes/db1", 0o775)];
    check(
        &rules,
        MEMBER,
        &[
            Row(
                "echo a > volumes/db1/comment; as sed -i s/a/new/ volumes/db1/comment; cat volumes/db1/comment",
                0,
                &[],
                &["patch_volume(db1, comment=a)", "patch_volume(db1, comment=new)"],
                "new\n",
            ),
            Row("echo new > $T/comment; as rsync -c $T/comment volumes/db1/comment", 0, &[], COMMENT, ""),
            Row("as vim -es -u NONE -c 's/^/new/' -c wq volumes/db1/comment", 0, &[], COMMENT, ""),
            Row("as sed -i s/.*/5G/ volumes/db1/size_total", 4, DENIED, &[], ""),
            Row("as sed -i s/.*/new/ volumes/db2/size_total", 4, &["couldn't open temporary file"], &[], ""),
            // The volume itself, its snapshots and the directory's own mode are not given with it.
            Row("as rmdir volumes/db1", 1, DENIED, &[], ""),
            Row("as mkdir volumes/db1/snapshots/x", 1, DENIED, &[], ""),
            Row("as chmod 777 volumes/db1", 1, &["Operation not permitted"], &[], ""),
            // Another's scratch file is his own.
            Row(
                "echo a > volumes/db1/.mine; as cat volumes/db1/.mine; rm volumes/db1/.mine",
                0,
                DENIED,
                &[],
                "",
            ),
        ],
    );
}

#[test]
fn sudo_and_su_are_the_user_that_they_become() {
    check(
        &[],
        OTHER,
        &[
            Row("echo new | sudo -n tee volumes/db1/comment", 0, &[], COMMENT, "new\n"),
            Row(
                "set -o pipefail; echo 5Q | sudo -n tee volumes/db1/size_total > /dev/null",
                1,
                &["Invalid argument"],
                &[],
                "",
            ),
            Row("echo new | sudo -n -u nobody tee volumes/db1/comment", 1, DENIED, &[], "new\n"),
            Row("sudo -n -u nobody cat volumes/db1/size_total", 0, &[], &[], "10737418240\n"),
            Row("su -s /bin/sh nobody -c 'cat volumes/db1/size_total'", 0, &[], &[], "10737418240\n"),
            Row("su -s /bin/sh nobody -c 'echo new > volumes/db1/comment'", 2, DENIED, &[], ""),
            Row("su -s /bin/bash root -c 'echo new > volumes/db1/comment'", 0, &[], COMMENT, ""),
        ],
    );
}

#[test]
fn a_mount_namespace_shows_the_same_tree_at_another_place() {
    const IN: &str = "inside() { unshare -m --propagation slave bash -ec \"mkdir $T/m; mount --rbind --make-rslave $M $T/m; cd $T/m/dummy; $1\"; }\n";
    check(
        &[],
        IN,
        &[
            Row(
                "inside 'cat volumes/db1/size_total; df --output=size -B1 volumes/db1 | tail -n 1'",
                0,
                &[],
                &[],
                "10737418240\n10737418240\n",
            ),
            Row(
                "inside 'echo new > volumes/db1/comment; cat ../.ctl/last_error'; cat volumes/db1/comment",
                0,
                &[],
                COMMENT,
                "ok\nnew\n",
            ),
            Row(
                "inside 'sed -i s/^.*/5G/ volumes/db1/size_total'",
                0,
                &[],
                &["patch_volume(db1, size_total=5368709120)"],
                "",
            ),
            Row(
                "inside 'mkdir volumes/db1/snapshots/x'; rmdir volumes/db1/snapshots/x",
                0,
                &[],
                &["create_snapshot(db1, x)", "delete_snapshot(db1, x)"],
                "",
            ),
            Row(
                "inside 'mount -o remount,bind,ro $T/m; echo new > volumes/db1/comment'",
                1,
                &["Read-only file system"],
                &[],
                "",
            ),
            // Who went away leaves nothing that holds the mount.
            Row("inside true; rmdir $T/m; inside 'rm -rf volumes'", 1, &["Operation not permitted"], &[], ""),
        ],
    );
}

#[test]
fn root_of_a_user_namespace_is_the_user_that_made_it() {
    check(
        &[],
        OTHER,
        &[
            Row(
                "as unshare -Ur bash -c 'id -u; cat volumes/db1/size_total'",
                0,
                &[],
                &[],
                "0\n10737418240\n",
            ),
            Row("as unshare -Ur bash -c 'echo new > volumes/db1/comment'", 1, DENIED, &[], ""),
            Row("as unshare -Ur mkdir volumes/db1/snapshots/x", 1, DENIED, &[], ""),
            Row("as unshare -Ur rmdir volumes/db1", 1, DENIED, &[], ""),
            Row("as unshare -U cat volumes/db1/size_total", 0, &[], &[], "10737418240\n"),
            Row("unshare -Ur bash -c 'echo new > volumes/db1/comment'", 0, &[], COMMENT, ""),
        ],
    );
}
