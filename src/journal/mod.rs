//! The journal: every change of the storage, before it is sent and after it was answered, in a file of this host.
//!
//! What was begun and has no outcome when the daemon starts is settled by looking at the storage, and never made
//! again. Reads pass it by.

mod change;
mod file;
mod layer;
mod line;
mod look;
mod read;
mod settle;
mod writer;

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::backend::{Error, HostName, Result, StorageBackend};
use change::Change;
use line::{Intent, Line, Outcome};
use writer::{Until, Writer};

pub use file::OpenError;
pub use layer::Journalled;

/// The size in bytes at which a journal goes on in a new file.
pub const ROTATE_AT: u64 = 16 << 20;

/// An open journal. No other process has it open.
pub struct Journal {
    writer: Writer,
    /// What was begun, got no answer, and has to be looked for.
    unsettled: Mutex<Vec<Intent>>,
    more: Notify,
    endpoints: Mutex<Vec<Looked>>,
}

/// An endpoint's name, and where what came of its changes is looked for.
type Looked = (Arc<str>, Arc<dyn StorageBackend>);

impl Journal {
    /// Opens or makes a journal. `rotate_at` is the size in bytes at which it goes on in a new file.
    pub fn open(path: &Path, rotate_at: u64) -> std::result::Result<Arc<Journal>, OpenError> {
        let (file, open) = file::JournalFile::open(path, rotate_at)?;
        let writer = Writer::start(file).map_err(|error| OpenError::System(path.into(), error))?;
        Ok(Arc::new(Journal {
            writer,
            unsettled: Mutex::new(open),
            more: Notify::new(),
            endpoints: Mutex::default(),
        }))
    }

    /// How often the file was synced to its disk.
    pub fn syncs(&self) -> u64 {
        self.writer.syncs()
    }

    /// A change is about to be sent: whatever happens from here on, a restart knows of it.
    async fn begin(&self, host: &HostName, endpoint: &str, change: Change) -> Result<Begun<'_>> {
        let intent = Intent::new(host, endpoint, change);
        self.writer.write(Line::Intent(intent.clone()), Until::Synced).await?;
        Ok(Begun { journal: self, intent: Some(intent) })
    }

    /// What came of a change.
    async fn end(&self, outcome: Outcome, until: Until) -> Result<()> {
        self.writer.write(Line::Outcome(outcome), until).await
    }
}

/// A change that was begun. If nobody says what came of it, it is looked for.
struct Begun<'a> {
    journal: &'a Journal,
    /// None if it has ended.
    intent: Option<Intent>,
}

impl Begun<'_> {
    /// Writes down what came of it.
    async fn end(mut self, error: Option<&Error>, until: Until) -> Result<()> {
        if let Some(intent) = &self.intent {
            self.journal.end(Outcome::answered(intent, error), until).await?;
        }
        self.intent = None;
        Ok(())
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if let Some(intent) = self.intent.take() {
            self.journal.unsettled.lock().push(intent);
            self.journal.more.notify_waiters();
        }
    }
}

/// The failure of a change that was not sent because it cannot be written down.
fn refused(path: &Path, error: &std::io::Error) -> Error {
    use crate::backend::Kind;
    use std::io::ErrorKind;
    let kind = match error.kind() {
        ErrorKind::StorageFull => Kind::NoSpace,
        ErrorKind::QuotaExceeded => Kind::Quota,
        _ => Kind::Remote,
    };
    let message = format!("the journal {} cannot be written", path.display());
    Error::new(kind, message).source(error).hint("no change is made until it can; reads go on")
}
