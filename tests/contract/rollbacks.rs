//! Rollback: a volume becomes what a snapshot holds.

use filerfs::backend::{Kind, Newer};

use crate::given::*;

pub async fn a_rollback_to_the_newest_snapshot_is_done(b: Backend) {
    volume(&b, "v").await;
    let made = snapshots(&b, "v", &["a", "b"]).await;
    b.rollback_volume(&vol("v"), &snap("b"), Newer::Keep).await.unwrap();
    assert_eq!(b.get_snapshots(&vol("v")).await.unwrap(), made);
}

pub async fn a_rollback_over_newer_snapshots_is_refused(b: Backend) {
    volume(&b, "v").await;
    let made = snapshots(&b, "v", &["a", "b_lost", "c_lost"]).await;
    let before = found(&b, "v").await;
    let said = refused(Kind::InUse, b.rollback_volume(&vol("v"), &snap("a"), Newer::Keep).await);
    assert!(said.contains("b_lost") && said.contains("c_lost"), "{said:?} does not name what would be lost");
    assert_eq!(b.get_snapshots(&vol("v")).await.unwrap(), made);
    assert_eq!(found(&b, "v").await, before);
}

pub async fn a_rollback_that_discards_destroys_the_newer_snapshots_alone(b: Backend) {
    volume(&b, "v").await;
    volume(&b, "w").await;
    let made = snapshots(&b, "v", &["a", "b", "c", "d"]).await;
    snapshots(&b, "w", &["e"]).await;
    b.rollback_volume(&vol("v"), &snap("b"), Newer::Discard).await.unwrap();
    assert_eq!(b.get_snapshots(&vol("v")).await.unwrap(), made[..2]);
    assert_eq!(listed_snapshots(&b, "w").await, ["e"]);
    refused(Kind::NotFound, b.get_snapshot(&vol("v"), &snap("c")).await);
}

pub async fn newer_means_created_later_whatever_the_name(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["z", "a"]).await;
    refused(Kind::InUse, b.rollback_volume(&vol("v"), &snap("z"), Newer::Keep).await);
    b.rename_snapshot(&vol("v"), &snap("z"), &snap("b")).await.unwrap();
    refused(Kind::InUse, b.rollback_volume(&vol("v"), &snap("b"), Newer::Keep).await);
    b.rollback_volume(&vol("v"), &snap("a"), Newer::Keep).await.unwrap();
    assert_eq!(listed_snapshots(&b, "v").await, ["b", "a"]);
}

pub async fn a_rollback_gives_the_space_of_newer_snapshots_back(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["a"]).await;
    let before = found(&b, "v").await.size_used;
    snapshots(&b, "v", &["b", "c"]).await;
    assert!(found(&b, "v").await.size_used > before);
    b.rollback_volume(&vol("v"), &snap("a"), Newer::Discard).await.unwrap();
    assert_eq!(found(&b, "v").await.size_used, before);
}

pub async fn a_rollback_can_be_repeated(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["a", "b"]).await;
    b.rollback_volume(&vol("v"), &snap("a"), Newer::Discard).await.unwrap();
    let once = found(&b, "v").await;
    b.rollback_volume(&vol("v"), &snap("a"), Newer::Discard).await.unwrap();
    b.rollback_volume(&vol("v"), &snap("a"), Newer::Keep).await.unwrap();
    assert_eq!(found(&b, "v").await, once);
    assert_eq!(listed_snapshots(&b, "v").await, ["a"]);
}

pub async fn names_of_discarded_snapshots_are_free(b: Backend) {
    volume(&b, "v").await;
    let old = snapshots(&b, "v", &["a", "b"]).await;
    b.rollback_volume(&vol("v"), &snap("a"), Newer::Discard).await.unwrap();
    let new = snapshots(&b, "v", &["b"]).await;
    assert_ne!(new[0].identity, old[1].identity);
}

pub async fn a_rollback_to_a_missing_snapshot_changes_nothing(b: Backend) {
    volume(&b, "v").await;
    let made = snapshots(&b, "v", &["a", "b"]).await;
    let before = found(&b, "v").await;
    refused(Kind::NotFound, b.rollback_volume(&vol("v"), &snap("c"), Newer::Discard).await);
    assert_eq!(found(&b, "v").await, before);
    assert_eq!(b.get_snapshots(&vol("v")).await.unwrap(), made);
}
