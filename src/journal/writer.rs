//! The one thread that writes a journal: it takes all that waits, and syncs once for it (group commit).
//!
//! An intent is synced before its change is sent. An outcome is written before its change is answered, and synced
//! with the next group: it survives the end of this process at once, and if the host fails with it, the change is
//! looked for. Only where the lack of an outcome makes us act, as with a lock, is its sync waited for.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::file::JournalFile;
use super::line::Line;
use super::refused;
use crate::backend::{Error, Kind, Result};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The kernel has it.
    Written,
    /// The disk has it.
    Synced,
}

/// Writes to a journal, for many at once.
pub struct Writer {
    /// None only while it is dropped.
    queue: Option<Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
    syncs: Arc<AtomicU64>,
}

struct Waiting {
    line: Line,
    until: Until,
    done: oneshot::Sender<Result<()>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(file: JournalFile) -> io::Result<Writer> {
        let ((queue, waiting), syncs) = (channel(), Arc::new(AtomicU64::new(0)));
        let (path, counted) = (file.path().to_owned(), syncs.clone());
        let thread = Thread { file, path, syncs: counted, failing: false };
        let builder = std::thread::Builder::new().name("journal".into());
        let thread = builder.spawn(move || thread.run(&waiting))?;
        Ok(Writer { queue: Some(queue), thread: Some(thread), syncs })
    }

    /// Writes a line.
    pub async fn write(&self, line: Line, until: Until) -> Result<()> {
        let (done, written) = oneshot::channel();
        let ended = || Error::new(Kind::Bug, "the thread that writes the journal has ended");
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(Waiting { line, until, done }).map_err(|_| ended())?;
        written.await.map_err(|_| ended())?
    }

    /// How often the file was synced.
    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    /// When this is done, the file is closed.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    file: JournalFile,
    path: PathBuf,
    syncs: Arc<AtomicU64>,
    failing: bool,
}

impl Thread {
    /// Until nobody can write any more.
    fn run(mut self, queue: &Receiver<Waiting>) {
        while let Ok(first) = queue.recv() {
            let group = std::iter::once(first).chain(queue.try_iter());
            // An outcome has its room in the file already; that of an intent may be lacking.
            let (outcomes, intents): (Vec<_>, Vec<_>) =
                group.partition(|waiting| matches!(waiting.line, Line::Outcome(_)));
            let mut unsynced = Vec::new();
            for lines in [outcomes, intents].into_iter().filter(|lines| !lines.is_empty()) {
                let written = self.file.append(lines.iter().map(|waiting| &waiting.line));
                match self.told(written) {
                    Ok(()) => unsynced.extend(lines.into_iter().filter_map(Waiting::written)),
                    Err(error) => lines.into_iter().for_each(|waiting| waiting.answer(Err(error.clone()))),
                }
            }
            if !unsynced.is_empty() {
                let synced = self.file.sync(unsynced.iter().map(|waiting| &waiting.line));
                self.syncs.fetch_add(1, Ordering::Relaxed);
                let synced = self.told(synced);
                unsynced.into_iter().for_each(|waiting| waiting.answer(synced.clone()));
            }
        }
    }

    /// The first failure and its end are logged; those between are in the refusals.
    fn told(&mut self, done: io::Result<()>) -> Result<()> {
        let (path, was) = (self.path.display(), self.failing);
        self.failing = done.is_err();
        match done {
            Ok(()) if was => tracing::info!(%path, "the journal can be written again"),
            Err(ref error) if !was => {
                tracing::error!(%path, %error, "the journal cannot be written: changes are refused");
            }
            _ => {}
        }
        done.map_err(|error| refused(&self.path, &error))
    }
}

impl Waiting {
    /// It is written; if that is enough, its answer is given.
    fn written(self) -> Option<Waiting> {
        if self.until == Until::Synced {
            return Some(self);
        }
        self.answer(Ok(()));
        None
    }

    fn answer(self, done: Result<()>) {
        // Whoever waited may be gone.
        let _ = self.done.send(done);
    }
}
