//! Which scratch file is where: what is asked of all of them at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::item::{At, Item};
use crate::tree::inodes::Node;
use crate::tree::place::Object;

/// The scratch files of a mount, by their directories.
#[derive(Default)]
pub(super) struct Kept {
    dirs: FxHashMap<u64, BTreeMap<String, Arc<Item>>>,
}

impl Kept {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.dirs.values().map(BTreeMap::len).sum()
    }

    /// The one of this name in a directory.
    pub fn get(&self, dir: u64, name: &str) -> Option<&Arc<Item>> {
        self.dirs.get(&dir)?.get(name)
    }

    /// All in a directory.
    pub fn inside(&self, dir: u64) -> impl Iterator<Item = &Arc<Item>> {
        self.dirs.get(&dir).into_iter().flat_map(BTreeMap::values)
    }

    /// How many there are in a directory and below it.
    pub fn below(&self, dir: u64) -> usize {
        self.inside(dir).map(|item| 1 + self.below(item.node().ino)).sum()
    }

    /// Whether it is still where it was put.
    pub fn has(&self, item: &Arc<Item>) -> bool {
        let At { dir, name } = item.at();
        self.get(dir.ino, &name).is_some_and(|kept| Arc::ptr_eq(kept, item))
    }

    /// Whether nobody has used it for so long, nor anything in it.
    pub fn is_over(&self, item: &Arc<Item>, ttl: Duration) -> bool {
        item.is_over(ttl) && self.inside(item.node().ino).all(|inner| self.is_over(inner, ttl))
    }

    /// Puts one where it says that it is, in place of what has its name there.
    pub fn put(&mut self, item: &Arc<Item>) {
        let At { dir, name } = item.at();
        self.dirs.entry(dir.ino).or_default().insert(name, item.clone());
    }

    /// Forgets one; who has it open may go on.
    pub fn remove(&mut self, item: &Arc<Item>) {
        if !self.has(item) {
            return;
        }
        let At { dir, name } = item.at();
        if let Some(items) = self.dirs.get_mut(&dir.ino) {
            items.remove(&name);
        }
        self.dirs.retain(|_, items| !items.is_empty());
    }

    /// Forgets those that nobody has used for so long.
    pub fn forget_unused(&mut self, ttl: Duration) {
        let all = self.dirs.values().flat_map(BTreeMap::values);
        let over: Vec<_> = all.filter(|item| self.is_over(item, ttl)).cloned().collect();
        over.iter().for_each(|item| self.remove(item));
    }
}

/// A directory and the scratch directories that it is in, up to the directory of the tree.
pub(super) fn upwards(dir: &Arc<Node>) -> impl Iterator<Item = Arc<Node>> {
    std::iter::successors(Some(dir.clone()), |dir| match &dir.place.object {
        Object::Scratch(item) => Some(item.at().dir),
        _ => None,
    })
}

/// The directory of the tree that a directory is, or is below.
pub(super) fn home(dir: &Arc<Node>) -> u64 {
    upwards(dir).last().unwrap_or_else(|| dir.clone()).ino
}
