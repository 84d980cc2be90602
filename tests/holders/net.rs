//! A cluster, and hosts that each have a network namespace of their own, with a cable to that of the cluster. Nothing
//! has a name on this machine: a namespace ends with the last process in it.

use std::collections::HashSet;
use std::fs;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, gettid};

use crate::etcd::Etcd;
use crate::process::{Daemon, until};
use crate::{Shared, read, write};

/// The network that the nodes are in.
pub struct Network {
    pub etcd: Etcd,
    /// The thread that went there first.
    thread: Pid,
}

impl Network {
    /// With three nodes. From now on this thread is in it, and what it starts.
    pub fn enter() -> Network {
        isolate();
        Network { etcd: Etcd::everywhere(3), thread: gettid() }
    }

    /// A daemon in the network of this host, `host1` to `host254`; there the cluster has another address.
    pub fn host(
        &self,
        name: &str,
        config: &str,
        change: impl FnOnce(&mut Command) -> &mut Command + Send,
    ) -> Daemon {
        let (cluster, subnet) = (self.thread, format!("10.9.{}", name.trim_start_matches("host")));
        let config = config.replace("127.0.0.1", &format!("{subnet}.1"));
        let start = move || {
            isolate();
            run(&format!("ip link add eth0 type veth peer name {name} netns {cluster}"));
            run(&format!("ip addr add {subnet}.2/24 dev eth0"));
            run("ip link set eth0 up");
            run(&format!("nsenter -n -t {cluster} ip addr add {subnet}.1/24 dev {name}"));
            run(&format!("nsenter -n -t {cluster} ip link set {name} up"));
            Daemon::spawn(&config, change, &[]).ready()
        };
        std::thread::scope(|scope| scope.spawn(start).join().unwrap())
    }
}

/// This thread goes to a network of its own.
fn isolate() {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    run("ip link set lo up");
}

/// What a command prints.
pub fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let ran = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// From now on nothing gets from this host to the cluster, nor back.
pub fn cut(host: &Daemon) {
    nft(
        host,
        "add table inet cut; add counter inet cut lost; \
         add chain inet cut in { type filter hook input priority 0; }; \
         add chain inet cut out { type filter hook output priority 0; }; \
         add rule inet cut in iifname eth0 counter name lost drop; \
         add rule inet cut out oifname eth0 counter name lost drop",
    );
}

/// How many packets went nowhere.
pub fn heal(host: &Daemon) -> u64 {
    let lost = nft(host, "list counter inet cut lost");
    nft(host, "delete table inet cut");
    let packets = lost.split_once("packets ").unwrap().1;
    packets.split(' ').next().unwrap().parse().unwrap()
}

fn nft(host: &Daemon, rules: &str) -> String {
    run(&format!("nsenter -n -t {} nft {rules}", host.pid()))
}

#[test]
fn every_host_has_a_network_of_its_own_and_is_cut_off_alone() {
    let network = Network::enter();
    let pids = network.etcd.pids();
    let shared = Shared::Apart(network);
    let hosts = ["host1", "host2", "host3"].map(|name| shared.host(name));
    let of = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    let cluster: HashSet<_> = pids.into_iter().map(of).collect();
    let outside = of(std::process::id());
    let all: HashSet<_> =
        hosts.iter().map(|host| of(host.pid())).chain([outside]).chain(cluster.clone()).collect();
    assert_eq!((cluster.len(), all.len()), (1, 5), "{all:?}");
    cut(&hosts[0]);
    write(&hosts[0], "lock", "host1").unwrap_err();
    for host in &hosts[1..] {
        write(host, "lock", "host2").unwrap();
    }
    assert!(heal(&hosts[0]) > 0);
    until("the registry", || fs::read_to_string(hosts[0].path("dummy/volumes/vol00001/lock")).is_ok());
    assert_eq!(read(&hosts[0], "lock"), "host2\n");
}
