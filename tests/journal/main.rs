//! The journal: what stands in it, what becomes of it when the daemon or the disk fails, and what a restart says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../layers/changes.rs"]
mod changes;
#[path = "../common/mod.rs"]
mod common;
mod crashes;
mod disk;
#[path = "../ontap/filer.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod filer;
mod files;
mod groups;
mod locks;
mod mounts;
#[path = "../daemon/process.rs"]
mod process;
mod settled;
#[path = "../common/signal.rs"]
mod signal;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{Error, Kind, PolicyName, Rule, Sent, SnapshotName, VolumeName};
use filerfs::journal::{Journal, Journalled, ROTATE_AT};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use common::counting::{Counting, Fault};
use common::{SMALL, counting, options};

/// A journal in a directory of its own, and a storage with the small content that is journalled in it.
struct Kept {
    dir: TempDir,
    storage: Arc<Counting>,
    journal: Arc<Journal>,
    backend: Journalled,
}

impl Kept {
    fn new() -> Kept {
        Kept::rotating(ROTATE_AT)
    }

    /// It goes on in a new file at this size.
    fn rotating(rotate_at: u64) -> Kept {
        // On a disk, where a sync takes its time.
        Kept::at(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), counting(SMALL), rotate_at)
    }

    fn at(dir: TempDir, storage: Arc<Counting>, rotate_at: u64) -> Kept {
        let journal = Journal::open(&dir.path().join("journal"), rotate_at).unwrap();
        let backend = Journalled::new("dummy", options().host, storage.clone(), journal.clone());
        Kept { dir, storage, journal, backend }
    }

    /// The daemon has died, and another is started; the storage lives on.
    fn restarted(self) -> Kept {
        let Kept { dir, storage, journal, backend } = self;
        drop((journal, backend));
        Kept::at(dir, storage, ROTATE_AT)
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    /// The next change of the storage meets this.
    fn next(&self, op: &str, fault: Fault) {
        let mut faults = self.storage.faults.lock();
        if op == "create_lock" {
            // It looks first.
            faults.push_back(Fault::Wait(Arc::new(Semaphore::new(1))));
        }
        faults.push_back(fault);
    }

    /// Settles what is open, and says what came of it: `OP RESULT`, a line each.
    async fn settle(&self) -> Vec<String> {
        tokio::select! {
            () = self.journal.settle() => unreachable!("it ends with the mount"),
            () = async {
                while !open(&self.path()).is_empty() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            } => {}
        }
        outcomes(&self.path())
    }
}

/// Every line of a journal.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// The intents, and the result of each that has an outcome.
fn intents(path: &Path) -> Vec<(Value, Option<String>)> {
    let (mut intents, mut results) = (Vec::new(), HashMap::new());
    for mut line in lines(path) {
        let (intent, outcome) = (line["intent"].take(), line["outcome"].take());
        if let (Some(id), Some(result)) = (outcome["id"].as_str(), outcome["result"].as_str()) {
            assert!(results.insert(id.to_owned(), result.to_owned()).is_none(), "two outcomes of {id}");
        } else if !intent.is_null() {
            intents.push(intent);
        }
    }
    let result = |intent: &Value| results.get(intent["id"].as_str().unwrap()).cloned();
    intents.into_iter().map(|intent| (intent.clone(), result(&intent))).collect()
}

/// What was begun and has no outcome.
fn open(path: &Path) -> Vec<Value> {
    intents(path).into_iter().filter(|(_, result)| result.is_none()).map(|(intent, _)| intent).collect()
}

/// `OP RESULT` of each change.
fn outcomes(path: &Path) -> Vec<String> {
    let all = intents(path).into_iter();
    all.map(|(intent, result)| format!("{} {}", intent["op"].as_str().unwrap(), result.unwrap_or_default()))
        .collect()
}

/// A failure without an answer.
fn lost() -> Error {
    Error::new(Kind::TimedOut, "no answer").sent(Sent::Unknown)
}

fn v(name: &str) -> VolumeName {
    VolumeName::new(name).unwrap()
}

fn s(name: &str) -> SnapshotName {
    SnapshotName::new(name).unwrap()
}

fn p(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

fn r(rules: &[&str]) -> Vec<Rule> {
    rules.iter().map(|rule| Rule::new(rule).unwrap()).collect()
}
