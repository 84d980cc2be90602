//! Retries by effect and certainty, deadlines, permits, counters.

use std::pin::pin;
use std::sync::Arc;

use filerfs::backend::{Api, Error, Kind, Sent, StorageBackend};
use filerfs::gate::Limits;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::common::counting::Fault;
use crate::{LONG, PATIENT, SHORT, begun, gated, lost, never, next, v};

#[tokio::test]
async fn a_read_is_tried_again_after_a_failure_that_passes() {
    let (storage, gate) = gated(PATIENT);
    for sent in [Sent::No, Sent::Answered, Sent::Unknown] {
        for _ in 0..2 {
            next(&storage, Fault::Refuse(Error::new(Kind::Remote, "busy").sent(sent).transient()));
        }
        gate.get_volume(&v("db1")).await.unwrap();
        assert_eq!(storage.take_reads().len(), 3, "{sent:?}");
    }
}

#[tokio::test]
async fn a_read_is_tried_three_times_at_most() {
    let (storage, gate) = gated(PATIENT);
    let busy = || Error::new(Kind::InUse, "busy").sent(Sent::Answered).transient();
    for _ in 0..4 {
        next(&storage, Fault::Refuse(busy()));
    }
    let error = gate.volumes().await.unwrap_err();
    assert_eq!((error.kind(), storage.take_reads().len()), (Kind::InUse, 3));
}

#[tokio::test]
async fn a_failure_that_stays_is_answered_at_once() {
    for kind in Kind::ALL {
        let (storage, gate) = gated(PATIENT);
        next(&storage, Fault::Refuse(Error::new(kind, "no").sent(Sent::Answered)));
        next(&storage, Fault::Refuse(Error::new(kind, "no").sent(Sent::Answered)));
        assert_eq!(gate.get_volume(&v("db1")).await.unwrap_err().kind(), kind);
        assert_eq!(storage.take_reads().len(), 1, "{kind:?}");
    }
}

/// Only what certainly did not happen is done again.
#[tokio::test]
async fn a_change_is_made_again_only_if_nothing_was_sent() {
    for (sent, transient, tries) in [
        (Sent::No, true, 2),
        (Sent::No, false, 1),
        (Sent::Answered, true, 1),
        (Sent::Answered, false, 1),
        (Sent::Unknown, true, 1),
        (Sent::Unknown, false, 1),
    ] {
        let (storage, gate) = gated(PATIENT);
        let error = Error::new(Kind::Remote, "no").sent(sent);
        next(&storage, Fault::Refuse(if transient { error.transient() } else { error }));
        let done = gate.restrict_volume(&v("db1")).await;
        assert_eq!(done.is_ok(), tries == 2, "{sent:?} {transient}");
        assert_eq!(storage.take_changes().len(), tries, "{sent:?} {transient}");
    }
}

#[tokio::test]
async fn a_read_without_an_answer_ends_at_its_deadline() {
    let (storage, gate) = gated(Limits { read_timeout: SHORT, ..PATIENT });
    next(&storage, Fault::Wait(never()));
    let error = gate.volumes().await.unwrap_err();
    assert_eq!((error.kind(), error.sent), (Kind::TimedOut, Sent::Unknown));
    assert_eq!(storage.take_reads().len(), 1);
    gate.volumes().await.unwrap();
}

#[tokio::test]
async fn a_change_without_an_answer_ends_at_its_deadline_and_says_that_it_may_have_been_made() {
    let (storage, gate) = gated(Limits { change_timeout: SHORT, ..PATIENT });
    next(&storage, Fault::Wait(never()));
    let error = gate.restrict_volume(&v("db1")).await.unwrap_err();
    assert_eq!((error.kind(), error.sent), (Kind::TimedOut, Sent::Unknown));
    assert!(error.hint.as_ref().unwrap().contains("may have been made"));
    assert_eq!(storage.take_changes().len(), 1);
}

/// The look that settles a change has a bound of its own.
#[tokio::test]
async fn who_waits_for_a_change_does_not_wait_for_the_look_at_it() {
    let (storage, gate) = gated(PATIENT);
    next(&storage, Fault::Lose(lost()));
    next(&storage, Fault::Wait(never()));
    assert_eq!(gate.restrict_volume(&v("db1")).await.unwrap_err().kind(), Kind::Remote);
}

#[tokio::test]
async fn no_more_calls_are_in_flight_than_may_be() {
    let (storage, gate) = gated(Limits { max_calls: 3, ..PATIENT });
    // The first call of all shows that the account is let in; the others wait for it.
    gate.volumes().await.unwrap();
    storage.take_reads();
    let go = Arc::new(Semaphore::new(0));
    for _ in 0..8 {
        next(&storage, Fault::Wait(go.clone()));
    }
    let volume = v("db1");
    let calls = join_all((0..8).map(|_| gate.get_volume(&volume)));
    let let_go = async {
        assert_eq!(storage.take_reads().len(), 3);
        go.add_permits(8);
    };
    let (answers, ()) = tokio::join!(biased; calls, let_go);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(storage.take_reads().len(), 5);
}

#[tokio::test]
async fn a_call_that_gets_no_turn_says_that_nothing_was_sent() {
    let (storage, gate) = gated(Limits { read_timeout: SHORT, change_timeout: LONG, max_calls: 1 });
    next(&storage, Fault::Wait(never()));
    let volume = v("db1");
    let mut slow = pin!(gate.restrict_volume(&volume));
    begun(&mut slow).await;
    let error = gate.volumes().await.unwrap_err();
    assert_eq!((error.kind(), error.sent), (Kind::Unreachable, Sent::No));
    assert!(storage.take_reads().is_empty());
    assert_eq!(gate.health().api, Api::Ok, "the storage is not to blame");
}

#[tokio::test]
async fn who_goes_away_gives_the_turn_to_another() {
    let (storage, gate) = gated(Limits { max_calls: 1, ..PATIENT });
    next(&storage, Fault::Wait(never()));
    let volume = v("db1");
    let mut interrupted = Box::pin(gate.get_volume(&volume));
    begun(&mut interrupted).await;
    drop(interrupted);
    gate.get_volume(&volume).await.unwrap();
}

#[tokio::test]
async fn calls_are_counted_by_what_came_of_them() {
    let (storage, gate) = gated(PATIENT);
    gate.volumes().await.unwrap();
    gate.volumes().await.unwrap();
    gate.get_volume(&v("missing")).await.unwrap_err();
    next(&storage, Fault::Refuse(Error::new(Kind::Remote, "busy").transient()));
    gate.get_volume(&v("db1")).await.unwrap();
    let counts: Vec<_> = gate.calls().iter().map(|count| (count.call, count.result, count.count)).collect();
    assert_eq!(counts, [("get_volume", "not_found", 1), ("get_volume", "ok", 1), ("volumes", "ok", 2)]);
    assert!(gate.health().latency.is_some());
}
