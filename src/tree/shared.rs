//! What every node of a mount can reach.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::access::Access;
use super::claims::Claims;
use super::endpoint::Endpoint;
use super::outcomes::Outcomes;
use crate::backend::HostName;

/// How the mount behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name locks are taken under.
    pub host: HostName,
    /// How long an answer may be remembered.
    pub cache_ttl: Duration,
    /// Whether new volumes are protected from `rmdir`.
    pub protect_new: bool,
    /// Whether refused chmod and chown look accepted.
    pub quiet: bool,
    /// How long a scratch file stays that nobody uses.
    pub scratch_ttl: Duration,
    /// How long a recursive delete stays refused.
    pub tripwire: Duration,
    /// How long a lock that a process holds outlives this daemon.
    pub lease: Duration,
    /// Whether `.ctl` is left out of the listing of the root.
    pub hide_ctl: bool,
}

/// Sets how much is logged, while running.
pub trait LogLevel: Send + Sync {
    /// The level now.
    fn get(&self) -> String;
    /// Takes one of `error warn info debug trace`; false if it is none.
    fn set(&self, level: &str) -> bool;
}

/// One mount.
pub struct Shared {
    /// How it behaves.
    pub options: Options,
    /// Its back-ends.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Who may do what.
    pub access: Access,
    /// The volumes that processes of this host hold.
    pub claims: Claims,
    /// What came of every change and refusal.
    pub outcomes: Outcomes,
    /// When it began.
    pub started: SystemTime,
    /// How much is logged.
    pub log_level: Box<dyn LogLevel>,
}
