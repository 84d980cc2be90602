//! A registry that several hosts share: an etcd cluster, over its JSON gateway.
//!
//! A lock is a key; its `create_revision` is the token, which stays for as long as it is held. Every decision is a
//! transaction that may write, so a majority of the cluster makes it: one node that has lost touch cannot answer it,
//! neither from an old copy nor as a leader that is none any more. Time is the cluster's alone: a lock with a ttl hangs
//! on a lease.

mod client;
mod doubts;
mod known;
mod locks;
mod marks;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::Value;

use super::{Marks, MarksChange, Registry, Subject};
use crate::backend::{HostName, Identity, Lock, NewLock, Result, Unlock};
use crate::tls;
use client::{Client, Deadline};
use doubts::Doubts;
use known::KnownMarks;
use locks::Held;
use wire::{Entry, Txn};

/// Where a cluster is, and how to talk to it.
pub struct Cluster {
    /// `http://HOST:PORT` or `https://HOST:PORT`, each.
    pub endpoints: Vec<String>,
    /// What our keys begin with.
    pub prefix: String,
    /// How the certificates of its nodes are checked.
    pub trust: tls::Trust,
    /// Our own certificate.
    pub identity: Option<tls::Identity>,
    /// The longest that an operation may take.
    pub timeout: Duration,
    /// How long marks are remembered.
    pub fresh: Duration,
}

/// In an etcd cluster.
pub struct EtcdRegistry(Arc<Store>);

impl EtcdRegistry {
    /// Nothing is sent yet: the mount comes up without the cluster.
    pub fn new(cluster: &Cluster) -> Result<EtcdRegistry> {
        Ok(EtcdRegistry(Arc::new(Store {
            client: Client::new(cluster)?,
            prefix: cluster.prefix.trim_end_matches('/').to_owned(),
            ours: Mutex::default(),
            doubts: Mutex::default(),
            marks: KnownMarks::new(cluster.fresh),
        })))
    }
}

struct Store {
    client: Client,
    prefix: String,
    /// The locks that we took, as they were when we did: no more than a guess.
    ours: Mutex<HashMap<Subject, Held>>,
    doubts: Mutex<Doubts>,
    marks: KnownMarks,
}

/// What came of a compare-and-set.
enum Swapped {
    /// It was done, at this revision.
    Done(u64),
    /// The key has changed meanwhile: to this.
    Not(Option<Entry>),
}

impl Store {
    /// `PREFIX/KIND/ENDPOINT/IDENTITY`
    fn key(&self, kind: &str, of: &Subject) -> String {
        format!("{}/{kind}/{}/{:016x}", self.prefix, of.endpoint, of.volume.0)
    }

    /// Does something if a key is still as it was at this revision. It may be asked twice: it is done once at most.
    async fn swap(&self, key: &str, revision: u64, then: Value, until: Deadline) -> Result<Swapped> {
        let message = wire::txn(&[wire::changed_at(key, revision)], &[then], &[wire::get(key)]);
        let txn: Txn = self.client.ask(until, "kv/txn", &message).await?;
        Ok(if txn.succeeded { Swapped::Done(txn.header.revision) } else { Swapped::Not(txn.entry()) })
    }

    /// A key as a majority has it now. What might write is put before all of them, and to remove what is never there
    /// leaves nothing behind: no key and no revision.
    async fn agreed(&self, key: &str, until: Deadline) -> Result<Option<Entry>> {
        let nothing = wire::delete(&format!("{}/nothing", self.prefix));
        let message = wire::txn(&[], &[nothing, wire::get(key)], &[]);
        Ok(self.client.ask::<Txn>(until, "kv/txn", &message).await?.entry())
    }
}

#[async_trait]
impl Registry for EtcdRegistry {
    async fn lock(&self, of: &Subject) -> Result<Option<Lock>> {
        self.0.lock(of).await
    }

    async fn take(&self, of: &Subject, new: &NewLock) -> Result<Lock> {
        self.0.take(of, new).await
    }

    async fn release(&self, of: &Subject, lock: &Unlock) -> Result<()> {
        self.0.release(of, lock).await
    }

    async fn guard(&self, of: &Subject, host: &HostName) -> Result<Option<u64>> {
        self.0.guard(of, host).await
    }

    fn known_marks(&self, of: &Subject) -> Option<Marks> {
        self.0.marks.get(of)
    }

    async fn marks(&self, of: &Subject) -> Result<Marks> {
        self.0.marks_of(of).await
    }

    async fn all_marks(&self, endpoint: &str) -> Result<HashMap<Identity, Marks>> {
        self.0.all_marks(endpoint).await
    }

    async fn change_marks(&self, of: &Subject, change: &MarksChange) -> Result<()> {
        self.0.change_marks(of, change).await
    }

    async fn forget(&self, of: &Subject) -> Result<()> {
        self.0.forget(of).await
    }
}
