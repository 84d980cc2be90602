//! Clones: a new volume from a snapshot.

use filerfs::backend::{Kind, Newer, Settings};

use crate::given::*;

/// A volume `v` with a snapshot `s`, and its clone `c`.
async fn cloned(b: &Backend) {
    volume(b, "v").await;
    snapshots(b, "v", &["s"]).await;
    b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &Settings::default()).await.unwrap();
}

pub async fn a_clone_is_a_volume_of_its_own(b: Backend) {
    cloned(&b).await;
    let (source, clone) = (found(&b, "v").await, found(&b, "c").await);
    assert!(clone.identity != source.identity && clone.uuid != source.uuid);
    assert_eq!(listed(&b).await, ["c", "v"]);
    assert!(listed_snapshots(&b, "c").await.is_empty());

    b.patch_volume(&vol("c"), &only_size(3 * GIB)).await.unwrap();
    snapshots(&b, "c", &["of_clone"]).await;
    assert_eq!(found(&b, "v").await, source);
    assert_eq!(listed_snapshots(&b, "v").await, ["s"]);

    let clone = found(&b, "c").await;
    b.patch_volume(&vol("v"), &only_size(4 * GIB)).await.unwrap();
    b.rollback_volume(&vol("v"), &snap("s"), Newer::Keep).await.unwrap();
    assert_eq!(found(&b, "c").await, clone);

    let source = found(&b, "v").await;
    b.restrict_volume(&vol("c")).await.unwrap();
    assert_eq!(all_volumes(&b).await, [source]);
}

pub async fn a_clone_is_as_its_source_was_but_not_mounted_there(b: Backend) {
    policy(&b, "p", &[]).await;
    volume(&b, "v").await;
    let settings = Settings {
        percentage_snapshot_reserve: Some(7),
        compression_enabled: Some(true),
        inline_compression: Some(true),
        max_autosize: Some(5 * GIB),
        ..only_policy("p")
    };
    b.patch_volume(&vol("v"), &settings).await.unwrap();
    snapshots(&b, "v", &["s"]).await;
    let clone = clone(&b, "c", ("v", "s"), &Settings::default()).await;
    let source = found(&b, "v").await;
    let elsewhere = clone.settings.junction_path.clone().unwrap();
    assert!(["", "/c"].contains(&&*elsewhere), "mounted at {elsewhere}");
    assert_eq!(clone.settings, source.settings.clone().overlaid(&only_junction(&elsewhere)));
}

pub async fn settings_of_a_clone_take_the_place_of_the_source_s(b: Backend) {
    let source = volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    let settings = only_size(2 * GIB).overlaid(&only_junction("/c"));
    let clone = clone(&b, "c", ("v", "s"), &settings).await;
    assert_eq!(clone.settings, patched(&source.settings, &settings, &clone.settings));
    assert_eq!(found(&b, "v").await.settings, source.settings);
    refused(Kind::Invalid, b.patch_volume(&vol("v"), &only_junction("/c")).await);
}

pub async fn the_source_of_a_clone_is_checked_before_the_target(b: Backend) {
    cloned(&b).await;
    let none = Settings::default();
    refused(Kind::NotFound, b.clone_volume(&vol("c"), &vol("missing"), &snap("s"), &none).await);
    refused(Kind::NotFound, b.clone_volume(&vol("c"), &vol("v"), &snap("missing"), &none).await);
    refused(Kind::Exists, b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &none).await);
}

pub async fn a_clone_does_not_replace_a_volume(b: Backend) {
    cloned(&b).await;
    let before = all_volumes(&b).await;
    for name in ["c", "v"] {
        let again = b.clone_volume(&vol(name), &vol("v"), &snap("s"), &only_size(9 * GIB)).await;
        let said = refused(Kind::Exists, again);
        assert!(said.contains(name), "{said:?} does not name the volume");
    }
    assert_eq!(all_volumes(&b).await, before);
}

pub async fn a_clone_with_bad_settings_is_not_created(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    for bad in [only_policy("missing"), only_junction("/v")] {
        let bad = only_size(2 * GIB).overlaid(&bad);
        refused(Kind::Invalid, b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &bad).await);
        assert_eq!(listed(&b).await, ["v"], "{bad:?}");
    }
}

pub async fn a_clone_uses_its_policy(b: Backend) {
    policy(&b, "p", &[]).await;
    volume(&b, "v").await;
    b.set_policy(&vol("v"), &pol("p")).await.unwrap();
    snapshots(&b, "v", &["s"]).await;
    b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &Settings::default()).await.unwrap();
    policy(&b, "q", &[]).await;
    b.set_policy(&vol("v"), &pol("q")).await.unwrap();
    assert_eq!(found(&b, "c").await.settings.active_policy_name, Some(pol("p")));
    refused(Kind::InUse, b.remove_policy(&pol("p")).await);
}

pub async fn a_clone_can_be_cloned(b: Backend) {
    cloned(&b).await;
    snapshots(&b, "c", &["t"]).await;
    b.clone_volume(&vol("d"), &vol("c"), &snap("t"), &Settings::default()).await.unwrap();
    assert_eq!(listed(&b).await, ["c", "d", "v"]);
    let volumes = all_volumes(&b).await;
    assert!(volumes[0].identity != volumes[1].identity && volumes[1].identity != volumes[2].identity);
}

pub async fn a_clone_takes_the_space_of_its_snapshot(b: Backend) {
    let before = volume(&b, "v").await.size_used;
    snapshots(&b, "v", &["s"]).await;
    assert_eq!(clone(&b, "c", ("v", "s"), &Settings::default()).await.size_used, before);
}

pub async fn of_tasks_that_clone_to_one_name_exactly_one_wins(b: Backend) {
    volume(&b, "v").await;
    snapshots(&b, "v", &["s"]).await;
    let made = at_once(&b, |b, _| async move {
        b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &Settings::default()).await
    });
    one_winner(Kind::Exists, made.await);
    assert_eq!(listed(&b).await, ["c", "v"]);
}
