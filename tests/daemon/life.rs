//! From the first line to the exit status.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::mount::{MsFlags, mount, umount};

use crate::common::mounted::Mount;
use crate::common::{SMALL, counting};
use crate::process::{Daemon, filerfs, is_mounted, output, until};

#[test]
fn without_a_configuration_an_empty_filer_is_mounted_as_dummy() {
    let mut daemon = Daemon::start("", &[]);
    let names = |path: &str| {
        let names = fs::read_dir(daemon.path(path)).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    assert_eq!(names(""), [".ctl", "dummy"]);
    assert_eq!(names("dummy"), ["defaults", "junctions", "policies", "staging", "volumes"]);
    assert!(names("dummy/volumes").is_empty());
    fs::create_dir(daemon.path("dummy/volumes/first")).unwrap();
    assert_eq!(names("dummy/volumes"), ["first"]);
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), 0);
}

#[test]
fn a_mount_of_root_is_for_all_and_runs_nothing() {
    let daemon = Daemon::start("", &[]);
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let root = daemon.root();
    let line = mounts.lines().find(|line| line.split(' ').nth(1) == root.to_str()).unwrap();
    assert!(line.starts_with("filerfs ") && line.split(' ').nth(2) == Some("fuse.filerfs"), "{line}");
    for option in ["nosuid", "nodev", "noexec", "noatime", "default_permissions", "allow_other"] {
        assert!(line.split([' ', ',']).any(|set| set == option), "{option}: {line}");
    }
}

#[test]
fn a_signal_to_end_unmounts_and_the_exit_status_is_0() {
    for signal in ["TERM", "INT"] {
        let mut daemon = Daemon::start("", &[]);
        assert!(is_mounted(&daemon.root()));
        daemon.signal(signal);
        assert_eq!((daemon.wait(), is_mounted(&daemon.root())), (0, false), "{signal}");
        assert!(!daemon.log().contains("WARN"), "{}", daemon.log());
        fs::remove_dir(daemon.root()).unwrap();
    }
}

#[test]
fn a_busy_mount_is_detached_and_the_exit_status_is_0() {
    let mut daemon = Daemon::start("", &[]);
    fs::create_dir(daemon.path("dummy/volumes/v")).unwrap();
    let open = File::open(daemon.path("dummy/volumes/v/config")).unwrap();
    let mut shell = Command::new("sleep").arg("60").current_dir(daemon.path("dummy")).spawn().unwrap();
    daemon.signal("TERM");
    assert_eq!((daemon.wait(), is_mounted(&daemon.root())), (0, false));
    drop(open);
    shell.kill().unwrap();
    shell.wait().unwrap();
}

/// A process in execve(2), which closes a file of a stopped daemon first. Until that is done nobody sees what it has
/// open, nor when it was started. Before that it lists a directory.
fn in_execve(slow: &Daemon, listed: &Path) -> Child {
    fs::create_dir(slow.path("dummy/volumes/v")).unwrap();
    let script = "open F, '>', shift; syswrite F, 'text'; opendir D, shift; readdir D; closedir D; \
                  syswrite STDOUT, 'x'; <STDIN>; exec 'true'";
    let mut perl = Command::new("perl");
    perl.args(["-e", script]).arg(slow.path("dummy/volumes/v/comment")).arg(listed);
    let mut perl = perl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    perl.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let stdin = perl.stdin.take();
    let files = || fs::read_dir(format!("/proc/{}/fd", perl.id())).unwrap().count();
    let open = files();
    slow.signal("STOP");
    drop(stdin);
    until("the execve", || files() < open);
    perl
}

#[test]
fn a_process_that_lets_nobody_look_does_not_hold_up_the_end() {
    let slow = Daemon::start("", &[]);
    let config = "[mount]\ncache_ttl = \"100ms\"\n\n[[endpoint]]\nname = \"d\"\nkind = \"memory\"\n";
    let mut daemon = Daemon::start(config, &[]);
    let mut perl = in_execve(&slow, Path::new("/"));
    // Only where the kernel knows more than the root does anybody look for watchers.
    fs::metadata(daemon.path("d/volumes")).unwrap();
    until("a look at the process", || daemon.threads().any(|status| status.contains("State:\tD")));
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), 0);
    slow.signal("CONT");
    assert!(perl.wait().unwrap().success());
}

#[test]
fn a_process_that_lets_nobody_look_does_not_hold_up_what_it_has_listed() {
    let (slow, daemon) = (Daemon::start("", &[]), Daemon::start("", &[]));
    let volume = daemon.path("dummy/volumes/listed");
    fs::create_dir(&volume).unwrap();
    let mut perl = in_execve(&slow, &volume);
    let mut rmdir = Command::new("rmdir").arg(&volume).spawn().unwrap();
    until("rmdir", || rmdir.try_wait().unwrap().is_some());
    assert!(rmdir.wait().unwrap().success());
    slow.signal("CONT");
    assert!(perl.wait().unwrap().success());
}

#[test]
fn an_unmount_by_somebody_else_ends_the_daemon_with_0() {
    for command in [&["umount"][..], &["umount", "-l"], &["fusermount3", "-u"]] {
        let mut daemon = Daemon::start("", &[]);
        let done = Command::new(command[0]).args(&command[1..]).arg(daemon.root()).status().unwrap();
        assert!(done.success(), "{command:?}");
        assert_eq!(daemon.wait(), 0, "{command:?}");
    }
}

#[test]
fn what_somebody_mounts_after_an_unmount_stays() {
    for _ in 0..20 {
        let mut daemon = Daemon::start("", &[]);
        umount(&daemon.root()).unwrap();
        mount(Some("theirs"), &daemon.root(), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
        assert_eq!(daemon.wait(), 0);
        assert!(is_mounted(&daemon.root()), "the daemon took off what was not its own");
        umount(&daemon.root()).unwrap();
        assert!(!daemon.log().contains("WARN"), "{}", daemon.log());
    }
}

#[test]
fn what_is_under_way_is_answered_before_the_unmount() {
    let backend = counting(SMALL);
    let mount = Mount::of(backend.clone());
    let snapshots = mount.path("dummy/volumes/db1/snapshots");
    fs::read_dir(&snapshots).unwrap();
    *backend.delay.lock() = std::time::Duration::from_millis(300);
    let asks = std::thread::spawn(move || fs::create_dir(snapshots.join("late")));
    until("the call", || !backend.take_changes().is_empty());
    drop(mount);
    asks.join().unwrap().unwrap();
}

#[test]
fn a_dead_mount_of_ours_is_replaced() {
    let mut killed = Daemon::start("", &[]);
    killed.signal("KILL");
    assert_eq!(killed.wait(), -9);
    let dead = fs::metadata(killed.root()).unwrap_err();
    assert_eq!(dead.raw_os_error(), Some(libc::ENOTCONN));
    let mut next = killed.another().ready();
    assert!(next.path("dummy/volumes").is_dir());
    next.signal("TERM");
    assert_eq!((next.wait(), is_mounted(&next.root())), (0, false), "one mount was left below another");
}

#[test]
fn a_second_daemon_on_a_live_mount_is_refused() {
    let live = Daemon::start("", &[]);
    let busy = |mount_point: &Path| {
        let said = format!(
            "filerfs: filerfs is mounted on {0} already; unmount it first with: umount {0}\n",
            live.root().display()
        );
        assert_eq!(output(filerfs().arg("mount").arg(mount_point)), (1, String::new(), said));
    };
    busy(&live.root());
    let link = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(live.root(), link.path().join("link")).unwrap();
    busy(&link.path().join("link"));
    assert!(live.path("dummy/volumes").is_dir());
}

#[test]
fn of_daemons_started_at_one_moment_exactly_one_stays() {
    for round in 0..10 {
        let mut first = Daemon::start("", &[]);
        // In every other round they find a dead mount.
        first.signal(if round % 2 == 0 { "TERM" } else { "KILL" });
        first.wait();
        let mut daemons: Vec<_> = (0..4).map(|_| first.another()).collect();
        until("the refusal of all but one", || {
            daemons.iter_mut().map(Daemon::runs).filter(|runs| *runs).count() <= 1
        });
        let (mut stays, mut refused) = (Vec::new(), Vec::new());
        for mut daemon in daemons {
            if daemon.runs() { stays.push(daemon) } else { refused.push(daemon) }
        }
        assert_eq!(stays.len(), 1, "round {round}");
        for daemon in &mut refused {
            let log = daemon.log();
            assert!(log.contains("already; unmount it first"), "round {round}: {log}");
            assert_eq!(daemon.wait(), 1);
        }
        let mut one = stays.remove(0).ready();
        assert!(one.path("dummy/volumes").is_dir());
        one.signal("TERM");
        assert_eq!((one.wait(), is_mounted(&one.root())), (0, false), "round {round}");
    }
}

#[test]
fn the_ready_line_comes_when_the_tree_can_be_used_and_systemd_hears_of_both_ends() {
    let dir = tempfile::tempdir().unwrap();
    let socket = std::os::unix::net::UnixDatagram::bind(dir.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let told = || {
        let mut bytes = [0; 256];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).trim_end().to_owned()
    };
    let notify = dir.path().join("notify");
    let daemon = Daemon::spawn("", |command| command.env("NOTIFY_SOCKET", &notify), &[]);
    assert_eq!(told(), "READY=1");
    assert!(daemon.path("dummy/volumes").is_dir());
    let mut daemon = daemon.ready();
    daemon.signal("TERM");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(daemon.wait(), 0);
}

/// In a container to which a shell was sent from outside, as `docker exec` does, every process has session 0, and so
/// has the kernel, that releases a file in nobody's name.
#[test]
fn a_file_that_the_kernel_releases_clears_no_last_error() {
    let script = "mkdir mnt; $F mount mnt & daemon=$!; until test -d mnt/dummy; do sleep 0.01; done; \
                  cd mnt/dummy/volumes; mkdir v; cd v; test $(ps -o sid= $$) = 0; \
                  flock lock sh -c 'echo > lock' || : ; while test -s lock; do sleep 0.01; done; \
                  cat ../../../.ctl/last_error; cd /; kill $daemon; wait $daemon";
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("timeout");
    command.args([
        "-s",
        "KILL",
        "20",
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount",
        "--mount-proc",
    ]);
    command.args(["bash", "-euc", script]).current_dir(dir.path()).env("F", env!("CARGO_BIN_EXE_filerfs"));
    let (code, stdout, stderr) = output(&mut command);
    assert!(code == 0 && stdout.contains(" errno=EBUSY op=write "), "{code} {stdout}\n{stderr}");
}
