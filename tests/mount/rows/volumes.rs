//! Volumes: list, read, create, restrict.

use std::sync::Arc;

use filerfs::tree::shared::Options;

use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with};
use crate::table::{Says, check, check_on, done, refused};

#[test]
fn volumes_are_listed_and_read() {
    check(&[
        done("ls volumes", "db1\ndb2\n", &[]),
        done("ls", "defaults\njunctions\npolicies\nstaging\nvolumes\n", &[]),
        done("cat volumes/db1/size_used volumes/db1/filer_address", "1048576\ndummy-filer\n", &[])
            .on_memory_only("a filer's address is its own"),
        done("cat volumes/db1/creation_time volumes/db2/lock", "2025-01-01T00:00:00Z\n", &[]),
        done("cat volumes/db1/info.json | grep size_total", "  \"size_total\": 10737418240,\n", &[]),
        done("test -e volumes/none || echo missing", "missing\n", &[]),
    ]);
}

#[test]
fn mkdir_creates_a_volume_with_the_defaults() {
    check(&[
        done(
            "mkdir volumes/v; cat volumes/v/size_total; ls volumes",
            "0\ndb1\ndb2\nv\n",
            &["create_volume(v, )"],
        )
        .on_memory_only("a volume on a filer needs size_total and junction_path"),
        done(
            "mkdir volumes/v; cat volumes/v/size_total",
            "10737418240\n",
            &["create_volume(v, size_total=10737418240 comment=for v)"],
        )
        .on_memory_only("a volume on a filer needs size_total and junction_path")
        .after("printf 'size_total 10G\\ncomment for {name}\\n' > defaults"),
        done(
            "mkdir -p volumes/v/snapshots/s; mkdir -p volumes/v/snapshots/s; ls volumes/v/snapshots",
            "s\n",
            &["create_volume(v, )", "create_snapshot(v, s)"],
        )
        .on_memory_only("a volume on a filer needs size_total and junction_path"),
        // The kernel knows the name already: it refuses by itself, and last_error still holds what was before.
        refused(
            "mkdir volumes/db1",
            Says::Tool("mkdir: cannot create directory 'volumes/db1': File exists\n"),
            &["ok\n"],
        ),
        refused(
            "mkdir volumes/.v",
            Says::Tool("mkdir: cannot create directory 'volumes/.v': Invalid argument\n"),
            &["errno=EINVAL op=mkdir path=/dummy/volumes/.v", "^", "%2E"],
        ),
        refused(
            "mkdir volumes/db1/v",
            Says::Tool("mkdir: cannot create directory 'volumes/db1/v': Operation not permitted\n"),
            &["errno=EPERM op=mkdir path=/dummy/volumes/db1/v", "volumes/ staging/ snapshots/ policies/"],
        ),
    ]);
}

#[test]
fn defaults_are_written_as_keys_and_last_as_long_as_the_mount() {
    check(&[
        // Nothing of this reaches the storage.
        done(
            "echo size_total 10G > defaults; echo comment x >> defaults; cat defaults",
            "size_total 10737418240\ncomment x\n",
            &[],
        ),
        done("echo comment > defaults; cat defaults", "size_total 10737418240\n", &[])
            .after("echo size_total 10G > defaults; echo comment x > defaults"),
        done(
            "echo aggregate_name aggr1 > defaults; mkdir volumes/v; cat volumes/v/aggregate_name",
            "aggr1\n",
            &["create_volume(v, )"],
        )
        .on_memory_only("a volume on a filer needs size_total and junction_path"),
        refused(
            "echo size_total 10GB > defaults",
            Says::Echo("Invalid argument"),
            &["errno=EINVAL op=write path=/dummy/defaults", "\n  size_total 10GB\n               ^\n"],
        ),
        refused("echo sise_total 10G > defaults", Says::Echo("Invalid argument"), &["known: size_total"]),
        refused(
            "mkdir volumes/v",
            Says::Tool("mkdir: cannot create directory 'volumes/v': Invalid argument\n"),
            &["errno=EINVAL op=mkdir", "there is no aggregate none", "accepted: aggr1"],
        )
        .on_memory_only("a volume on a filer needs size_total and junction_path")
        .after("echo aggregate_name none > defaults")
        .having(&["create_volume(v, )"]),
    ]);
}

#[test]
fn rmdir_restricts_a_volume_unless_it_is_held_or_protected() {
    check(&[
        done("rmdir volumes/db2; ls volumes", "db1\n", &["restrict_volume(db2)"]),
        done("rmdir volumes/db1; ls junctions", "", &["restrict_volume(db1)"]),
        done("rmdir volumes/db1; ls volumes", "db2\n", &["restrict_volume(db1)"])
            .after("echo admin1 > volumes/db1/lock"),
        refused(
            "rmdir volumes/db1",
            Says::Tool("rmdir: failed to remove 'volumes/db1': Device or resource busy\n"),
            &["errno=EBUSY op=rmdir path=/dummy/volumes/db1", "other holds the lock", "echo -other >"],
        )
        .after("echo other > volumes/db1/lock"),
        refused(
            "rmdir volumes/db1",
            Says::Tool("rmdir: failed to remove 'volumes/db1': Operation not permitted\n"),
            &["errno=EPERM op=rmdir", "protected", "echo 0 > volumes/db1/protect"],
        )
        .after("echo 1 > volumes/db1/protect"),
        done(
            "echo 0 > volumes/db1/protect; rmdir volumes/db1",
            "",
            &["patch_volume(db1, protect=0)", "restrict_volume(db1)"],
        )
        .after("echo 1 > volumes/db1/protect"),
        refused(
            "rmdir volumes/db2; rmdir volumes/db2",
            Says::Tool("rmdir: failed to remove 'volumes/db2': No such file or directory\n"),
            &["ok\n"],
        )
        .having(&["restrict_volume(db2)"]),
        refused(
            "rmdir volumes",
            Says::Tool("rmdir: failed to remove 'volumes': Operation not permitted\n"),
            &["errno=EPERM op=rmdir path=/dummy/volumes", "part of the tree"],
        ),
        // A volume of the same name is another one.
        done(
            "rmdir volumes/db2; mkdir volumes/db2; cat volumes/db2/size_used",
            "204800\n",
            &["restrict_volume(db2)", "create_volume(db2, )"],
        )
        .on_memory_only("a volume on a filer needs size_total and junction_path"),
    ]);
}

#[test]
fn new_volumes_are_protected_if_the_configuration_says_so() {
    let mount = || {
        let backend = counting(SMALL);
        let tree = tree_with(backend.clone(), Options { protect_new: true, ..options() }, Vec::new());
        Mount::tree(Arc::clone(&backend), tree, false)
    };
    let cases = [
        refused(
            "mkdir volumes/v; rmdir volumes/v",
            Says::Tool("rmdir: failed to remove 'volumes/v': Operation not permitted\n"),
            &["errno=EPERM op=rmdir path=/dummy/volumes/v", "protected"],
        )
        .having(&["create_volume(v, protect=1)"]),
        refused(
            "mkdir staging/v; mv staging/v volumes/v; rmdir volumes/v",
            Says::Tool("rmdir: failed to remove 'volumes/v': Operation not permitted\n"),
            &["errno=EPERM op=rmdir", "protected"],
        )
        .having(&["create_volume(v, protect=1)"]),
        done(
            "echo c > volumes/db1/snapshots/s1/clone; cat volumes/c/protect",
            "1\n",
            &["clone_volume(c, db1, s1, protect=1)"],
        ),
        // What was there before is not new, and who says 0 means it.
        done("rmdir volumes/db2", "", &["restrict_volume(db2)"]),
        done(
            "mkdir staging/v; echo 0 > staging/v/protect; mv staging/v volumes/v; rmdir volumes/v",
            "",
            &["create_volume(v, protect=0)", "restrict_volume(v)"],
        ),
    ];
    check_on(mount, &cases);
}

#[test]
fn what_is_not_an_object_can_be_neither_made_nor_removed() {
    check(&[
        refused(
            "rm -rf volumes/db1/uuid",
            Says::Tool("rm: cannot remove 'volumes/db1/uuid': Operation not permitted\n"),
            &["errno=EPERM op=unlink path=/dummy/volumes/db1/uuid", "rmdir volumes/V"],
        ),
        refused(
            "rm -f volumes/db1/lock",
            Says::Tool("rm: cannot remove 'volumes/db1/lock': Operation not permitted\n"),
            &["errno=EPERM op=unlink", "echo > lock"],
        ),
        refused(
            "echo x > volumes/db1/new",
            Says::Redirect("Operation not permitted"),
            &["errno=EPERM op=create path=/dummy/volumes/db1/new"],
        ),
        refused(
            "echo x > volumes/new",
            Says::Redirect("Operation not permitted"),
            &["errno=EPERM op=create path=/dummy/volumes/new", "mkdir new"],
        ),
        refused(
            "ln -s x volumes/l",
            Says::Tool("ln: failed to create symbolic link 'volumes/l': Operation not permitted\n"),
            &["errno=EPERM op=symlink path=/dummy/volumes/l"],
        ),
        refused(
            "mkfifo volumes/f",
            Says::Tool("mkfifo: cannot create fifo 'volumes/f': Operation not permitted\n"),
            &["errno=EPERM op=mknod path=/dummy/volumes/f"],
        ),
        refused(
            "mv volumes/db1 volumes/db9",
            Says::Tool("mv: cannot move 'volumes/db1' to 'volumes/db9': Operation not permitted\n"),
            &["errno=EPERM op=rename path=/dummy/volumes/db1", "snapshots/S/clone"],
        ),
        refused(
            "mv volumes/db1/comment volumes/db1/words",
            Says::Tool(
                "mv: cannot move 'volumes/db1/comment' to 'volumes/db1/words': Operation not permitted\n",
            ),
            &["errno=EPERM op=rename", "part of the tree"],
        ),
        refused(
            "chmod 600 volumes/db1/lock",
            Says::Tool("chmod: changing permissions of 'volumes/db1/lock': Operation not permitted\n"),
            &["errno=EPERM op=setattr path=/dummy/volumes/db1/lock", "[[access]]"],
        ),
        done(
            "chmod 644 volumes/db1/lock; chown 0:0 volumes/db1; touch volumes/db1/lock volumes/db1",
            "",
            &[],
        ),
    ]);
}

#[test]
fn a_volume_on_a_filer_needs_a_size_and_a_place() {
    check_on(
        crate::common::zapi::small,
        &[
            refused(
                "mkdir volumes/v",
                Says::Tool("mkdir: cannot create directory 'volumes/v': Invalid argument\n"),
                &["errno=EINVAL op=mkdir path=/dummy/volumes/v", "a volume on this filer needs size_total"],
            )
            .having(&["create_volume(v, )"]),
            done(
                "mkdir volumes/v; cat volumes/v/size_total volumes/v/junction_path",
                "1073741824\n/v\n",
                &["create_volume(v, size_total=1073741824 junction_path=/v)"],
            )
            .after("printf 'size_total 1G\\njunction_path /{name}\\n' | cat > defaults"),
            done(
                "mkdir staging/v; echo 1G > staging/v/size_total; echo /w > staging/v/junction_path\n\
                 mv staging/v volumes/v; readlink junctions/%2Fw",
                "../volumes/v\n",
                &["create_volume(v, size_total=1073741824 junction_path=/w)"],
            ),
        ],
    );
}
