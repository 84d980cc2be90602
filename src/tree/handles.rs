//! Open files and directories.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::files::Opening;
use super::inodes::Node;
use super::listing::Listing;
use super::table::{Caller, NOBODY};
use super::writes::Writing;
use crate::backend::Result;

/// An open file.
pub struct Handle {
    /// What is open.
    pub node: Arc<Node>,
    /// Who opened it, and what is written is written by.
    pub opener: Caller,
    /// The thread that has written last; 0 if none has that can be seen from here.
    pub writer: AtomicU32,
    /// It may be written to.
    pub writes: bool,
    /// Writes come one after another, wherever they say they go.
    pub append: bool,
    /// The text as it was when reading began at its beginning.
    pub text: Mutex<Option<String>>,
    /// What is written. The one lock held while a back-end answers: it makes the writes of one open file
    /// one after another (docs/decisions/0003-one-async-lock.md).
    pub writing: tokio::sync::Mutex<Writing>,
}

/// Everything that is open. A handle that is not here was opened from a daemon before this one:
/// it is made anew from its inode number.
#[derive(Default)]
pub struct Handles {
    next: AtomicU64,
    files: Mutex<FxHashMap<u64, Arc<Handle>>>,
    dirs: Mutex<FxHashMap<u64, Arc<Listing>>>,
}

impl Handles {
    /// Opens a file.
    pub fn open(&self, node: Arc<Node>, opener: Caller, mode: Opening) -> u64 {
        let number = self.number();
        self.files.lock().insert(number, Handle::new(node, opener, mode));
        number
    }

    /// The open file of this number, made anew from its node if it is not known.
    pub fn file(&self, number: u64, node: impl FnOnce() -> Result<Arc<Node>>) -> Result<Arc<Handle>> {
        if let Some(handle) = self.files.lock().get(&number) {
            return Ok(handle.clone());
        }
        // How it was opened is forgotten; that it may be written to does no harm.
        let handle = Handle::new(node()?, NOBODY, Opening { writes: true, ..Opening::default() });
        Ok(self.files.lock().entry(number).or_insert(handle).clone())
    }

    /// Whether a close may have something to do; of a file that is not known it may.
    pub fn owes(&self, number: u64) -> bool {
        self.files.lock().get(&number).is_none_or(|handle| handle.writes && handle.owes())
    }

    /// Closes a file, if it is known.
    pub fn close(&self, number: u64) -> Option<Arc<Handle>> {
        self.files.lock().remove(&number)
    }

    /// A number for an open directory. Its listing is made when it is first read.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The listing that an open directory is read from.
    pub fn listing(&self, number: u64) -> Option<Arc<Listing>> {
        self.dirs.lock().get(&number).cloned()
    }

    /// Reads an open directory from this listing from now on.
    pub fn set_listing(&self, number: u64, listing: Arc<Listing>) {
        self.dirs.lock().insert(number, listing);
    }

    /// Closes a directory, if it is known.
    pub fn close_dir(&self, number: u64) {
        self.dirs.lock().remove(&number);
    }
}

impl Handle {
    /// Text waits for its newline, or a list for its close; or a write is under way, and nobody knows yet.
    fn owes(&self) -> bool {
        self.writing.try_lock().map_or(true, |writing| writing.owes())
    }

    fn new(node: Arc<Node>, opener: Caller, mode: Opening) -> Arc<Handle> {
        let writing = tokio::sync::Mutex::new(Writing::new(mode.truncates));
        Arc::new(Handle {
            node,
            opener,
            writer: AtomicU32::default(),
            writes: mode.writes,
            append: mode.append,
            text: Mutex::new(None),
            writing,
        })
    }
}
