//! A back-end together with what the registry keeps for it.

mod calls;
mod marks;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::counted::Counted;
use super::{Registry, Subject};
use crate::backend::{
    Capabilities, Error, HostName, Identity, Kind, NewLock, Result, StorageBackend, Unlock, Volume,
    VolumeName, check_held,
};
use marks::Last;

/// Answers for locks and marks where the back-end declares that it lacks them; the rest goes through.
pub struct Registered {
    endpoint: Arc<str>,
    host: HostName,
    /// This daemon, to the others of the host.
    daemon: HostName,
    backend: Arc<dyn StorageBackend>,
    registry: Arc<dyn Registry>,
    own: Capabilities,
    /// Which volumes there are by name, and since when that is known: a change of a volume makes it no other one.
    identities: Mutex<HashMap<VolumeName, (Identity, Instant)>>,
    counted: Counted,
    /// Marks as they were seen last: reading goes on while the registry cannot be asked.
    last: Mutex<Last>,
}

/// So many volumes are changed at a time, at most.
const KEPT: usize = 64;

/// A volume that somebody else has put in the place of another is noticed after so long.
const FRESH: Duration = Duration::from_secs(2);

impl Registered {
    /// The back-end of this endpoint, with this registry. Changes are made in the name of this host.
    pub fn new(
        endpoint: &str,
        host: HostName,
        backend: Arc<dyn StorageBackend>,
        registry: Arc<dyn Registry>,
    ) -> Registered {
        Registered {
            endpoint: endpoint.into(),
            host,
            daemon: HostName::unique(),
            own: backend.capabilities(),
            backend,
            registry,
            identities: Mutex::default(),
            counted: Counted::default(),
            last: Mutex::default(),
        }
    }

    fn subject(&self, volume: Identity) -> Subject {
        Subject { endpoint: self.endpoint.clone(), volume }
    }

    async fn find(&self, volume: &VolumeName) -> Result<Subject> {
        Ok(self.subject(self.found(volume).await?.identity))
    }

    async fn found(&self, name: &VolumeName) -> Result<Arc<Volume>> {
        let volume = self.backend.get_volume(name).await?;
        let mut identities = self.identities.lock();
        if identities.len() == KEPT {
            identities.clear();
        }
        identities.insert(name.clone(), (volume.identity, Instant::now()));
        Ok(volume)
    }

    /// The volume that a change is about: asking for it would be a call more.
    async fn known(&self, volume: &VolumeName) -> Result<Subject> {
        if let Some(volume) = self.backend.known_volume(volume).flatten() {
            return Ok(self.subject(volume.identity));
        }
        let known = self.identities.lock().get(volume).filter(|(_, since)| since.elapsed() < FRESH).copied();
        match known {
            Some((identity, _)) => Ok(self.subject(identity)),
            None => self.find(volume).await,
        }
    }

    /// A change that no other host's lock forbids: asked before it is sent, and again after. The storage knows
    /// nothing of our locks, so a lock that is lost meanwhile can only be told of.
    async fn guarded<T>(
        &self,
        volume: &VolumeName,
        change: impl AsyncFnOnce(&Subject) -> Result<T>,
    ) -> Result<T> {
        let of = self.known(volume).await?;
        if self.own.locks {
            return change(&of).await;
        }
        let guard = || self.registry.guard(&of, &self.host);
        let before = guard().await.map_err(|error| error.context(format!("volume {volume}")))?;
        check_held(volume, &self.host, self.counted.token(of.volume), before)?;
        let changed = change(&of).await?;
        let lost = |why: String| {
            let message = format!("the change was made, but the lock of volume {volume} was lost meanwhile");
            Err(Error::new(Kind::LockLost, message)
                .source(why)
                .hint("look whether another host has changed it, too"))
        };
        match guard().await {
            Ok(after) if before.is_none() || before == after => Ok(changed),
            Ok(_) => lost("it was freed".to_owned()),
            Err(error) => lost(error.to_string()),
        }
    }

    /// To the registry all processes of a host are that host; so daemons of one host that share it hold a lock among
    /// themselves first.
    async fn take_among_processes(&self, of: &Subject, new: &NewLock) -> Result<()> {
        let of = of.among_processes(&new.host);
        let taken = self.registry.take(&of, &NewLock { host: self.daemon.clone(), ..new.clone() }).await;
        taken.map(drop).map_err(|error| match error.kind() {
            Kind::Locked => {
                let message = format!("a process of {} holds the lock through another mount", new.host);
                Error::new(Kind::Locked, message).hint("wait until it ends, or is seen to have ended")
            }
            _ => error,
        })
    }

    async fn free_among_processes(&self, of: &Subject, host: &HostName, request: &str) -> Result<()> {
        let lock = Unlock { request: Some(request.to_owned()), ..self.daemon.clone().into() };
        self.registry.release(&of.among_processes(host), &lock).await
    }
}
