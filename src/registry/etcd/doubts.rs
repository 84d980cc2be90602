//! Takes of which nobody knows whether they were made.
//!
//! A request that got no answer may still be on its way. What ends that is the key `cancelled/ATTEMPT`, without
//! which no take is made: once it is there, the lock shows whether the take came before.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::Store;
use super::client::Deadline;
use super::locks::Held;
use super::wire::{self, Entry, Grant, Txn};
use crate::backend::Result;
use crate::registry::Subject;

/// How long a cancelled take is remembered in the cluster: longer than any request is under way.
const REMEMBERED: u64 = 3600;
/// Between tries to settle what is in doubt.
const RETRY: Duration = Duration::from_secs(1);
/// More than there are takes at once.
const MOST: usize = 1024;

/// One try to take a lock.
#[derive(Clone)]
pub struct Doubt {
    pub of: Subject,
    pub attempt: String,
    pub request: String,
    /// Nobody held the lock before: if the take was made, it has to go again.
    pub made: bool,
}

/// What is in doubt, and whether somebody is at it.
#[derive(Default)]
pub struct Doubts {
    list: VecDeque<Doubt>,
    attended: bool,
}

/// A try that is under way. Whoever drops it unsettled leaves it in doubt: also a caller who waits no longer.
pub struct InDoubt {
    doubt: Doubt,
    store: Weak<Store>,
}

impl InDoubt {
    /// It is known what came of it.
    pub fn settled(mut self) {
        self.store = Weak::new();
    }
}

impl Deref for InDoubt {
    type Target = Doubt;
    fn deref(&self) -> &Doubt {
        &self.doubt
    }
}

impl Drop for InDoubt {
    fn drop(&mut self) {
        if let Some(store) = self.store.upgrade() {
            store.doubt(self.doubt.clone());
        }
    }
}

impl Store {
    pub fn in_doubt(self: &Arc<Self>, doubt: Doubt) -> InDoubt {
        InDoubt { doubt, store: Arc::downgrade(self) }
    }

    pub fn cancelled(&self, attempt: &str) -> String {
        format!("{}/cancelled/{attempt}", self.prefix)
    }

    /// From here on the try cannot be made any more; the lock as it is then.
    pub async fn cancel(&self, doubt: &Doubt, until: Deadline) -> Result<Option<Entry>> {
        let lease: Grant = self.client.ask(until, "lease/grant", &wire::grant(REMEMBERED)).await?;
        let put = wire::put(&self.cancelled(&doubt.attempt), "", lease.id);
        let message = wire::txn(&[], &[put, wire::get(&self.key("locks", &doubt.of))], &[]);
        Ok(self.client.ask::<Txn>(until, "kv/txn", &message).await?.entry())
    }

    /// Who asks again with the same request is not told of the first: what it made is theirs.
    pub async fn settle_before(&self, of: &Subject, request: &str, until: Deadline) -> Result<()> {
        let same = |doubt: &Doubt| doubt.of == *of && doubt.request == request;
        let earlier: Vec<Doubt> = {
            let list = &self.doubts.lock().list;
            list.iter().filter(|doubt| same(doubt)).cloned().collect()
        };
        for doubt in earlier {
            self.doubts.lock().list.retain(|other| other.attempt != doubt.attempt);
            if let Err(error) = self.cancel(&doubt, until).await {
                self.doubts.lock().list.push_back(doubt);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Keeps a try to be settled when the cluster answers.
    fn doubt(self: &Arc<Self>, doubt: Doubt) {
        let mut doubts = self.doubts.lock();
        if doubts.list.len() == MOST {
            tracing::error!("too many takes of locks are in doubt: the oldest is given up");
            doubts.list.pop_front();
        }
        doubts.list.push_back(doubt);
        if let (false, Ok(runtime)) = (doubts.attended, Handle::try_current()) {
            doubts.attended = true;
            runtime.spawn(attend(Arc::downgrade(self)));
        }
    }

    async fn settle(&self, doubt: &Doubt) -> Result<()> {
        let until = self.client.deadline();
        let now = Held::read(self.cancel(doubt, until).await?);
        let asked_again = || !self.doubts.lock().list.iter().any(|listed| listed.attempt == doubt.attempt);
        // What is damaged is nobody's.
        if let Ok(Some(held)) = now
            && doubt.made
            && held.by(&doubt.request)
            && !asked_again()
        {
            let key = self.key("locks", &doubt.of);
            self.swap(&key, held.revision, wire::delete(&key), until).await?;
            tracing::warn!(lock = key, "a lock is freed whose taking had been reported as failed");
        }
        self.doubts.lock().list.retain(|listed| listed.attempt != doubt.attempt);
        Ok(())
    }
}

/// Settles what is in doubt, for as long as anything is and the registry lives.
async fn attend(store: Weak<Store>) {
    loop {
        sleep(RETRY).await;
        let Some(store) = store.upgrade() else { return };
        let list = store.doubts.lock().list.clone();
        for doubt in list {
            // The cluster does not answer: neither would it the next.
            if store.settle(&doubt).await.is_err() {
                break;
            }
        }
        let mut doubts = store.doubts.lock();
        if doubts.list.is_empty() {
            doubts.attended = false;
            return;
        }
    }
}
