//! A typed memory of a storage's answers.
//!
//! A list fills it with records, a walk over the volumes asks for all; concurrent misses share one call; a change forgets what it touched, so that
//! own changes are visible at once. While the storage does not answer, reads go on from what is known.

mod calls;
mod known;
mod walk;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;

use crate::backend::{Error, Kind, Result, StorageBackend};
use known::{Answers, Known};

/// A storage with a memory.
pub struct Cache {
    inner: Arc<dyn StorageBackend>,
    ttl: Duration,
    known: Arc<Mutex<Known>>,
}

impl Cache {
    /// Remembers answers of this storage for so long.
    pub fn new(inner: Arc<dyn StorageBackend>, ttl: Duration) -> Cache {
        Cache { inner, ttl, known: Arc::default() }
    }

    /// An answer that is remembered, or asked for once for all who want it now.
    async fn answer<K, T, F, A>(
        &self,
        answers: A,
        key: K,
        ask: impl FnOnce(Arc<dyn StorageBackend>) -> F,
    ) -> Result<T>
    where
        K: Clone + Eq + std::hash::Hash + Send + 'static,
        T: Clone + Send + Sync + 'static,
        A: Copy + Send + 'static + Fn(&mut Known) -> &mut Answers<K, T>,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let flight = {
            let mut known = self.known.lock();
            let generation = known.generation;
            let answers_now = answers(&mut known);
            if let Some(fresh) = answers_now.fresh(&key, self.ttl) {
                return Ok(fresh);
            }
            match answers_now.flight(&key) {
                Some(flight) => flight,
                None => {
                    let (known, kept, asked) = (self.known.clone(), key.clone(), ask(self.inner.clone()));
                    let flight = async move {
                        let answer = asked.await;
                        let mut known = known.lock();
                        // What was asked before a change is not remembered after it.
                        if known.generation == generation {
                            answers(&mut known).learn(kept, &answer);
                        }
                        answer
                    };
                    let flight = flight.boxed().shared();
                    answers_now.fly(key.clone(), &flight);
                    flight
                }
            }
        };
        match flight.await {
            Err(error) if unreachable(&error) => answers(&mut self.known.lock()).stale(&key).ok_or(error),
            answer => answer,
        }
    }
}

/// Whether what was known goes on being the answer.
fn unreachable(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unreachable | Kind::TimedOut | Kind::Remote | Kind::Credentials)
}
