//! Whether a history of the lock of one volume can be explained: each operation took effect at one instant between
//! its call and its answer (linearizability; Wing and Gong's search, with Lowe's memo of what was tried).

use std::collections::HashSet;
use std::time::Duration;

/// Who asks: what `lock` shows of it, and the process if that is what holds the lock, in the name of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    pub shown: usize,
    pub process: Option<usize>,
}

/// What was asked of a lock.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// A process's is prolonged while it lives, if its daemon can.
    Take {
        ttl: Option<Duration>,
    },
    /// `-NAME`, or a process that unlocks: only ever the name's own lock.
    Release,
    Read,
}

/// What came of it. An error that says that nothing was done is not in a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Came {
    Done,
    /// Somebody else holds it.
    Busy,
    /// Who was seen to hold it.
    Seen(Option<usize>),
    /// It may take effect at any time from its call on, or never.
    Unknown,
}

/// One operation; times are those of one clock.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    pub name: Name,
    pub call: Call,
    pub came: Came,
    pub from: Duration,
    pub to: Duration,
}

/// What the search finds.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Possible,
    /// With this many operations explained, at most.
    Not(usize),
    /// The limit of steps was reached.
    Undecided,
}

/// Who holds it, by which take of a free lock, and by which take last.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Held {
    name: Name,
    made: usize,
    last: usize,
}

type State = Option<Held>;

/// Something that happens at one instant from `from` to `to`.
struct Event {
    from: Duration,
    to: Duration,
    does: Does,
    /// Else it may happen never.
    must: bool,
}

#[derive(Clone, Copy)]
enum Does {
    /// Of the operation of this number.
    Take {
        name: Name,
        op: usize,
    },
    Refuse {
        name: Name,
    },
    /// Frees what was asked for before this instant.
    Release {
        name: Name,
        until: Duration,
    },
    See {
        holder: Option<usize>,
    },
    /// The ttl of a take is over.
    Lapse {
        op: usize,
    },
    /// A lock that has lapsed is prolonged, if nobody has it.
    Again {
        name: Name,
        op: usize,
    },
    /// A take that was reported as unknown is undone, unless it only repeated an earlier one or was repeated.
    Undo {
        op: usize,
    },
}

/// Looks for an order in which all of them can have happened.
pub fn check(ops: &[Op], limit: usize) -> Verdict {
    let mut events: Vec<Event> = (0..ops.len()).flat_map(|op| events(ops, op)).collect();
    events.sort_by_key(|event| event.from);
    let set = vec![0; events.len().div_ceil(64)];
    let mut search = Search { ops, events, tried: HashSet::new(), left: limit, furthest: 0 };
    match search.goes_on(set, None, 0) {
        Some(true) => Verdict::Possible,
        Some(false) => Verdict::Not(search.furthest),
        None => Verdict::Undecided,
    }
}

fn events(ops: &[Op], op: usize) -> Vec<Event> {
    let Op { name, call, came, from, to } = ops[op];
    let must = |does| Event { from, to, does, must: true };
    let may = |from, does| Event { from, to: Duration::MAX, does, must: false };
    let take = Does::Take { name, op };
    let lapse = |ttl: Option<Duration>| ttl.map(|ttl| may(from + ttl, Does::Lapse { op }));
    let again = |ttl: Option<Duration>| {
        let ends =
            |other: &&Op| other.name == name && matches!(other.call, Call::Release) && other.from > from;
        let end = ops.iter().filter(ends).map(|other| other.from).min().unwrap_or(Duration::MAX);
        let to = end.saturating_sub(Duration::from_nanos(1));
        let prolonged = ttl.filter(|_| name.process.is_some());
        prolonged.map(|ttl| Event { from: from + ttl, to, does: Does::Again { name, op }, must: false })
    };
    match (call, came) {
        (Call::Take { ttl }, Came::Done) => {
            [must(take)].into_iter().chain(lapse(ttl)).chain(again(ttl)).collect()
        }
        (Call::Take { .. }, Came::Busy) => vec![must(Does::Refuse { name })],
        (Call::Take { ttl }, Came::Unknown) => {
            [may(from, take), may(from, Does::Undo { op })].into_iter().chain(lapse(ttl)).collect()
        }
        (Call::Release, Came::Done) => vec![must(Does::Release { name, until: to })],
        (Call::Release, Came::Unknown) => vec![may(from, Does::Release { name, until: to })],
        (Call::Read, Came::Seen(holder)) => vec![must(Does::See { holder })],
        (call, came) => panic!("{call:?} cannot come to {came:?}"),
    }
}

struct Search<'a> {
    ops: &'a [Op],
    events: Vec<Event>,
    tried: HashSet<(Vec<u64>, State)>,
    left: usize,
    furthest: usize,
}

impl Search<'_> {
    /// From a state, with these events behind it: `None` if the limit is reached.
    fn goes_on(&mut self, set: Vec<u64>, state: State, done: usize) -> Option<bool> {
        self.left = self.left.checked_sub(1)?;
        self.furthest = self.furthest.max(done);
        let is_done = |at: usize| set[at / 64] & 1 << (at % 64) != 0;
        // Whatever comes next begins before the first of the others has ended.
        let mut bound = Duration::MAX;
        let mut next = Vec::new();
        for (at, event) in self.events.iter().enumerate().filter(|(at, _)| !is_done(*at)) {
            if event.from > bound {
                break;
            }
            if event.must {
                bound = bound.min(event.to);
            }
            next.push(at);
        }
        if bound == Duration::MAX {
            return Some(true);
        }
        // And what comes next has not ended before the last of those that came.
        let now = self.events.iter().enumerate().rfind(|(at, _)| is_done(*at)).map(|(_, event)| event.from);
        next.retain(|at| self.events[*at].from <= bound && now.is_none_or(|now| self.events[*at].to >= now));
        // What may happen never is tried last.
        next.sort_by_key(|at| (!self.events[*at].must, self.events[*at].to));
        for at in next {
            let event = &self.events[at];
            let Some(after) = self.after(event.does, state).filter(|after| event.must || *after != state)
            else {
                continue;
            };
            let must = usize::from(event.must);
            let mut with = set.clone();
            with[at / 64] |= 1 << (at % 64);
            if self.tried.insert((with.clone(), after)) && self.goes_on(with, after, done + must)? {
                return Some(true);
            }
        }
        Some(false)
    }

    /// The state after an event; `None` if it cannot happen in this one.
    fn after(&self, does: Does, state: State) -> Option<State> {
        Some(match (does, state) {
            (Does::Take { name, op }, None) => Some(Held { name, made: op, last: op }),
            (Does::Take { name, op }, Some(held)) if held.name == name => Some(Held { last: op, ..held }),
            (Does::Refuse { name }, Some(held)) if held.name != name => state,
            // Its host may keep the lock for another process, which has lost it and does not know.
            (Does::Refuse { name }, _) if name.process.is_some() => state,
            (Does::Take { .. } | Does::Refuse { .. }, _) => return None,
            (Does::Release { name, until }, Some(held))
                if held.name == name && self.ops[held.last].from < until =>
            {
                None
            }
            (Does::Release { .. }, _) => state,
            (Does::See { holder }, _) if state.map(|held| held.name.shown) == holder => state,
            (Does::See { .. }, _) => return None,
            (Does::Lapse { op }, Some(held)) if held.last == op => None,
            (Does::Again { name, op }, None) => Some(Held { name, made: op, last: op }),
            (Does::Undo { op }, Some(held)) if held.made == op && held.last == op => None,
            (Does::Lapse { .. } | Does::Again { .. } | Does::Undo { .. }, _) => state,
        })
    }
}
