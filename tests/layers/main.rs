//! The layers before a storage: how often the gate asks it, and what the cache remembers of its answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod breaker;
mod cache;
mod changes;
mod freshness;
mod gate;
mod guard;
mod settled;
mod stale;
mod walk;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{Error, Kind, PolicyName, Rule, Sent, SnapshotName, StorageBackend, VolumeName};
use filerfs::cache::Cache;
use filerfs::gate::{Gate, Limits};
use tokio::sync::Semaphore;

use common::counting::{Counting, Fault};
use common::{SMALL, counting};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);
/// Shorter than anybody waits.
const SHORT: Duration = Duration::from_millis(50);
const PATIENT: Limits = Limits { read_timeout: LONG, change_timeout: LONG, max_calls: 16 };

/// A storage with the small content that keeps count, behind a gate.
fn gated(limits: Limits) -> (Arc<Counting>, Gate) {
    let storage = counting(SMALL);
    (storage.clone(), Gate::new(storage, limits))
}

/// The same behind a cache.
fn cached(ttl: Duration) -> (Arc<Counting>, Cache) {
    let storage = counting(SMALL);
    (storage.clone(), Cache::new(storage, ttl))
}

fn v(name: &str) -> VolumeName {
    VolumeName::new(name).unwrap()
}

fn s(name: &str) -> SnapshotName {
    SnapshotName::new(name).unwrap()
}

fn p(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

fn r(rules: &[&str]) -> Vec<Rule> {
    rules.iter().map(|rule| Rule::new(rule).unwrap()).collect()
}

/// A failure without an answer.
fn lost() -> Error {
    Error::new(Kind::Remote, "the connection broke").sent(Sent::Unknown)
}

/// The next call of the storage meets this.
fn next(storage: &Counting, fault: Fault) {
    storage.faults.lock().push_back(fault);
}

/// Never given.
fn never() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

/// The call is begun, and waits.
async fn begun<F: Future + Unpin>(call: &mut F) {
    poll_fn(|context| {
        assert!(Pin::new(&mut *call).poll(context).is_pending(), "it does not wait");
        std::task::Poll::Ready(())
    })
    .await;
}

/// What a storage shows of itself, all of it.
async fn everything(storage: &dyn StorageBackend) -> Vec<String> {
    let mut all = Vec::new();
    let volumes = storage.volumes().await.unwrap().to_vec();
    for volume in &volumes {
        all.push(format!("{:?}", storage.get_volume(&volume.name).await.unwrap()));
        let snapshots = storage.get_snapshots(&volume.name).await.unwrap();
        for snapshot in &snapshots {
            let alone = storage.get_snapshot(&volume.name, &snapshot.name).await.unwrap();
            assert_eq!(alone, *snapshot);
        }
        all.push(format!("{snapshots:?}, held by {:?}", storage.locks(&volume.name).await.unwrap()));
    }
    let policies = storage.policies().await.unwrap();
    for policy in &policies {
        all.push(format!("{:?}", storage.get_policy(&policy.name).await.unwrap()));
    }
    all.push(format!("{volumes:?} {policies:?}"));
    all
}
