//! While a storage does not answer, or refuses the account, calls fail at once; one in a second is let
//! through to see.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::time::timeout;

use crate::backend::{Api, Error, Kind, Result, Sent};

/// How long calls fail at once after one that showed the trouble.
const PAUSE: Duration = Duration::from_secs(1);
/// Failures in a row that say that a storage does not answer. One refused account is enough.
const FAILURES: u32 = 3;

/// What the last calls said of the storage.
#[derive(Default)]
pub struct Breaker {
    trouble: Mutex<Trouble>,
    /// The account was let in once.
    accepted: AtomicBool,
    first: tokio::sync::Mutex<()>,
}

/// The right to be the first to show the account to a storage.
pub type Turn<'a> = tokio::sync::MutexGuard<'a, ()>;

#[derive(Default)]
struct Trouble {
    failures: u32,
    error: Option<Error>,
    tried: Option<Instant>,
}

impl Breaker {
    /// Until the account was let in once, calls go one after another: many tries of a wrong password at once
    /// would lock it. Nobody waits longer than a moment for one that hangs.
    pub async fn turn(&self) -> Option<Turn<'_>> {
        if self.accepted.load(Ordering::Relaxed) {
            return None;
        }
        let turn = timeout(PAUSE, self.first.lock()).await.ok();
        turn.filter(|_| !self.accepted.load(Ordering::Relaxed))
    }

    /// Fails if the trouble is fresh.
    pub fn check(&self) -> Result<()> {
        let mut trouble = self.trouble.lock();
        let Some(error) = trouble.error.clone().filter(|error| trouble.failures >= needed(error)) else {
            return Ok(());
        };
        if trouble.tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            let kind = if error.kind() == Kind::Credentials { Kind::Credentials } else { Kind::Unreachable };
            let last = error.to_string();
            return Err(Error::new(kind, "not tried: a call failed less than a second ago").source(last));
        }
        // This caller tries; others wait for what comes of it.
        trouble.tried = Some(Instant::now());
        Ok(())
    }

    /// Takes note of an answer.
    pub fn learn(&self, error: Option<&Error>) {
        if error.is_none_or(|error| error.sent == Sent::Answered && error.kind() != Kind::Credentials) {
            self.accepted.store(true, Ordering::Relaxed);
        }
        let mut trouble = self.trouble.lock();
        match error.filter(|error| troubled(error)) {
            Some(error) => {
                trouble.failures += 1;
                trouble.error = Some(error.clone());
                trouble.tried = Some(Instant::now());
            }
            None => *trouble = Trouble::default(),
        }
    }

    /// Whether the storage answers.
    pub fn api(&self) -> Api {
        let trouble = self.trouble.lock();
        match &trouble.error {
            None => Api::Ok,
            Some(error) if trouble.failures >= needed(error) => Api::Down,
            Some(_) => Api::Degraded,
        }
    }
}

fn needed(error: &Error) -> u32 {
    if error.kind() == Kind::Credentials { 1 } else { FAILURES }
}

/// Whether the failure is the storage's own, rather than a refusal.
fn troubled(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unreachable | Kind::TimedOut | Kind::Credentials)
        || (error.kind() == Kind::Remote && error.sent != Sent::Answered)
}
