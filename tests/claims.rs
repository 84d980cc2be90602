//! What processes hold by flock(2) or fcntl(2), to the other hosts: without FUSE.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::counting::Fault;
use common::{ROOT, SMALL, counting, now, tree_of};
use filerfs::tree::Tree;
use tokio::sync::Semaphore;

fn claim(tree: &Tree, volume: &str) {
    let path = ["dummy", "volumes", volume, "lock"];
    let ino = path.iter().fold(1, |dir, name| now(tree.lookup(dir, name.as_bytes(), &ROOT)).unwrap().ino);
    assert!(now(tree.claim(ino, &ROOT)).unwrap().changed, "{volume}");
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
