//! Faults: what to do to the next matching calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::zapi::call::Reply;
use super::zapi::matches;
use super::zapi::xml::Element;

/// What to do to which calls, how often.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Fault {
    /// The calls, by name; `*` and `|` as in queries.
    #[serde(default = "every_call")]
    pub call: String,
    /// How often; without it, always.
    pub times: Option<u32>,
    /// What.
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// What is done to a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// Does it, and answers late.
    Delay {
        /// By how much, as `200ms`.
        #[serde(with = "text")]
        by: Duration,
    },
    /// Neither does it nor answers.
    Hang,
    /// Does it, and answers a few bytes at a time.
    Drip {
        /// The pause between them.
        #[serde(with = "text")]
        every: Duration,
    },
    /// Closes the connection without having done it.
    CloseBefore,
    /// Does it, and closes the connection without an answer.
    CloseAfter,
    /// Does it, and closes the connection in the middle of the answer.
    CloseWithin,
    /// Does it, and answers half of the XML.
    Cut,
    /// Does not do it; answers with this status and a page in HTML.
    Http {
        /// 401, 429, 500, 503 and the like.
        status: u16,
    },
    /// Does not do it; refuses.
    Errno {
        /// The number.
        errno: u32,
        /// The words.
        reason: String,
    },
    /// The first record of a list lacks a field, or has this value in it.
    WrongRecord {
        /// The path of the field below the record.
        field: String,
        /// The value; without one the field is missing.
        value: Option<String>,
    },
    /// A page leads to itself.
    RepeatTag,
}

impl Fault {
    /// Always, until taken away.
    pub fn new(call: &str, kind: FaultKind) -> Fault {
        Fault { call: call.to_owned(), times: None, kind }
    }

    /// So many times.
    pub fn times(self, times: u32) -> Fault {
        Fault { times: Some(times), ..self }
    }

    /// Once.
    pub fn once(call: &str, kind: FaultKind) -> Fault {
        Fault::new(call, kind).times(1)
    }
}

fn every_call() -> String {
    "*".to_owned()
}

mod text {
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        humantime::parse_duration(&String::deserialize(from)?).map_err(D::Error::custom)
    }

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*duration))
    }
}

/// A fault in place; it counts how often it fired.
#[derive(Clone, Debug)]
pub struct Planted {
    fault: Fault,
    fired: Arc<AtomicU32>,
}

impl Planted {
    /// How often it fired.
    pub fn fired(&self) -> u32 {
        self.fired.load(Ordering::SeqCst)
    }
}

/// The faults in place, first planted first.
#[derive(Default)]
pub struct Faults(Mutex<Vec<Planted>>);

impl Faults {
    pub fn plant(&self, fault: Fault) -> Planted {
        let planted = Planted { fault, fired: Arc::default() };
        self.0.lock().push(planted.clone());
        planted
    }

    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// Each with how often it fired.
    pub fn list(&self) -> Vec<(Fault, u32)> {
        self.0.lock().iter().map(|planted| (planted.fault.clone(), planted.fired())).collect()
    }

    /// Fires the first fault for this call that can be now.
    pub fn fire(&self, call: &str, can: impl Fn(&FaultKind) -> bool) -> Option<FaultKind> {
        let planted = self.0.lock();
        let now = planted.iter().find(|planted| {
            let left = planted.fault.times.is_none_or(|times| planted.fired() < times);
            left && matches(&planted.fault.call, call) && can(&planted.fault.kind)
        })?;
        now.fired.fetch_add(1, Ordering::SeqCst);
        Some(now.fault.kind.clone())
    }
}

impl FaultKind {
    /// It strikes before the call is done.
    pub fn is_early(&self) -> bool {
        matches!(
            self,
            FaultKind::Hang | FaultKind::CloseBefore | FaultKind::Http { .. } | FaultKind::Errno { .. }
        )
    }

    /// It strikes afterwards, and this call and its answer give it something to spoil.
    pub fn can_spoil(&self, call: &Element, reply: &Reply) -> bool {
        match self {
            FaultKind::WrongRecord { field, .. } => {
                first_record(reply).is_some_and(|record| has(record, field))
            }
            FaultKind::RepeatTag => call.child("tag").is_some() && reply.is_ok(),
            kind => !kind.is_early(),
        }
    }

    /// Spoils the answer.
    pub fn spoil(&self, call: &Element, reply: &mut Reply) {
        let Ok(results) = reply else { return };
        match self {
            FaultKind::WrongRecord { field, value } => {
                let list = results.iter_mut().find(|result| result.name == "attributes-list");
                if let Some(record) = list.and_then(|list| list.children.first_mut()) {
                    spoil_field(record, field, value.as_deref());
                }
            }
            FaultKind::RepeatTag => {
                results.retain(|result| result.name != "next-tag");
                let tag = call.child("tag").map_or("", |tag| tag.text.as_str());
                let at =
                    results.iter().position(|result| result.name == "num-records").unwrap_or(results.len());
                results.insert(at, Element::leaf("next-tag", tag));
            }
            _ => {}
        }
    }
}

fn first_record(reply: &Reply) -> Option<&Element> {
    let results = reply.as_ref().ok()?;
    results.iter().find(|result| result.name == "attributes-list")?.children.first()
}

fn has(record: &Element, field: &str) -> bool {
    !record.all(field).is_empty()
}

fn spoil_field(at: &mut Element, path: &str, value: Option<&str>) {
    let (name, rest) = path.split_once('/').map_or((path, None), |(name, rest)| (name, Some(rest)));
    match (rest, value) {
        (Some(rest), _) => {
            at.children
                .iter_mut()
                .filter(|child| child.name == name)
                .for_each(|child| spoil_field(child, rest, value));
        }
        (None, None) => at.children.retain(|child| child.name != name),
        (None, Some(value)) => {
            let found = at.children.iter_mut().filter(|child| child.name == name);
            found.for_each(|child| *child = Element::leaf(name.to_owned(), value));
        }
    }
}
