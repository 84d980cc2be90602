//! What processes hold by flock(2) or fcntl(2), to the other hosts: without FUSE.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::counting::Fault;
use common::{ROOT, SMALL, counting, now, tree_of};
use filerfs::backend::{StorageBackend, VolumeName};
use filerfs::tree::{Opening, Tree};
use tokio::sync::Semaphore;

fn lock_of(tree: &Tree, volume: &str) -> u64 {
    let path = ["dummy", "volumes", volume, "lock"];
    path.iter().fold(1, |dir, name| now(tree.lookup(dir, name.as_bytes(), &ROOT)).unwrap().ino)
}

fn claim(tree: &Tree, volume: &str) {
    let ino = lock_of(tree, volume);
    let claimed = now(tree.claim(ino, &ROOT)).unwrap().unwrap();
    assert!(tree.keep(ino, claimed).changed, "{volume}");
}

/// Two shared flocks, and the answer to the first is on its way for long.
#[tokio::test]
async fn of_two_that_claim_at_once_one_is_sent_and_freed() {
    let backend = counting(SMALL);
    let tree = tree_of(backend.clone());
    let (ino, late) = (lock_of(&tree, "db1"), Arc::new(Semaphore::new(0)));
    let (faults, mut first) = (backend.clone(), Some(Fault::Answer(late.clone())));
    *backend.watch.lock() = Some(Box::new(move |_| faults.faults.lock().extend(first.take())));
    let answer = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        late.add_permits(1);
    };
    let claim = async || match tree.claim(ino, &ROOT).await.unwrap() {
        Some(claimed) => tree.keep(ino, claimed).changed,
        None => false,
    };
    assert_eq!(tokio::join!(claim(), claim(), answer), (true, false, ()));
    assert_eq!(backend.take_changes().len(), 1);
    tree.unclaim(ino).await.unwrap();
    assert_eq!(backend.locks(&VolumeName::new("db1").unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn a_claim_on_a_file_that_the_kernel_has_forgotten_is_freed() {
    let backend = counting(SMALL);
    let tree = tree_of(backend.clone());
    claim(&tree, "db1");
    let ino = lock_of(&tree, "db1");
    tree.inodes.forget(ino, u64::MAX);
    assert!(tree.unclaim(ino).await.unwrap().changed);
    assert_eq!(backend.locks(&VolumeName::new("db1").unwrap()).await.unwrap(), None);
}

/// After a crash, the second of them must not undo what the first was told.
#[tokio::test]
async fn of_two_that_write_a_lock_at_once_the_second_is_sent_after_the_first() {
    let backend = counting(SMALL);
    let tree = tree_of(backend.clone());
    let (ino, late) = (lock_of(&tree, "db1"), Arc::new(Semaphore::new(0)));
    let (faults, mut first) = (backend.clone(), Some(Fault::Answer(late.clone())));
    *backend.watch.lock() = Some(Box::new(move |_| faults.faults.lock().extend(first.take())));
    let write = async || {
        let mode = Opening { writes: true, truncates: true, ..Opening::default() };
        let handle = tree.open(ino, mode, &ROOT).unwrap();
        tree.write(ino, handle, 0, b"host1\n", &ROOT).await.unwrap();
    };
    let answer = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(backend.take_changes().len(), 1);
        late.add_permits(1);
    };
    tokio::join!(write(), write(), answer);
    assert_eq!(backend.take_changes().len(), 1);
}

#[tokio::test]
async fn a_lock_that_cannot_be_prolonged_or_freed_holds_up_no_other() {
    let backend = counting(SMALL);
    let tree = tree_of(backend.clone());
    ["db1", "db2"].iter().for_each(|volume| claim(&tree, volume));
    let hung = Arc::new(Semaphore::new(0));
    for call in ["create_lock", "remove_lock"] {
        backend.take_changes();
        backend.faults.lock().push_back(Fault::Wait(hung.clone()));
        let work = async {
            match call {
                "create_lock" => tree.prolong_claims().await,
                _ => tree.unclaim_all().await,
            }
        };
        tokio::time::timeout(Duration::from_millis(50), work).await.unwrap_err();
        let mut changes = backend.take_changes();
        changes.sort();
        assert_eq!(changes.len(), 2, "{changes:?}");
        for (change, volume) in changes.iter().zip(["db1", "db2"]) {
            assert!(change.starts_with(&format!("{call}({volume}, ")), "{change}");
        }
    }
}
