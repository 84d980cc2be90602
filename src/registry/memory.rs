//! A registry that lives as long as the mount.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use parking_lot::RwLock;

use super::{Marks, MarksChange, Registry, Subject, held_by_process, not_there};
use crate::backend::{HostName, Identity, Lock, NewLock, Result, Scope, Unlock, held_by};
use crate::clock::{boot_id, since_boot};

/// In memory.
#[derive(Default)]
pub struct MemoryRegistry {
    entries: RwLock<Entries>,
}

#[derive(Default)]
struct Entries {
    /// Each with when it lapses, since boot.
    locks: HashMap<Subject, (Lock, Option<Duration>)>,
    marks: HashMap<Subject, Marks>,
    token: u64,
}

impl Entries {
    fn lock(&self, of: &Subject) -> Option<&Lock> {
        let (lock, lapses) = self.locks.get(of)?;
        lapses.is_none_or(|lapses| since_boot() < lapses).then_some(lock)
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    async fn lock(&self, of: &Subject) -> Result<Option<Lock>> {
        Ok(self.entries.read().lock(of).cloned())
    }

    async fn take(&self, of: &Subject, new: &NewLock) -> Result<Lock> {
        let mut entries = self.entries.write();
        let mut lapses = new.ttl.map(|ttl| since_boot() + ttl);
        let lock = match entries.lock(of) {
            Some(lock) if *lock.holder() != new.host => return Err(held_by(lock.holder())),
            Some(lock) => {
                if !new.renews(&lock.taken) {
                    lapses = entries.locks[of].1;
                }
                Lock { taken: new.again(&lock.taken), ..lock.clone() }
            }
            None if !new.makes() => return Err(not_there()),
            None => Lock {
                taken: new.clone().kept(),
                since: SystemTime::now(),
                boot_id: boot_id().to_owned(),
                token: entries.token + 1,
                scope: Scope::Host,
                registry: "memory",
            },
        };
        entries.token = entries.token.max(lock.token);
        entries.locks.insert(of.clone(), (lock.clone(), lapses));
        Ok(lock)
    }

    async fn release(&self, of: &Subject, lock: &Unlock) -> Result<()> {
        let mut entries = self.entries.write();
        match entries.lock(of) {
            Some(held) if !lock.frees(&held.taken) => return Ok(()),
            Some(_) if of.process_beside(lock).is_some_and(|process| entries.lock(&process).is_some()) => {
                return Err(held_by_process(&lock.host));
            }
            _ => {}
        }
        entries.locks.remove(of);
        Ok(())
    }

    async fn guard(&self, of: &Subject, host: &HostName) -> Result<Option<u64>> {
        match self.entries.read().lock(of) {
            Some(lock) if lock.holder() != host => Err(held_by(lock.holder())),
            lock => Ok(lock.map(|lock| lock.token)),
        }
    }

    fn known_marks(&self, of: &Subject) -> Option<Marks> {
        Some(self.entries.read().marks.get(of).cloned().unwrap_or_default())
    }

    async fn marks(&self, of: &Subject) -> Result<Marks> {
        Ok(self.known_marks(of).unwrap_or_default())
    }

    async fn all_marks(&self, endpoint: &str) -> Result<HashMap<Identity, Marks>> {
        let entries = self.entries.read();
        let here = entries.marks.iter().filter(|(of, _)| &*of.endpoint == endpoint);
        Ok(here.map(|(of, marks)| (of.volume, marks.clone())).collect())
    }

    async fn change_marks(&self, of: &Subject, change: &MarksChange) -> Result<()> {
        let mut entries = self.entries.write();
        let marks = entries.marks.remove(of).unwrap_or_default().with(change);
        if marks != Marks::default() {
            entries.marks.insert(of.clone(), marks);
        }
        Ok(())
    }

    async fn forget(&self, of: &Subject) -> Result<()> {
        let mut entries = self.entries.write();
        entries.locks.remove(of);
        entries.marks.remove(of);
        Ok(())
    }
}
