//! Whether a history of operations on one lock can have happened: each of them at one instant between its beginning
//! and its end (Wing and Gong's search, with Lowe's memory of what was tried).

use std::collections::HashSet;

/// Who asks for a lock.
pub type Name = usize;

/// What an operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// It took the lock, or held it already.
    Took(Name),
    /// It was refused, as another held it.
    Busy(Name),
    /// It freed the lock if this one held it.
    Freed(Name),
    /// It saw who held it.
    Read(Option<Name>),
    /// The lock of this one came to its end by itself.
    Lapsed(Name),
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    pub begun: u64,
    /// None: it may have happened at any time after it was begun, or never.
    pub ended: Option<u64>,
    pub did: Did,
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Possible,
    Impossible,
    Undecided,
}

/// So many steps are tried.
const STEPS: usize = 2_000_000;

type State = Option<Name>;

/// The state after an operation, if it can happen in this one.
fn after(state: State, did: Did) -> Option<State> {
    match (did, state) {
        (Did::Took(name), None) => Some(Some(name)),
        (Did::Took(name), Some(holder)) => (name == holder).then_some(state),
        (Did::Busy(name), holder) => holder.is_some_and(|holder| holder != name).then_some(state),
        (Did::Freed(name), holder) => Some(holder.filter(|holder| *holder != name)),
        (Did::Read(seen), holder) => (seen == holder).then_some(state),
        (Did::Lapsed(name), holder) => (holder == Some(name)).then_some(None),
    }
}

/// Whether there is an order in which all of this can have happened, from a free lock on.
pub fn verdict(ops: &[Op]) -> Verdict {
    let mut ops = ops.to_vec();
    ops.sort_by_key(|op| op.begun);
    let mut seen = HashSet::new();
    let mut tried = vec![Tried { done: vec![0; ops.len().div_ceil(64)], state: None, next: None }];
    let mut steps = 0;
    while let Some(last) = tried.last_mut() {
        if last.next.is_none() {
            match last.candidates(&ops) {
                Some(next) => last.next = Some(next),
                None => return Verdict::Possible,
            }
        }
        let Some(at) = last.next.as_mut().and_then(Vec::pop) else {
            tried.pop();
            continue;
        };
        let Some(state) = after(last.state, ops[at].did) else { continue };
        let mut done = last.done.clone();
        done[at / 64] |= 1 << (at % 64);
        steps += 1;
        if steps > STEPS {
            return Verdict::Undecided;
        }
        if seen.insert((done.clone(), state)) {
            tried.push(Tried { done, state, next: None });
        }
    }
    Verdict::Impossible
}

/// A beginning of an order.
struct Tried {
    done: Vec<u64>,
    state: State,
    /// What may come next and was not tried yet, the best last.
    next: Option<Vec<usize>>,
}

impl Tried {
    /// What may come next: nothing that is left ended before it began. None if nothing must come any more.
    fn candidates(&self, ops: &[Op]) -> Option<Vec<usize>> {
        let left = || (0..ops.len()).filter(|at| self.done[at / 64] & (1 << (at % 64)) == 0);
        let first_end = left().filter_map(|at| ops[at].ended).min()?;
        let mut next: Vec<usize> = left().take_while(|at| ops[*at].begun <= first_end).collect();
        // What must have happened is tried before what may have.
        next.sort_by_key(|at| std::cmp::Reverse(ops[*at].ended.unwrap_or(u64::MAX)));
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(begun: u64, ended: u64, did: Did) -> Op {
        Op { begun, ended: Some(ended), did }
    }

    /// It may have happened.
    fn perhaps(begun: u64, did: Did) -> Op {
        Op { begun, ended: None, did }
    }

    #[test]
    fn what_can_have_happened_is_possible() {
        let histories: [&[Op]; 8] = [
            &[],
            &[
                op(0, 1, Did::Took(1)),
                op(2, 3, Did::Busy(2)),
                op(4, 5, Did::Freed(1)),
                op(6, 7, Did::Took(2)),
            ],
            // Held already, and freed by one that does not hold it.
            &[
                op(0, 1, Did::Took(1)),
                op(2, 3, Did::Took(1)),
                op(4, 5, Did::Freed(2)),
                op(6, 7, Did::Read(Some(1))),
            ],
            // At the same time: the second came first.
            &[op(0, 10, Did::Busy(1)), op(1, 9, Did::Took(2)), op(2, 3, Did::Read(None))],
            // Nobody knows of the first, and it did happen, late.
            &[
                perhaps(0, Did::Took(1)),
                op(2, 3, Did::Read(None)),
                op(4, 5, Did::Busy(2)),
                op(6, 7, Did::Read(Some(1))),
            ],
            // It did not.
            &[perhaps(0, Did::Took(1)), op(2, 3, Did::Took(2))],
            // And was cleaned up.
            &[
                perhaps(0, Did::Took(1)),
                perhaps(0, Did::Lapsed(1)),
                op(2, 3, Did::Read(Some(1))),
                op(4, 5, Did::Took(2)),
            ],
            &[op(0, 1, Did::Took(1)), perhaps(5, Did::Lapsed(1)), op(4, 6, Did::Took(2))],
        ];
        for history in histories {
            assert_eq!(verdict(history), Verdict::Possible, "{history:?}");
        }
    }

    #[test]
    fn what_cannot_have_happened_is_found() {
        let histories: [&[Op]; 7] = [
            // Two hold it.
            &[op(0, 1, Did::Took(1)), op(2, 3, Did::Took(2))],
            &[op(0, 5, Did::Took(1)), op(1, 6, Did::Took(2))],
            // It was lost, or never there.
            &[op(0, 1, Did::Took(1)), op(2, 3, Did::Read(None))],
            // An old answer.
            &[op(0, 1, Did::Took(1)), op(2, 3, Did::Freed(1)), op(4, 5, Did::Read(Some(1)))],
            // Refused, though it was free.
            &[op(0, 1, Did::Took(1)), op(2, 3, Did::Freed(1)), op(4, 5, Did::Busy(2))],
            // It lapsed before its time.
            &[op(0, 1, Did::Took(1)), perhaps(9, Did::Lapsed(1)), op(2, 8, Did::Took(2))],
            // Who holds it is not told that another does.
            &[op(0, 1, Did::Took(1)), op(2, 3, Did::Busy(1))],
        ];
        for history in histories {
            assert_eq!(verdict(history), Verdict::Impossible, "{history:?}");
        }
    }
}
