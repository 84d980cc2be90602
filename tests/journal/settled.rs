//! Changes of which nobody knows whether they were made.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use filerfs::backend::{Kind, StorageBackend};
use tokio::sync::Semaphore;

use crate::changes::{OneChange, all, prepare};
use crate::common::counting::Fault;
use crate::{Kept, intents, lost, outcomes, s, v};

/// What is said of a change that was made.
fn made(change: &OneChange) -> String {
    let what = if change.can_be_seen { "made" } else { "unknown" };
    format!("{} {what}", change.name)
}

/// What is said of a change that was not made.
fn not_made(change: &OneChange) -> String {
    let what = match change.name {
        // One of the two rules is there before.
        "ensure_policy_rules_present" | "ensure_policy_rules_absent" | "rollback_volume" => "unknown",
        _ => "not_made",
    };
    format!("{} {what}", change.name)
}

#[tokio::test]
async fn every_change_is_written_down_with_what_came_of_it() {
    for change in all() {
        let kept = Kept::new();
        prepare(&**kept.storage.inner()).await;
        (change.make)(&kept.backend).await.unwrap();
        assert_eq!(outcomes(&kept.path()), [format!("{} ok", change.name)]);
        let (intent, _) = intents(&kept.path()).remove(0);
        assert_eq!((&intent["host"], &intent["endpoint"]), (&"admin1".into(), &"dummy".into()));
        assert!(intent["time"].is_string() && intent["arguments"].is_object(), "{intent}");
        assert_eq!(kept.storage.take_changes().len(), 1);
    }
}

#[tokio::test]
async fn a_refused_change_has_its_reason_in_the_journal() {
    let kept = Kept::new();
    let error = kept.backend.create_snapshot(&v("db1"), &s("s1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Exists);
    assert_eq!(outcomes(&kept.path()), ["create_snapshot exists"]);
    assert_eq!(crate::lines(&kept.path())[2]["outcome"]["message"], error.to_string());
}

#[tokio::test]
async fn a_change_without_an_answer_is_looked_for_while_the_daemon_runs() {
    for change in all() {
        let kept = Kept::new();
        prepare(&**kept.storage.inner()).await;
        kept.next(change.name, Fault::Lose(lost()));
        let error = (change.make)(&kept.backend).await.expect_err(change.name);
        assert_eq!(error.kind(), Kind::TimedOut);
        assert_eq!(kept.settle().await, [made(&change)]);

        let kept = Kept::new();
        prepare(&**kept.storage.inner()).await;
        kept.next(change.name, Fault::Refuse(lost()));
        (change.make)(&kept.backend).await.expect_err(change.name);
        assert_eq!(kept.settle().await, [not_made(&change)]);
    }
}

#[tokio::test]
async fn a_change_that_was_under_way_when_the_daemon_died_is_looked_for_and_never_made_again() {
    for change in all() {
        for (fault, said) in [
            (Fault::Answer as fn(Arc<Semaphore>) -> Fault, made(&change)),
            (Fault::Wait as fn(Arc<Semaphore>) -> Fault, not_made(&change)),
        ] {
            let kept = Kept::new();
            prepare(&**kept.storage.inner()).await;
            kept.next(change.name, fault(Arc::new(Semaphore::new(0))));
            {
                let mut under_way = (change.make)(&kept.backend);
                while kept.storage.take_changes().is_empty() {
                    let polled = under_way.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    assert!(polled.is_pending(), "{}", change.name);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            let kept = kept.restarted();
            assert_eq!(kept.settle().await, [said]);
            // A lock that nobody was told of is let lapse.
            let freed = kept.storage.take_changes();
            assert!(freed.is_empty() || change.name == "create_lock", "{freed:?}");
        }
    }
}

#[tokio::test]
async fn a_storage_that_does_not_answer_is_asked_again() {
    let kept = Kept::new();
    kept.next("create_snapshot", Fault::Lose(lost()));
    kept.backend.create_snapshot(&v("db1"), &s("new")).await.unwrap_err();
    let kept = kept.restarted();
    *kept.storage.refusal.lock() = Some(Kind::Unreachable);
    let until_asked = async {
        while kept.storage.take_reads().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        () = kept.journal.settle() => {}
        () = until_asked => {}
    }
    assert_eq!(outcomes(&kept.path()), ["create_snapshot "]);
    // Meanwhile everything works.
    *kept.storage.refusal.lock() = None;
    kept.backend.create_snapshot(&v("db1"), &s("other")).await.unwrap();
    assert_eq!(kept.settle().await, ["create_snapshot made", "create_snapshot ok"]);
}
