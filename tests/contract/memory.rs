//! What the back-end in memory promises beyond the contract.

use filerfs::backend::{Kind, NewVolume, Newer, Settings};

use crate::given::*;

const MOST: u64 = i64::MAX as u64;

/// All numbers of a volume at once.
fn numbers(value: u64) -> Settings {
    Settings {
        size_total: Some(value),
        percentage_snapshot_reserve: Some(value),
        max_autosize: Some(value),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_volume_may_be_created_without_any_field() {
    let b = memory();
    let made = b.create_volume(&vol("v"), &NewVolume::default()).await.unwrap();
    assert_eq!(made.settings.size_total, Some(0));
    assert_eq!(made.settings.junction_path.as_deref(), Some(""));
    assert_eq!(made.settings.active_policy_name, None);
    assert_eq!(made.filer_address, "dummy-filer");
}

#[tokio::test]
async fn numbers_are_kept_exactly_as_written() {
    let b = memory();
    volume(&b, "v").await;
    for value in [0, 1, 4095, (1 << 53) + 1, MOST - 1, MOST] {
        b.patch_volume(&vol("v"), &numbers(value)).await.unwrap();
        let kept = found(&b, "v").await.settings.clone();
        assert_eq!(kept, kept.clone().overlaid(&numbers(value)));
    }
    let below = Settings { max_autosize: Some(1), ..only_size(GIB) };
    b.patch_volume(&vol("v"), &below).await.unwrap();
    assert_eq!(found(&b, "v").await.settings.max_autosize, Some(1));
}

#[tokio::test]
async fn a_number_that_could_not_be_written_back_is_refused() {
    let b = memory();
    let made = volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    let before = found(&b, "v").await;
    let max_autosize = Settings { max_autosize: Some(u64::MAX), ..Settings::default() };
    let reserve = Settings { percentage_snapshot_reserve: Some(MOST + 1), ..Settings::default() };
    for bad in [only_size(MOST + 1), only_size(u64::MAX), max_autosize, reserve] {
        refused(Kind::OutOfRange, b.patch_volume(&vol("v"), &bad).await);
        refused(Kind::OutOfRange, b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &bad).await);
        let new = NewVolume { settings: bad, aggregate_name: None };
        refused(Kind::OutOfRange, b.create_volume(&vol("w"), &new).await);
    }
    assert_eq!(all_volumes(&b).await, [before]);
    assert!(made.size_used > 0);
}

#[tokio::test]
async fn names_of_all_kinds_follow_the_grammar_of_volumes() {
    let b = memory();
    volume(&b, "v").await;
    snapshots(&b, "v", &["daily:2025-01.01_x"]).await;
    policy(&b, "a:b_c.d-e", &[]).await;
    for bad in ["two words", "é", "a+b", "a%b", "@x", "日本"] {
        refused(Kind::Invalid, b.create_snapshot(&vol("v"), &snap(bad)).await);
        refused(Kind::Invalid, b.rename_snapshot(&vol("v"), &snap("daily:2025-01.01_x"), &snap(bad)).await);
        refused(Kind::Invalid, b.create_policy(&pol(bad), &[]).await);
    }
    assert_eq!(listed_snapshots(&b, "v").await, ["daily:2025-01.01_x"]);
    assert_eq!(b.policies().await.unwrap().len(), 1);
}

#[tokio::test]
async fn volumes_of_all_names_are_listed_in_the_order_of_bytes() {
    let b = memory();
    for name in ["a_b", "a.b", "n1:/a", "a-b", "a/b", "B"] {
        volume(&b, name).await;
    }
    assert_eq!(listed(&b).await, ["B", "a-b", "a.b", "a/b", "a_b", "n1:/a"]);
}

#[tokio::test]
async fn a_restricted_volume_leaves_its_name_and_policy() {
    let b = memory();
    policy(&b, "p", &[]).await;
    volume(&b, "v").await;
    b.set_policy(&vol("v"), &pol("p")).await.unwrap();
    b.restrict_volume(&vol("v")).await.unwrap();
    b.remove_policy(&pol("p")).await.unwrap();
    volume(&b, "v").await;
    assert_eq!(listed(&b).await, ["v"]);
}

/// What a clone is not told to be mounted at, it is not mounted at; and no setting follows from another.
#[tokio::test]
async fn nothing_is_set_that_was_not_asked_for() {
    let b = memory();
    let before = volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    let clone = clone(&b, "c", ("v", "s"), &Settings::default()).await;
    assert_eq!(clone.settings, before.settings.clone().overlaid(&only_junction("")));
    let patch = Settings { percentage_snapshot_reserve: Some(7), ..only_size(3 * GIB) };
    b.patch_volume(&vol("v"), &patch).await.unwrap();
    assert_eq!(found(&b, "v").await.settings, before.settings.clone().overlaid(&patch));
}

#[tokio::test]
async fn a_clone_does_not_depend_on_its_source() {
    let b = memory();
    volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    let clone = clone(&b, "c", ("v", "s"), &Settings::default()).await;
    b.delete_snapshot(&vol("v"), &snap("s")).await.unwrap();
    b.restrict_volume(&vol("v")).await.unwrap();
    assert_eq!(all_volumes(&b).await, [clone]);
}

#[tokio::test]
async fn a_reserve_holds_snapshots_before_they_take_space() {
    let b = memory();
    let before = volume(&b, "v").await;
    let reserve = Settings { percentage_snapshot_reserve: Some(5), ..Settings::default() };
    b.patch_volume(&vol("v"), &reserve).await.unwrap();
    snapshots(&b, "v", &["s"]).await;
    assert_eq!(found(&b, "v").await.size_used, before.size_used);

    // 120 KiB of snapshots in 10 KiB of reserve.
    b.patch_volume(&vol("v"), &only_size(200 * 1024)).await.unwrap();
    snapshots(&b, "v", &["t"]).await;
    let full = found(&b, "v").await;
    assert_eq!(full.percentage_snapshot_reserve_used, Some(1200));
    assert_eq!(full.size_used, before.size_used + 110 * 1024);
}

#[tokio::test]
async fn sizes_stay_in_range_whatever_the_settings() {
    let b = memory();
    volume(&b, "v").await;
    for value in [0, 1, MOST] {
        b.patch_volume(&vol("v"), &numbers(value)).await.unwrap();
        snapshots(&b, "v", &["s", "t"]).await;
        b.rollback_volume(&vol("v"), &snap("s"), Newer::Discard).await.unwrap();
        b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &numbers(MOST)).await.unwrap();
        for volume in all_volumes(&b).await {
            assert!(volume.size_used <= MOST);
            assert!(volume.percentage_snapshot_reserve_used.unwrap() <= MOST);
        }
        b.restrict_volume(&vol("c")).await.unwrap();
        b.delete_snapshot(&vol("v"), &snap("s")).await.unwrap();
    }
}
