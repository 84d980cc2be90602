//! Locks, protection and comments, where the storage itself has no place for them.

mod counted;
mod etcd;
mod file;
mod memory;
mod record;
mod registered;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::backend::{Error, HostName, Identity, Kind, Lock, NewLock, Result, Unlock};

pub use etcd::{Cluster, EtcdRegistry};
pub use file::FileRegistry;
pub use memory::MemoryRegistry;
pub use registered::Registered;

/// The volume that an entry is about. By identity: a new volume of the same name starts without any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The endpoint's name.
    pub endpoint: Arc<str>,
    /// The volume's identity there.
    pub volume: Identity,
}

impl Subject {
    /// What the processes of a host lock, for the daemons there to know of each other.
    fn among_processes(&self, host: &HostName) -> Subject {
        let volume = Identity::of(&["processes of", host.as_str(), &self.volume.0.to_string()]);
        Subject { endpoint: self.endpoint.clone(), volume }
    }

    /// What must be free for this lock to be freed.
    fn process_beside(&self, lock: &Unlock) -> Option<Subject> {
        lock.spares_processes().then(|| self.among_processes(&lock.host))
    }
}

/// What is kept for a volume beside its lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether `rmdir` of it is refused.
    pub protect: bool,
    /// Free text.
    pub comment: String,
}

impl Marks {
    /// These marks, with what is given in their place.
    pub fn with(self, change: &MarksChange) -> Marks {
        Marks {
            protect: change.protect.unwrap_or(self.protect),
            comment: change.comment.clone().unwrap_or(self.comment),
        }
    }
}

/// Marks that shall be others; `None` leaves one alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarksChange {
    /// Whether `rmdir` is refused.
    pub protect: Option<bool>,
    /// Free text.
    pub comment: Option<String>,
}

/// A place for locks and marks that outlives no more and no less than it says.
///
/// Every operation on a lock is decided in one step where the locks are kept, and never by what was read
/// before. A registry that cannot be asked refuses (`Unreachable`, `TimedOut`): nothing is ever taken for free.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The lock of a volume, if anybody holds it.
    async fn lock(&self, of: &Subject) -> Result<Option<Lock>>;

    /// Takes a volume for a host, unless another holds it (`Locked`). Again by the same host is a success: the lock
    /// keeps its token, and lapses as the last request says. What is prolonged in time and is not there was freed or
    /// broken (`NotHeld`).
    async fn take(&self, of: &Subject, new: &NewLock) -> Result<Lock>;

    /// Frees a volume if this is its lock. `Locked` if a process of its host holds it, too, and it is not broken.
    async fn release(&self, of: &Subject, lock: &Unlock) -> Result<()>;

    /// Says that nobody but this host holds a volume, now and not by what was remembered: the token of its lock, if
    /// it holds it. `Locked` if another does.
    async fn guard(&self, of: &Subject, host: &HostName) -> Result<Option<u64>>;

    /// What is kept for a volume, as far as it is known without asking anybody.
    fn known_marks(&self, of: &Subject) -> Option<Marks>;

    /// What is kept for a volume.
    async fn marks(&self, of: &Subject) -> Result<Marks>;

    /// What is kept for the volumes of an endpoint: those that have anything.
    async fn all_marks(&self, endpoint: &str) -> Result<HashMap<Identity, Marks>>;

    /// Keeps these marks for a volume, and leaves the others as they are: one step.
    async fn change_marks(&self, of: &Subject, change: &MarksChange) -> Result<()>;

    /// Forgets a volume that is gone.
    async fn forget(&self, of: &Subject) -> Result<()>;

    /// Fails if it cannot be asked.
    async fn check(&self) -> Result<()> {
        self.all_marks("").await.map(drop)
    }
}

/// The refusal to prolong what is not there.
fn not_there() -> Error {
    Error::new(Kind::NotHeld, "the lock was freed or broken since it was taken")
}

/// The refusal to free what a process counts on.
fn held_by_process(host: &HostName) -> Error {
    let error =
        Error::new(Kind::Locked, format!("a process of {host} holds the lock for as long as it lives"));
    error.hint(format!("to break it: echo -{host} > lock"))
}
