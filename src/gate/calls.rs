//! The operations, each through the gate; for a change that got no answer, how to see whether it was made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::Gate;
use crate::backend::{
    ByVolume, CallCount, Capabilities, Error, Health, Identity, Kind, Lock, NewLock, NewVolume, Newer,
    Policy, PolicyName, Result, Rule, Settings, Snapshot, SnapshotName, StorageBackend, Unlock, Volume,
    VolumeName, Volumes,
};

/// A call and what came of it.
type Outcome = (&'static str, &'static str);

/// Calls by name and result: how many, and how long they took together.
#[derive(Default)]
pub struct Counts(Mutex<BTreeMap<Outcome, (u64, Duration)>>);

impl Counts {
    /// Counts a call.
    pub fn add(&self, call: &'static str, error: Option<&Error>, took: Duration) {
        let mut counts = self.0.lock();
        let (count, sum) = counts.entry((call, error.map_or("ok", |error| error.kind().name()))).or_default();
        *count += 1;
        *sum += took;
    }

    /// The mean of the calls so far.
    pub fn latency(&self) -> Option<Duration> {
        let counts = self.0.lock();
        let (count, sum) =
            counts.values().fold((0, Duration::ZERO), |(n, sum), (count, took)| (n + count, sum + *took));
        u32::try_from(count).ok().filter(|count| *count > 0).map(|count| sum / count)
    }

    /// All of them.
    pub fn all(&self) -> Vec<CallCount> {
        let counts = self.0.lock();
        let line = |((call, result), (count, took)): (&Outcome, &(u64, Duration))| CallCount {
            call,
            result,
            count: *count,
            seconds: took.as_secs_f64(),
        };
        counts.iter().map(line).collect()
    }
}

/// A change is done if the object is there.
fn there<T>(found: Result<T>) -> Result<Option<T>> {
    found.map(Some)
}

/// A change is done if the object is gone.
fn gone<T>(found: Result<T>) -> Result<Option<()>> {
    match found {
        Err(error) if error.kind() == Kind::NotFound => Ok(Some(())),
        other => other.map(|_| None),
    }
}

/// A change is done if this holds.
fn holds(done: bool) -> Result<Option<()>> {
    Ok(done.then_some(()))
}

#[async_trait]
impl StorageBackend for Gate {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn health(&self) -> Health {
        Health { api: self.breaker.api(), latency: self.counts.latency(), ..self.inner.health() }
    }

    fn calls(&self) -> Vec<CallCount> {
        self.counts.all()
    }

    fn known_volume(&self, volume: &VolumeName) -> Option<Option<Arc<Volume>>> {
        self.inner.known_volume(volume)
    }

    fn known_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Option<Option<Arc<Snapshot>>> {
        self.inner.known_snapshot(volume, snapshot)
    }

    fn counted_token(&self, volume: Identity) -> Option<u64> {
        self.inner.counted_token(volume)
    }

    fn refresh(&self) {
        self.inner.refresh();
    }

    async fn identify(&self) -> Result<String> {
        self.read("identify", || self.inner.identify()).await
    }

    async fn volumes(&self) -> Result<Volumes> {
        self.read("volumes", || self.inner.volumes()).await
    }

    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>> {
        self.read("get_volume", || self.inner.get_volume(volume)).await
    }

    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        let settled = || async { there(self.inner.get_volume(volume).await) };
        self.change("create_volume", || self.inner.create_volume(volume, new), settled).await
    }

    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()> {
        let settled = || async { gone(self.inner.get_volume(volume).await) };
        self.change("restrict_volume", || self.inner.restrict_volume(volume), settled).await
    }

    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()> {
        let settled = || async { holds(self.inner.get_volume(volume).await?.settings.fulfil(settings)) };
        self.change("patch_volume", || self.inner.patch_volume(volume, settings), settled).await
    }

    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        let settled = || async { there(self.inner.get_volume(new).await.map(drop)) };
        let make = || self.inner.clone_volume(new, volume, snapshot, settings);
        self.change("clone_volume", make, settled).await
    }

    /// Nothing that can be read says whether a rollback was made.
    async fn rollback_volume(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        newer: Newer,
    ) -> Result<()> {
        let settled = || async { Ok(None) };
        self.change("rollback_volume", || self.inner.rollback_volume(volume, snapshot, newer), settled).await
    }

    async fn get_snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>> {
        self.read("get_snapshots", || self.inner.get_snapshots(volume)).await
    }

    async fn all_snapshots(&self) -> Result<ByVolume<Arc<Snapshot>>> {
        self.read("all_snapshots", || self.inner.all_snapshots()).await
    }

    async fn get_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<Arc<Snapshot>> {
        self.read("get_snapshot", || self.inner.get_snapshot(volume, snapshot)).await
    }

    async fn create_snapshot(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
    ) -> Result<Option<Arc<Snapshot>>> {
        let settled = || async { there(self.inner.get_snapshot(volume, snapshot).await.map(Some)) };
        self.change("create_snapshot", || self.inner.create_snapshot(volume, snapshot), settled).await
    }

    async fn delete_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<()> {
        let settled = || async { gone(self.inner.get_snapshot(volume, snapshot).await) };
        self.change("delete_snapshot", || self.inner.delete_snapshot(volume, snapshot), settled).await
    }

    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        let settled = || async {
            let found = self.inner.get_snapshots(volume).await?;
            let has = |name: &SnapshotName| found.iter().any(|snapshot| snapshot.name == *name);
            holds(has(to) && !has(from))
        };
        self.change("rename_snapshot", || self.inner.rename_snapshot(volume, from, to), settled).await
    }

    async fn locks(&self, volume: &VolumeName) -> Result<Option<Lock>> {
        self.read("locks", || self.inner.locks(volume)).await
    }

    async fn create_lock(&self, volume: &VolumeName, new: &NewLock) -> Result<Lock> {
        let settled = || async {
            let lock = self.inner.locks(volume).await?;
            Ok(lock.filter(|lock| *lock.holder() == new.host))
        };
        self.change("create_lock", || self.inner.create_lock(volume, new), settled).await
    }

    async fn remove_lock(&self, volume: &VolumeName, lock: &Unlock) -> Result<()> {
        let settled =
            || async { holds(self.inner.locks(volume).await?.is_none_or(|held| !lock.frees(&held.taken))) };
        self.change("remove_lock", || self.inner.remove_lock(volume, lock), settled).await
    }

    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>> {
        self.read("nfs_locks", || self.inner.nfs_locks(volume)).await
    }

    async fn all_nfs_locks(&self) -> Result<ByVolume<String>> {
        self.read("all_nfs_locks", || self.inner.all_nfs_locks()).await
    }

    async fn break_nfs_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        let settled =
            || async { holds(!self.inner.nfs_locks(volume).await?.iter().any(|kept| kept == client)) };
        self.change("break_nfs_locks", || self.inner.break_nfs_locks(volume, client), settled).await
    }

    async fn policies(&self) -> Result<Vec<Arc<Policy>>> {
        self.read("policies", || self.inner.policies()).await
    }

    async fn get_policy(&self, policy: &PolicyName) -> Result<Arc<Policy>> {
        self.read("get_policy", || self.inner.get_policy(policy)).await
    }

    async fn create_policy(&self, policy: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        let settled = || async {
            let found = self.inner.get_policy(policy).await?;
            // Equal rules are kept once.
            let same = found.rules.iter().all(|rule| rules.contains(rule));
            Ok((same && rules.iter().all(|rule| found.rules.contains(rule))).then_some(found))
        };
        self.change("create_policy", || self.inner.create_policy(policy, rules), settled).await
    }

    async fn remove_policy(&self, policy: &PolicyName) -> Result<()> {
        let settled = || async { gone(self.inner.get_policy(policy).await) };
        self.change("remove_policy", || self.inner.remove_policy(policy), settled).await
    }

    async fn set_policy(&self, volume: &VolumeName, policy: &PolicyName) -> Result<()> {
        let settled = || async {
            let found = self.inner.get_volume(volume).await?;
            holds(found.settings.active_policy_name.as_ref() == Some(policy))
        };
        self.change("set_policy", || self.inner.set_policy(volume, policy), settled).await
    }

    async fn ensure_policy_rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        let settled = || async {
            let kept = self.inner.get_policy(policy).await?;
            holds(rules.iter().all(|rule| kept.rules.contains(rule)))
        };
        let make = || self.inner.ensure_policy_rules_present(policy, rules);
        self.change("ensure_policy_rules_present", make, settled).await
    }

    async fn ensure_policy_rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        let settled = || async {
            let kept = self.inner.get_policy(policy).await?;
            holds(!rules.iter().any(|rule| kept.rules.contains(rule)))
        };
        let make = || self.inner.ensure_policy_rules_absent(policy, rules);
        self.change("ensure_policy_rules_absent", make, settled).await
    }

    async fn order_policy_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()> {
        let settled = || async {
            let place = |rule: &Rule| order.iter().position(|named| named == rule).unwrap_or(order.len());
            holds(self.inner.get_policy(policy).await?.rules.is_sorted_by_key(place))
        };
        self.change("order_policy_rules", || self.inner.order_policy_rules(policy, order), settled).await
    }
}
