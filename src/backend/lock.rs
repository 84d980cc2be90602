//! Admin locks: one that is asked for, and one that is kept.

use std::fmt;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::{Error, HostName, Kind, Result, VolumeName};

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
    /// What asks.
    pub by: By,
}

/// What asks for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody: the lock is theirs from now on.
    Writing,
    /// A process, for as long as it lives: what somebody has written stays as it is.
    Process,
    /// The request that took the lock before, and prolongs it: what another has taken since stays as it is, and what
    /// was freed or broken stays free.
    Prolonging {
        /// It may have lapsed by itself: then it is taken anew, unless another host has it.
        late: bool,
    },
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
            by: By::Writing,
        }
    }

    /// The same, as it is kept.
    pub fn kept(self) -> NewLock {
        let by = if self.by == By::Writing { By::Writing } else { By::Process };
        NewLock { by, ..self }
    }

    /// What frees the lock that this request took, and no later one.
    pub fn unlock(&self) -> Unlock {
        Unlock { host: self.host.clone(), request: Some(self.request.clone()), breaks: false }
    }

    /// Whether a lock that is not there is taken.
    pub fn makes(&self) -> bool {
        self.by != By::Prolonging { late: false }
    }

    /// Whether a lock of the same host lapses as this request says, or as it did before.
    pub fn renews(&self, taken: &NewLock) -> bool {
        match self.by {
            By::Writing => true,
            By::Process => taken.by == By::Process,
            By::Prolonging { .. } => taken.request == self.request,
        }
    }

    /// What becomes of a lock that was taken so, if its host asks again.
    pub fn again(&self, taken: &NewLock) -> NewLock {
        match self.by {
            By::Prolonging { .. } => taken.clone(),
            _ if self.renews(taken) => self.clone(),
            // Whoever wrote it has been heard again: no failure of theirs is undone from here on.
            _ => NewLock { request: Uuid::new_v4().to_string(), ..taken.clone() },
        }
    }
}

impl From<HostName> for NewLock {
    fn from(host: HostName) -> NewLock {
        NewLock::of(host)
    }
}

/// A lock that shall be freed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlock {
    /// The host that holds it.
    pub host: HostName,
    /// Only what this request has taken, and nobody after it.
    pub request: Option<String>,
    /// Even if a process of that host counts on it.
    pub breaks: bool,
}

impl Unlock {
    /// Whether a process that holds the lock, too, keeps it from being freed.
    pub fn spares_processes(&self) -> bool {
        self.request.is_none() && !self.breaks
    }

    /// Whether it is this lock.
    pub fn frees(&self, taken: &NewLock) -> bool {
        self.host == taken.host && self.request.as_ref().is_none_or(|request| *request == taken.request)
    }
}

impl From<HostName> for Unlock {
    fn from(host: HostName) -> Unlock {
        Unlock { host, request: None, breaks: false }
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

/// The refusal of what another host's lock forbids.
pub fn held_by(holder: &HostName) -> Error {
    let error = Error::new(Kind::Locked, format!("{holder} holds the lock"));
    error.hint(format!("to break it: echo -{holder} > lock"))
}

/// Refuses a change by this host, if the lock is not the one any more that it took and counts on.
pub fn check_held(
    volume: &VolumeName,
    host: &HostName,
    counted: Option<u64>,
    now: Option<u64>,
) -> Result<()> {
    if counted.is_none() || counted == now {
        return Ok(());
    }
    let message = format!("the lock of volume {volume} that was taken through this mount is lost");
    let error = Error::new(Kind::NotHeld, message).source("it lapsed, or was broken or freed elsewhere");
    Err(error.hint(format!("to take it again: echo {host} > lock; to go on without it: echo > lock")))
}
