//! A storage that does not answer is left alone: calls fail at once, and one in a while is let through.

use std::time::Instant;

use filerfs::backend::{Api, Error, Kind, Sent, StorageBackend};
use filerfs::gate::Gate;
use futures_util::future::join_all;

use crate::common::counting::{Counting, Fault};
use crate::{PATIENT, gated, lost, next, v};

fn down(storage: &Counting, kind: Option<Kind>) {
    *storage.refusal.lock() = kind;
}

async fn fail(gate: &Gate, times: usize) {
    for _ in 0..times {
        gate.volumes().await.unwrap_err();
    }
}

/// Calls until one is let through to the storage; the others failed at once.
async fn until_one_is_let_through(storage: &Counting, gate: &Gate) -> usize {
    storage.take_reads();
    loop {
        let answers = join_all((0..8).map(|_| gate.volumes())).await;
        let through = storage.take_reads().len();
        if through > 0 {
            assert_eq!(answers.len(), 8);
            return through;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn three_failures_in_a_row_say_that_it_is_down() {
    for kind in [Kind::Unreachable, Kind::TimedOut] {
        let (storage, gate) = gated(PATIENT);
        assert_eq!(gate.health().api, Api::Ok);
        down(&storage, Some(kind));
        fail(&gate, 1).await;
        assert_eq!(gate.health().api, Api::Degraded);
        fail(&gate, 2).await;
        assert_eq!((gate.health().api, storage.take_reads().len()), (Api::Down, 3));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_failure_too() {
    let (storage, gate) = gated(PATIENT);
    for _ in 0..3 {
        next(&storage, Fault::Refuse(lost()));
    }
    fail(&gate, 3).await;
    assert_eq!(gate.health().api, Api::Down);
}

#[tokio::test]
async fn calls_fail_at_once_with_the_last_failure_in_their_words() {
    let (storage, gate) = gated(PATIENT);
    down(&storage, Some(Kind::TimedOut));
    let begun = Instant::now();
    fail(&gate, 3).await;
    for _ in 0..100 {
        let error = gate.get_volume(&v("db1")).await.unwrap_err();
        if !error.message.contains("not tried") {
            continue;
        }
        assert_eq!((error.kind(), error.sent), (Kind::Unreachable, Sent::No));
        assert!(error.to_string().contains("refused by the test"), "{error}");
    }
    let error = gate.restrict_volume(&v("db1")).await.unwrap_err();
    assert!(error.message.contains("not tried") || begun.elapsed().as_secs() > 0, "{error}");
    // At most one call a second comes through, however slow this machine is.
    let through = storage.take_reads().len() + storage.take_changes().len();
    assert!(through as u64 <= 3 + begun.elapsed().as_secs(), "{through} calls");
}

#[tokio::test]
async fn one_refused_account_is_enough() {
    let (storage, gate) = gated(PATIENT);
    down(&storage, Some(Kind::Credentials));
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(gate.volumes().await.unwrap_err().kind(), Kind::Credentials);
    }
    assert_eq!(gate.health().api, Api::Down);
    let through = storage.take_reads().len() as u64;
    assert!(through <= 1 + begun.elapsed().as_secs(), "{through} tries of a wrong password");
}

#[tokio::test]
async fn refusals_are_answers() {
    for kind in Kind::ALL {
        if matches!(kind, Kind::Unreachable | Kind::TimedOut | Kind::Credentials) {
            continue;
        }
        let (storage, gate) = gated(PATIENT);
        for _ in 0..9 {
            next(&storage, Fault::Refuse(Error::new(kind, "no").sent(Sent::Answered)));
        }
        fail(&gate, 9).await;
        assert_eq!((gate.health().api, storage.take_reads().len()), (Api::Ok, 9), "{kind:?}");
    }
}

#[tokio::test]
async fn an_answer_in_between_makes_up_for_failures() {
    let (storage, gate) = gated(PATIENT);
    for _ in 0..3 {
        down(&storage, Some(Kind::Unreachable));
        fail(&gate, 2).await;
        assert_eq!(gate.health().api, Api::Degraded);
        down(&storage, None);
        gate.volumes().await.unwrap();
        assert_eq!(gate.health().api, Api::Ok);
    }
}

#[tokio::test]
async fn one_call_at_a_time_is_let_through_and_all_when_it_succeeds() {
    let (storage, gate) = gated(PATIENT);
    down(&storage, Some(Kind::Unreachable));
    fail(&gate, 3).await;
    assert_eq!(until_one_is_let_through(&storage, &gate).await, 1);
    assert_eq!(gate.health().api, Api::Down);
    down(&storage, None);
    until_one_is_let_through(&storage, &gate).await;
    assert_eq!(gate.health().api, Api::Ok);
    let answers = join_all((0..8).map(|_| gate.volumes())).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(storage.take_reads().len(), 8);
}
