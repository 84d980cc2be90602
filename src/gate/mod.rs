//! What every call of a storage passes, whatever the storage is: one function, [`Gate::run`].
//!
//! A bound on calls in flight, a deadline, retries by effect and certainty, and the counters of
//! `.ctl/metrics` and `.ctl/health`.

mod breaker;
mod calls;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::backend::{CallCount, Error, Kind, Result, Sent, StorageBackend};
use breaker::Breaker;

/// How a gate behaves.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a read may take.
    pub read_timeout: Duration,
    /// How long a change may take.
    pub change_timeout: Duration,
    /// Calls in flight at once.
    pub max_calls: usize,
}

/// What a call does to the storage: it decides whether it may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Read,
    Change,
}

/// A storage behind a gate.
pub struct Gate {
    inner: Arc<dyn StorageBackend>,
    limits: Limits,
    permits: Semaphore,
    breaker: Breaker,
    counts: calls::Counts,
}

/// The most tries of one call.
const TRIES: u32 = 3;
/// The wait before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the look at the storage may take that settles a change without an answer: the caller waits for it.
const SETTLE: Duration = Duration::from_millis(800);

impl Gate {
    /// Puts a gate before a storage.
    pub fn new(inner: Arc<dyn StorageBackend>, limits: Limits) -> Gate {
        let permits = Semaphore::new(limits.max_calls.max(1));
        Gate { inner, limits, permits, breaker: Breaker::default(), counts: calls::Counts::default() }
    }

    /// The counters, by call and result.
    pub fn counts(&self) -> Vec<CallCount> {
        self.counts.all()
    }

    async fn read<T, F: Future<Output = Result<T>>>(
        &self,
        call: &'static str,
        make: impl Fn() -> F,
    ) -> Result<T> {
        self.run(Effect::Read, call, make).await
    }

    /// A change whose outcome can be seen: if no answer came, `settled` looks, and true makes it a success.
    async fn change<T, F, S>(
        &self,
        call: &'static str,
        make: impl Fn() -> F,
        settled: impl FnOnce() -> S,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
        S: Future<Output = Result<Option<T>>>,
    {
        match self.run(Effect::Change, call, make).await {
            Err(error) if error.sent == Sent::Unknown => match timeout(SETTLE, settled()).await {
                Ok(Ok(Some(done))) => Ok(done),
                _ => Err(error),
            },
            answer => answer,
        }
    }

    /// The one way to the storage.
    async fn run<T, F: Future<Output = Result<T>>>(
        &self,
        effect: Effect,
        call: &'static str,
        make: impl Fn() -> F,
    ) -> Result<T> {
        let limit =
            if effect == Effect::Read { self.limits.read_timeout } else { self.limits.change_timeout };
        let begun = Instant::now();
        let left = || limit.saturating_sub(begun.elapsed());
        let permit = tokio::select! {
            biased;
            permit = self.permits.acquire() => permit,
            () = lapse(&left) => {
                let message =
                    format!("{call} waited {limit:?} for one of {} calls to end", self.limits.max_calls);
                return Err(Error::new(Kind::Unreachable, message));
            }
        };
        let mut tries = 0;
        let answer = loop {
            let turn = self.breaker.turn().await;
            self.breaker.check()?;
            tries += 1;
            let answer = tokio::select! {
                biased;
                answer = make() => answer,
                () = lapse(&left) => Err(late(effect, call, limit)),
            };
            self.breaker.learn(answer.as_ref().err());
            drop(turn);
            match &answer {
                Err(error) if tries < TRIES && again(effect, error) && left() > PAUSE * 2 => {
                    tokio::time::sleep(PAUSE * 2_u32.pow(tries - 1)).await;
                }
                _ => break answer,
            }
        };
        drop(permit);
        self.counts.add(call, answer.as_ref().err(), begun.elapsed());
        answer
    }
}

/// The end of the time that is left. No timer is made for what answers at once.
async fn lapse(left: impl Fn() -> Duration) {
    tokio::time::sleep(left()).await;
}

/// Reads on transient kinds; changes only if nothing was sent.
fn again(effect: Effect, error: &Error) -> bool {
    match effect {
        Effect::Read => error.transient,
        Effect::Change => error.transient && error.sent == Sent::No,
    }
}

fn late(effect: Effect, call: &str, limit: Duration) -> Error {
    let error = Error::new(Kind::TimedOut, format!("{call}: no answer within {limit:?}")).sent(Sent::Unknown);
    match effect {
        Effect::Read => error,
        Effect::Change => error.hint("the change may have been made: look before you try again"),
    }
}
