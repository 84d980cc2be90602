//! Marks as they were seen last, for what is read without asking.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::backend::Identity;
use crate::registry::{Marks, Subject};

pub struct KnownMarks {
    fresh: Duration,
    endpoints: Mutex<HashMap<String, Known>>,
}

/// Of one endpoint.
#[derive(Default)]
struct Known {
    /// All that have any.
    all: Option<Seen<HashMap<Identity, Marks>>>,
    each: HashMap<Identity, Seen<Marks>>,
}

struct Seen<T> {
    asked: Instant,
    /// An answer that comes late is older than one that was asked for later.
    revision: u64,
    what: T,
}

impl KnownMarks {
    /// They are known for so long.
    pub fn new(fresh: Duration) -> KnownMarks {
        KnownMarks { fresh, endpoints: Mutex::default() }
    }

    pub fn get(&self, of: &Subject) -> Option<Marks> {
        let endpoints = self.endpoints.lock();
        let known = endpoints.get(&*of.endpoint)?;
        let all = known.all.as_ref().filter(|all| all.asked.elapsed() < self.fresh);
        let one = known.each.get(&of.volume).filter(|one| one.asked.elapsed() < self.fresh);
        match (all, one) {
            (Some(all), Some(one)) if all.revision > one.revision => Some(all.of(of.volume)),
            (_, Some(one)) => Some(one.what.clone()),
            (all, None) => all.map(|all| all.of(of.volume)),
        }
    }

    pub fn learn(&self, of: &Subject, asked: Instant, revision: u64, marks: Marks) {
        let mut endpoints = self.endpoints.lock();
        let known = endpoints.entry(of.endpoint.to_string()).or_default();
        if known.each.get(&of.volume).is_none_or(|one| one.revision <= revision) {
            known.each.insert(of.volume, Seen { asked, revision, what: marks });
        }
    }

    pub fn learn_all(&self, endpoint: &str, asked: Instant, revision: u64, marks: HashMap<Identity, Marks>) {
        let mut endpoints = self.endpoints.lock();
        let known = endpoints.entry(endpoint.to_owned()).or_default();
        known.each.retain(|_, one| one.asked.elapsed() < self.fresh);
        if known.all.as_ref().is_none_or(|all| all.revision <= revision) {
            known.all = Some(Seen { asked, revision, what: marks });
        }
    }
}

impl Seen<HashMap<Identity, Marks>> {
    fn of(&self, volume: Identity) -> Marks {
        self.what.get(&volume).cloned().unwrap_or_default()
    }
}
