//! Each operation: what the registry keeps is asked of it, the rest goes through.

use std::sync::Arc;

use async_trait::async_trait;

use super::Registered;
use super::marks::{Last, half_made};
use crate::backend::{
    By, ByVolume, CallCount, Capabilities, Health, Identity, Lock, NewLock, NewVolume, Newer, Policy,
    PolicyName, Result, Rule, Settings, Snapshot, SnapshotName, StorageBackend, Unlock, Volume, VolumeName,
    Volumes,
};
use crate::registry::Subject;

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

    fn known_volume(&self, volume: &VolumeName) -> Option<Option<Arc<Volume>>> {
        let Some(volume) = self.backend.known_volume(volume)? else { return Some(None) };
        if !self.keeps_marks() {
            return Some(Some(volume));
        }
        let marks = self.registry.known_marks(&self.subject(volume.identity))?;
        Some(Some(self.marked(volume, Some(&marks))))
    }

    fn known_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Option<Option<Arc<Snapshot>>> {
        self.backend.known_snapshot(volume, snapshot)
    }

    fn counted_token(&self, volume: Identity) -> Option<u64> {
        self.counted.token(volume)
    }

    fn refresh(&self) {
        self.backend.refresh();
    }

    async fn identify(&self) -> Result<String> {
        self.backend.identify().await
    }

    async fn volumes(&self) -> Result<Volumes> {
        let volumes = self.backend.volumes().await?;
        if !self.keeps_marks() {
            return Ok(volumes);
        }
        // Whatever is wrong with the marks of one, all volumes are there; who reads that one is told what it is.
        let marks = self.registry.all_marks(&self.endpoint).await.ok();
        let mut last = self.last.lock();
        if let Some(marks) = marks {
            *last = Last { marks, all: true };
        }
        // The same list is the same listing to the tree.
        if last.all && last.marks.is_empty() {
            return Ok(volumes);
        }
        let marked = |volume: &Arc<Volume>| self.marked(volume.clone(), last.of(volume.identity).as_ref());
        Ok(Arc::new(volumes.iter().map(marked).collect()))
    }

    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>> {
        self.with_marks(self.found(volume).await?).await
    }

    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        let (settings, ours) = self.split(&new.settings);
        let new = NewVolume { settings, aggregate_name: new.aggregate_name.clone() };
        self.check_keeps(&ours).await?;
        self.created(self.backend.create_volume(volume, &new).await?, ours).await
    }

    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()> {
        let restricted = self.guarded(volume, async |of: &Subject| {
            self.check_unprotected(volume, of).await?;
            self.backend.restrict_volume(volume).await?;
            Ok(of.clone())
        });
        let of = restricted.await?;
        self.identities.lock().remove(volume);
        self.counted.forget(of.volume);
        if let Err(error) = self.registry.forget(&of).await {
            tracing::warn!(%volume, %error, "what the registry keeps of a volume that is gone stays there");
        }
        Ok(())
    }

    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()> {
        if self.keeps(settings) {
            return self.patch_marks(volume, settings).await;
        }
        self.guarded(volume, async |_: &Subject| self.backend.patch_volume(volume, settings).await).await
    }

    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        let (theirs, ours) = self.split(settings);
        self.check_keeps(&ours).await?;
        self.backend.clone_volume(new, volume, snapshot, &theirs).await?;
        if ours.is_empty() {
            return Ok(());
        }
        let made = self.backend.get_volume(new).await.map_err(|error| half_made(error, new, "created"))?;
        self.created(made, ours).await.map(drop)
    }

    async fn rollback_volume(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        newer: Newer,
    ) -> Result<()> {
        self.guarded(volume, async |_: &Subject| self.backend.rollback_volume(volume, snapshot, newer).await)
            .await
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
        self.guarded(volume, async |_: &Subject| self.backend.delete_snapshot(volume, snapshot).await).await
    }

    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        self.guarded(volume, async |_: &Subject| self.backend.rename_snapshot(volume, from, to).await).await
    }

    async fn locks(&self, volume: &VolumeName) -> Result<Option<Lock>> {
        if self.own.locks {
            return self.backend.locks(volume).await;
        }
        self.registry.lock(&self.find(volume).await?).await
    }

    async fn create_lock(&self, volume: &VolumeName, new: &NewLock) -> Result<Lock> {
        if self.own.locks {
            return self.backend.create_lock(volume, new).await;
        }
        let of = self.find(volume).await?;
        if new.by != By::Writing {
            self.take_among_processes(&of, new).await?;
        }
        let taken = self.registry.take(&of, new).await;
        if taken.is_err() && new.by == By::Process {
            // If it cannot be freed it lapses.
            let _ = self.free_among_processes(&of, &new.host, &new.request).await;
        }
        let lock = taken.map_err(|e| e.context(format!("volume {volume}")))?;
        if new.host == self.host {
            self.counted.taken(of.volume, new, &lock);
        }
        Ok(lock)
    }

    async fn remove_lock(&self, volume: &VolumeName, lock: &Unlock) -> Result<()> {
        if self.own.locks {
            return self.backend.remove_lock(volume, lock).await;
        }
        // Whatever comes of this.
        lock.request.iter().for_each(|request| self.counted.ended(request));
        let of = self.find(volume).await?;
        self.registry.release(&of, lock).await?;
        match &lock.request {
            Some(request) => self.free_among_processes(&of, &lock.host, request).await,
            None if lock.host == self.host => {
                self.counted.forget(of.volume);
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>> {
        self.backend.nfs_locks(volume).await
    }

    async fn all_nfs_locks(&self) -> Result<ByVolume<String>> {
        self.backend.all_nfs_locks().await
    }

    async fn break_nfs_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        self.guarded(volume, async |_: &Subject| self.backend.break_nfs_locks(volume, client).await).await
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
        self.guarded(volume, async |_: &Subject| self.backend.set_policy(volume, policy).await).await
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
