//! Snapshots: create, list, find, delete, rename.

use std::time::SystemTime;

use filerfs::backend::{Kind, Newer, Settings};

use crate::given::*;

pub async fn a_created_snapshot_is_answered_listed_and_found(b: Backend) {
    volume(&b, "v").await;
    let from = SystemTime::now();
    let made = snapshot(&b, "v", "s").await.unwrap();
    assert_eq!(made.name, snap("s"));
    assert!(since(from, made.creation_time));
    assert!(made.size_kbytes.is_some());
    assert_eq!(b.get_snapshot(&vol("v"), &snap("s")).await.unwrap(), made);
    assert_eq!(b.get_snapshots(&vol("v")).await.unwrap(), [made]);
}

pub async fn snapshots_are_listed_oldest_first(b: Backend) {
    volume(&b, "v").await;
    assert!(listed_snapshots(&b, "v").await.is_empty());
    snapshots(&b, "v", &["z", "a", "m"]).await;
    assert_eq!(listed_snapshots(&b, "v").await, ["z", "a", "m"]);
    b.delete_snapshot(&vol("v"), &snap("a")).await.unwrap();
    snapshots(&b, "v", &["a"]).await;
    assert_eq!(listed_snapshots(&b, "v").await, ["z", "m", "a"]);
    b.delete_snapshot(&vol("v"), &snap("z")).await.unwrap();
    assert_eq!(listed_snapshots(&b, "v").await, ["m", "a"]);
}

pub async fn a_snapshot_that_exists_is_not_created_again(b: Backend) {
    volume(&b, "v").await;
    let made = snapshots(&b, "v", &["s", "t"]).await;
    let said = refused(Kind::Exists, b.create_snapshot(&vol("v"), &snap("s")).await);
    assert!(said.contains('s'));
    assert_eq!(b.get_snapshots(&vol("v")).await.unwrap(), made);
}

/// Every operation on a snapshot that is not there.
async fn nothing_is_found(b: &Backend, name: &str) {
    let (v, s) = (vol("v"), snap(name));
    refused(Kind::NotFound, b.get_snapshot(&v, &s).await);
    refused(Kind::NotFound, b.delete_snapshot(&v, &s).await);
    refused(Kind::NotFound, b.rename_snapshot(&v, &s, &snap("other")).await);
    refused(Kind::NotFound, b.rollback_volume(&v, &s, Newer::Keep).await);
    refused(Kind::NotFound, b.rollback_volume(&v, &s, Newer::Discard).await);
    let said = refused(Kind::NotFound, b.clone_volume(&vol("new"), &v, &s, &Settings::default()).await);
    assert!(said.contains(name), "{said:?} does not name the snapshot");
}

pub async fn a_missing_snapshot_is_not_found_by_any_operation(b: Backend) {
    volume(&b, "v").await;
    let made = snapshots(&b, "v", &["kept"]).await;
    nothing_is_found(&b, "missing").await;
    assert_eq!(b.get_snapshots(&vol("v")).await.unwrap(), made);
    assert_eq!(listed(&b).await, ["v"]);
}

pub async fn a_deleted_snapshot_is_neither_listed_nor_found(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["gone", "kept"]).await;
    b.delete_snapshot(&vol("v"), &snap("gone")).await.unwrap();
    nothing_is_found(&b, "gone").await;
    assert_eq!(listed_snapshots(&b, "v").await, ["kept"]);
}

pub async fn a_recreated_snapshot_is_another_one(b: Backend) {
    volume(&b, "v").await;
    let old = snapshots(&b, "v", &["s"]).await;
    b.delete_snapshot(&vol("v"), &snap("s")).await.unwrap();
    let new = snapshots(&b, "v", &["s"]).await;
    assert_ne!(new[0].identity, old[0].identity);
}

pub async fn snapshots_of_two_volumes_are_apart(b: Backend) {
    volume(&b, "v").await;
    volume(&b, "w").await;
    let mine = snapshots(&b, "v", &["s"]).await;
    let theirs = snapshots(&b, "w", &["s"]).await;
    assert_ne!(mine[0].identity, theirs[0].identity);
    b.delete_snapshot(&vol("v"), &snap("s")).await.unwrap();
    assert_eq!(b.get_snapshots(&vol("w")).await.unwrap(), theirs);
}

pub async fn the_snapshots_of_all_volumes_are_those_of_each(b: Backend) {
    assert!(b.all_snapshots().await.unwrap().values().all(Vec::is_empty));
    for (name, names) in [("v", &["z", "a", "m"][..]), ("w", &["m"]), ("none", &[]), ("gone", &["s"])] {
        volume(&b, name).await;
        snapshots(&b, name, names).await;
    }
    b.restrict_volume(&vol("gone")).await.unwrap();
    let all = b.all_snapshots().await.unwrap();
    for name in ["none", "v", "w"] {
        let of_it = all.get(&vol(name)).cloned().unwrap_or_default();
        assert_eq!(of_it, b.get_snapshots(&vol(name)).await.unwrap(), "{name}");
    }
    b.delete_snapshot(&vol("v"), &snap("a")).await.unwrap();
    let all = b.all_snapshots().await.unwrap();
    assert_eq!(all[&vol("v")], b.get_snapshots(&vol("v")).await.unwrap());
}

pub async fn a_snapshot_keeps_its_identity_through_changes(b: Backend) {
    volume(&b, "v").await;
    let made = snapshots(&b, "v", &["a", "b", "c"]).await;
    b.patch_volume(&vol("v"), &only_size(2 * GIB)).await.unwrap();
    b.delete_snapshot(&vol("v"), &snap("a")).await.unwrap();
    b.clone_volume(&vol("w"), &vol("v"), &snap("b"), &Settings::default()).await.unwrap();
    b.rollback_volume(&vol("v"), &snap("b"), Newer::Discard).await.unwrap();
    snapshots(&b, "v", &["d"]).await;
    b.refresh();
    let listed = b.get_snapshots(&vol("v")).await.unwrap();
    assert_eq!(listed[0].identity, made[1].identity);
    assert_eq!(listed[0].creation_time, made[1].creation_time);
    assert_eq!(b.get_snapshot(&vol("v"), &snap("b")).await.unwrap(), listed[0]);
    assert!(made.iter().all(|old| old.identity != listed[1].identity));
}

pub async fn a_renamed_snapshot_is_the_same_one(b: Backend) {
    volume(&b, "v").await;
    let made = snapshots(&b, "v", &["a", "b", "c"]).await;
    b.rename_snapshot(&vol("v"), &snap("b"), &snap("z")).await.unwrap();
    assert_eq!(listed_snapshots(&b, "v").await, ["a", "z", "c"]);
    nothing_is_found(&b, "b").await;
    let renamed = b.get_snapshot(&vol("v"), &snap("z")).await.unwrap();
    assert_eq!(renamed.name, snap("z"));
    assert_eq!((renamed.identity, renamed.creation_time), (made[1].identity, made[1].creation_time));
}

pub async fn a_rename_onto_another_snapshot_is_refused(b: Backend) {
    volume(&b, "v").await;
    let made = snapshots(&b, "v", &["a", "b"]).await;
    refused(Kind::Exists, b.rename_snapshot(&vol("v"), &snap("a"), &snap("b")).await);
    assert_eq!(b.get_snapshots(&vol("v")).await.unwrap(), made);
}

pub async fn the_source_of_a_rename_is_checked_before_the_target(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["b"]).await;
    refused(Kind::NotFound, b.rename_snapshot(&vol("v"), &snap("missing"), &snap("b")).await);
}

pub async fn the_name_that_a_rename_leaves_is_free(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["a"]).await;
    b.rename_snapshot(&vol("v"), &snap("a"), &snap("b")).await.unwrap();
    let made = snapshots(&b, "v", &["a"]).await;
    let kept = b.get_snapshots(&vol("v")).await.unwrap();
    assert_eq!(listed_snapshots(&b, "v").await, ["b", "a"]);
    assert_eq!(kept[1], made[0]);
    assert_ne!(kept[0].identity, made[0].identity);
}

pub async fn snapshots_go_with_their_volume(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    b.restrict_volume(&vol("v")).await.unwrap();
    refused(Kind::NotFound, b.get_snapshot(&vol("v"), &snap("s")).await);
    refused(Kind::NotFound, b.clone_volume(&vol("w"), &vol("v"), &snap("s"), &Settings::default()).await);
}

pub async fn a_snapshot_takes_space_and_gives_it_back(b: Backend) {
    let before = volume(&b, "v").await;
    let made = snapshots(&b, "v", &["s"]).await;
    let with = found(&b, "v").await;
    assert!(with.size_used > before.size_used, "{} > {}", with.size_used, before.size_used);
    assert!(with.size_used - before.size_used >= made[0].size_kbytes.unwrap() * 1024);
    b.delete_snapshot(&vol("v"), &snap("s")).await.unwrap();
    assert_eq!(found(&b, "v").await.size_used, before.size_used);
}

pub async fn the_limit_of_snapshots_is_a_refusal_of_its_own(b: Backend) {
    volume(&b, "v").await;
    volume(&b, "w").await;
    let mut last = 0;
    let refusal = loop {
        assert!(last < 2048, "there is no limit of snapshots");
        match b.create_snapshot(&vol("v"), &snap(&format!("s{last}"))).await {
            Ok(_) => last += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refusal.kind(), Kind::TooManySnapshots);
    assert_eq!(b.get_snapshots(&vol("v")).await.unwrap().len(), last);
    refused(Kind::Exists, b.create_snapshot(&vol("v"), &snap("s0")).await);
    snapshots(&b, "w", &["s"]).await;
    b.delete_snapshot(&vol("v"), &snap("s0")).await.unwrap();
    snapshots(&b, "v", &["s0"]).await;
    refused(Kind::TooManySnapshots, b.create_snapshot(&vol("v"), &snap("more")).await);
}

pub async fn of_tasks_that_create_one_snapshot_exactly_one_wins(b: Backend) {
    volume(&b, "v").await;
    for round in 0..20 {
        let name = format!("s{round}");
        let made = at_once(&b, |b, _| {
            let name = snap(&name);
            async move { b.create_snapshot(&vol("v"), &name).await }
        });
        one_winner(Kind::Exists, made.await);
        assert_eq!(listed_snapshots(&b, "v").await.len(), round + 1);
    }
}

pub async fn of_tasks_that_delete_one_snapshot_exactly_one_wins(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    let gone = at_once(&b, |b, _| async move { b.delete_snapshot(&vol("v"), &snap("s")).await });
    one_winner(Kind::NotFound, gone.await);
}

pub async fn concurrent_snapshots_of_one_volume_are_all_kept(b: Backend) {
    volume(&b, "v").await;
    let made = at_once(&b, |b, i| async move { snapshot(&b, "v", &format!("s{i}")).await.unwrap().identity });
    let mut made = made.await;
    let kept = b.get_snapshots(&vol("v")).await.unwrap();
    let mut kept: Vec<_> = kept.iter().map(|snapshot| snapshot.identity).collect();
    made.sort();
    kept.sort();
    assert_eq!(kept, made);
    made.dedup();
    assert_eq!(made.len(), 8);
}
