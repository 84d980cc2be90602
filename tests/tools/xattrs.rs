//! Extended attributes, ACLs and the flags of chattr: there are none, and who asks is told so.

use crate::case::{check, done, refused};

const NONE: &str = "Operation not supported";

#[test]
fn there_are_no_extended_attributes_to_read_or_set() {
    check(&[
        refused("getfattr -d volumes/db1/comment", 1, &["getfattr: volumes/db1/comment:", NONE], &["ok\n"]),
        refused("getfattr -n user.filerfs.error volumes/db1/comment", 1, &["user.filerfs.error:", NONE], &["ok\n"]),
        refused("setfattr -n user.x -v 1 volumes/db1/comment", 1, &["setfattr: volumes/db1/comment:", NONE], &["ok\n"]),
        refused("setfattr -x user.x volumes/db1/comment", 1, &[NONE], &["ok\n"]),
        refused("setfattr -n trusted.x -v 1 volumes", 1, &[NONE], &["ok\n"]),
        refused("attr -s x -V y volumes/db1/comment", 1, &["Could not set \"x\"", NONE], &["ok\n"]),
        // Those who only carry them along find none.
        done("cp --preserve=all volumes/db1/size_total $T && rsync -aAX volumes/db1 $T && cat $T/db1/size_total", &[])
            .printing("10737418240\n"),
        done("tar c --xattrs --acls volumes/db1 | tar x --xattrs --acls -C $T && diff -r $T/volumes/db1 volumes/db1", &[]).noisy(),
    ]);
}

#[test]
fn an_acl_is_the_mode_and_cannot_be_more() {
    check(&[
        done("getfacl -c volumes/db1/comment volumes/db1/uuid", &[])
            .printing("user::rw-\ngroup::r--\nother::r--\n\nuser::r--\ngroup::r--\nother::r--\n\n"),
        refused(
            "setfacl -m u:nobody:rw volumes/db1/comment",
            1,
            &["setfacl: volumes/db1/comment:", NONE],
            &["ok\n"],
        ),
        refused("setfacl -d -m u:nobody:rwx volumes/db1/snapshots", 1, &[NONE], &["ok\n"]),
        done("setfacl -b volumes/db1/comment", &[]),
    ]);
}

#[test]
fn there_are_no_flags_for_chattr() {
    check(&[
        refused("chattr +i volumes/db1/comment", 1, &[NONE, "volumes/db1/comment"], &["ok\n"]),
        refused("chattr +a volumes/db1", 1, &[NONE, "volumes/db1"], &["ok\n"]),
        refused("lsattr volumes/db1/comment", 1, &[NONE, "volumes/db1/comment"], &["ok\n"]),
        refused("lsattr -d volumes/db1", 1, &[NONE], &["ok\n"]),
    ]);
}
