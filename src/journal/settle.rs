//! Changes of which nobody knows whether they were made: the storage is asked, as soon as it answers.

use std::time::Duration;

use futures_util::future::join_all;

use super::change::Change;
use super::line::{Intent, Outcome};
use super::look::{Found, look};
use super::{Journal, Looked, Until};
use crate::backend::{Kind, Result, StorageBackend, Unlock, VolumeName};

/// The pause after a storage did not answer; it doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

impl Journal {
    /// Settles what is open, and what becomes so, for as long as it is polled. It never makes a change again.
    pub async fn settle(&self) {
        let endpoints = self.endpoints.lock().clone();
        for intent in self.unsettled.lock().iter() {
            if !endpoints.iter().any(|(name, _)| **name == intent.endpoint) {
                let (op, endpoint) = (intent.change.op(), &intent.endpoint);
                tracing::warn!(op, %endpoint, id = intent.id, "not settled: there is no such endpoint now");
            }
        }
        join_all(endpoints.iter().map(|endpoint| self.settle_endpoint(endpoint))).await;
    }

    async fn settle_endpoint(&self, (name, backend): &Looked) {
        let mut pause = PAUSE;
        loop {
            let more = self.more.notified();
            let next = self.unsettled.lock().iter().find(|intent| *intent.endpoint == **name).cloned();
            let Some(intent) = next else {
                more.await;
                continue;
            };
            match self.settle_one(&intent, backend.as_ref()).await {
                Ok(()) => {
                    self.unsettled.lock().retain(|other| other.id != intent.id);
                    pause = PAUSE;
                }
                Err(error) => {
                    tracing::debug!(endpoint = %name, %error, "not settled yet");
                    tokio::time::sleep(pause).await;
                    pause = LONGEST.min(pause * 2);
                }
            }
        }
    }

    async fn settle_one(&self, intent: &Intent, backend: &dyn StorageBackend) -> Result<()> {
        let mut found = look(backend, &intent.change).await?;
        if found == Found::Untold
            && let Some((volume, lock)) = lock_of(&intent.change)
            && !free(backend, volume, &lock).await?
        {
            found = Found::Unknown;
        }
        let (result, words) = match found {
            Found::Made => ("made", "made"),
            Found::NotMade => ("not_made", "not made"),
            Found::Unknown => ("unknown", "cannot be told"),
            Found::Untold => ("made", "made, and freed, as nobody was told"),
        };
        let message = format!("settled: {words}");
        self.end(Outcome::new(intent, result, Some(message)), Until::Synced).await?;
        let (op, endpoint, of) = (intent.change.op(), &intent.endpoint, intent.change.subject());
        tracing::warn!(op, %endpoint, of, begun = intent.time, id = intent.id, "settled: {words}");
        Ok(())
    }
}

fn lock_of(change: &Change) -> Option<(&VolumeName, Unlock)> {
    let Change::CreateLock { volume, host, request, .. } = change else { return None };
    Some((volume, Unlock { request: Some(request.clone()), ..host.clone().into() }))
}

/// Frees a lock that nobody was told of, unless its host has asked for it again: decided where it is kept, as what
/// was read may be past. True if the host does not hold it then.
pub async fn free(backend: &dyn StorageBackend, volume: &VolumeName, lock: &Unlock) -> Result<bool> {
    let freed = async {
        backend.remove_lock(volume, lock).await?;
        backend.locks(volume).await
    };
    match freed.await {
        Ok(now) => Ok(now.is_none_or(|now| *now.holder() != lock.host)),
        Err(error) if error.kind() == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
