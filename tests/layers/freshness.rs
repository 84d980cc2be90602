//! Own changes are visible at once, whatever came of them, and whatever was asked meanwhile.

use std::sync::Arc;

use filerfs::backend::{Error, Kind, Settings, StorageBackend};
use tokio::sync::Semaphore;

use crate::cache::READS;
use crate::changes::{all, prepare};
use crate::common::counting::Fault;
use crate::{LONG, begun, cached, everything, lost, never, next, p, s, v};

fn size(bytes: u64) -> Settings {
    Settings { size_total: Some(bytes), ..Settings::default() }
}

/// Says the first of what differs alone: all of it fills a screen.
#[track_caller]
fn same(seen: &[String], due: &[String], when: &str) {
    let differs = seen.iter().zip(due).find(|(seen, due)| seen != due);
    assert!(differs.is_none() && seen.len() == due.len(), "{when}: {differs:?}");
}

#[tokio::test]
async fn a_change_is_visible_at_once() {
    for change in all() {
        let (storage, cache) = cached(LONG);
        prepare(&**storage.inner()).await;
        let before = everything(&cache).await;
        (change.make)(&cache).await.unwrap();
        let after = everything(&**storage.inner()).await;
        assert_ne!(after, before, "{} changes nothing", change.name);
        same(&everything(&cache).await, &after, change.name);
    }
}

#[tokio::test]
async fn a_change_that_failed_may_have_been_made_and_is_visible_too() {
    for change in all() {
        let (storage, cache) = cached(LONG);
        prepare(&**storage.inner()).await;
        everything(&cache).await;
        next(&storage, Fault::Lose(lost()));
        (change.make)(&cache).await.expect_err(change.name);
        same(&everything(&cache).await, &everything(&**storage.inner()).await, change.name);
    }
}

#[tokio::test]
async fn a_change_whose_caller_went_away_is_visible_too() {
    for change in all() {
        let (storage, cache) = cached(LONG);
        prepare(&**storage.inner()).await;
        everything(&cache).await;
        next(&storage, Fault::Answer(never()));
        let mut interrupted = (change.make)(&cache);
        begun(&mut interrupted).await;
        drop(interrupted);
        same(&everything(&cache).await, &everything(&**storage.inner()).await, change.name);
    }
}

/// A call that was on its way when the change was made knows nothing of it.
#[tokio::test]
async fn what_was_asked_before_a_change_is_not_remembered_after_it() {
    for change in all() {
        for (call, read) in READS {
            let (storage, cache) = cached(LONG);
            prepare(&**storage.inner()).await;
            let go = Arc::new(Semaphore::new(0));
            next(&storage, Fault::Answer(go.clone()));
            let mut early = read(&cache);
            begun(&mut early).await;
            (change.make)(&cache).await.unwrap();
            // Nor does anybody join it who asks for what the change touched.
            let after = everything(&**storage.inner()).await;
            let (seen, ()) = tokio::join!(biased; everything(&cache), async { go.add_permits(1) });
            same(&seen, &after, &format!("{call} before {}", change.name));
            let _ = early.await;
            same(&everything(&cache).await, &after, &format!("{call} before {}", change.name));
        }
    }
}

#[tokio::test]
async fn what_a_change_did_not_touch_stays_known() {
    let (storage, cache) = cached(LONG);
    cache.get_volume(&v("db2")).await.unwrap();
    cache.get_snapshots(&v("db2")).await.unwrap();
    cache.policies().await.unwrap();
    cache.create_snapshot(&v("db1"), &s("new")).await.unwrap();
    cache.patch_volume(&v("db1"), &size(1 << 40)).await.unwrap();
    storage.take_reads();
    cache.get_volume(&v("db2")).await.unwrap();
    cache.get_snapshots(&v("db2")).await.unwrap();
    cache.policies().await.unwrap();
    assert!(storage.take_reads().is_empty());
}

#[tokio::test]
async fn changes_made_elsewhere_are_seen_after_a_refresh() {
    let (storage, cache) = cached(LONG);
    prepare(&**storage.inner()).await;
    let before = everything(&cache).await;
    storage.inner().patch_volume(&v("db1"), &size(1 << 40)).await.unwrap();
    storage.inner().create_snapshot(&v("db2"), &s("theirs")).await.unwrap();
    storage.inner().remove_policy(&p("unused")).await.unwrap();
    assert_eq!(everything(&cache).await, before);
    cache.refresh();
    assert_eq!(everything(&cache).await, everything(&**storage.inner()).await);
}

/// What is asked when a refresh comes is of before it.
#[tokio::test]
async fn what_was_asked_before_a_refresh_is_not_remembered_after_it() {
    for (call, read) in READS {
        let (storage, cache) = cached(LONG);
        let go = Arc::new(Semaphore::new(0));
        next(&storage, Fault::Answer(go.clone()));
        let mut early = read(&cache);
        begun(&mut early).await;
        cache.refresh();
        go.add_permits(1);
        early.await.unwrap();
        storage.take_reads();
        read(&cache).await.unwrap();
        assert_eq!(storage.take_reads(), [call]);
    }
}

#[tokio::test]
async fn a_refused_change_changes_nothing_that_is_shown() {
    for change in all() {
        let (storage, cache) = cached(LONG);
        prepare(&**storage.inner()).await;
        let before = everything(&cache).await;
        next(&storage, Fault::Refuse(Error::new(Kind::Denied, "no")));
        assert_eq!((change.make)(&cache).await.expect_err(change.name).kind(), Kind::Denied);
        same(&everything(&cache).await, &before, change.name);
    }
}
