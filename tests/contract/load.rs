//! What the back-end in memory starts with: `load` and `generate`.

use std::time::SystemTime;

use filerfs::backend::{Identity, Kind, NewVolume, Newer, Settings};
use filerfs::backends::memory::{Content, Generate, Memory};
use serde_json::{Value, json};

use crate::given::*;

/// Reads this as the content of a `load` file.
fn load(content: Value) -> Result<Backend, String> {
    let content: Content = serde_json::from_str(&content.to_string()).map_err(|e| e.to_string())?;
    Ok(Backend::of(Memory::with(content).map_err(|e| e.to_string())?))
}

fn generate(volumes: u32, snapshots: u32) -> Result<Backend, String> {
    Ok(Backend::of(Memory::with(Generate { volumes, snapshots }.content()).map_err(|e| e.to_string())?))
}

fn time(text: &str) -> Option<SystemTime> {
    Some(humantime::parse_rfc3339(text).unwrap())
}

fn everything() -> Value {
    json!({
        "aggregates": [{"name": "aggr0_node1", "size_total": 9_000_000, "size_available": 9_000_000},
                       {"name": "aggr1", "size_total": 100, "size_available": 10},
                       {"name": "aggr2", "size_total": 100, "size_available": 90}],
        "policies": [{"name": "nfs", "rules": ["10.0.0.0/24", "@hosts"]}, {"name": "empty"}],
        "volumes": [{
            "name": "db/1", "uuid": "0ad0c88a-5d7b-4b2b-9b0e-5bb0a2e7f1aa", "state": "online",
            "size_total": i64::MAX, "size_used": 1_048_576, "filer_address": "10.1.1.1",
            "aggregate_name": "aggr1", "junction_path": "/db1", "active_policy_name": "nfs",
            "comment": "the first", "creation_time": "2025-01-01T00:00:00Z",
            "compression_enabled": true, "inline_compression": true, "percentage_snapshot_reserve": 5,
            "percentage_snapshot_reserve_used": 3, "caching_policy": "auto", "autosize_enabled": true,
            "max_autosize": 1,
            "snapshots": [{"name": "z", "creation_time": "2025-01-02T00:00:00Z", "size_kbytes": 100},
                          {"name": "a", "creation_time": "2025-01-03T00:00:00Z", "size_kbytes": 200}],
        }, {"name": "db2"}],
    })
}

#[tokio::test]
async fn what_is_loaded_is_kept_exactly() {
    let b = load(everything()).unwrap();
    assert_eq!(listed(&b).await, ["db/1", "db2"]);
    assert_eq!(kept_rules(&b, "nfs").await, ["10.0.0.0/24", "@hosts"]);
    assert!(kept_rules(&b, "empty").await.is_empty());
    let volume = found(&b, "db/1").await;
    assert_eq!(volume.uuid, "0ad0c88a-5d7b-4b2b-9b0e-5bb0a2e7f1aa");
    assert_eq!(volume.state.as_deref(), Some("online"));
    assert_eq!((volume.size_used, &*volume.filer_address), (1_048_576, "10.1.1.1"));
    assert_eq!(volume.aggregate_name.as_ref().unwrap().as_str(), "aggr1");
    assert_eq!(volume.creation_time, time("2025-01-01T00:00:00Z"));
    assert_eq!(volume.percentage_snapshot_reserve_used, Some(3));
    let settings = Settings {
        size_total: Some(i64::MAX as u64),
        percentage_snapshot_reserve: Some(5),
        compression_enabled: Some(true),
        inline_compression: Some(true),
        caching_policy: Some("auto".into()),
        autosize_enabled: Some(true),
        max_autosize: Some(1),
        junction_path: Some("/db1".into()),
        comment: Some("the first".into()),
        protect: Some(false),
        active_policy_name: Some(pol("nfs")),
    };
    assert_eq!(volume.settings, settings);
    let kept = b.get_snapshots(&vol("db/1")).await.unwrap();
    let kept: Vec<_> = kept.iter().map(|s| (s.name.as_str(), s.creation_time, s.size_kbytes)).collect();
    let due =
        [("z", time("2025-01-02T00:00:00Z"), Some(100)), ("a", time("2025-01-03T00:00:00Z"), Some(200))];
    assert_eq!(kept, due);
}

#[tokio::test]
async fn a_volume_without_an_aggregate_goes_where_most_is_free_for_data() {
    let b = load(everything()).unwrap();
    assert_eq!(found(&b, "db2").await.aggregate_name.as_ref().unwrap().as_str(), "aggr2");
    let new = b.create_volume(&vol("new"), &NewVolume::default()).await.unwrap();
    assert_eq!(new.aggregate_name.as_ref().unwrap().as_str(), "aggr2");
}

#[tokio::test]
async fn loaded_snapshots_are_listed_oldest_first() {
    let b = load(json!({"volumes": [{"name": "v", "snapshots": [
        {"name": "late", "creation_time": "2025-03-01T00:00:00Z"},
        {"name": "early", "creation_time": "2025-01-01T00:00:00Z"},
        {"name": "middle", "creation_time": "2025-02-01T00:00:00Z"},
    ]}]}));
    let b = b.unwrap();
    assert_eq!(listed_snapshots(&b, "v").await, ["early", "middle", "late"]);
    refused(Kind::InUse, b.rollback_volume(&vol("v"), &snap("middle"), Newer::Keep).await);
    b.rollback_volume(&vol("v"), &snap("late"), Newer::Keep).await.unwrap();
}

/// One thing wrong, and the words that the refusal must hold.
#[test]
fn a_bad_file_is_refused_and_the_words_say_where() {
    let volume = |extra: Value| {
        let mut volume = json!({"name": "v1"});
        volume.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"volumes": [volume]})
    };
    let cases = [
        (json!({"volume": []}), vec!["unknown field `volume`", "volumes"]),
        (json!({"policies": [{"name": "p", "rule": []}]}), vec!["unknown field `rule`", "rules"]),
        (json!({"aggregates": [{"name": "a", "free": 1}]}), vec!["unknown field `free`"]),
        (volume(json!({"size": 1})), vec!["unknown field `size`", "size_total"]),
        (volume(json!({"snapshots": [{"name": "s", "size": 1}]})), vec!["unknown field `size`"]),
        (json!({"volumes": [{"size_total": 1}]}), vec!["missing field `name`"]),
        (json!({"volumes": [{"name": "bad name"}]}), vec!["volume name cannot hold"]),
        (json!({"volumes": [{"name": ""}]}), vec!["volume name is empty"]),
        (json!({"policies": [{"name": "a/b"}]}), vec!["letters"]),
        (json!({"policies": [{"name": "two words"}]}), vec!["letters"]),
        (json!({"policies": [{"name": "p", "rules": ["10.0.0.0/99"]}]}), vec!["10.0.0.0/99", "not a rule"]),
        (volume(json!({"snapshots": [{"name": "a\u{1b}b"}]})), vec!["snapshot name cannot hold"]),
        (volume(json!({"snapshots": [{"name": "two words"}]})), vec!["volume v1", "letters"]),
        (volume(json!({"size_total": -1})), vec!["-1"]),
        (volume(json!({"size_total": "10G"})), vec!["10G"]),
        (volume(json!({"size_total": u64::MAX})), vec!["volume v1", "18446744073709551615"]),
        (volume(json!({"size_used": u64::MAX})), vec!["volume v1", "18446744073709551615"]),
        (volume(json!({"snapshots": [{"name": "s", "size_kbytes": u64::MAX}]})), vec!["volume v1", "s"]),
        (volume(json!({"creation_time": "yesterday"})), vec!["yesterday", "accepted: 2025"]),
        (volume(json!({"active_policy_name": "missing"})), vec!["volume v1", "missing"]),
        (json!({"volumes": [{"name": "v1"}, {"name": "v1"}]}), vec!["volume v1", "exists already"]),
        (json!({"policies": [{"name": "p"}, {"name": "p"}]}), vec!["policy p", "exists already"]),
        (volume(json!({"snapshots": [{"name": "s"}, {"name": "s"}]})), vec!["volume v1", "snapshot s"]),
        (
            json!({"volumes": [{"name": "v1", "junction_path": "/j"}, {"name": "v2", "junction_path": "/j"}]}),
            vec!["volume v2", "v1 is mounted at /j"],
        ),
        (
            json!({"volumes": [{"name": "v1", "uuid": "u"}, {"name": "v2", "uuid": "u"}]}),
            vec!["volume v2", "uuid"],
        ),
    ];
    for (content, words) in cases {
        let said = match load(content.clone()) {
            Ok(_) => panic!("loaded: {content}"),
            Err(said) => said,
        };
        for word in words {
            assert!(said.contains(word), "{said:?} does not say {word:?}");
        }
    }
}

#[tokio::test]
async fn volumes_that_are_not_for_use_are_loaded_but_not_shown() {
    let b = load(json!({"volumes": [
        {"name": "vol0", "aggregate_name": "aggr0_node1"},
        {"name": "old", "state": "restricted"},
        {"name": "off", "state": "offline"},
        {"name": "data", "state": "online"},
    ]}));
    let b = b.unwrap();
    assert_eq!(listed(&b).await, ["data"]);
    for hidden in ["vol0", "old", "off"] {
        refused(Kind::NotFound, b.get_volume(&vol(hidden)).await);
        refused(Kind::NotFound, b.patch_volume(&vol(hidden), &only_size(1)).await);
        refused(Kind::NotFound, b.restrict_volume(&vol(hidden)).await);
        refused(Kind::NotFound, b.create_snapshot(&vol(hidden), &snap("s")).await);
        refused(Kind::Exists, b.create_volume(&vol(hidden), &NewVolume::default()).await);
    }
}

/// Every identity there is, by name.
async fn identities(b: &Backend) -> Vec<(String, Identity)> {
    let mut all = Vec::new();
    for volume in all_volumes(b).await {
        all.push((format!("volume {} {}", volume.name, volume.uuid), volume.identity));
        for snapshot in b.get_snapshots(&volume.name).await.unwrap() {
            all.push((format!("snapshot {} of {}", snapshot.name, volume.name), snapshot.identity));
        }
    }
    for policy in b.policies().await.unwrap() {
        all.push((format!("policy {}", policy.name), policy.identity));
    }
    all
}

#[tokio::test]
async fn the_same_content_has_the_same_identities_in_every_run() {
    let first = identities(&load(everything()).unwrap()).await;
    assert_eq!(first, identities(&load(everything()).unwrap()).await);
    let mut apart: Vec<_> = first.iter().map(|(_, identity)| *identity).collect();
    apart.sort();
    apart.dedup();
    assert_eq!(apart.len(), first.len());
}

/// Nor does a later run give a new object what an earlier one gave another.
#[tokio::test]
async fn what_is_recreated_after_a_load_is_another_one_in_every_run() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let b = load(json!({"policies": [{"name": "p"}], "volumes": [
            {"name": "v", "snapshots": [{"name": "s"}]}]}));
        let b = b.unwrap();
        let loaded = identities(&b).await;
        b.delete_snapshot(&vol("v"), &snap("s")).await.unwrap();
        snapshots(&b, "v", &["s"]).await;
        let again = b.get_snapshot(&vol("v"), &snap("s")).await.unwrap().identity;
        b.restrict_volume(&vol("v")).await.unwrap();
        volume(&b, "v").await;
        snapshots(&b, "v", &["s"]).await;
        b.remove_policy(&pol("p")).await.unwrap();
        policy(&b, "p", &[]).await;
        seen.push(again);
        seen.extend(loaded.iter().chain(&identities(&b).await).map(|(_, identity)| *identity));
    }
    // Three loaded ones, the same in both runs; four new ones in each.
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3 + 4 + 4);
}

#[tokio::test]
async fn great_sizes_are_loaded_without_overflow() {
    let most = i64::MAX as u64;
    let snapshot = |name: &str| json!({"name": name, "size_kbytes": most});
    let b = load(json!({"volumes": [{
        "name": "v", "size_total": most, "size_used": most, "percentage_snapshot_reserve": most,
        "snapshots": [snapshot("a"), snapshot("b"), snapshot("c")],
    }, {
        "name": "w", "size_used": most, "percentage_snapshot_reserve": 0, "snapshots": [snapshot("a")],
    }]}));
    let b = b.unwrap();
    assert_eq!(b.get_snapshot(&vol("v"), &snap("a")).await.unwrap().size_kbytes, Some(most));
    for name in ["v", "w"] {
        assert_eq!(found(&b, name).await.size_used, most);
        snapshots(&b, name, &["d"]).await;
        b.rollback_volume(&vol(name), &snap("a"), Newer::Discard).await.unwrap();
        b.patch_volume(&vol(name), &only_size(1)).await.unwrap();
        let volume = found(&b, name).await;
        assert!(volume.size_used <= most && volume.percentage_snapshot_reserve_used.unwrap() <= most);
    }
}

#[tokio::test]
async fn as_much_is_generated_as_was_asked_for() {
    for (volumes, kept) in [(0, 0), (1, 0), (3, 2), (1000, 10)] {
        let b = generate(volumes, kept).unwrap();
        let all = all_volumes(&b).await;
        assert_eq!(all.len(), volumes as usize);
        for volume in &all {
            assert!(volume.size_used <= volume.settings.size_total.unwrap());
            let snapshots = b.get_snapshots(&volume.name).await.unwrap();
            assert_eq!(snapshots.len(), kept as usize);
            assert!(snapshots.is_sorted_by_key(|snapshot| snapshot.creation_time));
        }
    }
}

#[tokio::test]
async fn what_is_generated_is_the_same_in_every_run() {
    let (first, second) = (generate(50, 3).unwrap(), generate(50, 3).unwrap());
    assert_eq!(all_volumes(&first).await, all_volumes(&second).await);
    assert_eq!(first.policies().await.unwrap(), second.policies().await.unwrap());
    assert_eq!(identities(&first).await, identities(&second).await);
    for volume in all_volumes(&first).await {
        let name = &volume.name;
        assert_eq!(first.get_snapshots(name).await.unwrap(), second.get_snapshots(name).await.unwrap());
    }
}

#[test]
fn more_snapshots_than_a_volume_can_have_are_not_generated() {
    generate(1, 1023).unwrap();
    let said = generate(1, 1024).err().unwrap();
    assert!(said.contains("1023 snapshots"), "{said:?}");
}
