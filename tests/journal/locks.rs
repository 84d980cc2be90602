//! Locks in the journal: one that nobody was told of is not kept.

use std::time::Duration;

use filerfs::backend::{By, HostName, Lock, NewLock, StorageBackend};

use crate::common::counting::Fault;
use crate::{Kept, lines, lost, outcomes, v};

fn host(name: &str) -> NewLock {
    HostName::new(name).unwrap().into()
}

async fn lock_of(kept: &Kept) -> Option<Lock> {
    kept.storage.inner().locks(&v("db1")).await.unwrap()
}

/// A lock is taken, and the answer is lost.
async fn untold(kept: &Kept, new: &NewLock) {
    kept.next("create_lock", Fault::Lose(lost()));
    kept.backend.create_lock(&v("db1"), new).await.unwrap_err();
}

#[tokio::test]
async fn a_lock_that_nobody_was_told_of_is_freed() {
    let kept = Kept::new();
    untold(&kept, &host("admin1")).await;
    assert!(lock_of(&kept).await.is_some());
    let kept = kept.restarted();
    assert_eq!(kept.settle().await, ["create_lock made"]);
    let said = lines(&kept.path()).pop().unwrap()["outcome"]["message"].clone();
    assert_eq!(said, "settled: made, and freed, as nobody was told");
    while lock_of(&kept).await.is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_lock_that_was_taken_again_and_told_stays() {
    let kept = Kept::new();
    untold(&kept, &host("admin1")).await;
    let told = host("admin1");
    kept.backend.create_lock(&v("db1"), &told).await.unwrap();
    let kept = kept.restarted();
    assert_eq!(kept.settle().await, ["create_lock unknown", "create_lock ok"]);
    assert_eq!(lock_of(&kept).await.unwrap().taken, told);
}

#[tokio::test]
async fn a_lock_that_the_host_held_before_stays() {
    let kept = Kept::new();
    kept.backend.create_lock(&v("db1"), &host("admin1")).await.unwrap();
    untold(&kept, &host("admin1")).await;
    let kept = kept.restarted();
    assert_eq!(kept.settle().await, ["create_lock ok", "create_lock made"]);
    assert_eq!(lock_of(&kept).await.unwrap().taken.ttl, None);
}

#[tokio::test]
async fn another_hosts_lock_is_left_alone() {
    let kept = Kept::new();
    untold(&kept, &host("admin1")).await;
    kept.storage.inner().remove_lock(&v("db1"), &HostName::new("admin1").unwrap().into()).await.unwrap();
    let other = host("admin2");
    kept.storage.inner().create_lock(&v("db1"), &other).await.unwrap();
    let kept = kept.restarted();
    assert_eq!(kept.settle().await, ["create_lock not_made"]);
    assert_eq!(lock_of(&kept).await.unwrap().taken, other);
}

#[tokio::test]
async fn prolonging_a_lock_is_no_change() {
    let kept = Kept::new();
    let new = NewLock { ttl: Some(Duration::from_secs(30)), by: By::Process, ..host("admin1") };
    kept.backend.create_lock(&v("db1"), &new).await.unwrap();
    for late in [false, false, true] {
        let prolongs = NewLock { by: By::Prolonging { late }, ..new.clone() };
        kept.backend.create_lock(&v("db1"), &prolongs).await.unwrap();
    }
    assert_eq!(outcomes(&kept.path()), ["create_lock ok"]);
}
