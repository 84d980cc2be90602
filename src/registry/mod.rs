//! Locks, protection and comments, where the storage itself has no place for them.

mod memory;
mod registered;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::backend::{HostName, Identity, Result};

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

/// What is kept for a volume beside its lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether `rmdir` of it is refused.
    pub protect: bool,
    /// Free text.
    pub comment: String,
}

/// A place for locks and marks that outlives no more and no less than it says.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The host that holds a volume.
    async fn holder(&self, of: &Subject) -> Result<Option<HostName>>;

    /// Takes a volume for a host, unless another holds it (`Locked`): one step, decided here.
    async fn take(&self, of: &Subject, host: &HostName) -> Result<()>;

    /// Frees a volume if this host holds it.
    async fn release(&self, of: &Subject, host: &HostName) -> Result<()>;

    /// What is kept for a volume, as far as it is known without asking anybody.
    fn known_marks(&self, of: &Subject) -> Option<Marks>;

    /// What is kept for a volume.
    async fn marks(&self, of: &Subject) -> Result<Marks>;

    /// What is kept for the volumes of an endpoint: those that have anything.
    async fn all_marks(&self, endpoint: &str) -> Result<HashMap<Identity, Marks>>;

    /// Keeps this for a volume.
    async fn set_marks(&self, of: &Subject, marks: Marks) -> Result<()>;

    /// Forgets a volume that is gone.
    async fn forget(&self, of: &Subject) -> Result<()>;
}
