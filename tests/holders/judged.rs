//! The checker itself: histories that can be, and such that cannot.

use std::time::Duration;

use crate::linear::{Call, Came, Name, Op, Verdict, check};

const LIMIT: usize = 100_000;

/// An operation of a name, from one second to another.
fn op(name: usize, call: Call, came: Came, from: u64, to: u64) -> Op {
    let name = Name { shown: name, process: None };
    Op { name, call, came, from: Duration::from_secs(from), to: Duration::from_secs(to) }
}

/// Of this process, in the name of its host.
fn process(process: usize, op: Op) -> Op {
    Op { name: Name { process: Some(process), ..op.name }, ..op }
}

fn take(name: usize, from: u64, to: u64) -> Op {
    op(name, Call::Take { ttl: None }, Came::Done, from, to)
}

fn lease(name: usize, ttl: u64, from: u64, to: u64) -> Op {
    op(name, Call::Take { ttl: Some(Duration::from_secs(ttl)) }, Came::Done, from, to)
}

fn busy(name: usize, from: u64, to: u64) -> Op {
    op(name, Call::Take { ttl: None }, Came::Busy, from, to)
}

fn release(name: usize, from: u64, to: u64) -> Op {
    op(name, Call::Release, Came::Done, from, to)
}

fn see(holder: Option<usize>, from: u64, to: u64) -> Op {
    op(9, Call::Read, Came::Seen(holder), from, to)
}

/// Reported at the end as unknown.
fn unknown(op: Op) -> Op {
    Op { came: Came::Unknown, ..op }
}

fn can_be(ops: &[Op]) {
    assert_eq!(check(ops, LIMIT), Verdict::Possible, "{ops:#?}");
}

fn cannot_be(ops: &[Op]) {
    assert!(matches!(check(ops, LIMIT), Verdict::Not(_)), "{ops:#?}");
}

#[test]
fn a_history_that_can_be_is_accepted() {
    can_be(&[]);
    can_be(&[see(None, 0, 1), take(1, 2, 3), see(Some(1), 4, 5), release(1, 6, 7), see(None, 8, 9)]);
    can_be(&[take(1, 0, 1), busy(2, 2, 3), release(1, 4, 5), take(2, 6, 7)]);
    can_be(&[take(1, 0, 1), take(1, 2, 3), release(2, 4, 5), see(Some(1), 6, 7)]);
    // What overlaps may have been in any order.
    can_be(&[take(1, 0, 9), see(None, 1, 2), see(Some(1), 3, 4), release(1, 5, 8), take(2, 5, 8)]);
    can_be(&[take(1, 0, 9), busy(1, 0, 9), take(2, 0, 9), release(1, 0, 9)]);
}

#[test]
fn two_holders_at_once_are_found() {
    cannot_be(&[take(1, 0, 1), take(2, 2, 3)]);
    cannot_be(&[take(1, 0, 9), take(2, 0, 9)]);
    cannot_be(&[take(1, 0, 1), release(1, 2, 5), take(2, 3, 4), see(Some(1), 6, 7)]);
}

#[test]
fn a_lock_that_is_lost_is_found() {
    cannot_be(&[take(1, 0, 1), see(None, 2, 3)]);
    cannot_be(&[take(1, 0, 1), release(2, 2, 3), take(3, 4, 5)]);
    // It never held.
    cannot_be(&[see(None, 0, 1), take(1, 2, 3), see(None, 4, 5), see(Some(1), 6, 7)]);
}

#[test]
fn a_stale_answer_is_found() {
    cannot_be(&[take(1, 0, 1), release(1, 2, 3), see(Some(1), 4, 5)]);
    cannot_be(&[take(1, 0, 1), release(1, 2, 3), busy(2, 4, 5)]);
    cannot_be(&[busy(1, 0, 1)]);
    cannot_be(&[take(1, 0, 1), busy(1, 2, 3)]);
    cannot_be(&[take(1, 0, 9), see(Some(1), 1, 2), see(None, 3, 4)]);
}

#[test]
fn a_lock_lapses_when_its_ttl_is_over_and_not_before() {
    can_be(&[lease(1, 5, 0, 1), see(Some(1), 2, 3), see(None, 4, 6)]);
    can_be(&[lease(1, 5, 0, 1), take(2, 6, 7)]);
    can_be(&[lease(1, 5, 0, 1), see(Some(1), 100, 101), see(None, 102, 103)]);
    cannot_be(&[lease(1, 5, 0, 1), see(None, 2, 4)]);
    cannot_be(&[lease(1, 5, 0, 1), take(2, 6, 7), see(Some(1), 8, 9)]);
    // Taken again it lapses later, or never.
    cannot_be(&[lease(1, 5, 0, 1), lease(1, 5, 3, 4), see(None, 6, 7)]);
    cannot_be(&[lease(1, 5, 0, 1), take(1, 3, 4), see(None, 8, 9)]);
}

#[test]
fn processes_of_a_host_are_told_apart_and_shown_as_one() {
    let (takes, frees) = (
        |at, from| process(at, lease(1, 5, from, from + 1)),
        |at, from| process(at, release(1, from, from + 1)),
    );
    can_be(&[takes(7, 0), see(Some(1), 2, 3), frees(7, 4), takes(8, 6), see(Some(1), 8, 9)]);
    cannot_be(&[takes(7, 0), takes(8, 0)]);
    can_be(&[takes(7, 0), process(8, busy(1, 0, 1)), frees(8, 1)]);
    // While it holds it is prolonged, though perhaps too late; and not after that.
    can_be(&[
        takes(7, 0),
        see(Some(1), 20, 21),
        see(None, 22, 23),
        see(Some(1), 24, 25),
        frees(7, 30),
        takes(8, 32),
    ]);
    can_be(&[takes(7, 0), see(None, 22, 23), takes(8, 24), frees(7, 30), see(Some(1), 32, 33)]);
    cannot_be(&[takes(7, 0), see(None, 2, 3)]);
    cannot_be(&[takes(7, 0), see(None, 22, 23), frees(7, 30), see(Some(1), 32, 33)]);
}

#[test]
fn what_is_unknown_may_have_happened_any_time_later_or_never() {
    let taken = unknown(take(1, 0, 1));
    can_be(&[taken, see(None, 2, 3)]);
    can_be(&[taken, see(None, 2, 3), see(Some(1), 4, 5)]);
    can_be(&[taken, busy(2, 2, 3), see(Some(1), 4, 5), see(None, 6, 7), take(2, 8, 9)]);
    can_be(&[taken, take(2, 2, 3), release(2, 4, 5), busy(3, 6, 7)]);
    cannot_be(&[see(Some(1), 0, 1), unknown(take(1, 2, 3))]);
    // It is made once, and undone once.
    cannot_be(&[taken, see(Some(1), 2, 3), see(None, 4, 5), see(Some(1), 6, 7)]);
    // Whoever has asked again has been told: it stays.
    cannot_be(&[taken, see(Some(1), 2, 3), take(1, 4, 5), see(None, 6, 7)]);
    cannot_be(&[take(1, 0, 1), unknown(take(1, 2, 3)), see(None, 4, 5)]);

    let freed = unknown(release(1, 2, 3));
    can_be(&[take(1, 0, 1), freed, see(Some(1), 4, 5), see(None, 6, 7)]);
    can_be(&[take(1, 0, 1), freed, see(Some(1), 4, 5)]);
    // It is not about what was taken after it.
    cannot_be(&[take(1, 0, 1), freed, see(None, 4, 5), take(1, 6, 7), see(None, 8, 9)]);
    cannot_be(&[take(1, 0, 1), freed, take(1, 6, 7), see(None, 8, 9)]);
}

#[test]
fn a_search_that_takes_too_long_is_no_answer() {
    let many: Vec<Op> = (0..12).flat_map(|name| [take(name, 0, 9), release(name, 0, 9)]).collect();
    let bad = [&many[..], &[take(20, 0, 9), busy(20, 10, 11)]].concat();
    assert_eq!(check(&bad, 1000), Verdict::Undecided);
    can_be(&many);
}
