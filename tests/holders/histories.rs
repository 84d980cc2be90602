//! Many clients on several daemons take, free and read the locks of a few volumes, while the cluster that keeps them
//! fails. Whatever they were told can have happened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::clients::{Client, Told, VOLUMES, shown};
use crate::linear::{Call, Came, Op, Verdict, check};
use crate::process::{Daemon, until};
use crate::{Shared, net::Network};

/// Steps of the search; an explanation that exists takes about as many as there are operations.
const STEPS: usize = 2_000_000;

/// How much is done.
struct Extent {
    histories: usize,
    clients: usize,
    operations: usize,
}

/// Per fault.
fn extent() -> Extent {
    match std::env::var_os("FILERFS_LONG") {
        Some(_) => Extent { histories: 13, clients: 32, operations: 2000 },
        None => Extent { histories: 5, clients: 16, operations: 1000 },
    }
}

/// The longest time in which nobody took a lock.
fn gap(ops: &[(usize, Op)]) -> Duration {
    let took = |op: &Op| matches!((op.call, op.came), (Call::Take { .. }, Came::Done));
    let mut taken: Vec<Duration> = ops.iter().filter(|(_, op)| took(op)).map(|(_, op)| op.to).collect();
    taken.sort();
    taken.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

/// What clients do on these hosts while a fault happens: each history is one that is possible.
pub fn histories(hosts: &[Daemon], ttl: Option<u64>, lasts: Duration, fault: impl Fn()) -> Told {
    let mounts: Vec<PathBuf> = hosts.iter().map(Daemon::root).collect();
    histories_on(&mounts, ttl, lasts, fault)
}

/// The same, on these mounts.
pub fn histories_on(mounts: &[PathBuf], ttl: Option<u64>, lasts: Duration, fault: impl Fn()) -> Told {
    let (extent, told) = (extent(), Told::default());
    for history in 0..extent.histories {
        let (begun, left) = (Instant::now(), AtomicUsize::new(extent.operations));
        let pause = lasts * extent.clients as u32 / extent.operations as u32;
        let client = |number| {
            let seed = (history * 1000 + number) as u64;
            Client::new(number, seed, begun, mounts, ttl, &told)
        };
        let ops: Vec<(usize, Op)> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..extent.clients)
                .map(client)
                .map(|client| scope.spawn(|| run(client, &left, pause)))
                .collect();
            fault();
            // Nobody lets anything go before all have ended.
            let ended: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
            ended.into_iter().flat_map(|(ops, _)| ops).collect()
        });
        for volume in 0..VOLUMES {
            let of_volume: Vec<Op> = ops.iter().filter(|(of, _)| *of == volume).map(|(_, op)| *op).collect();
            let verdict = check(&of_volume, STEPS);
            assert_eq!(verdict, Verdict::Possible, "history {history} of volume {volume}: {of_volume:#?}");
        }
        eprintln!("nobody took a lock for {:.1?}", gap(&ops));
        free(&mounts[0]);
    }
    eprintln!("{told:?}");
    told
}

/// What a client was told until all operations are done, and the client with what it still holds.
fn run<'a>(mut client: Client<'a>, left: &AtomicUsize, pause: Duration) -> (Vec<(usize, Op)>, Client<'a>) {
    let mut ops = Vec::new();
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        ops.extend(client.act());
        sleep(pause * client.chance(100) as u32 / 50);
    }
    (ops, client)
}

/// All locks are free again: whoever holds them, or was told that nobody knows whether it does.
fn free(mount: &Path) {
    for volume in 1..=VOLUMES {
        let lock = mount.join(format!("dummy/volumes/vol{volume:05}/lock"));
        let mut quiet = 0;
        until("the end of all locks", || {
            match fs::read_to_string(&lock) {
                Ok(holder) if holder.is_empty() => quiet += 1,
                Ok(holder) => drop(fs::write(&lock, format!("-{holder}"))),
                Err(_) => quiet = 0,
            }
            sleep(Duration::from_millis(20));
            quiet > 3
        });
    }
}

pub fn hosts(shared: &Shared, count: usize) -> Vec<Daemon> {
    (1..=count).map(|host| shared.host(&format!("host{host}"))).collect()
}

pub fn cluster() -> Shared {
    Shared::Apart(Network::enter())
}

#[test]
fn histories_are_possible_in_files_of_one_host() {
    let shared = Shared::File(tempfile::tempdir().unwrap());
    let told = histories(&hosts(&shared, 2), None, Duration::from_secs(2), || {});
    assert_eq!((told.refused.into_inner(), told.unknown.into_inner()), (0, 0));
}

#[test]
fn histories_are_possible_in_a_cluster_that_works() {
    let shared = cluster();
    let told = histories(&hosts(&shared, 3), None, Duration::from_secs(3), || {});
    assert!(told.done.into_inner() > 0 && told.busy.into_inner() > 0);
}

#[test]
fn histories_are_possible_while_leaders_are_killed() {
    let shared = cluster();
    let (etcd, led) = (shared.etcd(), parking_lot::Mutex::new(Vec::new()));
    histories(&hosts(&shared, 3), None, Duration::from_secs(9), || {
        for _ in 0..2 {
            sleep(Duration::from_secs(1));
            let leader = etcd.leader();
            led.lock().push(leader);
            etcd.kill(leader);
            sleep(Duration::from_secs(2));
            etcd.restart(leader);
            sleep(Duration::from_secs(1));
        }
    });
    let led = led.into_inner();
    assert!(led.windows(2).any(|two| two[0] != two[1]), "one node led for ever: {led:?}");
}

#[test]
fn histories_are_possible_while_two_of_three_nodes_are_down() {
    let shared = cluster();
    let etcd = shared.etcd();
    let told = histories(&hosts(&shared, 2), None, Duration::from_secs(7), || {
        sleep(Duration::from_secs(2));
        (0..2).for_each(|node| etcd.kill(node));
        sleep(Duration::from_secs(3));
        (0..2).for_each(|node| etcd.restart(node));
    });
    let failed = told.refused.into_inner() + told.unknown.into_inner();
    assert!(failed > 0, "nobody has noticed that the cluster was down");
}

#[test]
fn histories_are_possible_while_a_holder_sleeps_beyond_its_ttl() {
    let shared = cluster();
    let hosts = hosts(&shared, 2);
    let (pid, stopped) = (hosts[0].pid(), AtomicUsize::new(0));
    // Clients of this host that hold a volume, as the other sees it.
    let holds = || {
        let lock = |volume| hosts[1].path(&format!("dummy/volumes/vol{volume:05}/lock"));
        let holder = |volume| fs::read_to_string(lock(volume)).ok().and_then(|text| shown(&text));
        (1..=VOLUMES).filter_map(holder).any(|number| number % 2 == 0)
    };
    histories(&hosts, Some(2), Duration::from_secs(7), || {
        sleep(Duration::from_secs(1));
        until("a holder that sleeps", || {
            hosts[0].signal("STOP");
            let sleeps = holds();
            if !sleeps {
                hosts[0].signal("CONT");
                sleep(Duration::from_millis(50));
            }
            sleeps
        });
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stopped.fetch_add(usize::from(state.contains(") T ")), Ordering::Relaxed);
        sleep(Duration::from_secs(4));
        hosts[0].signal("CONT");
    });
    assert_eq!(stopped.into_inner(), extent().histories);
}

/// Time is the cluster's alone.
#[test]
fn histories_are_possible_while_a_clock_is_an_hour_ahead() {
    let shared = cluster();
    let ahead = shared.host_with("host1", |command| {
        command.env("FAKETIME", "+1h").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketimeMT.so.1")
    });
    let hosts = [ahead, shared.host("host2")];
    histories(&hosts, Some(60), Duration::from_secs(3), || {});
    crate::write(&hosts[0], "lock", "host1 ttl=60").unwrap();
    let info = crate::read(&hosts[1], "lock.info");
    let since = info.lines().find_map(|line| line.strip_prefix("since ")).unwrap();
    let since = humantime::parse_rfc3339(since).unwrap();
    let ahead = since.duration_since(std::time::SystemTime::now()).unwrap();
    assert!(ahead > Duration::from_secs(3500), "{info}");
    // Nor does it lapse early, or late.
    assert_eq!(crate::read(&hosts[0], "lock"), "host1\n");
    crate::write(&hosts[0], "lock", "host1 ttl=2").unwrap();
    until("the lapse", || crate::read(&hosts[1], "lock").is_empty());
}
