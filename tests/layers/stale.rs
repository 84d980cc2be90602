//! While the storage does not answer, reads go on from what is known; changes fail.

use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{Api, Kind, Settings, StorageBackend};
use filerfs::cache::Cache;

use crate::cache::READS;
use crate::changes::{all, prepare};
use crate::{LONG, PATIENT, cached, everything, gated, p, v};

/// The storage is not there, not in time, in trouble, or does not let us in.
const DOWN: [Kind; 4] = [Kind::Unreachable, Kind::TimedOut, Kind::Remote, Kind::Credentials];

#[tokio::test]
async fn reads_go_on_from_what_is_known() {
    for (call, read) in READS {
        for kind in DOWN {
            let (storage, cache) = cached(Duration::ZERO);
            read(&cache).await.unwrap();
            *storage.refusal.lock() = Some(kind);
            read(&cache).await.unwrap();
            assert_eq!(storage.take_reads(), [call, call], "{kind:?}");
        }
    }
}

#[tokio::test]
async fn what_is_known_is_the_last_answer() {
    let (storage, cache) = cached(Duration::ZERO);
    cache.get_volume(&v("db1")).await.unwrap();
    let bigger = Settings { size_total: Some(1 << 40), ..Settings::default() };
    storage.inner().patch_volume(&v("db1"), &bigger).await.unwrap();
    cache.volumes().await.unwrap();
    *storage.refusal.lock() = Some(Kind::Unreachable);
    let known = cache.get_volume(&v("db1")).await.unwrap();
    assert_eq!(known, storage.inner().get_volume(&v("db1")).await.unwrap());
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_takes_the_place_of_what_was_known() {
    for (call, read) in READS {
        for kind in [Kind::Denied, Kind::NotFound, Kind::Invalid, Kind::Unsupported] {
            let (storage, cache) = cached(Duration::ZERO);
            read(&cache).await.unwrap();
            *storage.refusal.lock() = Some(kind);
            assert_eq!(read(&cache).await.unwrap_err().kind(), kind, "{call}");
        }
    }
}

#[tokio::test]
async fn what_was_never_known_is_a_failure() {
    for (call, read) in READS {
        for kind in DOWN {
            let (storage, cache) = cached(LONG);
            *storage.refusal.lock() = Some(kind);
            assert_eq!(read(&cache).await.unwrap_err().kind(), kind, "{call}");
        }
    }
}

#[tokio::test]
async fn what_was_not_there_at_last_does_not_come_back() {
    let (storage, cache) = cached(Duration::ZERO);
    cache.get_volume(&v("db1")).await.unwrap();
    cache.get_snapshots(&v("db1")).await.unwrap();
    cache.get_policy(&p("nfs")).await.unwrap();
    *storage.refusal.lock() = Some(Kind::NotFound);
    cache.get_volume(&v("db1")).await.unwrap_err();
    cache.get_snapshots(&v("db1")).await.unwrap_err();
    cache.get_policy(&p("nfs")).await.unwrap_err();
    *storage.refusal.lock() = Some(Kind::Unreachable);
    assert_eq!(cache.get_volume(&v("db1")).await.unwrap_err().kind(), Kind::Unreachable);
    assert_eq!(cache.get_snapshots(&v("db1")).await.unwrap_err().kind(), Kind::Unreachable);
    assert_eq!(cache.get_policy(&p("nfs")).await.unwrap_err().kind(), Kind::Unreachable);
}

/// Nobody knows whether it was made: what was before is no answer any more.
#[tokio::test]
async fn a_change_fails_and_what_it_touched_is_not_shown_as_it_was() {
    for change in all() {
        let (storage, cache) = cached(LONG);
        prepare(&**storage.inner()).await;
        everything(&cache).await;
        *storage.refusal.lock() = Some(Kind::Unreachable);
        assert_eq!((change.make)(&cache).await.expect_err(change.name).kind(), Kind::Unreachable);
        assert_eq!(storage.take_changes().len(), 1, "{}", change.name);
        if change.name.contains("lock") {
            continue;
        }
        let lists = (cache.volumes().await, cache.policies().await);
        assert!(lists.0.is_err() || lists.1.is_err(), "{}: nothing was forgotten", change.name);
    }
}

#[tokio::test]
async fn the_age_of_what_is_known_is_told() {
    for (call, read) in READS {
        let (_, cache) = cached(LONG);
        assert_eq!(cache.health().cache_age, None);
        read(&cache).await.unwrap();
        assert!(cache.health().cache_age.is_some(), "{call}");
        cache.refresh();
        assert_eq!(cache.health().cache_age, None, "{call}");
    }
}

/// As an endpoint has it: the cache before the gate.
#[tokio::test]
async fn a_whole_outage_is_seen_through_and_ends() {
    let (storage, gate) = gated(PATIENT);
    let cache = Cache::new(Arc::new(gate), Duration::ZERO);
    let before = everything_known(&cache).await;
    *storage.refusal.lock() = Some(Kind::Unreachable);
    for _ in 0..5 {
        assert_eq!(everything_known(&cache).await, before);
    }
    assert_eq!(cache.health().api, Api::Down);
    cache.restrict_volume(&v("db1")).await.unwrap_err();
    *storage.refusal.lock() = None;
    // What the failed change touched is asked for until the storage is tried again.
    let volumes = loop {
        match cache.volumes().await {
            Ok(volumes) => break volumes,
            Err(error) => assert_eq!(error.kind(), Kind::Unreachable),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(volumes, storage.inner().volumes().await.unwrap());
    assert_eq!(cache.health().api, Api::Ok);
}

async fn everything_known(cache: &Cache) -> String {
    format!(
        "{:?} {:?} {:?}",
        cache.volumes().await.unwrap(),
        cache.policies().await.unwrap(),
        cache.get_snapshots(&v("db1")).await.unwrap()
    )
}
