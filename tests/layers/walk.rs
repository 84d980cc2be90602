//! Who asks for one volume after another: from when on all are asked for at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{Error, Kind, StorageBackend, VolumeName};
use filerfs::cache::Cache;
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::common::counting;
use crate::common::counting::{Counting, Fault};
use crate::{LONG, SHORT, begun, next, s, v};

fn name(i: usize) -> VolumeName {
    v(&format!("vol{i:03}"))
}

/// So many volumes, of which every other one has snapshots; the list of them is known.
async fn listed(volumes: usize, ttl: Duration) -> (Arc<Counting>, Cache) {
    let snapshots = [json!([]), json!([{"name": "s1"}, {"name": "s2"}])];
    let volume =
        |i| json!({"name": name(i).as_str(), "size_total": 1 << 30, "snapshots": snapshots[i % 2].clone()});
    let storage = counting(&json!({"volumes": (0..volumes).map(volume).collect::<Vec<_>>()}).to_string());
    let cache = Cache::new(storage.clone(), ttl);
    cache.volumes().await.unwrap();
    storage.take_reads();
    (storage, cache)
}

/// Asks for the snapshots of these volumes, and how the storage was asked for them.
async fn asked(storage: &Counting, cache: &Cache, volumes: impl IntoIterator<Item = usize>) -> Vec<String> {
    for volume in volumes {
        let name = name(volume);
        let due = storage.inner().get_snapshots(&name).await.unwrap();
        assert_eq!(cache.get_snapshots(&name).await.unwrap(), due, "{name}");
    }
    storage.take_reads()
}

/// The calls for each of these, alone.
fn alone(volumes: impl IntoIterator<Item = usize>) -> Vec<String> {
    volumes.into_iter().map(|volume| format!("get_snapshots({})", name(volume))).collect()
}

#[tokio::test]
async fn a_walk_asks_for_an_eighth_of_the_volumes_and_then_for_all() {
    for (volumes, singly) in [(1, 1), (2, 1), (8, 1), (15, 1), (16, 2), (40, 5), (500, 62)] {
        let (storage, cache) = listed(volumes, LONG).await;
        let mut due = alone(0..singly);
        due.extend((singly < volumes).then(|| "all_snapshots()".to_owned()));
        assert_eq!(asked(&storage, &cache, 0..volumes).await, due, "{volumes} volumes");
        assert_eq!(asked(&storage, &cache, 0..volumes).await, alone([]), "{volumes} volumes, again");
    }
}

#[tokio::test]
async fn few_of_many_are_asked_for_alone_however_often() {
    let (storage, cache) = listed(40, LONG).await;
    for round in 0..3 {
        assert_eq!(asked(&storage, &cache, 0..5).await, alone(0..5));
        for volume in 0..5 {
            cache.create_snapshot(&name(volume), &s(&format!("new{round}"))).await.unwrap();
        }
        cache.volumes().await.unwrap();
        storage.take_reads();
    }
}

#[tokio::test]
async fn what_was_asked_for_long_ago_does_not_count() {
    let (storage, cache) = listed(2, SHORT).await;
    for volume in 0..2 {
        cache.volumes().await.unwrap();
        storage.take_reads();
        assert_eq!(asked(&storage, &cache, [volume]).await, alone([volume]));
        tokio::time::sleep(SHORT).await;
    }
}

#[tokio::test]
async fn while_the_volumes_are_not_known_each_is_asked_for_alone() {
    let (storage, cache) = listed(8, LONG).await;
    cache.refresh();
    assert_eq!(asked(&storage, &cache, 0..8).await, alone(0..8));
}

#[tokio::test]
async fn walks_share_the_call_for_all() {
    let (storage, cache) = listed(8, LONG).await;
    *storage.delay.lock() = SHORT;
    let names: Vec<_> = (0..8).map(name).collect();
    let answers = join_all(names.iter().chain(&names).map(|volume| cache.get_snapshots(volume))).await;
    assert!(answers.iter().enumerate().all(|(i, answer)| answer.as_ref().unwrap().len() == i % 2 * 2));
    assert_eq!(storage.take_reads(), ["get_snapshots(vol000)", "all_snapshots()"]);
}

#[tokio::test]
async fn what_all_said_before_a_change_is_not_remembered_after_it() {
    let (storage, cache) = listed(8, LONG).await;
    asked(&storage, &cache, [0]).await;
    let go = Arc::new(Semaphore::new(0));
    next(&storage, Fault::Answer(go.clone()));
    let (early, changed) = (name(1), name(2));
    let mut early = cache.get_snapshots(&early);
    begun(&mut early).await;
    cache.create_snapshot(&changed, &s("new")).await.unwrap();
    cache.volumes().await.unwrap();
    // Who joins the call on its way gets nothing of then.
    let (seen, ()) = tokio::join!(biased; cache.get_snapshots(&changed), async { go.add_permits(1) });
    assert_eq!(seen.unwrap(), storage.inner().get_snapshots(&changed).await.unwrap());
    assert_eq!(early.await.unwrap().len(), 2);
    storage.take_reads();
    assert_eq!(asked(&storage, &cache, 0..8).await, alone(3..8));
}

#[tokio::test]
async fn a_change_after_it_is_asked_for_alone() {
    let (storage, cache) = listed(8, LONG).await;
    asked(&storage, &cache, 0..8).await;
    cache.create_snapshot(&name(5), &s("new")).await.unwrap();
    cache.volumes().await.unwrap();
    storage.take_reads();
    assert_eq!(asked(&storage, &cache, 0..8).await, alone([5]));
}

#[tokio::test]
async fn if_all_are_refused_each_is_asked_for_alone_and_all_are_not_again() {
    let (storage, cache) = listed(8, LONG).await;
    asked(&storage, &cache, [0]).await;
    next(&storage, Fault::Refuse(Error::new(Kind::Denied, "no")));
    let mut due = vec!["all_snapshots()".to_owned()];
    due.extend(alone(1..8));
    assert_eq!(asked(&storage, &cache, 1..8).await, due);
}

#[tokio::test]
async fn a_volume_that_all_say_nothing_of_has_none_and_one_that_is_not_there_is_not_found() {
    let (storage, cache) = listed(8, LONG).await;
    asked(&storage, &cache, [0]).await;
    let all: HashMap<_, _> = cache.all_snapshots().await.unwrap();
    assert_eq!(all.values().filter(|of_one| !of_one.is_empty()).count(), 4);
    let missing = cache.get_snapshots(&v("missing")).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
}
