//! What is remembered, and which callers share a call.

use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{Error, Kind, Result, StorageBackend};
use filerfs::cache::Cache;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use tokio::sync::Semaphore;

use crate::common::counting::Fault;
use crate::{LONG, SHORT, begun, cached, everything, never, next, p, s, v};

/// Every read that is remembered, and how the storage is asked.
type Read = (&'static str, for<'a> fn(&'a Cache) -> BoxFuture<'a, Result<()>>);
pub const READS: [Read; 6] = [
    ("volumes()", |b| b.volumes().map(|read| read.map(drop)).boxed()),
    ("get_volume(db1)", |b| async { b.get_volume(&v("db1")).await.map(drop) }.boxed()),
    ("get_snapshots(db1)", |b| async { b.get_snapshots(&v("db1")).await.map(drop) }.boxed()),
    ("get_snapshots(db1)", |b| async { b.get_snapshot(&v("db1"), &s("s1")).await.map(drop) }.boxed()),
    ("policies()", |b| b.policies().map(|read| read.map(drop)).boxed()),
    ("get_policy(nfs)", |b| async { b.get_policy(&p("nfs")).await.map(drop) }.boxed()),
];

#[tokio::test]
async fn an_answer_is_asked_for_once() {
    for (call, read) in READS {
        let (storage, cache) = cached(LONG);
        for _ in 0..3 {
            read(&cache).await.unwrap();
        }
        assert_eq!(storage.take_reads(), [call]);
    }
}

#[tokio::test]
async fn an_answer_that_is_too_old_is_asked_for_again() {
    for (call, read) in READS {
        let (storage, cache) = cached(Duration::ZERO);
        read(&cache).await.unwrap();
        read(&cache).await.unwrap();
        assert_eq!(storage.take_reads(), [call, call]);
    }
}

#[tokio::test]
async fn a_list_answers_for_each_of_its_records_and_for_those_that_are_not_in_it() {
    let (storage, cache) = cached(LONG);
    let (volumes, policies) = (cache.volumes().await.unwrap().to_vec(), cache.policies().await.unwrap());
    for volume in volumes {
        assert_eq!(cache.get_volume(&volume.name).await.unwrap(), volume);
    }
    for policy in policies {
        assert_eq!(cache.get_policy(&policy.name).await.unwrap(), policy);
    }
    assert_eq!(cache.get_volume(&v("missing")).await.unwrap_err().kind(), Kind::NotFound);
    cache.get_snapshots(&v("db1")).await.unwrap();
    cache.get_snapshot(&v("db1"), &s("s2")).await.unwrap();
    let missing = cache.get_snapshot(&v("db1"), &s("missing")).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
    assert_eq!(storage.take_reads(), ["volumes()", "policies()", "get_snapshots(db1)"]);
}

#[tokio::test]
async fn what_is_remembered_is_what_the_storage_says() {
    let (storage, cache) = cached(LONG);
    let due = everything(&**storage.inner()).await;
    assert_eq!(everything(&cache).await, due);
    storage.take_reads();
    assert_eq!(everything(&cache).await, due);
    // Locks are never remembered.
    assert_eq!(storage.take_reads(), ["locks(db1)", "locks(db2)"]);
}

#[tokio::test]
async fn callers_who_want_the_same_share_one_call() {
    for (call, read) in READS {
        let (storage, cache) = cached(LONG);
        let go = Arc::new(Semaphore::new(0));
        next(&storage, Fault::Wait(go.clone()));
        let callers = join_all((0..8).map(|_| read(&cache)));
        let (answers, ()) = tokio::join!(biased; callers, async { go.add_permits(1) });
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(storage.take_reads(), [call]);
    }
}

#[tokio::test]
async fn callers_who_want_different_things_do_not_wait_for_each_other() {
    let (storage, cache) = cached(LONG);
    next(&storage, Fault::Wait(never()));
    let volume = v("db1");
    let mut slow = cache.get_volume(&volume);
    begun(&mut slow).await;
    cache.get_volume(&v("db2")).await.unwrap();
    cache.get_snapshots(&volume).await.unwrap();
    cache.policies().await.unwrap();
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_wait_and_not_remembered() {
    for (call, read) in READS {
        let (storage, cache) = cached(LONG);
        next(&storage, Fault::Refuse(Error::new(Kind::Denied, "no")));
        *storage.delay.lock() = SHORT;
        let answers = join_all((0..8).map(|_| read(&cache))).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|e| e.kind() == Kind::Denied)));
        assert_eq!(storage.take_reads(), [call]);
        read(&cache).await.unwrap();
        assert_eq!(storage.take_reads(), [call]);
    }
}

/// The first of those who wait may be interrupted; the others get their answer.
#[tokio::test]
async fn a_shared_call_goes_on_when_who_began_it_goes_away() {
    for (call, read) in READS {
        let (storage, cache) = cached(LONG);
        let go = Arc::new(Semaphore::new(0));
        next(&storage, Fault::Wait(go.clone()));
        let (mut first, mut second) = (read(&cache), read(&cache));
        begun(&mut first).await;
        begun(&mut second).await;
        drop(first);
        go.add_permits(1);
        second.await.unwrap();
        assert_eq!(storage.take_reads(), [call]);
    }
}

/// Its answer would be of then, not of now.
#[tokio::test]
async fn a_call_that_nobody_waits_for_is_not_shared_later() {
    for (call, read) in READS {
        let (storage, cache) = cached(LONG);
        next(&storage, Fault::Answer(never()));
        let mut interrupted = read(&cache);
        begun(&mut interrupted).await;
        drop(interrupted);
        read(&cache).await.unwrap();
        assert_eq!(storage.take_reads(), [call, call]);
    }
}
