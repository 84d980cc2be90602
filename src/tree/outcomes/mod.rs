//! What came of every change and refusal: `.ctl/last_error`, `errors`, `audit`, `events`, `metrics`.
//!
//! Every change passes here, so an outcome is kept as it is; texts are made when somebody reads them.

mod text;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::inodes::Node;
use super::limits::{AUDIT, CALLERS, ERRORS, EVENTS};
use super::table::Caller;
use crate::backend::Error;

pub use text::printable;

/// A name in a directory, or a file itself, as it was called at that moment.
pub struct Where {
    /// The directory or the file; none if it was not known.
    pub node: Option<Arc<Node>>,
    /// The name in the directory.
    pub child: Option<Arc<[u8]>>,
}

/// One operation that changed something, or was refused.
pub struct Outcome {
    /// The operation: `write`, `mkdir` ...
    pub op: &'static str,
    /// Where.
    pub at: Where,
    /// Where to, of a rename.
    pub to: Option<Where>,
    /// By whom.
    pub caller: Caller,
    /// The caller's session, if it cannot be asked for any more.
    pub session: Option<u32>,
    /// The program, as `ps` shows it, filled up with zeros.
    pub command: [u8; 16],
    /// How long it took; none if it did not ask for a change.
    pub change: Option<Duration>,
    /// Why it was refused, and the errno.
    pub refusal: Option<(&'static str, Error)>,
}

/// An outcome with its place among all others.
struct Entry {
    outcome: Outcome,
    request: u64,
    time: SystemTime,
}

/// A change: by this mount, or by somebody else and seen at that time.
enum Event {
    Own(Arc<Entry>),
    Elsewhere(&'static str, String, SystemTime),
}

/// The memory of a mount.
#[derive(Default)]
pub struct Outcomes(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    requests: u64,
    /// The last refusal of each caller; a success removes it.
    last: HashMap<(u32, u32), Arc<Entry>>,
    errors: VecDeque<Arc<Entry>>,
    audit: VecDeque<Arc<Entry>>,
    events: VecDeque<(u64, Event)>,
    event: u64,
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

impl Outcomes {
    /// Keeps an outcome. A success of a change clears the caller's last error.
    pub fn record(&self, outcome: Outcome) {
        let time = SystemTime::now();
        let mut kept = self.0.lock();
        // A file is released by the kernel in nobody's name, and 0 is a session too: that of all whose first
        // process is outside this container. Else most callers have no last error, and the session need not be known.
        let matters = outcome.op != "release" && (outcome.refusal.is_some() || !kept.last.is_empty());
        let session = || outcome.session.unwrap_or_else(|| outcome.caller.session());
        let who = matters.then(|| (outcome.caller.uid, session()));
        kept.requests += 1;
        let entry = Arc::new(Entry { outcome, request: kept.requests, time });
        let outcome = &entry.outcome;
        *kept.counts.entry((outcome.op, entry.result())).or_default() += 1;
        if outcome.refusal.is_some() {
            push(&mut kept.errors, AUDIT, entry.clone());
        }
        match who {
            Some(who) if outcome.refusal.is_some() => {
                kept.last.insert(who, entry.clone());
                forget_oldest(&mut kept.last);
            }
            Some(who) => drop(kept.last.remove(&who)),
            None => {}
        }
        if outcome.change.is_some() {
            push(&mut kept.audit, AUDIT, entry.clone());
            if outcome.refusal.is_none() {
                kept.add(Event::Own(entry.clone()));
            }
        }
        drop(kept);
        entry.log();
    }

    /// A change was asked for, and there was nothing to do: that too is a success.
    pub fn succeeded(&self, caller: &Caller, session: Option<u32>) {
        let mut kept = self.0.lock();
        if !kept.last.is_empty() {
            kept.last.remove(&(caller.uid, session.unwrap_or_else(|| caller.session())));
        }
    }

    /// The last result of this caller.
    pub fn last_error(&self, caller: &Caller) -> String {
        let kept = self.0.lock();
        kept.last.get(&(caller.uid, caller.session())).map_or("ok\n".into(), |entry| entry.explanation())
    }

    /// The last refusals that this caller may see, one JSON object a line.
    pub fn errors(&self, caller: &Caller) -> String {
        visible(&self.0.lock().errors, caller, ERRORS, Entry::error_line)
    }

    /// The last changes that this caller may see, one JSON object a line.
    pub fn audit(&self, caller: &Caller) -> String {
        visible(&self.0.lock().audit, caller, AUDIT, Entry::audit_line)
    }

    /// The last changes: `SEQ TIME KIND PATH`.
    pub fn events(&self) -> String {
        self.0.lock().events.iter().map(|(number, event)| event.line(*number)).collect()
    }

    /// Somebody else has changed something.
    pub fn elsewhere(&self, kind: &'static str, path: String) {
        self.0.lock().add(Event::Elsewhere(kind, path, SystemTime::now()));
    }

    /// How many events there have been.
    pub fn event(&self) -> u64 {
        self.0.lock().event
    }

    /// Changes and refusals by operation and result, for Prometheus.
    pub fn metrics(&self) -> String {
        let mut text = String::from(
            "# HELP filerfs_operations_total Changes and refusals by operation and result.\n\
             # TYPE filerfs_operations_total counter\n",
        );
        for ((op, result), count) in &self.0.lock().counts {
            let _ = writeln!(text, "filerfs_operations_total{{op=\"{op}\",result=\"{result}\"}} {count}");
        }
        text
    }
}

impl Kept {
    /// Between two cuts the events only grow: tail(1) reads as many bytes as they have grown by, and begins anew when
    /// they have shrunk.
    fn add(&mut self, event: Event) {
        self.event += 1;
        self.events.push_back((self.event, event));
        if self.events.len() == 2 * EVENTS {
            self.events.drain(..EVENTS);
        }
    }
}

fn push<T>(lines: &mut VecDeque<T>, most: usize, line: T) {
    if lines.len() == most {
        lines.pop_front();
    }
    lines.push_back(line);
}

fn forget_oldest(last: &mut HashMap<(u32, u32), Arc<Entry>>) {
    if last.len() > CALLERS
        && let Some(oldest) = last.iter().min_by_key(|(_, entry)| entry.request).map(|(who, _)| *who)
    {
        last.remove(&oldest);
    }
}

/// Root sees all lines; others see those about themselves.
fn visible(
    entries: &VecDeque<Arc<Entry>>,
    caller: &Caller,
    most: usize,
    line: impl Fn(&Entry) -> String,
) -> String {
    let seen: Vec<_> =
        entries.iter().filter(|e| caller.uid == 0 || caller.uid == e.outcome.caller.uid).collect();
    seen[seen.len().saturating_sub(most)..].iter().map(|entry| line(entry)).collect()
}
