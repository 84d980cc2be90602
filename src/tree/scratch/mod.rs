//! Scratch files: what editors and copying tools put beside the file that they are about to replace.
//!
//! They live in memory only, in directories with fixed files, and nothing of them is ever sent anywhere. One
//! that is renamed onto an interface file is a write of its whole content.

mod item;
mod names;
mod operations;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::inodes::Node;
use super::limits::{SCRATCH_ALL, SCRATCH_FILES};
use super::table::{Node as Is, Row, none};
use crate::backend::{Error, Identity, Kind, Result};
use item::At;
pub use item::Item;

/// Every scratch file of a mount.
#[derive(Default)]
pub struct Scratch {
    dirs: Mutex<FxHashMap<u64, BTreeMap<String, Arc<Item>>>>,
    /// How many there are: mostly none, and then nobody has to look for any.
    count: AtomicUsize,
    made: AtomicU64,
}

/// What is asked of a new one.
#[derive(Clone, Copy, Debug)]
pub struct New {
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Who makes it.
    pub owner: (u32, u32),
    /// Its permission bits.
    pub mode: u32,
}

/// The row that all scratch files share.
pub fn file_row() -> &'static Row {
    static ROW: Row = Row { name: "", path: "", help: "a scratch file", node: Is::Scratch, guarded: false };
    &ROW
}

/// The row that all scratch directories share.
pub fn dir_row() -> &'static Row {
    static ROW: Row = Row {
        name: "",
        path: "",
        help: "a scratch directory",
        node: Is::Dir { rows: none, members: None },
        guarded: false,
    };
    &ROW
}

impl Scratch {
    /// The one of this name in a directory, unless nobody has used it for so long.
    fn find(&self, dir: u64, name: &str, ttl: Duration) -> Option<Arc<Item>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let found = self.dirs.lock().get(&dir)?.get(name).cloned()?;
        if found.is_over(ttl) {
            self.remove(&found);
            return None;
        }
        Some(found)
    }

    /// All in a directory.
    fn all(&self, dir: u64, ttl: Duration) -> Vec<Arc<Item>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let items: Vec<_> =
            self.dirs.lock().get(&dir).map(|items| items.values().cloned().collect()).unwrap_or_default();
        items.into_iter().filter(|item| !item.is_over(ttl)).collect()
    }

    /// Makes one, in a directory where there is none of that name.
    fn make(&self, dir: &Arc<Node>, name: &str, new: New, ttl: Duration) -> Result<Arc<Item>> {
        self.forget_unused(ttl);
        let mut dirs = self.dirs.lock();
        let items = dirs.entry(dir.ino).or_default();
        if items.contains_key(name) {
            return Err(Error::new(Kind::Exists, format!("there is a scratch file {name:?} already")));
        }
        if items.len() == SCRATCH_FILES || self.count.load(Ordering::Relaxed) == SCRATCH_ALL {
            let error = Error::new(Kind::NoSpace, "there are too many scratch files");
            let accepted = format!("accepted: {SCRATCH_FILES} in a directory, {SCRATCH_ALL} in all");
            return Err(error.hint(accepted));
        }
        let (number, time) = (self.made.fetch_add(1, Ordering::Relaxed).to_string(), SystemTime::now());
        let started = humantime::format_rfc3339_nanos(time).to_string();
        let at = At { dir: dir.clone(), name: name.to_owned() };
        let item = Arc::new(Item::new(Identity::of(&["scratch", &started, &number]), new, at, time));
        items.insert(name.to_owned(), item.clone());
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(item)
    }

    /// Forgets one; who has it open may go on.
    fn remove(&self, item: &Arc<Item>) {
        let at = item.at.lock().clone();
        let mut dirs = self.dirs.lock();
        let Some(items) = dirs.get_mut(&at.dir.ino) else { return };
        if items.get(&at.name).is_some_and(|kept| Arc::ptr_eq(kept, item)) {
            items.remove(&at.name);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        if items.is_empty() {
            dirs.remove(&at.dir.ino);
        }
    }

    /// Gives one another name; what had it is forgotten.
    fn rename(&self, item: &Arc<Item>, dir: &Arc<Node>, name: &str) {
        self.remove(item);
        let mut dirs = self.dirs.lock();
        let replaced = dirs.entry(dir.ino).or_default().insert(name.to_owned(), item.clone());
        *item.at.lock() = At { dir: dir.clone(), name: name.to_owned() };
        if replaced.is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn forget_unused(&self, ttl: Duration) {
        let over: Vec<_> = self
            .dirs
            .lock()
            .values()
            .flat_map(BTreeMap::values)
            .filter(|i| i.is_over(ttl))
            .cloned()
            .collect();
        over.iter().for_each(|item| self.remove(item));
    }
}
