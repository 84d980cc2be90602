//! How often the filer is called: the table of what each operation may cost.

use std::sync::Arc;

use filerfs::backend::{NewVolume, Newer, Settings, StorageBackend};
use serde_json::json;

use crate::filer::{Filer, p, r, s, v};

/// With the root of the SVM 1,000 volumes, which are two pages, and 40 policies of three rules.
fn large() -> Filer {
    let volume = |i: u32| {
        json!({"name": format!("vol{i:04}"), "size_total": 10_737_418_240_u64, "size_used": 1_048_576,
            "junction_path": format!("/vol{i:04}"), "active_policy_name": "p00", "compression_enabled": true,
            "inline_compression": true,
            "snapshots": [{"name": "s1", "creation_time": "2025-01-02T00:00:00Z", "size_kbytes": 100},
                {"name": "s2", "creation_time": "2025-01-03T00:00:00Z", "size_kbytes": 100}]})
    };
    let policy = |i: u32| json!({"name": format!("p{i:02}"), "rules": ["10.0.0.1", "10.0.0.2", "@hosts"]});
    let content = json!({
        "aggregates": [{"name": "aggr1", "size_total": 1_u64 << 44, "size_available": 1_u64 << 44, "node": "node1"}],
        "volumes": (0..999).map(volume).collect::<Vec<_>>(),
        "policies": (0..40).map(policy).collect::<Vec<_>>(),
    });
    Filer::with(&content.to_string())
}

/// A filer, and its endpoint as `compose` makes it; nothing grows old while a test runs.
fn endpoint() -> (Filer, Arc<dyn StorageBackend>) {
    let filer = large();
    let toml = format!("[mount]\ncache_ttl = \"1h\"\n{}", filer.toml(""));
    let endpoint = filer.tree(&toml).shared.endpoints[0].backend.clone();
    (filer, endpoint)
}

#[tokio::test]
async fn a_list_of_all_volumes_costs_its_pages_and_one_listing_of_the_efficiency() {
    let (filer, endpoint) = endpoint();
    let volumes = endpoint.volumes().await.unwrap();
    assert_eq!(volumes.len(), 999);
    assert!(volumes.iter().all(|volume| volume.settings.compression_enabled == Some(true)));
    assert_eq!(filer.take_calls(), "sis-get-iter 2, volume-get-iter 2");
    for volume in volumes.iter() {
        assert_eq!(endpoint.get_volume(&volume.name).await.unwrap(), *volume);
    }
    endpoint.volumes().await.unwrap();
    assert_eq!(filer.take_calls(), "");
}

#[tokio::test]
async fn one_volume_costs_two_calls_cold_and_none_warm() {
    let (filer, endpoint) = endpoint();
    endpoint.get_volume(&v("vol0500")).await.unwrap();
    assert_eq!(filer.take_calls(), "sis-get-iter 1, volume-get-iter 1");
    endpoint.get_volume(&v("vol0500")).await.unwrap();
    assert_eq!(filer.take_calls(), "");
}

#[tokio::test]
async fn a_volume_that_is_not_there_costs_one_call_and_none_once_the_list_is_known() {
    let (filer, endpoint) = endpoint();
    endpoint.get_volume(&v("none")).await.unwrap_err();
    assert_eq!(filer.take_calls(), "volume-get-iter 1");
    endpoint.volumes().await.unwrap();
    filer.take_calls();
    endpoint.get_volume(&v("none")).await.unwrap_err();
    assert_eq!(filer.take_calls(), "");
}

#[tokio::test]
async fn all_policies_with_their_rules_cost_two_listings() {
    let (filer, endpoint) = endpoint();
    let policies = endpoint.policies().await.unwrap();
    assert_eq!(policies.iter().map(|policy| policy.rules.len()).sum::<usize>(), 120);
    assert_eq!(filer.take_calls(), "export-policy-get-iter 1, export-rule-get-iter 1");
    for policy in &policies {
        assert_eq!(endpoint.get_policy(&policy.name).await.unwrap(), *policy);
    }
    assert_eq!(filer.take_calls(), "");
}

#[tokio::test]
async fn the_snapshots_of_a_volume_cost_one_call() {
    let (filer, endpoint) = endpoint();
    assert_eq!(endpoint.get_snapshots(&v("vol0001")).await.unwrap().len(), 2);
    endpoint.get_snapshot(&v("vol0001"), &s("s1")).await.unwrap();
    assert_eq!(filer.take_calls(), "snapshot-get-iter 1");
}

#[tokio::test]
async fn the_nfs_locks_of_a_volume_cost_two_calls_cold_and_none_warm() {
    let (filer, endpoint) = endpoint();
    assert!(endpoint.nfs_locks(&v("vol0001")).await.unwrap().is_empty());
    // There are none: that may be because the volume is not there.
    assert_eq!(filer.take_calls(), "lock-get-iter 1, volume-get-iter 1");
    endpoint.nfs_locks(&v("vol0001")).await.unwrap();
    assert_eq!(filer.take_calls(), "");
}

#[tokio::test]
async fn snapshots_and_nfs_locks_of_all_volumes_cost_the_pages_of_one_listing() {
    let (filer, endpoint) = endpoint();
    assert_eq!(endpoint.all_snapshots().await.unwrap().values().map(Vec::len).sum::<usize>(), 2 * 999);
    assert_eq!(filer.take_calls(), "snapshot-get-iter 4");
    assert!(endpoint.all_nfs_locks().await.unwrap().is_empty());
    assert_eq!(filer.take_calls(), "lock-get-iter 1");
}

#[tokio::test]
async fn a_walk_over_all_volumes_asks_for_an_eighth_of_them_and_then_for_all() {
    let (filer, endpoint) = endpoint();
    let volumes = endpoint.volumes().await.unwrap();
    filer.take_calls();
    for volume in volumes.iter() {
        assert_eq!(endpoint.get_snapshots(&volume.name).await.unwrap().len(), 2);
    }
    assert_eq!(filer.take_calls(), "snapshot-get-iter 128");
    for volume in volumes.iter() {
        assert!(endpoint.nfs_locks(&volume.name).await.unwrap().is_empty());
    }
    // Of those that were asked for alone also whether they are there.
    assert_eq!(filer.take_calls(), "lock-get-iter 125, volume-get-iter 124");
}

#[tokio::test]
async fn changes_of_one_step_cost_one_call() {
    let (filer, endpoint) = endpoint();
    let volume = v("vol0007");
    // What a mount knows before anybody can change it.
    endpoint.get_volume(&volume).await.unwrap();
    filer.take_calls();
    endpoint.create_snapshot(&volume, &s("x")).await.unwrap();
    assert_eq!(filer.take_calls(), "snapshot-create 1");
    endpoint.rename_snapshot(&volume, &s("x"), &s("y")).await.unwrap();
    assert_eq!(filer.take_calls(), "snapshot-rename 1");
    endpoint.delete_snapshot(&volume, &s("y")).await.unwrap();
    assert_eq!(filer.take_calls(), "snapshot-delete 1");
    endpoint.set_policy(&volume, &p("p01")).await.unwrap();
    assert_eq!(filer.take_calls(), "volume-modify-iter 1");
    endpoint.get_volume(&volume).await.unwrap();
    filer.take_calls();
    let larger = Settings { size_total: Some(20 << 30), ..Settings::default() };
    endpoint.patch_volume(&volume, &larger).await.unwrap();
    assert_eq!(filer.take_calls(), "volume-size 1");
    endpoint.remove_policy(&p("p39")).await.unwrap();
    assert_eq!(filer.take_calls(), "export-policy-destroy 1");
}

#[tokio::test]
async fn a_rule_costs_a_listing_and_a_change_and_a_whole_list_its_rules_and_one() {
    let (filer, endpoint) = endpoint();
    endpoint.ensure_policy_rules_present(&p("p02"), &[r("host1")]).await.unwrap();
    assert_eq!(filer.take_calls(), "export-rule-create 1, export-rule-get-iter 1");
    endpoint.ensure_policy_rules_absent(&p("p02"), &[r("host1")]).await.unwrap();
    assert_eq!(filer.take_calls(), "export-rule-destroy 1, export-rule-get-iter 1");
    let rules: Vec<_> = (1..=30).map(|i| r(&format!("10.2.0.{i}"))).collect();
    endpoint.ensure_policy_rules_present(&p("p03"), &rules).await.unwrap();
    assert_eq!(filer.take_calls(), "export-rule-create 30, export-rule-get-iter 1");
    endpoint.ensure_policy_rules_present(&p("p03"), &rules).await.unwrap();
    assert_eq!(filer.take_calls(), "export-rule-get-iter 1");
}

#[tokio::test]
async fn rollback_and_clone_cost_two_calls() {
    let (filer, endpoint) = endpoint();
    endpoint.get_volume(&v("vol0002")).await.unwrap();
    filer.take_calls();
    endpoint.rollback_volume(&v("vol0002"), &s("s2"), Newer::Keep).await.unwrap();
    assert_eq!(filer.take_calls(), "snapshot-get-iter 1, snapshot-restore-volume 1");
    endpoint.clone_volume(&v("copy"), &v("vol0002"), &s("s1"), &Settings::default()).await.unwrap();
    assert_eq!(filer.take_calls(), "volume-clone-create 1");
}

#[tokio::test]
async fn a_new_volume_costs_its_steps() {
    let (filer, endpoint) = endpoint();
    let settings =
        Settings { size_total: Some(1 << 30), junction_path: Some("/new".into()), ..Settings::default() };
    endpoint.create_volume(&v("new"), &NewVolume { settings, aggregate_name: None }).await.unwrap();
    let steps = "sis-enable 1, sis-get-iter 1, sis-set-config 1, volume-autosize-set 1, volume-create 1, \
                 volume-get-iter 1, vserver-show-aggr-get-iter 1";
    assert_eq!(filer.take_calls(), steps);
}

#[tokio::test]
async fn callers_that_want_the_same_share_one_call() {
    let (filer, endpoint) = endpoint();
    let lists = (0..50).map(|_| endpoint.volumes());
    for list in futures_util::future::join_all(lists).await {
        assert_eq!(list.unwrap().len(), 999);
    }
    assert_eq!(filer.take_calls(), "sis-get-iter 2, volume-get-iter 2");
}

#[tokio::test]
async fn what_was_changed_is_seen_at_once_and_costs_its_own_reading_alone() {
    let (filer, endpoint) = endpoint();
    endpoint.volumes().await.unwrap();
    filer.take_calls();
    endpoint.set_policy(&v("vol0003"), &p("p07")).await.unwrap();
    filer.take_calls();
    let now = endpoint.get_volume(&v("vol0003")).await.unwrap();
    assert_eq!(now.settings.active_policy_name, Some(p("p07")));
    assert_eq!(filer.take_calls(), "sis-get-iter 1, volume-get-iter 1");
    endpoint.get_volume(&v("vol0004")).await.unwrap();
    assert_eq!(filer.take_calls(), "");
}
