//! The settings of a volume: one file each, and `config`.

use crate::table::{Says, check, done, refused};

const INVALID: Says = Says::Echo("Invalid argument");

#[test]
fn a_new_value_is_one_change() {
    check(&[
        done(
            "cd volumes/db1; echo 5G > size_total; cat size_total",
            "5368709120\n",
            &["patch_volume(db1, size_total=5368709120)"],
        ),
        done(
            "cd volumes/db1; printf 5G > size_total; cat size_total",
            "5368709120\n",
            &["patch_volume(db1, size_total=5368709120)"],
        ),
        done(
            "cd volumes/db1; printf '  5Gi \\r\\n' > size_total; cat size_total",
            "5368709120\n",
            &["patch_volume(db1, size_total=5368709120)"],
        ),
        done(
            "cd volumes/db1; echo 5368709120 >> size_total; cat size_total",
            "5368709120\n",
            &["patch_volume(db1, size_total=5368709120)"],
        ),
        done(
            "cd volumes/db1; echo 5 > percentage_snapshot_reserve; cat percentage_snapshot_reserve",
            "5\n",
            &["patch_volume(db1, percentage_snapshot_reserve=5)"],
        ),
        done(
            "cd volumes/db1; echo yes > compression_enabled; cat compression_enabled",
            "1\n",
            &["patch_volume(db1, compression_enabled=1)"],
        ),
        done(
            "cd volumes/db1; echo on > inline_compression; cat inline_compression",
            "1\n",
            &["patch_volume(db1, inline_compression=1)"],
        )
        .on_memory_only("on a filer inline compression needs compression"),
        done(
            "cd volumes/db1; echo auto > caching_policy; cat caching_policy",
            "auto\n",
            &["patch_volume(db1, caching_policy=auto)"],
        ),
        done(
            "cd volumes/db1; echo true > autosize_enabled; cat autosize_enabled",
            "1\n",
            &["patch_volume(db1, autosize_enabled=1)"],
        ),
        done(
            "cd volumes/db1; echo 1T > max_autosize; cat max_autosize",
            "1099511627776\n",
            &["patch_volume(db1, max_autosize=1099511627776)"],
        ),
        done(
            "cd volumes/db1; echo hello world > comment; cat comment",
            "hello world\n",
            &["patch_volume(db1, comment=hello world)"],
        ),
        done("cd volumes/db1; echo 1 > protect; cat protect", "1\n", &["patch_volume(db1, protect=1)"]),
        done("cd volumes/db1; echo nfs > policy; cat policy", "nfs\n", &["set_policy(db1, nfs)"]),
    ]);
}

#[test]
fn an_equal_value_is_no_change() {
    check(&[
        done("cd volumes/db1; for v in 10G 10Gi 10240M 10737418240; do echo $v > size_total; done", "", &[]),
        done("cd volumes/db1; printf '\\t10G ' > size_total; printf '10G\\r\\n' > size_total", "", &[]),
        done("cd volumes/db1; echo 0 > protect; echo no > protect; echo off > autosize_enabled", "", &[]),
        done("cd volumes/db1; echo > comment; echo /db1 > junction_path; echo default > policy", "", &[]),
        done("cd volumes/db1; cat config | cat > config; cat size_total | cat > size_total", "", &[]),
        done("cd volumes/db1; echo size_total 10G > config", "", &[]),
    ]);
}

#[test]
fn an_empty_line_unsets_what_can_be_unset() {
    check(&[
        done(
            "cd volumes/db1; echo > junction_path; cat junction_path; ls ../../junctions",
            "",
            &["patch_volume(db1, junction_path=)"],
        ),
        done("cd volumes/db1; echo > comment; cat comment", "", &["patch_volume(db1, comment=)"])
            .after("echo words > volumes/db1/comment"),
        refused("echo > volumes/db1/size_total", INVALID, &["errno=EINVAL op=write", "^"]),
        refused("echo > volumes/db1/protect", INVALID, &["errno=EINVAL op=write", "accepted: 0 1"]),
        refused("echo > volumes/db1/policy", INVALID, &["errno=EINVAL op=write", "the policy name is empty"]),
    ]);
}

#[test]
fn a_refused_echo_fails_in_every_shell() {
    check(&[
        refused(
            "echo 10GB > volumes/db1/size_total",
            INVALID,
            &["errno=EINVAL op=write path=/dummy/volumes/db1/size_total", "\n  10GB\n    ^\naccepted: bytes"],
        ),
        refused(
            "printf 10GB > volumes/db1/size_total",
            Says::Printf("Invalid argument"),
            &["errno=EINVAL op=write", "\n    ^\n"],
        ),
        refused(
            "printf '10GB\\n' >> volumes/db1/size_total",
            Says::Printf("Invalid argument"),
            &["errno=EINVAL", "\n    ^\n"],
        ),
        refused("echo -5 > volumes/db1/size_total", INVALID, &["errno=EINVAL", "\n  -5\n  ^\n"]),
        refused(
            "echo 16384P > volumes/db1/size_total",
            Says::Echo("Numerical result out of range"),
            &["errno=ERANGE", "\n  16384P\n  ^\n", "accepted: 0 to 9223372036854775807"],
        ),
        refused("echo 1.5 > volumes/db1/percentage_snapshot_reserve", INVALID, &["\n  1.5\n   ^\n"]),
        refused("echo maybe > volumes/db1/protect", INVALID, &["neither yes nor no", "\n  maybe\n  ^\n"]),
        refused("echo nsf > volumes/db1/policy", INVALID, &["there is no policy nsf", "known: nfs"]),
        refused("echo db1 > volumes/db1/junction_path", INVALID, &["does not begin with /", "^"]),
        refused("echo /db1 > volumes/db2/junction_path", INVALID, &["volume db1 is mounted at /db1"])
            .on_memory_only("a filer refuses in its own words")
            .having(&["patch_volume(db2, junction_path=/db1)"]),
        refused(
            "echo x > volumes/db1/uuid",
            Says::Redirect("Operation not permitted"),
            &["errno=EPERM op=open path=/dummy/volumes/db1/uuid", "read-only"],
        ),
    ]);
}

#[test]
fn a_file_of_one_value_takes_one_and_keeps_the_first() {
    check(&[
        refused(
            "{ echo 1G; echo 2G; } > volumes/db1/size_total",
            INVALID,
            &["errno=EINVAL op=write", "this file takes one value", "2G"],
        )
        .having(&["patch_volume(db1, size_total=1073741824)"]),
        refused("exec 3> volumes/db1/comment; echo a >&3; echo b >&3", INVALID, &["takes one value", "b"])
            .having(&["patch_volume(db1, comment=a)"]),
        // The next open is a new beginning.
        done(
            "cd volumes/db1; echo a > comment; echo b > comment; cat comment",
            "b\n",
            &["patch_volume(db1, comment=a)", "patch_volume(db1, comment=b)"],
        ),
    ]);
}

#[test]
fn a_write_of_config_is_one_change_or_none() {
    check(&[
        done(
            "cd volumes/db1; cat > config <<END\nsize_total 20G\n# words\n\ncomment  hello world\npolicy nfs\nEND\ncat comment policy",
            "hello world\nnfs\n",
            &["patch_volume(db1, size_total=21474836480 comment=hello world policy=nfs)"],
        ),
        // Keys that are not named keep their value, and only what differs is sent.
        done(
            "printf 'comment x\\nsize_total 10G\\n' | cat > volumes/db1/config; cat volumes/db1/size_total",
            "10737418240\n",
            &["patch_volume(db1, comment=x)"],
        ),
        // What is read of one volume can be written to another.
        done(
            "grep -v junction volumes/db1/config | cat > volumes/db2/config; cat volumes/db2/size_total",
            "10737418240\n",
            &["patch_volume(db2, size_total=10737418240 policy=default)"],
        ),
        refused(
            "printf 'comment x\\nsize_total 10GB\\n' | cat > volumes/db1/config; cat volumes/db1/comment",
            Says::Tool("cat: write error: Invalid argument\n"),
            &[
                "errno=EINVAL op=write path=/dummy/volumes/db1/config",
                "\n  size_total 10GB\n               ^\n",
            ],
        ),
        refused("echo size 10G > volumes/db1/config", INVALID, &["no key \"size\"", "known: size_total"]),
        refused("echo uuid x > volumes/db1/config", INVALID, &["errno=EINVAL", "no key \"uuid\""]),
        refused("echo lock x > volumes/db1/config", INVALID, &["errno=EINVAL", "no key \"lock\""]),
        refused("echo policy nsf > volumes/db1/config", INVALID, &["there is no policy nsf", "known: nfs"]),
        refused(
            "printf 'comment a\\ncomment b\\n' | cat > volumes/db1/config",
            Says::Tool("cat: write error: Invalid argument\n"),
            &["errno=EINVAL", "given twice"],
        ),
    ]);
}
