//! Admin locks: one that is asked for, and one that is kept.

use std::fmt;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::HostName;

/// A lock that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLock {
    /// The host that shall hold it.
    pub host: HostName,
    /// It lapses after so long unless it is taken again. None: it stays until it is freed.
    pub ttl: Option<Duration>,
    /// The user who asks.
    pub uid: u32,
    /// The process that asks, as `COMMAND[PID]`.
    pub process: String,
    /// Tells this request from every other: what came of it can be found out later.
    pub request: String,
    /// This request took the lock before and prolongs it: a lock of the same host that another request has taken
    /// since stays as it is.
    pub prolongs: bool,
}

impl NewLock {
    /// A lock that stays, asked for by nobody in particular.
    pub fn of(host: HostName) -> NewLock {
        NewLock {
            host,
            ttl: None,
            uid: 0,
            process: String::new(),
            request: Uuid::new_v4().to_string(),
            prolongs: false,
        }
    }

    /// What becomes of this request if its host asks again.
    pub fn again(&self, new: &NewLock) -> NewLock {
        if new.prolongs && new.request != self.request { self } else { new }.clone()
    }
}

impl From<HostName> for NewLock {
    fn from(host: HostName) -> NewLock {
        NewLock::of(host)
    }
}

/// A lock as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// What was asked for last.
    pub taken: NewLock,
    /// When it was taken, by the clock of the host it was taken on.
    pub since: SystemTime,
    /// The boot of the host it was taken on.
    pub boot_id: String,
    /// Another for every time the lock of a volume is taken, and never a smaller one.
    pub token: u64,
    /// Among whom it holds.
    pub scope: Scope,
    /// The kind of registry that keeps it.
    pub registry: &'static str,
}

impl Lock {
    /// The host that holds it.
    pub fn holder(&self) -> &HostName {
        &self.taken.host
    }
}

/// Among whom a lock holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The mounts of one host, or one mount alone.
    Host,
    /// All hosts that share the registry.
    Cluster,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::Host => "host",
            Scope::Cluster => "cluster",
        })
    }
}
