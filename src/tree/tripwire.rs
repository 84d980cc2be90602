//! What stops a recursive delete: a process that was refused an unlink removes no directory nearby.
//!
//! `find -delete`, `shutil.rmtree(ignore_errors=True)`, perl's `remove_tree` and Puppet's purge all go on from a
//! refused unlink to rmdir, and would restrict volumes and delete snapshots. `rmdir`, `xargs rmdir` and
//! `find -exec rmdir` never unlink anything. Node's `fs.rm` and Go's `os.RemoveAll` begin with rmdir and look
//! inside only if that fails, mv and tar make way by it: of those programs no rmdir is taken. `find -type d
//! -delete` and rsync with filters leave the files alone and trust rmdir to fail: who has listed an object has
//! seen that it is not empty, and removes it no more (docs/decisions/0009).

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::table::{Caller, Process};
use crate::backend::{Error, Kind, Result};

/// Directories in which an unlink was refused, by process, and the objects that were listed of late.
#[derive(Default)]
pub struct Tripwire {
    tripped: Mutex<Vec<Tripped>>,
    listed: Mutex<VecDeque<Listed>>,
}

struct Tripped {
    process: Process,
    /// Its path; empty for the whole mount.
    dir: String,
    at: Instant,
}

/// An object was listed. Which process a thread is of is asked for at rmdir only: listing must cost nothing.
struct Listed {
    thread: u32,
    path: u64,
    at: Instant,
}

/// As many are kept.
const LISTED: usize = 1 << 16;

/// Of one process as many are kept; one that tries more is kept from the whole mount.
const DIRS: usize = 64;

impl Tripwire {
    /// An unlink in a directory was refused, or its rmdir as that of a part of the tree.
    pub fn trip(&self, caller: &Caller, dir: String, lasts: Duration) {
        let (process, at) = (caller.process(), Instant::now());
        let mut tripped = self.tripped.lock();
        tripped.retain(|old| old.at.elapsed() < lasts && !(old.process == process && old.dir == dir));
        let own = tripped.iter().filter(|old| old.process == process);
        // Nothing more need be kept of a process that is kept from the whole mount.
        let (own, all) = own.fold((0, false), |(own, all), old| (own + 1, all || old.dir.is_empty()));
        let dir = if all || own >= DIRS { String::new() } else { dir };
        if dir.is_empty() {
            tripped.retain(|old| old.process != process);
        }
        tripped.push(Tripped { process, dir, at });
    }

    /// An object was listed. Processes that cannot be seen from here are all one, of which one may list and
    /// another remove.
    pub fn listed(&self, caller: &Caller, path: &str, lasts: Duration) {
        if caller.pid == 0 || lasts.is_zero() {
            return;
        }
        let mut listed = self.listed.lock();
        while listed.front().is_some_and(|old| listed.len() >= LISTED || old.at.elapsed() >= lasts) {
            listed.pop_front();
        }
        listed.push_back(Listed { thread: caller.pid, path: hash(path), at: Instant::now() });
    }

    fn has_listed(&self, caller: &Caller, path: &str, lasts: Duration) -> bool {
        let path = hash(path);
        let mut threads: Vec<u32> = {
            let listed = self.listed.lock();
            let here = listed.iter().filter(|l| l.path == path && l.at.elapsed() < lasts);
            here.map(|listed| listed.thread).collect()
        };
        threads.sort_unstable();
        threads.dedup();
        // Nothing is kept of who cannot be seen.
        caller.pid != 0 && !threads.is_empty() && {
            // At one instant, a number is that of one process.
            let process = caller.process_id();
            threads.into_iter().any(|thread| caller.processes.process_id(thread) == process)
        }
    }

    /// Refuses rmdir of a directory that the process has listed, or in which, above or below it has tried to
    /// unlink something. The path is asked for only if there is any such process.
    pub fn check(&self, caller: &Caller, path: impl Fn() -> String, lasts: Duration) -> Result<()> {
        if caller.removes_unseen() {
            let message = "recursive delete refused: this program removes directories before it looks inside";
            return Err(
                Error::new(Kind::RecursiveDelete, message).hint("to remove an object, run the program rmdir")
            );
        }
        if self.tripped.lock().is_empty() && self.listed.lock().is_empty() {
            return Ok(());
        }
        let path = &*path();
        if self.has_listed(caller, path, lasts) {
            let message =
                format!("recursive delete refused: this process has listed /{path}, and removes it");
            return Err(
                Error::new(Kind::RecursiveDelete, message).hint("to remove an object: rmdir, by itself")
            );
        }
        let tripped = self.tripped.lock();
        if tripped.is_empty() {
            return Ok(());
        }
        let process = caller.process();
        let near = |dir: &str| dir.is_empty() || is_below(path, dir) || is_below(dir, path);
        match tripped.iter().find(|t| t.process == process && t.at.elapsed() < lasts && near(&t.dir)) {
            None => Ok(()),
            Some(tripped) => {
                let message = format!(
                    "recursive delete refused: this process tried to remove what is in /{}",
                    tripped.dir
                );
                Err(Error::new(Kind::RecursiveDelete, message).hint("to remove an object: rmdir, by itself"))
            }
        }
    }
}

/// Whether a path is another one, or below it.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}
