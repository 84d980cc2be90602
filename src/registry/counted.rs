//! The locks that were taken through a mount and not let go: until then, somebody counts on them.
//!
//! A lock that lapses, or that somebody breaks, is free to the registry. Whoever took it may not know, and goes on to
//! change a volume that others have had meanwhile. So its changes wait until it has the lock again, or does without.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::backend::{By, Identity, Lock, NewLock};

/// By volume.
#[derive(Default)]
pub struct Counted(Mutex<HashMap<Identity, Taken>>);

struct Taken {
    token: u64,
    /// That of a process, which counts on it as long as it holds the file.
    request: Option<String>,
}

impl Counted {
    /// A lock was taken, as was asked for.
    pub fn taken(&self, volume: Identity, new: &NewLock, lock: &Lock) {
        let (token, mut counted) = (lock.token, self.0.lock());
        let request = match new.by {
            By::Writing => None,
            // What was written stays, whatever becomes of the process.
            By::Process if counted.get(&volume).is_some_and(|taken| taken.token == token) => return,
            By::Process => Some(new.request.clone()),
            By::Prolonging { .. } => return,
        };
        counted.insert(volume, Taken { token, request });
    }

    /// The process that took a lock by this request has ended, and counts on nothing.
    pub fn ended(&self, request: &str) {
        self.0.lock().retain(|_, taken| taken.request.as_deref() != Some(request));
    }

    /// Its lock was freed or broken by us, or the volume is gone.
    pub fn forget(&self, volume: Identity) {
        self.0.lock().remove(&volume);
    }

    /// The token of the lock of a volume that somebody counts on.
    pub fn token(&self, volume: Identity) -> Option<u64> {
        self.0.lock().get(&volume).map(|taken| taken.token)
    }
}
