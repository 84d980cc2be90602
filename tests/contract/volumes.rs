//! Volumes: create, list, find, restrict, change.

use std::sync::Arc;
use std::time::SystemTime;

use filerfs::backend::{AggregateName, Kind, NewVolume, Newer, Settings, Volume};

use crate::given::*;

pub async fn a_fresh_back_end_has_nothing(b: Backend) {
    assert!(all_volumes(&b).await.is_empty());
    assert!(listed_policies(&b).await.is_empty());
    assert!(!b.identify().await.unwrap().is_empty());
}

pub async fn a_created_volume_is_answered_listed_and_found(b: Backend) {
    let made = volume(&b, "v").await;
    assert_eq!(found(&b, "v").await, made);
    assert_eq!(all_volumes(&b).await, [made]);
}

pub async fn a_created_volume_has_what_was_asked_for(b: Backend) {
    policy(&b, "p", &[]).await;
    let from = SystemTime::now();
    let mut new = plain("v");
    new.settings.active_policy_name = Some(pol("p"));
    new.settings.percentage_snapshot_reserve = Some(20);
    let made = b.create_volume(&vol("v"), &new).await.unwrap();
    assert_eq!(made.name, vol("v"));
    assert_eq!(made.settings, patched(&made.settings, &new.settings, &made.settings));
    // The reserve may be taken out of it.
    assert!((GIB * 8 / 10..=GIB + 4096).contains(&made.settings.size_total.unwrap()));
    assert!(!made.uuid.is_empty() && !made.filer_address.is_empty());
    assert!(made.size_used < GIB);
    assert!(since(from, made.creation_time));
}

pub async fn volumes_are_listed_by_name(b: Backend) {
    for name in ["m", "a", "v10", "v9", "B", "a_b", "_"] {
        volume(&b, name).await;
    }
    assert_eq!(listed(&b).await, ["B", "_", "a", "a_b", "m", "v10", "v9"]);
}

pub async fn a_volume_that_exists_is_not_created_again(b: Backend) {
    let made = volume(&b, "v").await;
    let mut other = plain("other");
    other.settings.size_total = Some(2 * GIB);
    refused(Kind::Exists, b.create_volume(&vol("v"), &other).await);
    assert_eq!(all_volumes(&b).await, [made]);
}

/// Every operation on a volume that is not there. Those on locks have a rule of their own.
async fn nothing_is_found(b: &Backend, name: &str) {
    let (v, s, t) = (vol(name), snap("s"), snap("t"));
    refused(Kind::NotFound, b.get_volume(&v).await);
    refused(Kind::NotFound, b.restrict_volume(&v).await);
    refused(Kind::NotFound, b.patch_volume(&v, &only_size(GIB)).await);
    refused(Kind::NotFound, b.patch_volume(&v, &Settings::default()).await);
    refused(Kind::NotFound, b.clone_volume(&vol("new"), &v, &s, &Settings::default()).await);
    refused(Kind::NotFound, b.rollback_volume(&v, &s, Newer::Discard).await);
    refused(Kind::NotFound, b.get_snapshots(&v).await);
    refused(Kind::NotFound, b.get_snapshot(&v, &s).await);
    refused(Kind::NotFound, b.create_snapshot(&v, &s).await);
    refused(Kind::NotFound, b.delete_snapshot(&v, &s).await);
    refused(Kind::NotFound, b.rename_snapshot(&v, &s, &t).await);
    let said = refused(Kind::NotFound, b.set_policy(&v, &pol("p")).await);
    assert!(said.contains(name), "{said:?} does not name the volume");
}

pub async fn a_missing_volume_is_not_found_by_any_operation(b: Backend) {
    policy(&b, "p", &[]).await;
    let made = volume(&b, "other").await;
    nothing_is_found(&b, "missing").await;
    assert_eq!(all_volumes(&b).await, [made]);
}

pub async fn a_restricted_volume_is_neither_listed_nor_found(b: Backend) {
    policy(&b, "p", &[]).await;
    volume(&b, "gone").await;
    let made = volume(&b, "other").await;
    snapshots(&b, "gone", &["s"]).await;
    b.restrict_volume(&vol("gone")).await.unwrap();
    nothing_is_found(&b, "gone").await;
    assert_eq!(all_volumes(&b).await, [made]);
}

/// The name may stay taken; if it is free, nothing of the old volume is left.
pub async fn a_recreated_volume_is_another_one(b: Backend) {
    let old = volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    b.patch_volume(&vol("v"), &only_size(5 * GIB)).await.unwrap();
    b.restrict_volume(&vol("v")).await.unwrap();
    match b.create_volume(&vol("v"), &plain("v")).await {
        Ok(new) => {
            assert!(new.identity != old.identity && new.uuid != old.uuid);
            assert_eq!(new.settings, old.settings);
            assert!(listed_snapshots(&b, "v").await.is_empty());
        }
        Err(error) => assert_eq!((error.kind(), listed(&b).await), (Kind::Exists, vec![])),
    }
}

pub async fn a_restricted_volume_leaves_its_junction_path(b: Backend) {
    volume(&b, "v").await;
    b.restrict_volume(&vol("v")).await.unwrap();
    let other = b.create_volume(&vol("other"), &plain("v")).await.unwrap();
    assert_eq!(other.settings.junction_path.as_deref(), Some("/v"));
}

pub async fn an_unknown_aggregate_is_refused(b: Backend) {
    let aggregate = AggregateName::new("no_such_aggregate").unwrap();
    let new = NewVolume { aggregate_name: Some(aggregate), ..plain("v") };
    let said = refused(Kind::Invalid, b.create_volume(&vol("v"), &new).await);
    assert!(said.contains("no_such_aggregate"), "{said:?} does not name the aggregate");
    nothing_is_found(&b, "v").await;
}

pub async fn an_unknown_policy_of_a_new_volume_is_refused(b: Backend) {
    let mut new = plain("v");
    new.settings.active_policy_name = Some(pol("no_such_policy"));
    let said = refused(Kind::Invalid, b.create_volume(&vol("v"), &new).await);
    assert!(said.contains("no_such_policy"), "{said:?} does not name the policy");
    nothing_is_found(&b, "v").await;
    volume(&b, "v").await;
}

pub async fn two_volumes_cannot_have_one_junction_path(b: Backend) {
    volume(&b, "v").await;
    refused(Kind::Invalid, b.create_volume(&vol("w"), &plain("v")).await);
    volume(&b, "w").await;
    refused(Kind::Invalid, b.patch_volume(&vol("w"), &only_junction("/v")).await);
    assert_eq!(found(&b, "w").await.settings.junction_path.as_deref(), Some("/w"));
    b.patch_volume(&vol("w"), &only_junction("/w")).await.unwrap();
}

pub async fn a_junction_path_that_is_left_is_free(b: Backend) {
    volume(&b, "v").await;
    volume(&b, "w").await;
    b.patch_volume(&vol("v"), &only_junction("/moved")).await.unwrap();
    b.patch_volume(&vol("w"), &only_junction("/v")).await.unwrap();
    b.patch_volume(&vol("v"), &only_junction("")).await.unwrap();
    b.patch_volume(&vol("w"), &only_junction("")).await.unwrap();
    assert_eq!(found(&b, "v").await.settings.junction_path.as_deref(), Some(""));
    assert_eq!(found(&b, "w").await.settings.junction_path.as_deref(), Some(""));
}

/// One patch of each field, marks apart, that changes a volume of these settings. In this order none is
/// refused: what is compressed while it is written is compressed.
fn single_patches(now: &Settings) -> Vec<Settings> {
    let none = Settings::default;
    let other = |now: Option<bool>| now.map(|now| !now);
    vec![
        only_size(2 * GIB),
        Settings { percentage_snapshot_reserve: Some(10), ..none() },
        Settings { inline_compression: other(now.inline_compression), ..none() },
        Settings { caching_policy: Some("auto".into()), ..none() },
        Settings { autosize_enabled: other(now.autosize_enabled), ..none() },
        Settings { max_autosize: Some(3 * GIB), ..none() },
        only_junction("/moved"),
        only_policy("p"),
        Settings { compression_enabled: other(now.compression_enabled), ..none() },
    ]
}

pub async fn a_patch_changes_what_it_names_and_nothing_else(b: Backend) {
    policy(&b, "p", &[]).await;
    let made = volume(&b, "v").await;
    let untouched = volume(&b, "w").await;
    for patch in single_patches(&made.settings) {
        let before = found(&b, "v").await;
        b.patch_volume(&vol("v"), &patch).await.unwrap();
        let after = found(&b, "v").await;
        assert_ne!(after.settings, before.settings, "{patch:?} changed nothing");
        let settings = patched(&before.settings, &patch, &after.settings);
        let due = Volume { settings, ..(*before).clone() };
        assert_eq!(*after, due, "{patch:?}");
        assert_eq!(all_volumes(&b).await, [after, untouched.clone()]);
    }
}

pub async fn an_empty_patch_changes_nothing(b: Backend) {
    let made = volume(&b, "v").await;
    b.patch_volume(&vol("v"), &Settings::default()).await.unwrap();
    assert_eq!(found(&b, "v").await, made);
    b.patch_volume(&vol("v"), &plain("v").settings).await.unwrap();
    assert_eq!(found(&b, "v").await, made);
}

pub async fn a_patch_is_applied_whole_or_not_at_all(b: Backend) {
    let made = volume(&b, "v").await;
    volume(&b, "w").await;
    let bad = [only_policy("missing"), only_junction("/w")];
    for bad in bad {
        let patch = only_size(2 * GIB).overlaid(&only_junction("/moved")).overlaid(&bad);
        refused(Kind::Invalid, b.patch_volume(&vol("v"), &patch).await);
        assert_eq!(found(&b, "v").await, made, "{bad:?}");
    }
    // Nor is anything kept that the record does not show: the junction path is still free.
    b.patch_volume(&vol("w"), &only_junction("/moved")).await.unwrap();
}

pub async fn a_volume_keeps_its_identity_through_changes(b: Backend) {
    policy(&b, "p", &[]).await;
    let made = volume(&b, "v").await;
    let taken = snapshots(&b, "v", &["s"]).await;
    for patch in single_patches(&made.settings) {
        b.patch_volume(&vol("v"), &patch).await.unwrap();
    }
    b.set_policy(&vol("v"), &pol("p")).await.unwrap();
    b.rollback_volume(&vol("v"), &snap("s"), Newer::Keep).await.unwrap();
    let after = found(&b, "v").await;
    assert_eq!((after.identity, &after.uuid), (made.identity, &made.uuid));
    assert_eq!(after.creation_time, made.creation_time);
    assert_eq!(b.get_snapshot(&vol("v"), &snap("s")).await.unwrap().identity, taken[0].identity);
}

pub async fn of_tasks_that_create_one_volume_exactly_one_wins(b: Backend) {
    let made = at_once(&b, |b, i| async move {
        let mut new = plain("v");
        new.settings.size_total = Some((1 + i as u64) * GIB);
        b.create_volume(&vol("v"), &new).await
    });
    let made: Vec<filerfs::backend::Result<Arc<Volume>>> = made.await;
    let won = one_winner(Kind::Exists, made);
    let kept = all_volumes(&b).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].settings.size_total, Some((1 + won as u64) * GIB));
}

pub async fn concurrent_patches_of_different_fields_are_all_kept(b: Backend) {
    policy(&b, "p", &[]).await;
    let made = volume(&b, "v").await;
    let patches = &single_patches(&made.settings)[..8];
    let done = at_once(&b, |b, i| {
        let patch = patches[i].clone();
        async move { b.patch_volume(&vol("v"), &patch).await }
    });
    done.await.into_iter().for_each(|done| done.unwrap());
    let all = patches.iter().fold(Settings::default(), Settings::overlaid);
    let after = found(&b, "v").await;
    assert_eq!(after.settings, patched(&made.settings, &all, &after.settings));
    assert!(after.settings.size_total > Some(GIB));
}
