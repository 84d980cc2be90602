//! What a lock costs: take and release, on each kind of registry, against the least that its store allows: two
//! transactions of etcd, two files that are replaced and synced. Then 32 hosts that want one lock.
//! Nothing here is asserted about time: docs/benchmarks.md says how to read it.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

#[path = "../common/etcd.rs"]
mod etcd;
#[path = "../common/signal.rs"]
mod signal;
#[path = "turns.rs"]
mod turns;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use filerfs::backend::{HostName, Identity, NewLock};
use filerfs::registry::{Cluster, EtcdRegistry, FileRegistry, MemoryRegistry, Registry, Subject};
use filerfs::tls::Trust;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use etcd::Etcd;
use turns::{in_turns, part};

/// How often in one measurement.
const TIMES: u32 = 50;
const ROUNDS: usize = 9;
/// Hosts that want one lock, and for how long.
const CONTENDERS: usize = 32;
const CONTENTION: Duration = Duration::from_secs(5);

fn main() {
    let runtime = Runtime::new().unwrap();
    // Filerfs tells its clients which; the bare one asks the process.
    rustls::crypto::ring::default_provider().install_default().unwrap();
    println!(
        "| registry | take and release, µs | the least, µs | ratio | middle half |\n|---|--:|--:|--:|---|"
    );
    let memory: Arc<dyn Registry> = Arc::new(MemoryRegistry::default());
    let alone = part((0..ROUNDS).map(|_| pairs(&runtime, &*memory)), 0.5);
    println!("| memory | {alone:.1} | | | |");

    let dir = tempfile::tempdir().unwrap();
    let file = FileRegistry::open(&dir.path().join("registry")).unwrap();
    row("file", || pairs(&runtime, &file), || files(dir.path()));

    let mut contended = Vec::new();
    for nodes in [1, 3] {
        let cluster = Etcd::start(nodes);
        let registry = of(&cluster);
        let client = reqwest::Client::new();
        let bare = || runtime.block_on(transactions(&client, &cluster.endpoint(0)));
        row(&format!("etcd, {nodes} nodes"), || pairs(&runtime, &registry), bare);
        contended
            .push((format!("etcd, {nodes} nodes"), runtime.block_on(contention(&|| Arc::new(of(&cluster))))));
    }
    let file: Arc<dyn Registry> = Arc::new(file);
    contended.insert(0, ("memory".into(), runtime.block_on(contention(&|| memory.clone()))));
    contended.insert(1, ("file".into(), runtime.block_on(contention(&|| file.clone()))));
    println!(
        "\n| {CONTENDERS} hosts, one lock | taken a second | least of a host | most of a host |\n|---|--:|--:|--:|"
    );
    for (name, taken) in contended {
        let (all, least, most) = (taken.iter().sum::<usize>(), taken.iter().min(), taken.iter().max());
        let rate = all as f64 / CONTENTION.as_secs_f64();
        println!("| {name} | {rate:.0} | {} | {} |", least.unwrap(), most.unwrap());
    }
}

fn row(name: &str, ours: impl FnMut() -> f64, theirs: impl FnMut() -> f64) {
    let rounds = in_turns(ROUNDS, ours, theirs);
    let ratios = |at| part(rounds.iter().map(|(ours, theirs)| ours / theirs), at);
    let (ours, theirs) = (part(rounds.iter().map(|r| r.0), 0.5), part(rounds.iter().map(|r| r.1), 0.5));
    let (low, middle, high) = (ratios(0.25), ratios(0.5), ratios(0.75));
    println!("| {name} | {ours:.0} | {theirs:.0} | {middle:.2} | {low:.2} - {high:.2} |");
}

fn of(cluster: &Etcd) -> EtcdRegistry {
    let cluster = Cluster {
        endpoints: cluster.endpoints(),
        prefix: "/bench".into(),
        trust: Trust::System,
        identity: None,
        timeout: Duration::from_secs(10),
        fresh: Duration::from_secs(2),
    };
    EtcdRegistry::new(&cluster).unwrap()
}

fn subject(volume: u64) -> Subject {
    Subject { endpoint: "bench".into(), volume: Identity(volume) }
}

/// Microseconds of one pair.
fn pairs(runtime: &Runtime, registry: &dyn Registry) -> f64 {
    let (of, new) = (subject(1), NewLock::of(HostName::new("host1").unwrap()));
    let begun = Instant::now();
    runtime.block_on(async {
        for _ in 0..TIMES {
            registry.take(&of, &new).await.unwrap();
            registry.release(&of, &new.host.clone().into()).await.unwrap();
        }
    });
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}

/// The same with files alone: written, synced, renamed, and the directory synced.
fn files(dir: &Path) -> f64 {
    let begun = Instant::now();
    for _ in 0..2 * TIMES {
        let mut file = File::create(dir.join("new")).unwrap();
        file.write_all(&[b'x'; 256]).unwrap();
        file.sync_all().unwrap();
        fs::rename(dir.join("new"), dir.join("kept")).unwrap();
        File::open(dir).unwrap().sync_all().unwrap();
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}

/// The same with transactions alone: a key is put if it is not there, and deleted if it is as it was.
async fn transactions(client: &reqwest::Client, endpoint: &str) -> f64 {
    let (key, value) = (STANDARD.encode("/bare"), STANDARD.encode([b'x'; 256]));
    let get = json!({"request_range": {"key": key}});
    let begun = Instant::now();
    for _ in 0..TIMES {
        let put = json!({"request_put": {"key": key, "value": value}});
        let absent = json!({"key": key, "target": "CREATE", "create_revision": "0"});
        let put =
            ask(client, endpoint, &json!({"compare": [absent], "success": [put], "failure": [get]})).await;
        let revision = put["header"]["revision"].as_str().unwrap();
        let delete = json!({"request_delete_range": {"key": key}});
        let same = json!({"key": key, "target": "MOD", "mod_revision": revision});
        let deleted =
            ask(client, endpoint, &json!({"compare": [same], "success": [delete], "failure": [get]})).await;
        assert_eq!(deleted["succeeded"], true);
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}

async fn ask(client: &reqwest::Client, endpoint: &str, message: &Value) -> Value {
    let sent = client.post(format!("{endpoint}/v3/kv/txn")).body(message.to_string()).send().await.unwrap();
    serde_json::from_str(&sent.text().await.unwrap()).unwrap()
}

/// How often each host gets the lock that all want.
async fn contention(registry: &dyn Fn() -> Arc<dyn Registry>) -> Vec<usize> {
    let until = Instant::now() + CONTENTION;
    let contender = |at: usize| {
        let registry = registry();
        tokio::spawn(async move {
            let (of, new) = (subject(2), NewLock::of(HostName::new(&format!("host{at}")).unwrap()));
            let mut taken = 0;
            while Instant::now() < until {
                if registry.take(&of, &new).await.is_ok() {
                    taken += 1;
                    registry.release(&of, &new.host.clone().into()).await.unwrap();
                }
                tokio::task::yield_now().await;
            }
            taken
        })
    };
    let contenders: Vec<_> = (0..CONTENDERS).map(contender).collect();
    let mut taken = Vec::new();
    for contender in contenders {
        taken.push(contender.await.unwrap());
    }
    taken
}
