//! A back-end that keeps every call, and can be slow or refuse.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use filerfs::backend::{
    ByVolume, CallCount, Capabilities, Error, Health, Identity, Kind, Lock, NewLock, NewVolume, Newer,
    Policy, PolicyName, Result, Rule, Settings, Snapshot, SnapshotName, StorageBackend, Unlock, Volume,
    VolumeName, Volumes,
};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// Counts calls: reads by number, changes by what they asked for.
pub struct Counting {
    inner: Arc<dyn StorageBackend>,
    reads: Mutex<Vec<String>>,
    changes: Mutex<Vec<String>>,
    /// How long each call takes.
    pub delay: Mutex<Duration>,
    /// What the next calls are refused with, reads and changes alike.
    pub refusal: Mutex<Option<Kind>>,
    /// What the next calls meet, one each.
    pub faults: Mutex<VecDeque<Fault>>,
    /// Called before each change, with the back-end beneath: to look at it at that instant.
    pub watch: Mutex<Option<Watch>>,
    /// Happens when it is asked what it knows: always nothing.
    pub known: Mutex<Option<fn()>>,
}

/// What a call meets.
pub enum Fault {
    /// It is not made.
    Refuse(Error),
    /// It is made, and its answer is lost.
    Lose(Error),
    /// It is made when there is a permit.
    Wait(Arc<Semaphore>),
    /// It is made, and answered when there is a permit.
    Answer(Arc<Semaphore>),
}

/// Looks at the calls as they come.
pub type Watch = Box<dyn FnMut(&str) + Send>;

impl Counting {
    pub fn new(inner: Arc<dyn StorageBackend>) -> Arc<Counting> {
        Arc::new(Counting {
            inner,
            reads: Mutex::default(),
            changes: Mutex::default(),
            delay: Mutex::default(),
            refusal: Mutex::default(),
            faults: Mutex::default(),
            watch: Mutex::default(),
            known: Mutex::default(),
        })
    }

    /// The changes since the last time this was asked, each as `call(arguments)`.
    pub fn take_changes(&self) -> Vec<String> {
        std::mem::take(&mut self.changes.lock())
    }

    /// The reads since the last time this was asked.
    pub fn take_reads(&self) -> Vec<String> {
        std::mem::take(&mut self.reads.lock())
    }

    /// The back-end beneath, for changes made elsewhere.
    pub fn inner(&self) -> &Arc<dyn StorageBackend> {
        &self.inner
    }

    async fn read<T>(&self, call: String, made: impl Future<Output = Result<T>>) -> Result<T> {
        self.reads.lock().push(call);
        self.behave(made).await
    }

    async fn change<T>(&self, call: String, made: impl Future<Output = Result<T>>) -> Result<T> {
        if let Some(watch) = &mut *self.watch.lock() {
            watch(&call);
        }
        self.changes.lock().push(call.clone());
        let made = self.behave(made).await;
        // What a lock or `protect` forbids never gets to the storage.
        if made.as_ref().is_err_and(|error| matches!(error.kind(), Kind::Locked | Kind::NotPermitted)) {
            let mut changes = self.changes.lock();
            if let Some(at) = changes.iter().rposition(|made| *made == call) {
                changes.remove(at);
            }
        }
        made
    }

    async fn behave<T>(&self, made: impl Future<Output = Result<T>>) -> Result<T> {
        let delay = *self.delay.lock();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if let Some(kind) = *self.refusal.lock() {
            return Err(Error::new(kind, "refused by the test"));
        }
        let fault = self.faults.lock().pop_front();
        match fault {
            Some(Fault::Refuse(error)) => Err(error),
            Some(Fault::Lose(error)) => made.await.and(Err(error)),
            Some(Fault::Wait(until)) => {
                let _permit = until.acquire().await;
                made.await
            }
            Some(Fault::Answer(until)) => {
                let answer = made.await;
                let _permit = until.acquire().await;
                answer
            }
            None => made.await,
        }
    }
}

#[async_trait]
impl StorageBackend for Counting {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn calls(&self) -> Vec<CallCount> {
        self.inner.calls()
    }

    /// Every read shall be seen.
    fn known_volume(&self, _: &VolumeName) -> Option<Option<Arc<Volume>>> {
        if let Some(known) = *self.known.lock() {
            known();
        }
        None
    }

    fn known_snapshot(&self, _: &VolumeName, _: &SnapshotName) -> Option<Option<Arc<Snapshot>>> {
        None
    }

    fn counted_token(&self, volume: Identity) -> Option<u64> {
        self.inner.counted_token(volume)
    }

    fn refresh(&self) {
        self.inner.refresh();
    }

    async fn identify(&self) -> Result<String> {
        self.inner.identify().await
    }

    async fn volumes(&self) -> Result<Volumes> {
        self.read("volumes()".into(), self.inner.volumes()).await
    }

    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>> {
        self.read(format!("get_volume({volume})"), self.inner.get_volume(volume)).await
    }

    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        self.change(
            format!("create_volume({volume}, {})", set(&new.settings)),
            self.inner.create_volume(volume, new),
        )
        .await
    }

    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()> {
        self.change(format!("restrict_volume({volume})"), self.inner.restrict_volume(volume)).await
    }

    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()> {
        self.change(
            format!("patch_volume({volume}, {})", set(settings)),
            self.inner.patch_volume(volume, settings),
        )
        .await
    }

    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        self.change(
            format!("clone_volume({new}, {volume}, {snapshot}, {})", set(settings)),
            self.inner.clone_volume(new, volume, snapshot, settings),
        )
        .await
    }

    async fn rollback_volume(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        newer: Newer,
    ) -> Result<()> {
        self.change(
            format!("rollback_volume({volume}, {snapshot}, {newer:?})"),
            self.inner.rollback_volume(volume, snapshot, newer),
        )
        .await
    }

    async fn get_snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>> {
        self.read(format!("get_snapshots({volume})"), self.inner.get_snapshots(volume)).await
    }

    async fn all_snapshots(&self) -> Result<ByVolume<Arc<Snapshot>>> {
        self.read("all_snapshots()".into(), self.inner.all_snapshots()).await
    }

    async fn get_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<Arc<Snapshot>> {
        self.read(format!("get_snapshot({volume}, {snapshot})"), self.inner.get_snapshot(volume, snapshot))
            .await
    }

    async fn create_snapshot(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
    ) -> Result<Option<Arc<Snapshot>>> {
        self.change(
            format!("create_snapshot({volume}, {snapshot})"),
            self.inner.create_snapshot(volume, snapshot),
        )
        .await
    }

    async fn delete_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<()> {
        self.change(
            format!("delete_snapshot({volume}, {snapshot})"),
            self.inner.delete_snapshot(volume, snapshot),
        )
        .await
    }

    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        self.change(
            format!("rename_snapshot({volume}, {from}, {to})"),
            self.inner.rename_snapshot(volume, from, to),
        )
        .await
    }

    async fn locks(&self, volume: &VolumeName) -> Result<Option<Lock>> {
        self.read(format!("locks({volume})"), self.inner.locks(volume)).await
    }

    async fn create_lock(&self, volume: &VolumeName, new: &NewLock) -> Result<Lock> {
        self.change(format!("create_lock({volume}, {})", new.host), self.inner.create_lock(volume, new)).await
    }

    async fn remove_lock(&self, volume: &VolumeName, lock: &Unlock) -> Result<()> {
        let call = format!("remove_lock({volume}, {})", lock.host);
        self.change(call, self.inner.remove_lock(volume, lock)).await
    }

    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>> {
        self.read(format!("nfs_locks({volume})"), self.inner.nfs_locks(volume)).await
    }

    async fn all_nfs_locks(&self) -> Result<ByVolume<String>> {
        self.read("all_nfs_locks()".into(), self.inner.all_nfs_locks()).await
    }

    async fn break_nfs_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        self.change(
            format!("break_nfs_locks({volume}, {client})"),
            self.inner.break_nfs_locks(volume, client),
        )
        .await
    }

    async fn policies(&self) -> Result<Vec<Arc<Policy>>> {
        self.read("policies()".into(), self.inner.policies()).await
    }

    async fn get_policy(&self, policy: &PolicyName) -> Result<Arc<Policy>> {
        self.read(format!("get_policy({policy})"), self.inner.get_policy(policy)).await
    }

    async fn create_policy(&self, policy: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        self.change(format!("create_policy({policy})"), self.inner.create_policy(policy, rules)).await
    }

    async fn remove_policy(&self, policy: &PolicyName) -> Result<()> {
        self.change(format!("remove_policy({policy})"), self.inner.remove_policy(policy)).await
    }

    async fn set_policy(&self, volume: &VolumeName, policy: &PolicyName) -> Result<()> {
        self.change(format!("set_policy({volume}, {policy})"), self.inner.set_policy(volume, policy)).await
    }

    async fn ensure_policy_rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        self.change(
            format!("ensure_policy_rules_present({policy}, {})", listed(rules)),
            self.inner.ensure_policy_rules_present(policy, rules),
        )
        .await
    }

    async fn ensure_policy_rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        self.change(
            format!("ensure_policy_rules_absent({policy}, {})", listed(rules)),
            self.inner.ensure_policy_rules_absent(policy, rules),
        )
        .await
    }

    async fn order_policy_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()> {
        self.change(
            format!("order_policy_rules({policy}, {})", listed(order)),
            self.inner.order_policy_rules(policy, order),
        )
        .await
    }
}

fn listed(rules: &[Rule]) -> String {
    rules.iter().map(Rule::as_str).collect::<Vec<_>>().join(" ")
}

/// The settings that are set, as `name=value`.
fn set(settings: &Settings) -> String {
    let keys = filerfs::tree::nodes::attributes::keys();
    let set = keys.filter_map(|key| Some(format!("{}={}", key.name, key.set(settings)?)));
    set.collect::<Vec<_>>().join(" ")
}
