//! Volumes whose lock a process of this host holds by flock(2) or fcntl(2), for as long as it lives.
//!
//! Among the processes of this host the mount decides; here is what the other hosts see of it.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::place::{Object, Place};
use super::table::{Caller, Node as Is};
use super::{Done, Error, Kind, Result, Tree};
use crate::backend::Identity;

/// What processes hold.
#[derive(Default)]
pub struct Claims(Mutex<HashMap<Volume, Claim>>);

/// A volume of an endpoint.
type Volume = (String, Identity);

#[derive(Clone, Copy)]
struct Claim {
    /// The first process that took it.
    pid: u32,
    /// The lock was free before: it is freed after the last process.
    frees: bool,
}

impl Claims {
    /// The process that holds a volume.
    pub fn holder(&self, at: &Place) -> Option<u32> {
        self.0.lock().get(&key(at)?).map(|claim| claim.pid)
    }

    /// Whether the host's lock goes when the last process does.
    pub fn frees(&self, at: &Place) -> bool {
        key(at).is_some_and(|key| self.0.lock().get(&key).is_some_and(|claim| claim.frees))
    }

    /// The host's lock is as somebody has written it: it does not go with the processes any more.
    pub fn disown(&self, at: &Place) {
        if let Some(key) = key(at)
            && let Some(claim) = self.0.lock().get_mut(&key)
        {
            claim.frees = false;
        }
    }
}

impl Tree {
    /// A process takes a lock on a file. On `lock` that is the lock of the volume, under the name of this host.
    pub async fn claim(&self, ino: u64, caller: &Caller) -> Result<Done> {
        let node = self.inodes.get(ino)?;
        let (Is::File(_), "lock", Some(key)) = (&node.row.node, node.row.name, key(&node.place)) else {
            return Ok(Done::default());
        };
        self.check_may_write(&node, caller)?;
        if self.shared.claims.0.lock().contains_key(&key) {
            return Ok(Done::default());
        }
        let (volume, backend, host) =
            (node.place.volume().await?, node.place.backend()?, self.shared.options.host.clone());
        let frees = match backend.locks(&volume.name).await? {
            None => {
                backend.create_lock(&volume.name, &host).await.map_err(|error| match error.kind() {
                    Kind::Locked => Error::new(Kind::Contended, error.to_string()),
                    _ => error,
                })?;
                true
            }
            Some(holder) if holder == host => false,
            Some(holder) => {
                let error =
                    Error::new(Kind::Contended, format!("{holder} holds the lock of volume {}", volume.name));
                return Err(error.hint(format!("wait for it, or break it: echo -{holder} > lock")));
            }
        };
        self.shared.claims.0.lock().insert(key, Claim { pid: caller.pid, frees });
        Ok(Done { changed: frees, ..Done::default() })
    }

    /// No process holds a lock on this file any more.
    pub async fn unclaim(&self, ino: u64) -> Result<Done> {
        let node = self.inodes.get(ino)?;
        let claim = key(&node.place).and_then(|key| self.shared.claims.0.lock().remove(&key));
        if !claim.is_some_and(|claim| claim.frees) {
            return Ok(Done::default());
        }
        let (backend, volume) = (node.place.backend()?, node.place.volume_name()?);
        match backend.remove_lock(volume, &self.shared.options.host).await {
            // The volume is gone, and its lock with it.
            Err(error) if error.kind() == Kind::NotFound => Ok(Done::default()),
            removed => removed.map(|()| Done { changed: true, ..Done::default() }),
        }
    }
}

fn key(at: &Place) -> Option<Volume> {
    match &at.object {
        Object::Volume(endpoint, volume) => Some((endpoint.name.clone(), volume.identity)),
        _ => None,
    }
}
