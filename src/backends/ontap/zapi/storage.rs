//! The operations of the back-end trait, each in its subject's file.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Zapi, volumes};
use crate::backend::{
    Api, ByVolume, CallCount, Capabilities, Error, Health, Identity, Lock, NewLock, NewVolume, Newer, Policy,
    PolicyName, Result, Rule, Settings, Snapshot, SnapshotName, StorageBackend, Unlock, Volume, VolumeName,
    Volumes,
};

#[async_trait]
impl StorageBackend for Zapi {
    fn capabilities(&self) -> Capabilities {
        Capabilities { locks: false, protect: false, comments: true, nfs_locks: true, junction_names: true }
    }

    /// What the gate before it sees is what counts.
    fn health(&self) -> Health {
        Health { api: Api::Ok, latency: None, cache_age: None }
    }

    fn calls(&self) -> Vec<CallCount> {
        Vec::new()
    }

    fn known_volume(&self, _: &VolumeName) -> Option<Option<Arc<Volume>>> {
        None
    }

    fn known_snapshot(&self, _: &VolumeName, _: &SnapshotName) -> Option<Option<Arc<Snapshot>>> {
        None
    }

    fn counted_token(&self, _: Identity) -> Option<u64> {
        None
    }

    fn refresh(&self) {}

    async fn identify(&self) -> Result<String> {
        self.describe().await
    }

    async fn volumes(&self) -> Result<Volumes> {
        self.all_volumes().await.map(Arc::new)
    }

    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>> {
        self.one_volume(volume).await
    }

    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        self.new_volume(volume, new).await
    }

    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()> {
        self.restrict(volume).await
    }

    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()> {
        self.patch(volume, settings).await
    }

    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        self.new_clone(new, volume, snapshot, settings).await
    }

    async fn rollback_volume(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        newer: Newer,
    ) -> Result<()> {
        self.restore(volume, snapshot, newer).await
    }

    async fn get_snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>> {
        self.snapshots(volume).await
    }

    async fn all_snapshots(&self) -> Result<ByVolume<Arc<Snapshot>>> {
        self.snapshots_of_all().await
    }

    async fn get_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<Arc<Snapshot>> {
        self.snapshot(volume, snapshot).await
    }

    async fn create_snapshot(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
    ) -> Result<Option<Arc<Snapshot>>> {
        self.new_snapshot(volume, snapshot).await.map(|()| None)
    }

    async fn delete_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<()> {
        self.drop_snapshot(volume, snapshot).await
    }

    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        self.move_snapshot(volume, from, to).await
    }

    async fn locks(&self, volume: &VolumeName) -> Result<Option<Lock>> {
        self.no_locks(volume).await
    }

    async fn create_lock(&self, volume: &VolumeName, _: &NewLock) -> Result<Lock> {
        self.no_locks(volume).await
    }

    async fn remove_lock(&self, volume: &VolumeName, _: &Unlock) -> Result<()> {
        self.no_locks(volume).await
    }

    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>> {
        self.lock_clients(volume).await
    }

    async fn all_nfs_locks(&self) -> Result<ByVolume<String>> {
        self.lock_clients_of_all().await
    }

    async fn break_nfs_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        self.break_locks(volume, client).await
    }

    async fn policies(&self) -> Result<Vec<Arc<Policy>>> {
        self.all_policies().await
    }

    async fn get_policy(&self, policy: &PolicyName) -> Result<Arc<Policy>> {
        self.one_policy(policy).await
    }

    async fn create_policy(&self, policy: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        self.new_policy(policy, rules).await
    }

    async fn remove_policy(&self, policy: &PolicyName) -> Result<()> {
        self.drop_policy(policy).await
    }

    async fn set_policy(&self, volume: &VolumeName, policy: &PolicyName) -> Result<()> {
        let settings = Settings { active_policy_name: Some(policy.clone()), ..Settings::default() };
        self.patch(volume, &settings).await
    }

    async fn ensure_policy_rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        self.rules_present(policy, rules).await
    }

    async fn ensure_policy_rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        self.rules_absent(policy, rules).await
    }

    async fn order_policy_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()> {
        self.order_rules(policy, order).await
    }
}

impl Zapi {
    /// Admin locks live in the registry: see `Capabilities::locks`.
    async fn no_locks<T>(&self, volume: &VolumeName) -> Result<T> {
        if !volumes::possible(volume) {
            return Err(volumes::missing(volume));
        }
        Err(Error::unsupported("keep locks"))
    }
}
