//! What is known, and since when; and what is being asked for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::walk::OfVolumes;
use crate::backend::{Kind, Policy, PolicyName, Result, Snapshot, Volume, VolumeName};

/// A call that several callers wait for. When nobody does any more, it is no more.
pub type Flight<T> = Shared<BoxFuture<'static, Result<T>>>;

/// Answers to one kind of question.
pub struct Answers<K, T> {
    kept: HashMap<K, (T, Instant)>,
    /// Calls on their way, as long as anybody waits for them.
    flights: HashMap<K, WeakShared<BoxFuture<'static, Result<T>>>>,
}

impl<K, T> Default for Answers<K, T> {
    fn default() -> Self {
        Answers { kept: HashMap::new(), flights: HashMap::new() }
    }
}

impl<K: Eq + Hash, T: Clone> Answers<K, T> {
    /// The answer, if it is young enough.
    pub fn fresh(&self, key: &K, ttl: Duration) -> Option<T> {
        self.kept.get(key).filter(|(_, since)| since.elapsed() < ttl).map(|(answer, _)| answer.clone())
    }

    /// The answer, however old.
    pub fn stale(&self, key: &K) -> Option<T> {
        self.kept.get(key).map(|(answer, _)| answer.clone())
    }

    /// The call on its way, if somebody waits for it.
    pub fn flight(&self, key: &K) -> Option<Flight<T>> {
        self.flights.get(key).and_then(WeakShared::upgrade).filter(|flight| flight.peek().is_none())
    }

    /// A call is on its way. Those that ended, or that nobody waits for, are forgotten.
    pub fn fly(&mut self, key: K, flight: &Flight<T>) {
        self.flights.retain(|_, flight| flight.upgrade().is_some_and(|flight| flight.peek().is_none()));
        self.flights.extend(flight.downgrade().map(|flight| (key, flight)));
    }

    /// The answer, however old, and since when it is known.
    pub fn with_age(&self, key: &K) -> Option<(T, Instant)> {
        self.kept.get(key).cloned()
    }

    /// Keeps an answer that is as old as another.
    pub fn keep_since(&mut self, key: K, answer: T, since: Instant) {
        self.kept.insert(key, (answer, since));
    }

    /// Keeps an answer of now.
    pub fn keep(&mut self, key: K, answer: T) {
        self.kept.insert(key, (answer, Instant::now()));
    }

    /// Takes note of an answer of now. What is not there is not known from before either.
    pub fn learn(&mut self, key: K, answer: &Result<T>) {
        match answer {
            Ok(answer) => self.keep(key, answer.clone()),
            Err(error) if error.kind() == Kind::NotFound => drop(self.kept.remove(&key)),
            Err(_) => {}
        }
    }

    /// Forgets an answer, and does not share a call that was asked before now.
    pub fn forget(&mut self, key: &K) {
        self.kept.remove(key);
        self.flights.remove(key);
    }

    /// Forgets all answers for which this does not hold.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.kept.retain(|key, _| keep(key));
    }

    fn oldest(&self) -> Option<Duration> {
        self.kept.values().map(|(_, since)| since.elapsed()).max()
    }
}

/// Records of a list, shared.
pub type List<T> = Arc<Vec<Arc<T>>>;

/// Everything that is known of a storage.
#[derive(Default)]
pub struct Known {
    /// Moved by every change: an answer asked for before is not kept after.
    pub generation: u64,
    /// The list of volumes.
    pub volumes: Answers<(), List<Volume>>,
    /// One volume.
    pub volume: Answers<VolumeName, Arc<Volume>>,
    /// The snapshots of a volume.
    pub snapshots: OfVolumes<List<Snapshot>>,
    /// The clients that hold NFS locks on a volume.
    pub nfs_locks: OfVolumes<Vec<String>>,
    /// The list of policies.
    pub policies: Answers<(), List<Policy>>,
    /// One policy.
    pub policy: Answers<PolicyName, Arc<Policy>>,
}

impl Known {
    /// A volume was changed.
    pub fn forget_volume(&mut self, volume: &VolumeName) {
        self.generation += 1;
        self.volumes.forget(&());
        self.volume.forget(volume);
    }

    /// The snapshots of a volume were changed, and with them its sizes.
    pub fn forget_snapshots(&mut self, volume: &VolumeName) {
        self.forget_volume(volume);
        self.snapshots.each.forget(volume);
        self.nfs_locks.each.forget(volume);
    }

    /// Locks of NFS clients on a volume were broken.
    pub fn forget_nfs_locks(&mut self, volume: &VolumeName) {
        self.generation += 1;
        self.nfs_locks.each.forget(volume);
    }

    /// A policy was changed.
    pub fn forget_policy(&mut self, policy: &PolicyName) {
        self.generation += 1;
        self.policies.forget(&());
        self.policy.forget(policy);
    }

    /// A list of volumes came: it fills the records, and what is not in it is no more.
    pub fn fill_volumes(&mut self, list: &[Arc<Volume>]) {
        for volume in list {
            self.volume.keep(volume.name.clone(), volume.clone());
        }
        let names: std::collections::HashSet<_> = list.iter().map(|volume| &volume.name).collect();
        self.volume.retain(|name| names.contains(name));
        self.snapshots.each.retain(|name| names.contains(name));
        self.nfs_locks.each.retain(|name| names.contains(name));
    }

    /// A list of policies came.
    pub fn fill_policies(&mut self, list: &[Arc<Policy>]) {
        for policy in list {
            self.policy.keep(policy.name.clone(), policy.clone());
        }
        let names: std::collections::HashSet<_> = list.iter().map(|policy| &policy.name).collect();
        self.policy.retain(|name| names.contains(name));
    }

    /// The age of the oldest answer.
    pub fn age(&self) -> Option<Duration> {
        let ages = [
            self.volumes.oldest(),
            self.volume.oldest(),
            self.snapshots.each.oldest(),
            self.nfs_locks.each.oldest(),
            self.policies.oldest(),
            self.policy.oldest(),
        ];
        ages.into_iter().flatten().max()
    }
}
