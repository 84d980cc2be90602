//! Locks: one key a volume that is held.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::client::Deadline;
use super::doubts::Doubt;
use super::wire::{self, Done, Entry, Grant, Range, Txn};
use super::{Store, Swapped};
use crate::backend::{Error, HostName, Kind, Lock, NewLock, Result, Scope, Sent, Unlock, held_by};
use crate::registry::record::{self, LockRecord};
use crate::registry::{Subject, held_by_process, not_there};

/// A lock as it stands in the cluster.
#[derive(Clone)]
pub struct Held {
    record: LockRecord,
    /// The revision that took it.
    token: u64,
    /// The revision that changed it last.
    pub revision: u64,
    lease: u64,
}

impl Held {
    pub fn read(entry: Option<Entry>) -> Result<Option<Held>> {
        let read = |entry: Entry| {
            let record: LockRecord = record::read(&entry.value, &String::from_utf8_lossy(&entry.key))?;
            let Entry { create_revision: token, mod_revision: revision, lease, .. } = entry;
            Ok(Held { record, token, revision, lease })
        };
        entry.map(read).transpose()
    }

    /// Whether this request was the last that took it.
    pub fn by(&self, request: &str) -> bool {
        self.record.taken().request == request
    }

    fn lock(self) -> Lock {
        self.record.lock(self.token, Scope::Cluster, "etcd")
    }
}

/// A lock that shall be written over what was seen.
struct Attempt<'a> {
    of: &'a Subject,
    key: &'a str,
    record: LockRecord,
    lease: u64,
    /// What was seen; 0: nobody holds it.
    over: u64,
}

impl Store {
    pub async fn lock(&self, of: &Subject) -> Result<Option<Lock>> {
        let until = self.client.begin()?;
        let range: Range = self.client.ask(until, "kv/range", &wire::range(&self.key("locks", of))).await?;
        Ok(Held::read(range.kvs.into_iter().next())?.map(Held::lock))
    }

    pub async fn guard(&self, of: &Subject, host: &HostName) -> Result<Option<u64>> {
        let until = self.client.begin()?;
        match Held::read(self.agreed(&self.key("locks", of), until).await?)? {
            Some(held) if held.record.holder() != host => Err(held_by(held.record.holder())),
            held => Ok(held.map(|held| held.token)),
        }
    }

    pub async fn release(self: &Arc<Self>, of: &Subject, lock: &Unlock) -> Result<()> {
        let (until, key) = (self.client.begin()?, self.key("locks", of));
        let process = of.process_beside(lock).map(|process| self.key("locks", &process));
        let it_is = |held: &Held| lock.frees(&held.record.taken());
        let mut seen = self.remembered(of, &lock.host).filter(it_is);
        loop {
            let revision = seen.as_ref().map_or(0, |held| held.revision);
            let unchanged = [(&key, revision)].into_iter().chain(process.iter().map(|process| (process, 0)));
            let (compare, read): (Vec<_>, Vec<_>) =
                unchanged.map(|(key, at)| (wire::changed_at(key, at), wire::get(key))).unzip();
            let message = wire::txn(&compare, &[wire::delete(&key)], &read);
            let txn: Txn = self.client.ask(until, "kv/txn", &message).await?;
            if txn.succeeded {
                self.revoke(seen.map_or(0, |held| held.lease));
                return Ok(());
            }
            let mut entries = txn.entries();
            seen = Held::read(entries.next().flatten())?.filter(it_is);
            match entries.next().flatten() {
                _ if seen.is_none() => return Ok(()),
                Some(_) => return Err(held_by_process(&lock.host)),
                None => {}
            }
        }
    }

    pub async fn take(self: &Arc<Self>, of: &Subject, new: &NewLock) -> Result<Lock> {
        let (until, key) = (self.client.begin()?, self.key("locks", of));
        self.settle_before(of, &new.request, until).await?;
        let (mut seen, mut makes) = (self.remembered(of, &new.host), new.makes());
        if seen.is_none() && !makes {
            seen = Held::read(self.agreed(&key, until).await?)?;
        }
        let mut granted = None;
        loop {
            let (record, kept) = match &seen {
                Some(held) if *held.record.holder() != new.host => {
                    self.revoke(granted.unwrap_or(0));
                    return Err(held_by(held.record.holder()));
                }
                Some(held) => {
                    // What stays as it was hangs on the lease that it had.
                    let kept = (!new.renews(&held.record.taken())).then_some(held.lease);
                    (held.record.clone().again(new), kept)
                }
                None if !makes => {
                    self.revoke(granted.unwrap_or(0));
                    return Err(not_there());
                }
                None => (LockRecord::new(new), None),
            };
            let lease = match (kept, new.ttl, granted) {
                (Some(kept), ..) => kept,
                (None, None, _) => 0,
                (None, Some(_), Some(lease)) => lease,
                (None, Some(ttl), None) => *granted.insert(self.grant(ttl, until).await?),
            };
            let over = seen.as_ref().map_or(0, |held| held.revision);
            let attempt = Attempt { of, key: &key, record, lease, over };
            match self.attempt(&attempt, &new.request, until).await {
                // The lease has ended on the way, and what hung on it: time has passed.
                Err(error) if error.kind() == Kind::NotFound => {
                    (granted, makes) = (None, true);
                    seen = Held::read(self.agreed(&key, until).await?)?;
                }
                Err(error) => return Err(error),
                Ok(Swapped::Done(revision)) => {
                    let token = seen.as_ref().map_or(revision, |held| held.token);
                    let old = seen.map_or(0, |held| held.lease);
                    for left in [old, granted.unwrap_or(0)].into_iter().filter(|left| *left != lease) {
                        self.revoke(left);
                    }
                    let held = Held { record: attempt.record, token, revision, lease };
                    self.ours.lock().insert(of.clone(), held.clone());
                    return Ok(held.lock());
                }
                Ok(Swapped::Not(now)) => seen = Held::read(now)?,
            }
        }
    }

    /// What this host holds, as it was when it took it.
    fn remembered(&self, of: &Subject, host: &HostName) -> Option<Held> {
        self.ours.lock().remove(of).filter(|held| held.record.holder() == host)
    }

    /// One try to write a lock. If no answer comes it is cancelled, and then it is certain whether it was made.
    async fn attempt(
        self: &Arc<Self>,
        attempt: &Attempt<'_>,
        request: &str,
        until: Deadline,
    ) -> Result<Swapped> {
        let Attempt { of, key, record, lease, over } = attempt;
        let id = Uuid::new_v4().to_string();
        let compare = [wire::changed_at(key, *over), wire::changed_at(&self.cancelled(&id), 0)];
        let message =
            wire::txn(&compare, &[wire::put(key, &record::text(record)?, *lease)], &[wire::get(key)]);
        let doubt = Doubt { of: (*of).clone(), attempt: id, request: request.to_owned(), made: *over == 0 };
        let doubt = self.in_doubt(doubt);
        let error = match self.client.once::<Txn>(until, "kv/txn", &message).await {
            Ok(txn) => {
                doubt.settled();
                return Ok(match txn.succeeded {
                    true => Swapped::Done(txn.header.revision),
                    false => Swapped::Not(txn.entry()),
                });
            }
            Err(error) if error.sent == Sent::Unknown => error,
            Err(error) => {
                doubt.settled();
                return Err(error);
            }
        };
        let now = self.cancel(&doubt, until).await.map_err(|_| unknown(&error))?;
        doubt.settled();
        let made = now.as_ref().filter(|entry| entry.mod_revision != *over).cloned();
        Ok(match Held::read(made)? {
            Some(held) if held.by(request) => Swapped::Done(held.revision),
            _ => Swapped::Not(now),
        })
    }

    async fn grant(&self, ttl: Duration, until: Deadline) -> Result<u64> {
        // Whole seconds, and never less than was asked for.
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        Ok(self.client.ask::<Grant>(until, "lease/grant", &wire::grant(seconds.max(1))).await?.id)
    }

    /// Gives back a lease that nothing hangs on any more. If that fails, it lapses.
    fn revoke(self: &Arc<Self>, lease: u64) {
        if lease == 0 {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            let until = store.client.deadline();
            let _ = store.client.once::<Done>(until, "lease/revoke", &wire::revoke(lease)).await;
        });
    }
}

fn unknown(error: &Error) -> Error {
    let message = "it is unknown whether the lock was taken";
    let error = Error::new(Kind::TimedOut, message).sent(Sent::Unknown).source(error);
    error.hint("if it was, it is freed again as soon as etcd answers")
}
