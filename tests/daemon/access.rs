//! Who may do what: exactly what the same owners and modes allow on tmpfs.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use crate::process::{Daemon, output};

const OWNER: u32 = 12345;
const GROUP: u32 = 23456;

/// Name and `setpriv` of each identity; none for root.
const IDENTITIES: [(&str, &[&str]); 6] = [
    ("root", &[]),
    ("owner", &["--reuid=12345", "--regid=34567", "--clear-groups"]),
    ("owner_in_group", &["--reuid=12345", "--regid=23456", "--clear-groups"]),
    ("group", &["--reuid=45678", "--regid=23456", "--clear-groups"]),
    ("supplementary", &["--reuid=45678", "--regid=34567", "--groups=23456"]),
    ("other", &["--reuid=45678", "--regid=34567", "--clear-groups"]),
];

const FILE_MODES: [u32; 10] = [0o000, 0o400, 0o040, 0o004, 0o200, 0o020, 0o002, 0o640, 0o466, 0o666];
const DIR_MODES: [u32; 12] =
    [0o000, 0o500, 0o050, 0o005, 0o300, 0o030, 0o003, 0o400, 0o100, 0o750, 0o577, 0o777];

/// Tries everything on the files `volumes/fMODE/comment` and the directories `volumes/dMODE/snapshots`, and
/// prints an errno for each. What is asked of chmod and chown is what is there already: nothing else can be
/// asked of filerfs.
const PROBES: &str = r#"
use Fcntl; use POSIX ();
my ($me, $files, $dirs) = @ARGV;
sub say_result { print "$_[0] ", ($_[1] ? "ok" : POSIX::strerror($!)), "\n" }
sub opened { my ($file, $flags) = @_; my $handle; my $ok = sysopen($handle, $file, $flags); my $errno = $!;
             close $handle if $ok; $! = $errno; return $ok }
for my $mode (split /,/, $files) {
    my $file = "volumes/f$mode/comment";
    say_result("$file stat", scalar(my @stat = stat $file));
    say_result("$file read", opened($file, O_RDONLY));
    say_result("$file write", opened($file, O_WRONLY));
    say_result("$file truncate", opened($file, O_WRONLY | O_TRUNC));
    say_result("$file append", opened($file, O_WRONLY | O_APPEND));
    say_result("$file both", opened($file, O_RDWR));
    say_result("$file chmod", chmod(oct $mode, $file));
    say_result("$file chown", chown(12345, 23456, $file));
    say_result("$file chgrp", chown(-1, 23456, $file));
    say_result("$file times", utime(1, 1, $file));
    say_result("$file now", utime(undef, undef, $file));
}
for my $mode (split /,/, $dirs) {
    my $dir = "volumes/d$mode/snapshots";
    my $handle;
    say_result("$dir list", opendir($handle, $dir));
    say_result("$dir chdir", chdir($dir) && chdir("../../.."));
    say_result("$dir stat", scalar(my @stat = stat "$dir/keep"));
    say_result("$dir stat missing", scalar(@stat = stat "$dir/missing"));
    say_result("$dir mkdir", mkdir("$dir/new.$me"));
    say_result("$dir mkdir again", mkdir("$dir/keep"));
    say_result("$dir rmdir", rmdir("$dir/gone.$me"));
    say_result("$dir rmdir missing", rmdir("$dir/missing"));
    say_result("$dir rename", rename("$dir/from.$me", "$dir/to.$me"));
    say_result("$dir chmod", chmod(oct $mode, $dir));
    say_result("$dir chown", chown(12345, 23456, $dir));
}
"#;

fn octal(modes: &[u32]) -> String {
    modes.iter().map(|mode| format!("{mode:04o}")).collect::<Vec<_>>().join(",")
}

fn probe(dir: &Path, name: &str, identity: &[&str]) -> String {
    let mut command = Command::new("setpriv");
    command.args(identity).args(["perl", "-e", PROBES, name, &octal(&FILE_MODES), &octal(&DIR_MODES)]);
    let (code, stdout, stderr) = output(command.current_dir(dir).env("LC_ALL", "C"));
    assert_eq!((code, &*stderr), (0, ""), "{name}");
    stdout
}

/// The snapshots that each directory begins with.
fn snapshots() -> Vec<String> {
    let own = IDENTITIES.iter().flat_map(|(name, _)| [format!("gone.{name}"), format!("from.{name}")]);
    own.chain(["keep".to_owned()]).collect()
}

/// Gives a path in the tmpfs its owner and mode.
fn own(path: &Path, mode: u32) {
    chown(path, Some(OWNER), Some(GROUP)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The configuration with the same volumes and rules.
fn config(load: &Path) -> String {
    let mut config = format!("[[endpoint]]\nname = \"d\"\nkind = \"memory\"\nload = {load:?}\n");
    let files = FILE_MODES.iter().map(|mode| (format!("f{mode:04o}/comment"), mode));
    let dirs = DIR_MODES.iter().map(|mode| (format!("d{mode:04o}/snapshots"), mode));
    for (path, mode) in files.chain(dirs) {
        let _ = writeln!(config, "[[access]]\npath = \"d/volumes/{path}\"\nowner = \"{OWNER}\"");
        let _ = writeln!(config, "group = \"{GROUP}\"\nmode = \"{mode:04o}\"");
    }
    config
}

#[test]
fn every_identity_may_do_on_every_mode_exactly_what_tmpfs_allows() {
    let tmpfs = tempfile::tempdir_in("/dev/shm").unwrap();
    fs::set_permissions(tmpfs.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut volumes = Vec::new();
    for mode in FILE_MODES {
        let volume = tmpfs.path().join(format!("volumes/f{mode:04o}"));
        fs::create_dir_all(&volume).unwrap();
        fs::write(volume.join("comment"), "text\n").unwrap();
        own(&volume.join("comment"), mode);
        volumes.push(format!("{{\"name\": \"f{mode:04o}\", \"comment\": \"text\"}}"));
    }
    for mode in DIR_MODES {
        let dir = tmpfs.path().join(format!("volumes/d{mode:04o}/snapshots"));
        fs::create_dir_all(&dir).unwrap();
        let mut kept = Vec::new();
        for snapshot in snapshots() {
            fs::create_dir(dir.join(&snapshot)).unwrap();
            kept.push(format!("{{\"name\": {snapshot:?}}}"));
        }
        own(&dir, mode);
        volumes.push(format!("{{\"name\": \"d{mode:04o}\", \"snapshots\": [{}]}}", kept.join(", ")));
    }
    let load = tempfile::NamedTempFile::new().unwrap();
    fs::write(load.path(), format!("{{\"volumes\": [{}]}}", volumes.join(", "))).unwrap();
    let daemon = Daemon::start(&config(load.path()), &[]);
    let mut allowed = 0;
    for (name, identity) in IDENTITIES {
        let (here, there) = (probe(&daemon.path("d"), name, identity), probe(tmpfs.path(), name, identity));
        let differ: Vec<_> = here.lines().zip(there.lines()).filter(|(here, there)| here != there).collect();
        assert!(differ.is_empty(), "{name}, here and on tmpfs: {differ:#?}");
        assert_eq!(here.lines().count(), FILE_MODES.len() * 11 + DIR_MODES.len() * 11);
        allowed += here.lines().filter(|line| line.ends_with(" ok")).count();
    }
    // Both a matrix of refusals and one of successes would compare equal for the wrong reason.
    let cells = IDENTITIES.len() * (FILE_MODES.len() + DIR_MODES.len()) * 11;
    assert!(allowed > cells / 4 && allowed < cells * 3 / 4, "{allowed} of {cells}");
}

#[test]
fn no_rule_makes_a_read_only_file_writable() {
    let config = "[[endpoint]]\nname = \"d\"\nkind = \"memory\"\ngenerate = { volumes = 1 }\n\
                  [[access]]\npath = \"d/volumes/*/uuid\"\nowner = \"12345\"\nmode = \"0666\"\n";
    let daemon = Daemon::start(config, &[]);
    let script = "stat -c %a uuid; for i in 12345 54321; do \
                  setpriv --reuid=$i --regid=$i --clear-groups sh -c 'echo x > uuid'; done; echo x > uuid";
    let ran = crate::common::shell::bash(&daemon.path("d/volumes/vol00001"), script);
    assert_eq!((ran.code, &*ran.stdout), (1, "444\n"));
    assert_eq!(ran.stderr.matches("Permission denied").count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("Operation not permitted"), "{}", ran.stderr);
}

#[test]
fn the_last_rule_that_matches_wins_part_by_part() {
    let config = "[[endpoint]]\nname = \"d\"\nkind = \"memory\"\ngenerate = { volumes = 2 }\n\
                  [[access]]\npath = \"d/**\"\nowner = \"1001\"\ngroup = \"1002\"\n\
                  [[access]]\npath = \"d/volumes/*/lock\"\nmode = \"0660\"\n\
                  [[access]]\npath = \"d/volumes/vol00002/*\"\ngroup = \"1003\"\n";
    let daemon = Daemon::start(config, &[]);
    let script = "stat -c '%n %u:%g:%a' .ctl d d/volumes d/volumes/vol0000?/lock d/volumes/vol0000?/uuid";
    let ran = crate::common::shell::bash(&daemon.root(), script);
    let expected = ".ctl 0:0:755\nd 0:0:755\nd/volumes 1001:1002:755\n\
                    d/volumes/vol00001/lock 1001:1002:660\nd/volumes/vol00002/lock 1001:1003:660\n\
                    d/volumes/vol00001/uuid 1001:1002:444\nd/volumes/vol00002/uuid 1001:1003:444\n";
    assert_eq!(ran.stdout, expected, "{}", ran.stderr);
}
