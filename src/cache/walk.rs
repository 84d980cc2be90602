//! What is asked of one volume after another. Who does that walks over all of them: from a while on, all are
//! asked for at once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Cache;
use super::known::{Answers, Known};
use crate::backend::{Result, StorageBackend, Volume, VolumeName};

/// An eighth of the volumes is asked for one by one: who asks for few of many does not walk.
const SHARE: usize = 8;

/// Answers of each volume.
pub struct OfVolumes<T> {
    pub each: Answers<VolumeName, T>,
    /// Since when a volume was asked for alone.
    alone: HashMap<VolumeName, Instant>,
    /// That all were asked for. Whatever came of it, they are not again before it is too old.
    all: Answers<(), ()>,
}

impl<T> Default for OfVolumes<T> {
    fn default() -> Self {
        OfVolumes { each: Answers::default(), alone: HashMap::new(), all: Answers::default() }
    }
}

impl<T: Clone + Default> OfVolumes<T> {
    /// Whether to ask for all of so many volumes. If not, it is noted that this one is asked for alone.
    fn is_walk(&mut self, volume: &VolumeName, volumes: usize, ttl: Duration) -> bool {
        self.alone.retain(|_, since| since.elapsed() < ttl);
        let others = if self.alone.contains_key(volume) { 0 } else { self.alone.len() };
        let walk = others >= (volumes / SHARE).max(1);
        if !walk {
            self.alone.insert(volume.clone(), Instant::now());
        }
        walk
    }

    /// An answer about all of these volumes came.
    fn fill<V: Into<T>>(&mut self, volumes: &[Arc<Volume>], mut answer: HashMap<VolumeName, V>) {
        for volume in volumes {
            let of_it = answer.remove(&volume.name).map_or_else(T::default, Into::into);
            self.each.keep(volume.name.clone(), of_it);
        }
    }
}

impl Cache {
    /// An answer of a volume that is remembered, or asked for: alone, or with all others.
    pub(super) async fn of_volume<T, V, F, G>(
        &self,
        answers: fn(&mut Known) -> &mut OfVolumes<T>,
        volume: &VolumeName,
        one: impl FnOnce(Arc<dyn StorageBackend>, VolumeName) -> F,
        all: impl FnOnce(Arc<dyn StorageBackend>) -> G,
    ) -> Result<T>
    where
        T: Clone + Default + From<V> + Send + Sync + 'static,
        F: Future<Output = Result<V>> + Send + 'static,
        G: Future<Output = Result<HashMap<VolumeName, V>>> + Send + 'static,
    {
        let walk = {
            let mut known = self.known.lock();
            if let Some(fresh) = answers(&mut known).each.fresh(volume, self.ttl) {
                return Ok(fresh);
            }
            let (list, generation) = (known.volumes.fresh(&(), self.ttl), known.generation);
            list.filter(|list| answers(&mut known).is_walk(volume, list.len(), self.ttl))
                .map(|list| (list, generation))
        };
        if let Some((list, generation)) = walk {
            let known = self.known.clone();
            let ask = |inner| {
                let asked = all(inner);
                async move {
                    let answer = asked.await;
                    let mut known = known.lock();
                    let current = known.generation == generation;
                    let of_volumes = answers(&mut known);
                    if current && let Ok(answer) = answer {
                        of_volumes.fill(&list, answer);
                    }
                    of_volumes.all.keep((), ());
                    Ok(())
                }
            };
            self.answer(move |known| &mut answers(known).all, (), ask).await?;
        }
        // Also if the answer about all was refused, or came too late to be kept.
        let name = volume.clone();
        let ask = |inner| {
            let asked = one(inner, name);
            async move { asked.await.map(T::from) }
        };
        self.answer(move |known| &mut answers(known).each, volume.clone(), ask).await
    }
}
