//! Scratch files: what editors and copying tools put beside the file that they are about to replace.
//!
//! They live in memory only, in directories with fixed files and in scratch directories there, and nothing of
//! them is ever sent anywhere. One that is renamed onto an interface file is a write of its whole content.

mod item;
mod kept;
mod names;
mod operations;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::inodes::Node;
use super::limits::{SCRATCH_ALL, SCRATCH_FILES};
use super::place::Object;
use super::table::{Node as Is, Row, none};
use crate::backend::{Error, Identity, Kind, Result};
use item::At;
pub use item::Item;
use kept::{Kept, home, upwards};

/// Every scratch file of a mount.
#[derive(Default)]
pub struct Scratch {
    kept: Mutex<Kept>,
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
        let kept = self.kept.lock();
        kept.get(dir, name).filter(|found| !kept.is_over(found, ttl)).cloned()
    }

    /// All in a directory.
    fn all(&self, dir: u64, ttl: Duration) -> Vec<Arc<Item>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let kept = self.kept.lock();
        kept.inside(dir).filter(|item| !kept.is_over(item, ttl)).cloned().collect()
    }

    /// Makes one, in a directory where there is none of that name.
    fn make(&self, dir: &Arc<Node>, name: &str, new: New, ttl: Duration) -> Result<Arc<Item>> {
        self.change(|kept| {
            kept.forget_unused(ttl);
            check_is_there(kept, dir)?;
            if kept.get(dir.ino, name).is_some() {
                return Err(Error::new(Kind::Exists, format!("there is a scratch file {name:?} already")));
            }
            check_room(kept.below(home(dir)) + 1, kept.len() + 1)?;
            let (number, time) = (self.made.fetch_add(1, Ordering::Relaxed).to_string(), SystemTime::now());
            let started = humantime::format_rfc3339_nanos(time).to_string();
            let at = At { dir: dir.clone(), name: name.to_owned() };
            let item = Arc::new(Item::new(Identity::of(&["scratch", &started, &number]), new, at, time));
            kept.put(&item);
            Ok(item)
        })
    }

    /// Forgets one; who has it open may go on.
    fn remove(&self, item: &Arc<Item>) {
        self.change(|kept| kept.remove(item));
    }

    /// Gives one another name, and with it all that is in it; what had the name is forgotten.
    fn rename(&self, item: &Arc<Item>, dir: &Arc<Node>, name: &str) -> Result<()> {
        self.change(|kept| {
            check_is_there(kept, dir)?;
            let own = item.node().ino;
            if upwards(dir).any(|above| above.ino == own) {
                return Err(Error::new(Kind::Invalid, "a directory cannot be moved into itself"));
            }
            let (from, to) = (home(&item.at().dir), home(dir));
            if from != to {
                check_room(kept.below(to) + 1 + kept.below(own), kept.len())?;
            }
            kept.remove(item);
            item.move_to(At { dir: dir.clone(), name: name.to_owned() });
            kept.put(item);
            Ok(())
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> T {
        let mut kept = self.kept.lock();
        let done = change(&mut kept);
        self.count.store(kept.len(), Ordering::Relaxed);
        done
    }
}

/// In a scratch directory that is gone nothing is made.
fn check_is_there(kept: &Kept, dir: &Node) -> Result<()> {
    match &dir.place.object {
        Object::Scratch(item) if !kept.has(item) => Err(Error::not_found("this directory is gone")),
        _ => Ok(()),
    }
}

/// Whether there may be so many in a directory of the tree, with its scratch directories, and in all.
fn check_room(here: usize, all: usize) -> Result<()> {
    if here <= SCRATCH_FILES && all <= SCRATCH_ALL {
        return Ok(());
    }
    let error = Error::new(Kind::NoSpace, "there are too many scratch files");
    Err(error.hint(format!("accepted: {SCRATCH_FILES} in a directory and below it, {SCRATCH_ALL} in all")))
}
