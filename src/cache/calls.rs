//! The operations: reads from memory, changes through it.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::Cache;
use super::known::Known;
use crate::backend::{
    ByVolume, CallCount, Capabilities, Error, Health, Identity, Lock, NewLock, NewVolume, Newer, Policy,
    PolicyName, Result, Rule, Settings, Snapshot, SnapshotName, StorageBackend, Unlock, Volume, VolumeName,
    Volumes,
};

impl Cache {
    /// Forgets what a change touched, also if it was refused or its caller went away: nobody knows then what is
    /// true.
    async fn changed<T>(
        &self,
        change: impl Future<Output = Result<T>>,
        forget: impl Fn(&mut Known),
    ) -> Result<T> {
        let _forgets = Forgets { known: &self.known, forget };
        change.await
    }

    /// A change of rules says what they are afterwards, if it is known what they were: as old an answer as that.
    async fn rules_changed(
        &self,
        policy: &PolicyName,
        change: impl Future<Output = Result<()>>,
        edit: impl FnOnce(&mut Vec<Rule>),
    ) -> Result<()> {
        let (before, generation) = {
            let known = self.known.lock();
            (known.policy.with_age(policy), known.generation)
        };
        self.changed(change, |known| known.forget_policy(policy)).await?;
        let mut known = self.known.lock();
        // This one change was made meanwhile, and no other.
        if let Some((mut kept, since)) = before
            && known.generation == generation + 1
        {
            edit(&mut Arc::make_mut(&mut kept).rules);
            known.policy.keep_since(policy.clone(), kept, since);
        }
        Ok(())
    }

    fn no_volume(&self, volume: &VolumeName) -> bool {
        let known = self.known.lock();
        known.volumes.fresh(&(), self.ttl).is_some() && known.volume.stale(volume).is_none()
    }
}

/// Forgets when it goes away.
struct Forgets<'a, F: Fn(&mut Known)> {
    known: &'a Mutex<Known>,
    forget: F,
}

impl<F: Fn(&mut Known)> Drop for Forgets<'_, F> {
    fn drop(&mut self) {
        (self.forget)(&mut self.known.lock());
    }
}

#[async_trait]
impl StorageBackend for Cache {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn health(&self) -> Health {
        Health { cache_age: self.known.lock().age(), ..self.inner.health() }
    }

    fn calls(&self) -> Vec<CallCount> {
        self.inner.calls()
    }

    fn known_volume(&self, volume: &VolumeName) -> Option<Option<Arc<Volume>>> {
        self.known.lock().volume.fresh(volume, self.ttl).map(Some)
    }

    fn known_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Option<Option<Arc<Snapshot>>> {
        let list = self.known.lock().snapshots.each.fresh(volume, self.ttl)?;
        Some(list.iter().find(|found| found.name == *snapshot).cloned())
    }

    fn counted_token(&self, volume: Identity) -> Option<u64> {
        self.inner.counted_token(volume)
    }

    fn refresh(&self) {
        let mut known = self.known.lock();
        *known = Known { generation: known.generation + 1, ..Known::default() };
        drop(known);
        self.inner.refresh();
    }

    async fn identify(&self) -> Result<String> {
        self.inner.identify().await
    }

    async fn volumes(&self) -> Result<Volumes> {
        let known = self.known.clone();
        let list = self.answer(
            |known| &mut known.volumes,
            (),
            move |inner| async move {
                let generation = known.lock().generation;
                let list = inner.volumes().await?;
                let mut known = known.lock();
                if known.generation == generation {
                    known.fill_volumes(&list);
                }
                Ok(list)
            },
        );
        list.await
    }

    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>> {
        if self.no_volume(volume) {
            return Err(Error::not_found(format!("there is no volume {volume}")));
        }
        let name = volume.clone();
        self.answer(
            |known| &mut known.volume,
            volume.clone(),
            |inner| async move { inner.get_volume(&name).await },
        )
        .await
    }

    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        let before = self.known.lock().generation;
        let change = self.inner.create_volume(volume, new);
        let created = self.changed(change, |known| known.forget_volume(volume)).await;
        let mut known = self.known.lock();
        // It is asked for next; unless somebody else has changed something meanwhile, it is this.
        if let Ok(created) = &created
            && known.generation == before + 1
        {
            known.volume.keep(volume.clone(), created.clone());
        }
        created
    }

    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()> {
        self.changed(self.inner.restrict_volume(volume), |known| known.forget_snapshots(volume)).await
    }

    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()> {
        self.changed(self.inner.patch_volume(volume, settings), |known| known.forget_volume(volume)).await
    }

    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        let change = self.inner.clone_volume(new, volume, snapshot, settings);
        // The snapshot is busy from now on.
        let forget = |known: &mut Known| {
            known.forget_volume(new);
            known.forget_snapshots(volume);
        };
        self.changed(change, forget).await
    }

    async fn rollback_volume(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        newer: Newer,
    ) -> Result<()> {
        let change = self.inner.rollback_volume(volume, snapshot, newer);
        self.changed(change, |known| known.forget_snapshots(volume)).await
    }

    async fn get_snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>> {
        let list = self.of_volume(
            |known| &mut known.snapshots,
            volume,
            |inner, volume| async move { inner.get_snapshots(&volume).await },
            |inner| async move { inner.all_snapshots().await },
        );
        Ok(list.await?.to_vec())
    }

    async fn all_snapshots(&self) -> Result<ByVolume<Arc<Snapshot>>> {
        self.inner.all_snapshots().await
    }

    /// From the list: it costs one call as well, and the next one none.
    async fn get_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<Arc<Snapshot>> {
        let list = self.get_snapshots(volume).await?;
        let found = list.into_iter().find(|found| found.name == *snapshot);
        found.ok_or_else(|| Error::not_found(format!("volume {volume} has no snapshot {snapshot}")))
    }

    async fn create_snapshot(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
    ) -> Result<Option<Arc<Snapshot>>> {
        let change = self.inner.create_snapshot(volume, snapshot);
        self.changed(change, |known| known.forget_snapshots(volume)).await
    }

    async fn delete_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<()> {
        let change = self.inner.delete_snapshot(volume, snapshot);
        self.changed(change, |known| known.forget_snapshots(volume)).await
    }

    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        let change = self.inner.rename_snapshot(volume, from, to);
        self.changed(change, |known| known.forget_snapshots(volume)).await
    }

    async fn locks(&self, volume: &VolumeName) -> Result<Option<Lock>> {
        self.inner.locks(volume).await
    }

    async fn create_lock(&self, volume: &VolumeName, new: &NewLock) -> Result<Lock> {
        self.inner.create_lock(volume, new).await
    }

    async fn remove_lock(&self, volume: &VolumeName, lock: &Unlock) -> Result<()> {
        self.inner.remove_lock(volume, lock).await
    }

    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>> {
        self.of_volume(
            |known| &mut known.nfs_locks,
            volume,
            |inner, volume| async move { inner.nfs_locks(&volume).await },
            |inner| async move { inner.all_nfs_locks().await },
        )
        .await
    }

    async fn all_nfs_locks(&self) -> Result<ByVolume<String>> {
        self.inner.all_nfs_locks().await
    }

    async fn break_nfs_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        let change = self.inner.break_nfs_locks(volume, client);
        self.changed(change, |known| known.forget_nfs_locks(volume)).await
    }

    async fn policies(&self) -> Result<Vec<Arc<Policy>>> {
        let known = self.known.clone();
        let list = self.answer(
            |known| &mut known.policies,
            (),
            move |inner| async move {
                let generation = known.lock().generation;
                let list = inner.policies().await?;
                let mut known = known.lock();
                if known.generation == generation {
                    known.fill_policies(&list);
                }
                Ok(Arc::new(list))
            },
        );
        Ok(list.await?.to_vec())
    }

    async fn get_policy(&self, policy: &PolicyName) -> Result<Arc<Policy>> {
        let name = policy.clone();
        self.answer(
            |known| &mut known.policy,
            policy.clone(),
            |inner| async move { inner.get_policy(&name).await },
        )
        .await
    }

    async fn create_policy(&self, policy: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        self.changed(self.inner.create_policy(policy, rules), |known| known.forget_policy(policy)).await
    }

    async fn remove_policy(&self, policy: &PolicyName) -> Result<()> {
        self.changed(self.inner.remove_policy(policy), |known| known.forget_policy(policy)).await
    }

    async fn set_policy(&self, volume: &VolumeName, policy: &PolicyName) -> Result<()> {
        self.changed(self.inner.set_policy(volume, policy), |known| known.forget_volume(volume)).await
    }

    /// What was added is known: the list need not be asked for again.
    async fn ensure_policy_rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        let change = self.inner.ensure_policy_rules_present(policy, rules);
        let add = |kept: &mut Vec<Rule>| {
            for rule in rules {
                if !kept.contains(rule) {
                    kept.push(rule.clone());
                }
            }
        };
        self.rules_changed(policy, change, add).await
    }

    async fn ensure_policy_rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        let change = self.inner.ensure_policy_rules_absent(policy, rules);
        self.rules_changed(policy, change, |kept| kept.retain(|rule| !rules.contains(rule))).await
    }

    async fn order_policy_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()> {
        let change = self.inner.order_policy_rules(policy, order);
        self.changed(change, |known| known.forget_policy(policy)).await
    }
}
