//! A back-end whose changes are journalled.

use std::sync::Arc;

use async_trait::async_trait;

use super::change::Change;
use super::settle::free;
use super::{Journal, Until};
use crate::backend::{
    By, ByVolume, CallCount, Capabilities, Health, HostName, Identity, Lock, NewLock, NewVolume, Newer,
    Policy, PolicyName, Result, Rule, Sent, Settings, Snapshot, SnapshotName, StorageBackend, Unlock, Volume,
    VolumeName, Volumes,
};
use crate::crash;

/// Writes down each change before it is sent and after it was answered; reads go straight through.
pub struct Journalled {
    endpoint: Arc<str>,
    host: HostName,
    backend: Arc<dyn StorageBackend>,
    journal: Arc<Journal>,
}

impl Journalled {
    /// The back-end of this endpoint, with this journal. Changes are made in the name of this host.
    pub fn new(
        endpoint: &str,
        host: HostName,
        backend: Arc<dyn StorageBackend>,
        journal: Arc<Journal>,
    ) -> Journalled {
        let endpoint: Arc<str> = endpoint.into();
        journal.endpoints.lock().push((endpoint.clone(), backend.clone()));
        Journalled { endpoint, host, backend, journal }
    }

    /// The one way of a change.
    async fn change<T>(&self, change: Change, make: impl Future<Output = Result<T>> + Send) -> Result<T> {
        // What came of it may be missing from the journal, and is looked for after a restart.
        self.make(change, make, Until::Written).await.0
    }

    /// What came of a change, and whether that stands in the journal.
    async fn make<T>(
        &self,
        change: Change,
        make: impl Future<Output = Result<T>> + Send,
        until: Until,
    ) -> (Result<T>, Result<()>) {
        let op = change.op();
        crash::point("before-intent", op);
        let begun = match self.journal.begin(&self.host, &self.endpoint, change).await {
            Ok(begun) => begun,
            Err(error) => return (Err(error), Ok(())),
        };
        crash::point("after-intent", op);
        let answer = make.await;
        crash::point("after-call", op);
        if answer.as_ref().is_err_and(|error| error.sent == Sent::Unknown) {
            // Nobody knows what came of it.
            return (answer, Ok(()));
        }
        crash::point("before-outcome", op);
        let told = begun.end(answer.as_ref().err(), until).await;
        (answer, told)
    }
}

#[async_trait]
impl StorageBackend for Journalled {
    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    fn health(&self) -> Health {
        self.backend.health()
    }

    fn calls(&self) -> Vec<CallCount> {
        self.backend.calls()
    }

    fn known_volume(&self, volume: &VolumeName) -> Option<Option<Arc<Volume>>> {
        self.backend.known_volume(volume)
    }

    fn known_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Option<Option<Arc<Snapshot>>> {
        self.backend.known_snapshot(volume, snapshot)
    }

    fn counted_token(&self, volume: Identity) -> Option<u64> {
        self.backend.counted_token(volume)
    }

    fn refresh(&self) {
        self.backend.refresh();
    }

    async fn identify(&self) -> Result<String> {
        self.backend.identify().await
    }

    async fn volumes(&self) -> Result<Volumes> {
        self.backend.volumes().await
    }

    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>> {
        self.backend.get_volume(volume).await
    }

    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        self.change(Change::create_volume(volume, new), self.backend.create_volume(volume, new)).await
    }

    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()> {
        let change = Change::RestrictVolume { volume: volume.clone() };
        self.change(change, self.backend.restrict_volume(volume)).await
    }

    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()> {
        let change = Change::PatchVolume { volume: volume.clone(), settings: settings.clone() };
        self.change(change, self.backend.patch_volume(volume, settings)).await
    }

    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        let (origin, snapshot_name) = (volume.clone(), snapshot.clone());
        let change = Change::CloneVolume {
            volume: new.clone(),
            origin,
            snapshot: snapshot_name,
            settings: settings.clone(),
        };
        self.change(change, self.backend.clone_volume(new, volume, snapshot, settings)).await
    }

    async fn rollback_volume(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        newer: Newer,
    ) -> Result<()> {
        let change = Change::rollback(volume, snapshot, newer);
        self.change(change, self.backend.rollback_volume(volume, snapshot, newer)).await
    }

    async fn get_snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>> {
        self.backend.get_snapshots(volume).await
    }

    async fn all_snapshots(&self) -> Result<ByVolume<Arc<Snapshot>>> {
        self.backend.all_snapshots().await
    }

    async fn get_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<Arc<Snapshot>> {
        self.backend.get_snapshot(volume, snapshot).await
    }

    async fn create_snapshot(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
    ) -> Result<Option<Arc<Snapshot>>> {
        let change = Change::CreateSnapshot { volume: volume.clone(), snapshot: snapshot.clone() };
        self.change(change, self.backend.create_snapshot(volume, snapshot)).await
    }

    async fn delete_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<()> {
        let change = Change::DeleteSnapshot { volume: volume.clone(), snapshot: snapshot.clone() };
        self.change(change, self.backend.delete_snapshot(volume, snapshot)).await
    }

    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        let change = Change::RenameSnapshot { volume: volume.clone(), from: from.clone(), to: to.clone() };
        self.change(change, self.backend.rename_snapshot(volume, from, to)).await
    }

    async fn locks(&self, volume: &VolumeName) -> Result<Option<Lock>> {
        self.backend.locks(volume).await
    }

    /// After a crash a lock that nobody was told of is freed. So its taking is told only when the disk knows.
    async fn create_lock(&self, volume: &VolumeName, new: &NewLock) -> Result<Lock> {
        if matches!(new.by, By::Prolonging { .. }) {
            return self.backend.create_lock(volume, new).await;
        }
        let before = self.backend.locks(volume).await?;
        let held = before.is_some_and(|lock| *lock.holder() == new.host);
        let take = self.backend.create_lock(volume, new);
        match self.make(Change::create_lock(volume, new, held), take, Until::Synced).await {
            (Ok(_), Err(error)) if !held => {
                free(self.backend.as_ref(), volume, &new.unlock()).await?;
                Err(error.context(format!("the lock of volume {volume} was taken and freed again")))
            }
            (taken, _) => taken,
        }
    }

    async fn remove_lock(&self, volume: &VolumeName, lock: &Unlock) -> Result<()> {
        let Unlock { host, request, .. } = lock.clone();
        let change = Change::RemoveLock { volume: volume.clone(), host, request };
        self.change(change, self.backend.remove_lock(volume, lock)).await
    }

    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>> {
        self.backend.nfs_locks(volume).await
    }

    async fn all_nfs_locks(&self) -> Result<ByVolume<String>> {
        self.backend.all_nfs_locks().await
    }

    async fn break_nfs_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        let change = Change::BreakNfsLocks { volume: volume.clone(), client: client.to_owned() };
        self.change(change, self.backend.break_nfs_locks(volume, client)).await
    }

    async fn policies(&self) -> Result<Vec<Arc<Policy>>> {
        self.backend.policies().await
    }

    async fn get_policy(&self, policy: &PolicyName) -> Result<Arc<Policy>> {
        self.backend.get_policy(policy).await
    }

    async fn create_policy(&self, policy: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        let change = Change::CreatePolicy { policy: policy.clone(), rules: rules.to_vec() };
        self.change(change, self.backend.create_policy(policy, rules)).await
    }

    async fn remove_policy(&self, policy: &PolicyName) -> Result<()> {
        let change = Change::RemovePolicy { policy: policy.clone() };
        self.change(change, self.backend.remove_policy(policy)).await
    }

    async fn set_policy(&self, volume: &VolumeName, policy: &PolicyName) -> Result<()> {
        let change = Change::SetPolicy { volume: volume.clone(), policy: policy.clone() };
        self.change(change, self.backend.set_policy(volume, policy)).await
    }

    async fn ensure_policy_rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        let change = Change::EnsurePolicyRulesPresent { policy: policy.clone(), rules: rules.to_vec() };
        self.change(change, self.backend.ensure_policy_rules_present(policy, rules)).await
    }

    async fn ensure_policy_rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        let change = Change::EnsurePolicyRulesAbsent { policy: policy.clone(), rules: rules.to_vec() };
        self.change(change, self.backend.ensure_policy_rules_absent(policy, rules)).await
    }

    async fn order_policy_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()> {
        let change = Change::OrderPolicyRules { policy: policy.clone(), order: order.to_vec() };
        self.change(change, self.backend.order_policy_rules(policy, order)).await
    }
}
