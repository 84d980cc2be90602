//! What is known, and since when; and what is being asked for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, Shared};

use crate::backend::{Policy, PolicyName, Result, Snapshot, Volume, VolumeName};

/// A call that several callers wait for.
pub type Flight<T> = Shared<BoxFuture<'static, Result<T>>>;

/// Answers to one kind of question.
pub struct Answers<K, T> {
    kept: HashMap<K, (T, Instant)>,
    /// Calls on their way.
    pub flights: HashMap<K, Flight<T>>,
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

    /// Keeps an answer of now.
    pub fn keep(&mut self, key: K, answer: T) {
        self.kept.insert(key, (answer, Instant::now()));
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
    pub snapshots: Answers<VolumeName, List<Snapshot>>,
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
        self.snapshots.forget(volume);
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
        self.snapshots.retain(|name| names.contains(name));
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
        let ages = [self.volumes.oldest(), self.volume.oldest(), self.snapshots.oldest(), self.policies.oldest()];
        ages.into_iter().flatten().max()
    }
}
