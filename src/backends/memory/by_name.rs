//! Volumes by name: each change finds one, each listing wants them in order.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::state::Held;
use crate::backend::VolumeName;

/// Found by hash, listed in the order of names.
#[derive(Default)]
pub(crate) struct ByName {
    held: FxHashMap<VolumeName, Held>,
    order: BTreeSet<VolumeName>,
}

impl ByName {
    pub fn get(&self, name: &VolumeName) -> Option<&Held> {
        self.held.get(name)
    }

    pub fn get_mut(&mut self, name: &VolumeName) -> Option<&mut Held> {
        self.held.get_mut(name)
    }

    pub fn contains(&self, name: &VolumeName) -> bool {
        self.held.contains_key(name)
    }

    pub fn insert(&mut self, name: VolumeName, held: Held) {
        self.order.insert(name.clone());
        self.held.insert(name, held);
    }

    pub fn remove(&mut self, name: &VolumeName) -> Option<Held> {
        self.order.remove(name);
        self.held.remove(name)
    }

    /// In the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &Held> {
        self.order.iter().filter_map(|name| self.held.get(name))
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Held> {
        self.held.values_mut()
    }
}
