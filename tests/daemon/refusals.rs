//! Where nothing can be mounted: one clear sentence each, exit 1.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::process::{filerfs, is_mounted, output};

/// The last line on stderr of a mount that fails.
fn refusal(command: &mut Command) -> String {
    let (code, stdout, stderr) = output(command);
    assert_eq!((code, &*stdout), (1, ""), "{stderr}");
    stderr.lines().last().unwrap().strip_prefix("filerfs: ").unwrap().to_owned()
}

fn mount_on(path: &Path) -> String {
    refusal(filerfs().arg("mount").arg(path))
}

/// Runs a script of bash in a mount namespace of its own. `$F` is the program, `$D` an empty directory,
/// `$USER` runs a command as a user that is nobody here, with what a user needs of FUSE at hand.
fn in_own_namespace(script: &str) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("timeout");
    command
        .args(["-s", "KILL", "20", "unshare", "--mount", "bash", "-euc", script])
        .current_dir(dir.path())
        .env("LC_ALL", "C");
    command.env("F", env!("CARGO_BIN_EXE_filerfs")).env("D", dir.path()).env("HOME", "/");
    command.env("USER", "setpriv --reuid=65534 --regid=65534 --clear-groups");
    output(&mut command)
}

/// A device that users may open, as distributions set it up, and a directory of the user's own.
const DEVICE: &str = "mkdir dev mnt; chown 65534:65534 mnt; mount -t tmpfs none dev; \
                      mknod -m 666 dev/fuse c 10 229; mount --bind dev/fuse /dev/fuse; ";

#[test]
fn a_mount_point_that_does_not_do_is_named_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("file"), "").unwrap();
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/x"), "").unwrap();
    symlink(at("missing"), at("dangling")).unwrap();
    symlink(at("loop"), at("loop")).unwrap();
    let cases = [
        ("missing", "mount point DIR/missing does not exist; create it with: mkdir -p DIR/missing"),
        ("dangling", "mount point DIR/dangling does not exist; create it with: mkdir -p DIR/dangling"),
        ("file", "mount point DIR/file is not a directory"),
        ("full", "mount point DIR/full is not empty; what is in it would be hidden"),
        ("file/x", "DIR/file/x cannot be mounted on: Not a directory (os error 20)"),
        ("loop", "DIR/loop cannot be mounted on: Too many levels of symbolic links (os error 40)"),
    ];
    for (name, said) in cases {
        assert_eq!(mount_on(&at(name)), said.replace("DIR", dir.path().to_str().unwrap()));
    }
    let relative = refusal(filerfs().current_dir(dir.path()).args(["mount", "full"]));
    assert!(relative.contains(at("full").to_str().unwrap()), "{relative}");
}

#[test]
fn a_relative_mount_point_and_one_behind_a_link_do() {
    let (code, stdout, stderr) = in_own_namespace(
        "mkdir mnt; ln -s mnt link; $F mount link & until ls link | grep -q dummy; do sleep 0.01; done; \
         kill $!; wait $!; ls mnt",
    );
    assert_eq!((code, &*stdout), (0, ""), "{stderr}");
}

#[test]
fn without_fuse_in_the_kernel_or_the_container_the_sentence_says_so() {
    let (code, _, stderr) = in_own_namespace("mkdir mnt; mount -t tmpfs none /dev; $F mount mnt");
    assert_eq!(
        (code, &*stderr),
        (
            1,
            "filerfs: there is no /dev/fuse; load it with: modprobe fuse, or give the container the device\n"
        )
    );
}

#[test]
fn without_access_to_fuse_the_sentence_says_so() {
    let script = "mkdir dev mnt; mount -t tmpfs none dev; mknod -m 600 dev/fuse c 10 229; \
                  mount --bind dev/fuse /dev/fuse; $USER $F mount mnt";
    let (code, _, stderr) = in_own_namespace(script);
    let said = "filerfs: /dev/fuse cannot be opened: Permission denied (os error 13); \
                run as root, or as a user that may use FUSE\n";
    assert_eq!((code, &*stderr), (1, said));
}

#[test]
fn root_without_the_right_to_mount_is_told_what_is_missing() {
    let script = "mkdir mnt; setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin $F mount mnt 2>&1 | tail -1; \
                  echo ${PIPESTATUS[0]}";
    let (_, stdout, stderr) = in_own_namespace(script);
    assert!(stdout.contains("is not permitted") && stdout.contains("CAP_SYS_ADMIN"), "{stdout}{stderr}");
    assert!(stdout.ends_with("\n1\n"), "{stdout}");
}

#[test]
fn a_user_mounts_with_fusermount3_and_the_mount_is_the_users_own() {
    let script = format!(
        "{DEVICE} $USER $F mount mnt 2>log & until grep -qs ready log; do sleep 0.01; done; \
         $USER sh -c 'mkdir mnt/dummy/volumes/v && echo 5G > mnt/dummy/volumes/v/size_total && \
         cat mnt/dummy/volumes/v/size_total && stat -c %u:%a mnt/dummy/volumes'; \
         ls mnt 2>&1 | tail -1; kill $!; wait $!; grep -c \" $D/mnt \" /proc/mounts || true"
    );
    let (code, stdout, stderr) = in_own_namespace(&script);
    let expected = "5368709120\n65534:755\nls: cannot access 'mnt': Permission denied\n0\n";
    assert_eq!((code, &*stdout), (0, expected), "{stderr}");
}

#[test]
fn a_dead_and_a_busy_mount_of_a_user_are_taken_off() {
    let script = format!(
        "{DEVICE} start() {{ rm -f log; $USER $F mount mnt 2>log & until grep -qs ready log; do sleep 0.01; done; daemon=$!; }}; \
         start; kill -9 $daemon; wait $daemon || true; start; \
         $USER sh -c 'cd mnt/dummy; exec sleep 60' & sleeper=$!; \
         until [ \"$($USER readlink /proc/$sleeper/cwd)\" = $D/mnt/dummy ]; do sleep 0.01; done; \
         kill $daemon; wait $daemon; echo $?; grep -c \" $D/mnt \" /proc/mounts || true; kill $sleeper"
    );
    let (code, stdout, stderr) = in_own_namespace(&script);
    assert_eq!((code, &*stdout), (0, "0\n0\n"), "{stderr}");
}

#[test]
fn a_user_without_fusermount3_is_told_what_to_install() {
    let script = format!("{DEVICE} PATH=/nonexistent $(command -v setpriv) ${{USER#setpriv}} $F mount mnt");
    let (code, _, stderr) = in_own_namespace(&script);
    let said = "filerfs: fusermount3 is missing, and only root can mount without it; \
                install it with: apt install fuse3\n";
    assert_eq!((code, &*stderr), (1, said));
}

#[test]
fn a_directory_of_somebody_else_is_refused_to_a_user() {
    let script = format!("{DEVICE} mkdir other; $USER $F mount other");
    let (code, _, stderr) = in_own_namespace(&script);
    assert_eq!(code, 1);
    let last = stderr.lines().last().unwrap();
    assert!(last.starts_with("filerfs: mounting on ") && last.contains("no write access"), "{stderr}");
}

#[test]
fn a_dead_mount_of_another_file_system_is_not_touched() {
    let script = "mkdir mnt; exec 9<>/dev/fuse; \
                  mount -i -t fuse.other -o fd=9,rootmode=40000,user_id=0,group_id=0 other mnt; exec 9>&-; \
                  $F mount mnt || grep -c \" $D/mnt fuse.other \" /proc/mounts";
    let (code, stdout, stderr) = in_own_namespace(script);
    assert_eq!((code, &*stdout), (0, "1\n"), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert!(
        last.contains("holds a dead mount of type fuse.other; unmount it first with: umount -l"),
        "{last}"
    );
}

#[test]
fn an_unknown_option_is_refused_with_those_that_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, stderr) = output(filerfs().args(["mount", "-o", "ro,fast"]).arg(dir.path()));
    assert_eq!(code, 2);
    assert!(stderr.contains("invalid value 'fast'") && stderr.contains("ro, quiet, hide_ctl"), "{stderr}");
    assert!(!is_mounted(dir.path()));
}
