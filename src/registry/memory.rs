//! A registry that lives as long as the mount.

use std::collections::HashMap;

use async_trait::async_trait;
use parking_lot::RwLock;

use super::{Marks, Registry, Subject};
use crate::backend::{Error, HostName, Identity, Kind, Result};

/// In memory.
#[derive(Default)]
pub struct MemoryRegistry {
    entries: RwLock<Entries>,
}

#[derive(Default)]
struct Entries {
    locks: HashMap<Subject, HostName>,
    marks: HashMap<Subject, Marks>,
}

#[async_trait]
impl Registry for MemoryRegistry {
    async fn holder(&self, of: &Subject) -> Result<Option<HostName>> {
        Ok(self.entries.read().locks.get(of).cloned())
    }

    async fn take(&self, of: &Subject, host: &HostName) -> Result<()> {
        let mut entries = self.entries.write();
        match entries.locks.get(of) {
            Some(holder) if holder != host => {
                Err(Error::new(Kind::Locked, format!("{holder} holds the lock")))
            }
            Some(_) => Ok(()),
            None => {
                entries.locks.insert(of.clone(), host.clone());
                Ok(())
            }
        }
    }

    async fn release(&self, of: &Subject, host: &HostName) -> Result<()> {
        let mut entries = self.entries.write();
        if entries.locks.get(of) == Some(host) {
            entries.locks.remove(of);
        }
        Ok(())
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

    async fn set_marks(&self, of: &Subject, marks: Marks) -> Result<()> {
        let mut entries = self.entries.write();
        if marks == Marks::default() {
            entries.marks.remove(of);
        } else {
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
