//! A back-end together with what the registry keeps for it.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Marks, Registry, Subject};
use crate::backend::{
    ByVolume, CallCount, Capabilities, Health, HostName, Identity, NewVolume, Newer, Policy, PolicyName,
    Result, Rule, Settings, Snapshot, SnapshotName, StorageBackend, Volume, VolumeName, Volumes,
};

/// Answers for locks and marks where the back-end declares that it lacks them; the rest goes through.
pub struct Registered {
    endpoint: Arc<str>,
    backend: Arc<dyn StorageBackend>,
    registry: Arc<dyn Registry>,
    own: Capabilities,
}

impl Registered {
    /// The back-end of this endpoint, with this registry.
    pub fn new(endpoint: &str, backend: Arc<dyn StorageBackend>, registry: Arc<dyn Registry>) -> Registered {
        Registered { endpoint: endpoint.into(), own: backend.capabilities(), backend, registry }
    }

    fn subject(&self, volume: Identity) -> Subject {
        Subject { endpoint: self.endpoint.clone(), volume }
    }

    async fn find(&self, volume: &VolumeName) -> Result<Subject> {
        Ok(self.subject(self.backend.get_volume(volume).await?.identity))
    }

    fn keeps_marks(&self) -> bool {
        !self.own.protect || !self.own.comments
    }

    /// The record with what the registry keeps for it.
    fn marked(&self, mut volume: Arc<Volume>, marks: Option<&Marks>) -> Arc<Volume> {
        let marks = marks.filter(|marks| **marks != Marks::default());
        if let Some(marks) = marks
            && !self.own.protect
        {
            Arc::make_mut(&mut volume).settings.protect = Some(marks.protect);
        }
        if !self.own.comments {
            let comment = marks.map(|marks| marks.comment.clone()).unwrap_or_default();
            Arc::make_mut(&mut volume).settings.comment = Some(comment);
        }
        volume
    }

    /// Takes from the settings what the registry keeps.
    fn split(&self, settings: &Settings) -> (Settings, Settings) {
        let (mut theirs, mut ours) = (settings.clone(), Settings::default());
        if !self.own.protect {
            ours.protect = theirs.protect.take();
        }
        if !self.own.comments {
            ours.comment = theirs.comment.take();
        }
        (theirs, ours)
    }

    async fn keep(&self, volume: Identity, ours: Settings) -> Result<()> {
        if ours.is_empty() {
            return Ok(());
        }
        let of = self.subject(volume);
        let mut marks = self.registry.marks(&of).await?;
        marks.protect = ours.protect.unwrap_or(marks.protect);
        marks.comment = ours.comment.unwrap_or(marks.comment);
        self.registry.set_marks(&of, marks).await
    }

    async fn created(&self, volume: Arc<Volume>, ours: Settings) -> Result<Arc<Volume>> {
        let kept = self.keep(volume.identity, ours).await;
        kept.map_err(|e| {
            e.context(format!("volume {} was created, but its marks were not kept", volume.name))
        })?;
        self.with_marks(volume).await
    }

    async fn with_marks(&self, volume: Arc<Volume>) -> Result<Arc<Volume>> {
        if !self.keeps_marks() {
            return Ok(volume);
        }
        let marks = self.registry.marks(&self.subject(volume.identity)).await?;
        Ok(self.marked(volume, Some(&marks)))
    }
}

#[async_trait]
impl StorageBackend for Registered {
    fn capabilities(&self) -> Capabilities {
        Capabilities { locks: true, protect: true, comments: true, ..self.own }
    }

    fn health(&self) -> Health {
        self.backend.health()
    }

    fn calls(&self) -> Vec<CallCount> {
        self.backend.calls()
    }

    fn known_volume(&self, volume: &VolumeName) -> Option<Arc<Volume>> {
        let volume = self.backend.known_volume(volume)?;
        if !self.keeps_marks() {
            return Some(volume);
        }
        let marks = self.registry.known_marks(&self.subject(volume.identity))?;
        Some(self.marked(volume, Some(&marks)))
    }

    fn refresh(&self) {
        self.backend.refresh();
    }

    async fn identify(&self) -> Result<String> {
        self.backend.identify().await
    }

    async fn volumes(&self) -> Result<Volumes> {
        let volumes = self.backend.volumes().await?;
        let marks = self.registry.all_marks(&self.endpoint).await?;
        if self.own.comments && marks.is_empty() {
            return Ok(volumes);
        }
        let marked = |volume: &Arc<Volume>| self.marked(volume.clone(), marks.get(&volume.identity));
        Ok(Arc::new(volumes.iter().map(marked).collect()))
    }

    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>> {
        self.with_marks(self.backend.get_volume(volume).await?).await
    }

    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        let (settings, ours) = self.split(&new.settings);
        let new = NewVolume { settings, aggregate_name: new.aggregate_name.clone() };
        self.created(self.backend.create_volume(volume, &new).await?, ours).await
    }

    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()> {
        let of = self.find(volume).await?;
        self.backend.restrict_volume(volume).await?;
        self.registry.forget(&of).await
    }

    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()> {
        let (theirs, ours) = self.split(settings);
        if ours.is_empty() {
            return self.backend.patch_volume(volume, &theirs).await;
        }
        let of = self.find(volume).await?;
        if !theirs.is_empty() {
            self.backend.patch_volume(volume, &theirs).await?;
        }
        self.keep(of.volume, ours).await
    }

    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        let (theirs, ours) = self.split(settings);
        self.backend.clone_volume(new, volume, snapshot, &theirs).await?;
        if ours.is_empty() {
            return Ok(());
        }
        self.created(self.backend.get_volume(new).await?, ours).await.map(drop)
    }

    async fn rollback_volume(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        newer: Newer,
    ) -> Result<()> {
        self.backend.rollback_volume(volume, snapshot, newer).await
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
        self.backend.create_snapshot(volume, snapshot).await
    }

    async fn delete_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<()> {
        self.backend.delete_snapshot(volume, snapshot).await
    }

    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        self.backend.rename_snapshot(volume, from, to).await
    }

    async fn locks(&self, volume: &VolumeName) -> Result<Option<HostName>> {
        if self.own.locks {
            return self.backend.locks(volume).await;
        }
        self.registry.holder(&self.find(volume).await?).await
    }

    async fn create_lock(&self, volume: &VolumeName, host: &HostName) -> Result<()> {
        if self.own.locks {
            return self.backend.create_lock(volume, host).await;
        }
        let taken = self.registry.take(&self.find(volume).await?, host).await;
        taken.map_err(|e| e.context(format!("volume {volume}")))
    }

    async fn remove_lock(&self, volume: &VolumeName, host: &HostName) -> Result<()> {
        if self.own.locks {
            return self.backend.remove_lock(volume, host).await;
        }
        self.registry.release(&self.find(volume).await?, host).await
    }

    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>> {
        self.backend.nfs_locks(volume).await
    }

    async fn all_nfs_locks(&self) -> Result<ByVolume<String>> {
        self.backend.all_nfs_locks().await
    }

    async fn break_nfs_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        self.backend.break_nfs_locks(volume, client).await
    }

    async fn policies(&self) -> Result<Vec<Arc<Policy>>> {
        self.backend.policies().await
    }

    async fn get_policy(&self, policy: &PolicyName) -> Result<Arc<Policy>> {
        self.backend.get_policy(policy).await
    }

    async fn create_policy(&self, policy: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        self.backend.create_policy(policy, rules).await
    }

    async fn remove_policy(&self, policy: &PolicyName) -> Result<()> {
        self.backend.remove_policy(policy).await
    }

    async fn set_policy(&self, volume: &VolumeName, policy: &PolicyName) -> Result<()> {
        self.backend.set_policy(volume, policy).await
    }

    async fn ensure_policy_rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        self.backend.ensure_policy_rules_present(policy, rules).await
    }

    async fn ensure_policy_rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        self.backend.ensure_policy_rules_absent(policy, rules).await
    }

    async fn order_policy_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()> {
        self.backend.order_policy_rules(policy, order).await
    }
}
