//! Volumes whose lock a process of this host holds by flock(2) or fcntl(2), for as long as it lives.
//!
//! Among the processes of this host the mount decides; here is what the other hosts see of it.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::place::{Object, Place};
use super::shared::Options;
use super::table::{Caller, Node as Is};
use super::{Done, Error, Kind, Result, Tree};
use crate::backend::{HostName, Identity, NewLock};

/// What processes hold.
#[derive(Default)]
pub struct Claims(Mutex<HashMap<Volume, Claim>>);

/// A volume of an endpoint.
type Volume = (String, Identity);

#[derive(Clone)]
struct Claim {
    /// The volume.
    at: Place,
    /// The first process that took it.
    pid: u32,
    /// The lock was free before: it is prolonged while processes hold it, and freed after the last.
    lease: Option<Lease>,
}

#[derive(Clone)]
struct Lease {
    new: NewLock,
    token: u64,
}

impl Claims {
    /// The process that holds a volume.
    pub fn holder(&self, at: &Place) -> Option<u32> {
        self.0.lock().get(&key(at)?).map(|claim| claim.pid)
    }

    /// The host's lock is as somebody has written it: it does not go with the processes any more.
    pub fn disown(&self, at: &Place) {
        if let Some(key) = key(at)
            && let Some(claim) = self.0.lock().get_mut(&key)
        {
            claim.lease = None;
        }
    }

    fn leases(&self) -> Vec<(Place, Lease)> {
        let claims = self.0.lock();
        claims.values().filter_map(|claim| Some((claim.at.clone(), claim.lease.clone()?))).collect()
    }

    /// The lease is another now, unless it ended meanwhile.
    fn set_token(&self, at: &Place, lease: &Lease, token: u64) {
        if let Some(key) = key(at)
            && let Some(claim) = self.0.lock().get_mut(&key)
            && let Some(now) = claim.lease.as_mut().filter(|now| now.new.request == lease.new.request)
        {
            now.token = token;
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
        let (volume, backend) = (node.place.volume().await?, node.place.backend()?);
        let Options { host, lease, .. } = &self.shared.options;
        let contended = |holder: &HostName| {
            let error =
                Error::new(Kind::Contended, format!("{holder} holds the lock of volume {}", volume.name));
            error.hint(format!("wait for it, or break it: echo -{holder} > lock"))
        };
        let lease = match backend.locks(&volume.name).await? {
            None => {
                let (ttl, process) = (Some(*lease), caller.program());
                let new = NewLock { ttl, uid: caller.uid, process, ..NewLock::of(host.clone()) };
                let taken = backend.create_lock(&volume.name, &new).await;
                let lock = taken.map_err(|error| match error.kind() {
                    Kind::Locked => Error::new(Kind::Contended, error.to_string()),
                    _ => error,
                })?;
                Some(Lease { new: NewLock { prolongs: true, ..new }, token: lock.token })
            }
            Some(lock) if lock.holder() == host => None,
            Some(lock) => return Err(contended(lock.holder())),
        };
        let changed = lease.is_some();
        let claim = Claim { at: node.place.clone(), pid: caller.pid, lease };
        self.shared.claims.0.lock().insert(key, claim);
        Ok(Done { changed, ..Done::default() })
    }

    /// No process holds a lock on this file any more.
    pub async fn unclaim(&self, ino: u64) -> Result<Done> {
        let node = self.inodes.get(ino)?;
        let claim = key(&node.place).and_then(|key| self.shared.claims.0.lock().remove(&key));
        if claim.and_then(|claim| claim.lease).is_none() {
            return Ok(Done::default());
        }
        let (backend, volume) = (node.place.backend()?, node.place.volume_name()?);
        match backend.remove_lock(volume, &self.shared.options.host).await {
            // The volume is gone, and its lock with it.
            Err(error) if error.kind() == Kind::NotFound => Ok(Done::default()),
            removed => removed.map(|()| Done { changed: true, ..Done::default() }),
        }
    }

    /// The mount ends, and with it what processes hold through it.
    pub async fn unclaim_all(&self) {
        for (at, _) in self.shared.claims.leases() {
            self.shared.claims.disown(&at);
            if let (Ok(backend), Ok(volume)) = (at.backend(), at.volume_name())
                && let Err(error) = backend.remove_lock(volume, &self.shared.options.host).await
            {
                tracing::warn!(%volume, %error, "a lock that a process held cannot be freed, and lapses");
            }
        }
        self.shared.claims.0.lock().clear();
    }

    /// Prolongs what processes hold, for as long as they live: if this daemon dies, their locks lapse.
    pub async fn prolong_claims(&self) {
        for (at, lease) in self.shared.claims.leases() {
            let Ok((backend, volume)) = at.backend().and_then(|backend| Ok((backend, at.volume_name()?)))
            else {
                continue;
            };
            match backend.create_lock(volume, &lease.new).await {
                // Somebody has written to `lock`: it stays as written.
                Ok(lock) if lock.taken.request != lease.new.request => self.shared.claims.disown(&at),
                Ok(lock) if lock.token == lease.token => {}
                Ok(lock) => {
                    tracing::error!(%volume, "the lock that a process holds had lapsed, and is taken again");
                    self.shared.claims.set_token(&at, &lease, lock.token);
                }
                Err(error) if error.kind() == Kind::Locked => {
                    tracing::error!(%volume, %error, "the lock that a process holds is lost");
                    self.shared.claims.disown(&at);
                }
                // The next try may come in time.
                Err(error) => tracing::warn!(%volume, %error, "a lock cannot be prolonged"),
            }
        }
    }
}

fn key(at: &Place) -> Option<Volume> {
    match &at.object {
        Object::Volume(endpoint, volume) => Some((endpoint.name.clone(), volume.identity)),
        _ => None,
    }
}
