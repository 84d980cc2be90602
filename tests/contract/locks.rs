//! Locks: the host that holds a volume.

use filerfs::backend::{Kind, Newer, Settings};

use crate::given::*;

/// The back-end, if it keeps locks. One that declares that it does not must say so to every operation.
async fn keeping_locks(b: Backend) -> Option<Backend> {
    if b.capabilities().locks {
        return Some(b);
    }
    volume(&b, "locked").await;
    let (v, h) = (vol("locked"), host("h"));
    refused(Kind::Unsupported, b.locks(&v).await);
    refused(Kind::Unsupported, b.create_lock(&v, &h.clone().into()).await);
    refused(Kind::Unsupported, b.remove_lock(&v, &h.clone().into()).await);
    None
}

async fn take(b: &Backend, volume: &str, by: &str) {
    b.create_lock(&vol(volume), &host(by).into()).await.unwrap();
}

async fn free(b: &Backend, volume: &str, by: &str) {
    b.remove_lock(&vol(volume), &host(by).into()).await.unwrap();
}

async fn holder(b: &Backend, volume: &str) -> Option<String> {
    b.locks(&vol(volume)).await.unwrap().map(|lock| lock.holder().to_string())
}

pub async fn a_volume_is_free_until_a_host_takes_it(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    assert_eq!(holder(&b, "v").await, None);
    take(&b, "v", "Admin_1.example-site.org").await;
    assert_eq!(holder(&b, "v").await.as_deref(), Some("Admin_1.example-site.org"));
}

pub async fn the_holder_may_take_its_lock_again(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    take(&b, "v", "a").await;
    take(&b, "v", "a").await;
    assert_eq!(holder(&b, "v").await.as_deref(), Some("a"));
    // Once is enough to free it.
    free(&b, "v", "a").await;
    assert_eq!(holder(&b, "v").await, None);
}

pub async fn another_host_is_told_who_holds_the_lock(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    take(&b, "v", "holder1").await;
    let said = refused(Kind::Locked, b.create_lock(&vol("v"), &host("b").into()).await);
    assert!(said.contains("holder1"), "{said:?} does not name the holder");
    assert_eq!(holder(&b, "v").await.as_deref(), Some("holder1"));
}

pub async fn only_the_holder_frees_a_lock(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    take(&b, "v", "host1").await;
    for other in ["host2", "host", "host11", "HOST1"] {
        free(&b, "v", other).await;
        assert_eq!(holder(&b, "v").await.as_deref(), Some("host1"), "freed by {other}");
    }
    free(&b, "v", "host1").await;
    assert_eq!(holder(&b, "v").await, None);
}

pub async fn a_lock_that_is_freed_can_be_taken_by_another(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    take(&b, "v", "a").await;
    free(&b, "v", "a").await;
    take(&b, "v", "b").await;
    assert_eq!(holder(&b, "v").await.as_deref(), Some("b"));
    refused(Kind::Locked, b.create_lock(&vol("v"), &host("a").into()).await);
}

pub async fn to_free_a_free_volume_is_no_failure(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    free(&b, "v", "a").await;
    take(&b, "v", "a").await;
    free(&b, "v", "a").await;
    free(&b, "v", "a").await;
    assert_eq!(holder(&b, "v").await, None);
}

pub async fn locks_of_two_volumes_are_apart(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    volume(&b, "w").await;
    take(&b, "v", "a").await;
    assert_eq!(holder(&b, "w").await, None);
    take(&b, "w", "b").await;
    free(&b, "v", "a").await;
    assert_eq!(holder(&b, "w").await.as_deref(), Some("b"));
}

pub async fn locks_of_a_missing_volume_are_refused(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "gone").await;
    take(&b, "gone", "a").await;
    b.restrict_volume(&vol("gone")).await.unwrap();
    for name in ["missing", "gone"] {
        let (v, h) = (vol(name), host("a"));
        refused(Kind::NotFound, b.locks(&v).await);
        refused(Kind::NotFound, b.create_lock(&v, &h.clone().into()).await);
        refused(Kind::NotFound, b.remove_lock(&v, &h.clone().into()).await);
    }
}

pub async fn a_lock_does_not_survive_its_volume(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    take(&b, "v", "a").await;
    b.restrict_volume(&vol("v")).await.unwrap();
    match b.create_volume(&vol("v"), &plain("v")).await {
        Ok(_) => {
            assert_eq!(holder(&b, "v").await, None);
            take(&b, "v", "b").await;
        }
        // The name may stay taken.
        Err(error) => assert_eq!(error.kind(), Kind::Exists),
    }
}

pub async fn a_lock_is_not_cloned(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    take(&b, "v", "a").await;
    b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &Settings::default()).await.unwrap();
    assert_eq!(holder(&b, "c").await, None);
    take(&b, "c", "b").await;
    assert_eq!(holder(&b, "v").await.as_deref(), Some("a"));
}

pub async fn a_lock_survives_changes_of_its_volume(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    policy(&b, "p", &[]).await;
    volume(&b, "v").await;
    take(&b, "v", "a").await;
    b.patch_volume(&vol("v"), &only_size(2 * GIB)).await.unwrap();
    b.set_policy(&vol("v"), &pol("p")).await.unwrap();
    snapshots(&b, "v", &["s", "t"]).await;
    b.rollback_volume(&vol("v"), &snap("s"), Newer::Discard).await.unwrap();
    b.refresh();
    assert_eq!(holder(&b, "v").await.as_deref(), Some("a"));
}

pub async fn of_hosts_that_take_one_lock_exactly_one_wins(b: Backend) {
    let Some(b) = keeping_locks(b).await else { return };
    volume(&b, "v").await;
    for round in 0..20 {
        let name = |i: usize| format!("host{round}-{i}");
        let taken = at_once(&b, |b, i| {
            let by = host(&name(i));
            async move { b.create_lock(&vol("v"), &by.into()).await }
        });
        let won = one_winner(Kind::Locked, taken.await);
        assert_eq!(holder(&b, "v").await, Some(name(won)));
        at_once(&b, |b, i| {
            let by = host(&name(i));
            async move { b.remove_lock(&vol("v"), &by.into()).await.unwrap() }
        })
        .await;
        assert_eq!(holder(&b, "v").await, None);
    }
}
