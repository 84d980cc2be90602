//! `-o ro`, `-o quiet`, `-o hide_ctl`, here and in the configuration.

use crate::common::shell::bash;
use crate::process::Daemon;

/// One volume with one snapshot, and these mount options.
fn config(options: &str) -> String {
    format!(
        "[mount]\noptions = [{options}]\n[[endpoint]]\nname = \"dummy\"\nkind = \"memory\"\n\
         generate = {{ volumes = 1, snapshots = 1 }}\n"
    )
}

#[test]
fn read_only_refuses_every_change_with_erofs() {
    for daemon in [Daemon::start(&config("\"ro\""), &[]), Daemon::start(&config(""), &["-o", "ro"])] {
        let volumes = daemon.path("dummy/volumes");
        for change in [
            "mkdir new",
            "rmdir vol00001",
            "mkdir vol00001/snapshots/new",
            "rmdir vol00001/snapshots/daily.0000",
            "mv vol00001/snapshots/daily.0000 vol00001/snapshots/new",
            "mkdir ../staging/new",
            "mkdir ../policies/new",
            "rmdir ../policies/default",
            "rm vol00001/comment",
            "touch vol00001/comment",
            "touch new",
            "ln -s x new",
            "chmod 600 vol00001/comment",
            "chown 1 vol00001/comment",
            "truncate -s0 vol00001/comment",
            "echo 5G > vol00001/size_total",
            "echo x >> vol00001/lock",
            "echo > ../../.ctl/refresh",
        ] {
            let ran = bash(&volumes, change);
            assert_ne!(ran.code, 0, "{change}");
            assert!(ran.stderr.contains("Read-only file system"), "{change}: {}", ran.stderr);
        }
        let read = bash(&volumes, "ls; cat vol00001/size_total; ls ../policies; cat ../../.ctl/audit");
        assert_eq!((read.code, &*read.stdout), (0, "vol00001\n11811160064\ndefault\n"), "{}", read.stderr);
    }
}

#[test]
fn quiet_accepts_and_ignores_chmod_and_chown() {
    let changes = "chmod 600 vol00001/comment && chown 1:1 vol00001/comment && chgrp 1 vol00001 && stat -c %a:%u:%g vol00001/comment";
    for daemon in [Daemon::start(&config("\"quiet\""), &[]), Daemon::start(&config(""), &["-o", "quiet"])] {
        let ran = bash(&daemon.path("dummy/volumes"), changes);
        assert_eq!((ran.code, &*ran.stdout), (0, "644:0:0\n"), "{}", ran.stderr);
    }
    let daemon = Daemon::start(&config(""), &[]);
    for change in ["chmod 600 vol00001/comment", "chown 1:1 vol00001/comment", "chgrp 1 vol00001"] {
        let ran = bash(&daemon.path("dummy/volumes"), change);
        assert_eq!(ran.code, 1, "{change}");
        assert!(ran.stderr.contains("Operation not permitted"), "{change}: {}", ran.stderr);
        let told = bash(&daemon.root(), "cat .ctl/last_error").stdout;
        assert!(told.contains(" errno=EPERM op=setattr "), "{change}: {told}");
    }
    let same =
        bash(&daemon.path("dummy/volumes"), "chmod 644 vol00001/comment && chown 0:0 vol00001/comment");
    assert_eq!((same.code, &*same.stderr), (0, ""));
}

#[test]
fn hidden_ctl_is_not_listed_but_can_be_used() {
    for daemon in
        [Daemon::start(&config("\"hide_ctl\""), &[]), Daemon::start(&config(""), &["-o", "hide_ctl"])]
    {
        let ran = bash(&daemon.root(), "ls -A; cat .ctl/abi");
        assert_eq!((ran.code, &*ran.stdout), (0, "dummy\n1\n"), "{}", ran.stderr);
    }
    let ran = bash(&Daemon::start(&config(""), &[]).root(), "ls -A");
    assert_eq!(ran.stdout, ".ctl\ndummy\n");
}

#[test]
fn options_of_the_command_line_add_to_those_of_the_configuration() {
    let daemon = Daemon::start(&config("\"hide_ctl\""), &["-o", "quiet,ro"]);
    let ran = bash(&daemon.path("dummy/volumes"), "ls -A ../..; mkdir new");
    assert_eq!(ran.stdout, "dummy\n");
    assert!(ran.stderr.contains("Read-only file system"), "{}", ran.stderr);
}
