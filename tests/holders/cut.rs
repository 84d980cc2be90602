//! A host whose way to the registry is cut, in a network namespace of the test's own.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

use crate::etcd::Etcd;
use crate::histories::histories;
use crate::process::{Daemon, until};
use crate::{Shared, read, write};

/// The address that the first host asks the cluster at; the others ask at another.
const WAY: &str = "127.0.0.2";

/// A cluster, and a host of which the way to it can be cut, and one of which it cannot. All that this thread starts
/// is in the namespace.
fn hosts() -> (Shared, [Daemon; 2]) {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    run("ip", &["link", "set", "lo", "up"]);
    let shared = Shared::Etcd(Etcd::everywhere(3));
    let config = shared.config("host1").replace("127.0.0.1", WAY);
    let hosts = [Daemon::start(&config, &[]), shared.host("host2")];
    (shared, hosts)
}

fn run(program: &str, arguments: &[&str]) -> String {
    let ran = Command::new(program).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

fn cut() {
    let rules = format!(
        "add table inet cut; add chain inet cut out {{ type filter hook output priority 0; }}; \
         add rule inet cut out ip daddr {WAY} counter drop"
    );
    run("nft", &[&rules]);
}

/// How many packets went nowhere.
fn heal() -> u64 {
    let rules = run("nft", &["list", "table", "inet", "cut"]);
    run("nft", &["delete", "table", "inet", "cut"]);
    let packets = rules.split_once("packets ").unwrap().1;
    packets.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn histories_are_possible_while_one_host_is_cut_off() {
    let (_shared, hosts) = hosts();
    let told = histories(&hosts, None, Duration::from_secs(7), || {
        sleep(Duration::from_secs(2));
        cut();
        sleep(Duration::from_secs(3));
        assert!(heal() > 0, "nothing was cut");
    });
    let failed = told.refused.into_inner() + told.unknown.into_inner();
    assert!(failed > 0, "nobody has noticed that a host was cut off");
}

#[test]
fn a_host_that_is_cut_off_takes_no_lock_for_free_and_reads_on() {
    let (_shared, hosts) = hosts();
    write(&hosts[1], "lock", "host2").unwrap();
    write(&hosts[0], "comment", "seen").unwrap_err();
    assert_eq!(read(&hosts[0], "lock"), "host2\n");
    cut();
    let volume = hosts[0].path("dummy/volumes/vol00001");
    let unavailable = |error: std::io::Error| {
        let errno = error.raw_os_error();
        assert!([Some(libc::ETIMEDOUT), Some(libc::EHOSTDOWN)].contains(&errno), "{error}");
        let said = fs::read_to_string(hosts[0].path(".ctl/last_error")).unwrap();
        assert!(said.contains("registry") || said.contains("etcd"), "{said}");
    };
    for file in ["lock", "lock.info", "info.json"] {
        unavailable(fs::read_to_string(volume.join(file)).unwrap_err());
    }
    for line in ["host1", "-host2", "host1 ttl=9"] {
        unavailable(write(&hosts[0], "lock", line).unwrap_err());
    }
    unavailable(write(&hosts[0], "size_total", "20G").unwrap_err());
    unavailable(fs::remove_dir(&volume).unwrap_err());
    // What is no business of the lock is read.
    assert_eq!(fs::read_dir(hosts[0].path("dummy/volumes")).unwrap().count(), 4);
    assert!(fs::read_dir(&volume).unwrap().any(|entry| entry.unwrap().file_name() == "lock"));
    assert!(read(&hosts[0], "size_total").trim_end().parse::<u64>().is_ok());
    run("df", &[volume.to_str().unwrap()]);
    assert!(heal() > 0);
    until("the registry", || fs::read_to_string(volume.join("lock")).is_ok());
    assert_eq!(read(&hosts[0], "lock"), "host2\n");
    write(&hosts[1], "lock", "").unwrap();
    write(&hosts[0], "size_total", "20G").unwrap();
}
