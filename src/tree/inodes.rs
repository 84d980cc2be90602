//! Which node an inode number stands for, as long as the kernel remembers it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use super::place::{Known, Object, Place};
use super::table::{Node as Is, Row};
use crate::backend::{Error, Identity, Kind, Result, SnapshotName};

/// A row of an object.
pub struct Node {
    /// The object.
    pub place: Place,
    /// The row.
    pub row: &'static Row,
    /// Derived from both.
    pub ino: u64,
    /// The size that the kernel was last told of a directory, if it was.
    told: AtomicU64,
    /// How often the kernel was told of it and has not forgotten it: 0 if another node is known by the number, or
    /// none is. Counted here, so that who lists a large directory again looks for none of its nodes.
    lookups: AtomicU64,
}

const UNTOLD: u64 = u64::MAX;

impl Node {
    /// The node of a row of an object.
    pub fn new(place: Place, row: &'static Row) -> Arc<Node> {
        let ino = place.ino(row);
        Node::numbered(place, row, ino)
    }

    /// The same, if its number is known.
    pub fn numbered(place: Place, row: &'static Row, ino: u64) -> Arc<Node> {
        Arc::new(Node { place, row, ino, told: AtomicU64::new(UNTOLD), lookups: AtomicU64::new(0) })
    }

    /// The kernel is told this size, and remembers it for a while.
    pub fn tell(&self, size: u64) {
        self.told.store(size, Ordering::Relaxed);
    }

    /// Whether the kernel may remember another size than this.
    pub fn told_other(&self, size: Option<u64>) -> bool {
        let told = self.told.load(Ordering::Relaxed);
        told != UNTOLD && Some(told) != size
    }

    /// Its path from the root of the mount.
    pub fn path(&self) -> String {
        self.place.path(self.row)
    }
}

/// The nodes that the kernel knows. Numbers are derived, so a lost entry is found again by its path;
/// the counts only say when to forget, and nothing else rests on them.
pub struct Inodes {
    nodes: RwLock<FxHashMap<u64, Arc<Node>>>,
}

impl Inodes {
    /// Knows the root, for ever.
    pub fn new(root: Arc<Node>) -> Inodes {
        root.lookups.store(u64::MAX / 2, Ordering::Relaxed);
        Inodes { nodes: RwLock::new(FxHashMap::from_iter([(root.ino, root)])) }
    }

    /// The node of this number.
    pub fn get(&self, ino: u64) -> Result<Arc<Node>> {
        let node = self.nodes.read().get(&ino).cloned();
        node.ok_or_else(|| {
            Error::new(Kind::Replaced, "this file or directory is no longer known; open its path again")
        })
    }

    /// The kernel was told of a node once more. What is known of it now replaces what was.
    pub fn remember(&self, node: &Arc<Node>) {
        self.remember_all(std::iter::once(node));
    }

    /// The same, of several at once.
    pub fn remember_all<'a>(&self, told: impl Iterator<Item = &'a Arc<Node>>) {
        // Nothing is forgotten meanwhile.
        let nodes = self.nodes.read();
        let is_known = |node: &&Arc<Node>| {
            let known = node.lookups.load(Ordering::Relaxed) > 0;
            if known {
                node.lookups.fetch_add(1, Ordering::Relaxed);
            }
            !known
        };
        let new: Vec<_> = told.filter(is_known).collect();
        drop(nodes);
        if new.is_empty() {
            return;
        }
        let mut nodes = self.nodes.write();
        for node in new {
            let before = nodes.insert(node.ino, node.clone());
            let times = before.map_or(0, |before| before.lookups.swap(0, Ordering::Relaxed));
            node.lookups.store(times + 1, Ordering::Relaxed);
        }
    }

    /// The kernel has forgotten a node so many times.
    pub fn forget(&self, ino: u64, times: u64) {
        let mut nodes = self.nodes.write();
        if let Some(node) = nodes.get(&ino) {
            let left = node.lookups.load(Ordering::Relaxed).saturating_sub(times);
            node.lookups.store(left, Ordering::Relaxed);
            if left == 0 {
                nodes.remove(&ino);
            }
        }
    }

    /// A snapshot has another name: its nodes stay what they are.
    pub fn rename_snapshot(&self, volume: Identity, from: &SnapshotName, to: &SnapshotName) {
        for node in self.nodes.write().values_mut() {
            if let Object::Snapshot(endpoint, of, known) = &node.place.object
                && of.identity == volume
                && known.name == *from
            {
                let known = Known { name: to.clone(), ..known.clone() };
                let place = node.place.at(Object::Snapshot(endpoint.clone(), of.clone(), known));
                let renamed = Node::new(place, node.row);
                renamed.lookups.store(node.lookups.swap(0, Ordering::Relaxed), Ordering::Relaxed);
                *node = renamed;
            }
        }
    }

    /// The directories and links that the kernel knows in those places; of files it remembers nothing.
    pub fn numbers(&self, which: impl Fn(&Place) -> bool) -> Vec<u64> {
        let nodes = self.nodes.read();
        let remembered = nodes.values().filter(|node| !matches!(node.row.node, Is::File(_)));
        remembered.filter(|node| which(&node.place)).map(|node| node.ino).collect()
    }

    /// How many nodes are known.
    pub fn len(&self) -> usize {
        self.nodes.read().len()
    }

    /// Whether none is known; the root always is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
