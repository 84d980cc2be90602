//! A filer in memory: for first tries, and the reference model of the contract.

mod by_name;
mod load;
mod policies;
mod snapshots;
mod state;
mod volumes;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

use crate::backend::{
    Api, ByVolume, CallCount, Capabilities, Error, Health, Identity, Lock, NewLock, NewVolume, Newer, Policy,
    PolicyName, Result, Rule, Settings, Snapshot, SnapshotName, StorageBackend, Unlock, Volume, VolumeName,
    Volumes,
};

pub(crate) use load::Absent;
pub use load::{Content, Generate};
use state::State;
/// The simulator speaks ONTAP over the same model.
#[cfg(feature = "simulator")]
pub(crate) use state::{Aggregate, Held, Kept, State as Model};

/// Names follow the volume grammar everywhere; values are kept as written.
pub struct Memory {
    state: RwLock<State>,
    list: Mutex<Option<Volumes>>,
}

impl Memory {
    /// An empty filer.
    pub fn new() -> Memory {
        Memory { state: RwLock::new(State::default()), list: Mutex::default() }
    }

    /// A filer with this content.
    pub fn with(content: Content) -> Result<Memory> {
        Ok(Memory { state: RwLock::new(content.into_state(&Absent::default())?), list: Mutex::default() })
    }
}

impl Memory {
    /// The state, to change it.
    fn change(&self) -> RwLockWriteGuard<'_, State> {
        let state = self.state.write();
        *self.list.lock() = None;
        state
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::new()
    }
}

#[async_trait]
impl StorageBackend for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities { locks: false, protect: false, comments: true, nfs_locks: false, junction_names: false }
    }

    fn health(&self) -> Health {
        Health { api: Api::Ok, latency: None, cache_age: None }
    }

    fn calls(&self) -> Vec<CallCount> {
        Vec::new()
    }

    fn known_volume(&self, volume: &VolumeName) -> Option<Option<Arc<Volume>>> {
        Some(self.state.read().find(volume).map(|held| held.record.clone()))
    }

    fn known_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Option<Option<Arc<Snapshot>>> {
        let state = self.state.read();
        Some(state.find(volume)?.find(snapshot).map(|kept| kept.record.clone()))
    }

    fn counted_token(&self, _: Identity) -> Option<u64> {
        None
    }

    fn refresh(&self) {}

    async fn identify(&self) -> Result<String> {
        Ok(format!("memory, {} volumes", self.state.read().volumes().len()))
    }

    async fn volumes(&self) -> Result<Volumes> {
        // Built anew after a change only: a listing of a filer at rest is the same list.
        let state = self.state.read();
        Ok(self.list.lock().get_or_insert_with(|| Arc::new(state.volumes())).clone())
    }

    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>> {
        self.state.read().volume(volume).map(|held| held.record.clone())
    }

    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        self.change().create_volume(volume, new)
    }

    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()> {
        self.change().restrict_volume(volume)
    }

    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()> {
        self.change().patch_volume(volume, settings)
    }

    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        self.change().clone_volume(new, volume, snapshot, settings).map(drop)
    }

    async fn rollback_volume(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        newer: Newer,
    ) -> Result<()> {
        self.change().rollback_volume(volume, snapshot, newer)
    }

    async fn get_snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>> {
        Ok(self.state.read().volume(volume)?.snapshots())
    }

    async fn all_snapshots(&self) -> Result<ByVolume<Arc<Snapshot>>> {
        let state = self.state.read();
        let shown = state.volumes.values().filter(|held| held.usable);
        Ok(shown.map(|held| (held.record.name.clone(), held.snapshots())).collect())
    }

    async fn get_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<Arc<Snapshot>> {
        self.state.read().volume(volume)?.snapshot(snapshot).map(|kept| kept.record.clone())
    }

    async fn create_snapshot(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
    ) -> Result<Option<Arc<Snapshot>>> {
        self.change().create_snapshot(volume, snapshot).map(Some)
    }

    async fn delete_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<()> {
        self.change().volume_mut(volume)?.delete_snapshot(snapshot)
    }

    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        self.change().volume_mut(volume)?.rename_snapshot(from, to)
    }

    async fn locks(&self, volume: &VolumeName) -> Result<Option<Lock>> {
        self.no_locks(volume)
    }

    async fn create_lock(&self, volume: &VolumeName, _new: &NewLock) -> Result<Lock> {
        self.no_locks(volume)
    }

    async fn remove_lock(&self, volume: &VolumeName, _: &Unlock) -> Result<()> {
        self.no_locks(volume)
    }

    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>> {
        self.state.read().volume(volume)?;
        Err(unknown_clients())
    }

    async fn all_nfs_locks(&self) -> Result<ByVolume<String>> {
        Err(unknown_clients())
    }

    async fn break_nfs_locks(&self, volume: &VolumeName, _client: &str) -> Result<()> {
        self.nfs_locks(volume).await.map(drop)
    }

    async fn policies(&self) -> Result<Vec<Arc<Policy>>> {
        Ok(self.state.read().policies())
    }

    async fn get_policy(&self, policy: &PolicyName) -> Result<Arc<Policy>> {
        self.state.read().policy(policy).cloned()
    }

    async fn create_policy(&self, policy: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        self.change().create_policy(policy, rules)
    }

    async fn remove_policy(&self, policy: &PolicyName) -> Result<()> {
        self.change().remove_policy(policy)
    }

    async fn set_policy(&self, volume: &VolumeName, policy: &PolicyName) -> Result<()> {
        let settings = Settings { active_policy_name: Some(policy.clone()), ..Settings::default() };
        self.change().patch_volume(volume, &settings)
    }

    async fn ensure_policy_rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        self.change().change_rules(policy, |kept| {
            let new: Vec<Rule> = match rules {
                [rule] => {
                    if kept.contains(rule) {
                        vec![]
                    } else {
                        vec![rule.clone()]
                    }
                }
                _ => {
                    let mut seen: HashSet<&Rule> = kept.iter().collect();
                    rules.iter().filter(|rule| seen.insert(rule)).cloned().collect()
                }
            };
            kept.extend(new);
        })
    }

    async fn ensure_policy_rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        let gone: HashSet<&Rule> = rules.iter().collect();
        self.change().change_rules(policy, |kept| kept.retain(|rule| !gone.contains(rule)))
    }

    async fn order_policy_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()> {
        let places: HashMap<&Rule, usize> =
            order.iter().enumerate().map(|(place, rule)| (rule, place)).collect();
        let place = |rule: &Rule| places.get(rule).copied().unwrap_or(order.len());
        self.change().change_rules(policy, |rules| rules.sort_by_key(place))
    }
}

impl Memory {
    /// Admin locks live in the registry: see `Capabilities::locks`.
    fn no_locks<T>(&self, volume: &VolumeName) -> Result<T> {
        self.state.read().volume(volume)?;
        Err(Error::unsupported("keep locks"))
    }
}

fn unknown_clients() -> Error {
    Error::unsupported("tell which NFS clients hold locks")
}
