//! What every registry promises of locks.

use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{By, Kind, NewLock, NewVolume, StorageBackend, Unlock, VolumeName};
use filerfs::backends::memory::Memory;
use filerfs::registry::{MarksChange, Registered};
use tokio::time::sleep;

use crate::given::*;

/// etcd knows no shorter one.
const TTL: Duration = Duration::from_secs(2);

pub async fn a_volume_is_free_until_a_host_takes_it([one, two]: Two) {
    assert_eq!(held(&*one, &subject(1)).await, None);
    let new = NewLock { uid: 7, process: "sh[8]".to_owned(), ..new("a") };
    let taken = one.take(&subject(1), &new).await.unwrap();
    assert_eq!(taken.taken, new);
    assert!(!taken.boot_id.is_empty());
    assert_eq!(held(&*two, &subject(1)).await.unwrap().taken, new);
    assert_eq!(held(&*two, &subject(1)).await.unwrap().token, taken.token);
    assert_eq!(held(&*two, &subject(2)).await, None);
}

pub async fn the_same_host_again_keeps_its_token([one, two]: Two) {
    let first = one.take(&subject(1), &new("a")).await.unwrap();
    for registry in [&one, &two, &one] {
        let new = new("a");
        let again = registry.take(&subject(1), &new).await.unwrap();
        assert_eq!((again.token, &again.taken.request), (first.token, &new.request));
        let shown = held(&*one, &subject(1)).await.unwrap();
        assert_eq!((shown.token, &shown.taken.request), (first.token, &new.request));
    }
}

pub async fn another_host_is_told_who_holds_it([one, two]: Two) {
    one.take(&subject(1), &new("a")).await.unwrap();
    for registry in [&one, &two] {
        let said = refused(Kind::Locked, registry.take(&subject(1), &new("b")).await);
        assert_eq!(said, "a holds the lock");
    }
    assert_eq!(*held(&*one, &subject(1)).await.unwrap().holder(), host("a"));
}

pub async fn only_the_holder_releases_a_lock([one, two]: Two) {
    let taken = one.take(&subject(1), &new("a")).await.unwrap();
    for registry in [&one, &two] {
        registry.release(&subject(1), &host("b").into()).await.unwrap();
        assert_eq!(held(&**registry, &subject(1)).await.unwrap().token, taken.token);
    }
    two.release(&subject(1), &host("a").into()).await.unwrap();
    assert_eq!(held(&*one, &subject(1)).await, None);
}

pub async fn to_release_what_is_free_is_no_failure([one, two]: Two) {
    one.release(&subject(1), &host("a").into()).await.unwrap();
    one.take(&subject(1), &new("a")).await.unwrap();
    for registry in [&one, &two, &one] {
        registry.release(&subject(1), &host("a").into()).await.unwrap();
        assert_eq!(held(&*one, &subject(1)).await, None);
    }
}

pub async fn each_taking_has_a_greater_token([one, two]: Two) {
    let mut last = 0;
    for (round, registry) in [&one, &two, &two, &one, &one].iter().enumerate() {
        let by = format!("h{}", round % 2);
        let token = registry.take(&subject(1), &new(&by)).await.unwrap().token;
        assert!(token > last, "{token} after {last}");
        last = token;
        registry.release(&subject(1), &host(&by).into()).await.unwrap();
    }
}

pub async fn a_guard_tells_the_token_nothing_or_the_holder([one, two]: Two) {
    let guard = async |by: &str| two.guard(&subject(1), &host(by)).await;
    assert_eq!(guard("a").await.unwrap(), None);
    let token = one.take(&subject(1), &new("a")).await.unwrap().token;
    assert_eq!(guard("a").await.unwrap(), Some(token));
    assert_eq!(refused(Kind::Locked, guard("b").await), "a holds the lock");
    one.release(&subject(1), &host("a").into()).await.unwrap();
    one.take(&subject(1), &new("b")).await.unwrap();
    assert_eq!(refused(Kind::Locked, guard("a").await), "b holds the lock");
}

pub async fn a_lock_with_a_ttl_lapses_and_is_prolonged([one, two]: Two) {
    let new = lapsing("a", TTL);
    let first = one.take(&subject(1), &new).await.unwrap();
    let prolongs = NewLock { by: By::Prolonging { late: false }, ..new };
    for _ in 0..8 {
        sleep(TTL / 4).await;
        let again = one.take(&subject(1), &prolongs).await.unwrap();
        assert_eq!(again.token, first.token);
    }
    refused(Kind::Locked, two.take(&subject(1), &self::new("b")).await);
    let took = freed(&*two, &subject(1)).await;
    assert!(took > TTL / 2, "it lapsed after {took:?}");
    let other = two.take(&subject(1), &self::new("b")).await.unwrap();
    assert!(other.token > first.token);
    refused(Kind::Locked, one.take(&subject(1), &prolongs).await);
}

pub async fn a_guard_after_a_lapse_tells_who_took_it_since([one, two]: Two) {
    let token = one.take(&subject(1), &lapsing("a", TTL)).await.unwrap().token;
    assert_eq!(one.guard(&subject(1), &host("a")).await.unwrap(), Some(token));
    freed(&*two, &subject(1)).await;
    assert_eq!(one.guard(&subject(1), &host("a")).await.unwrap(), None);
    two.take(&subject(1), &new("b")).await.unwrap();
    refused(Kind::Locked, one.guard(&subject(1), &host("a")).await);
    // What it remembers of its own does not help it.
    refused(Kind::Locked, one.take(&subject(1), &new("a")).await);
    one.release(&subject(1), &host("a").into()).await.unwrap();
    assert_eq!(*held(&*one, &subject(1)).await.unwrap().holder(), host("b"));
}

pub async fn a_ttl_can_be_taken_away([one, two]: Two) {
    let first = one.take(&subject(1), &lapsing("a", TTL)).await.unwrap();
    let stays = two.take(&subject(1), &new("a")).await.unwrap();
    assert_eq!((stays.token, stays.taken.ttl), (first.token, None));
    sleep(2 * TTL).await;
    assert_eq!(held(&*one, &subject(1)).await.unwrap().token, first.token);
}

pub async fn who_prolongs_leaves_a_later_request_alone([one, two]: Two) {
    let first = lapsing("a", TTL);
    one.take(&subject(1), &first).await.unwrap();
    let later = new("a");
    two.take(&subject(1), &later).await.unwrap();
    let prolongs = NewLock { by: By::Prolonging { late: false }, ..first };
    let found = one.take(&subject(1), &prolongs).await.unwrap();
    assert_eq!(found.taken, later);
    sleep(2 * TTL).await;
    assert_eq!(held(&*one, &subject(1)).await.unwrap().taken, later);
}

pub async fn what_a_request_took_is_freed_by_it_and_by_its_host_alone([one, two]: Two) {
    let (first, later) = (new("a"), new("a"));
    one.take(&subject(1), &first).await.unwrap();
    one.take(&subject(1), &later).await.unwrap();
    for registry in [&one, &two] {
        registry.release(&subject(1), &first.unlock()).await.unwrap();
        let other = Unlock { host: host("b"), ..later.unlock() };
        registry.release(&subject(1), &other).await.unwrap();
        assert_eq!(held(&**registry, &subject(1)).await.unwrap().taken, later);
    }
    two.release(&subject(1), &later.unlock()).await.unwrap();
    assert_eq!(held(&*one, &subject(1)).await, None);
}

pub async fn a_process_leaves_what_somebody_has_written_as_it_is([one, two]: Two) {
    let written = lapsing("a", TTL);
    let first = one.take(&subject(1), &written).await.unwrap();
    let process = NewLock { by: By::Process, process: "flock[7]".to_owned(), ..lapsing("a", 9 * TTL) };
    sleep(TTL / 2).await;
    let found = two.take(&subject(1), &process).await.unwrap();
    // Only that no earlier request may undo it any more.
    assert!(found.taken.request != written.request && found.taken.request != process.request);
    assert_eq!(NewLock { request: written.request.clone(), ..found.taken.clone() }, written);
    assert_eq!(found.token, first.token);
    assert_eq!(held(&*one, &subject(1)).await.unwrap().taken, found.taken);
    two.release(&subject(1), &process.unlock()).await.unwrap();
    assert_eq!(held(&*one, &subject(1)).await.unwrap().token, first.token);
    assert!(freed(&*one, &subject(1)).await < TTL, "a process has prolonged it");
}

pub async fn what_a_process_took_is_whose_process_takes_it_next_and_whoever_writes_it([one, two]: Two) {
    let process = || NewLock { by: By::Process, ..lapsing("a", 9 * TTL) };
    let (first, next) = (process(), process());
    let token = one.take(&subject(1), &first).await.unwrap().token;
    let taken = two.take(&subject(1), &next).await.unwrap();
    assert_eq!((&taken.taken, taken.token), (&next, token));
    let prolongs = NewLock { by: By::Prolonging { late: false }, ..first };
    assert_eq!(one.take(&subject(1), &prolongs).await.unwrap().taken, next);
    let written = new("a");
    two.take(&subject(1), &written).await.unwrap();
    let prolongs = NewLock { by: By::Prolonging { late: false }, ..next };
    assert_eq!(one.take(&subject(1), &prolongs).await.unwrap().taken, written);
    assert_eq!(held(&*one, &subject(1)).await.unwrap().taken, written);
}

pub async fn what_was_freed_or_broken_is_prolonged_only_if_it_may_have_lapsed([one, two]: Two) {
    let process = NewLock { by: By::Process, ..lapsing("a", 9 * TTL) };
    let prolongs = |late| NewLock { by: By::Prolonging { late }, ..process.clone() };
    let free = Unlock::from(host("a"));
    for breaks in [false, true] {
        let first = one.take(&subject(1), &process).await.unwrap();
        two.release(&subject(1), &Unlock { breaks, ..free.clone() }).await.unwrap();
        // What it remembers of its own does not help it, nor that it remembers nothing.
        for registry in [&one, &one, &two] {
            refused(Kind::NotHeld, registry.take(&subject(1), &prolongs(false)).await);
            assert_eq!(held(&**registry, &subject(1)).await, None);
        }
        let again = one.take(&subject(1), &prolongs(true)).await.unwrap();
        assert!(again.token > first.token);
        assert_eq!(two.take(&subject(1), &prolongs(false)).await.unwrap().token, again.token);
        two.release(&subject(1), &free).await.unwrap();
    }
    two.take(&subject(1), &new("b")).await.unwrap();
    for late in [false, true] {
        refused(Kind::Locked, one.take(&subject(1), &prolongs(late)).await);
    }
}

pub async fn what_a_process_counts_on_is_broken_but_not_freed(two: Two) {
    let storage = Arc::new(Memory::new());
    let mounts = two.map(|registry| Registered::new("e", host("a"), storage.clone(), registry));
    let volume = VolumeName::new("v").unwrap();
    mounts[0].create_volume(&volume, &NewVolume::default()).await.unwrap();
    let free = Unlock::from(host("a"));
    for lock in [&free, &Unlock { breaks: true, ..free.clone() }] {
        let written = mounts[0].create_lock(&volume, &new("a")).await.unwrap();
        let process = NewLock { by: By::Process, ..lapsing("a", 9 * TTL) };
        mounts[0].create_lock(&volume, &process).await.unwrap();
        for mount in &mounts {
            let said = refused(Kind::Locked, mount.remove_lock(&volume, &free).await);
            assert_eq!(said, "a process of a holds the lock for as long as it lives");
            // What is not there is free.
            mount.remove_lock(&volume, &host("b").into()).await.unwrap();
            assert_eq!(mount.locks(&volume).await.unwrap().map(|lock| lock.token), Some(written.token));
        }
        if !lock.breaks {
            mounts[0].remove_lock(&volume, &process.unlock()).await.unwrap();
        }
        mounts[1].remove_lock(&volume, lock).await.unwrap();
        assert_eq!(mounts[0].locks(&volume).await.unwrap(), None);
        mounts[0].remove_lock(&volume, &process.unlock()).await.unwrap();
    }
}

pub async fn of_hosts_that_take_one_lock_exactly_one_wins(two: Two) {
    for round in 0..20 {
        let tries: Vec<_> = (0..8)
            .map(|i| {
                let registry = two[i % 2].clone();
                tokio::spawn(async move { registry.take(&subject(round), &new(&format!("h{i}"))).await })
            })
            .collect();
        let mut won = Vec::new();
        for one in tries {
            match one.await.unwrap() {
                Ok(lock) => won.push(lock),
                Err(error) => assert_eq!(error.kind(), Kind::Locked, "{error}"),
            }
        }
        assert_eq!(won.len(), 1, "{won:?}");
        assert_eq!(held(&*two[0], &subject(round)).await.unwrap().taken, won[0].taken);
    }
}

pub async fn a_volume_that_is_forgotten_has_neither_lock_nor_marks([one, two]: Two) {
    one.take(&subject(1), &new("a")).await.unwrap();
    one.take(&subject(2), &new("a")).await.unwrap();
    one.change_marks(&subject(1), &MarksChange { protect: Some(true), comment: None }).await.unwrap();
    two.forget(&subject(1)).await.unwrap();
    assert_eq!(held(&*one, &subject(1)).await, None);
    assert!(!one.marks(&subject(1)).await.unwrap().protect);
    assert!(held(&*one, &subject(2)).await.is_some());
    one.take(&subject(1), &new("b")).await.unwrap();
}
