//! Every request that the client can send, seen by a strict simulator, which refuses what ONTAP would ignore.

use std::collections::BTreeSet;

use filerfs::backend::{Kind, NewVolume, Newer, Settings, StorageBackend};

use crate::filer::{Filer, p, r, s, v};

/// Every call that stands in the client.
fn calls_in_the_code() -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for file in std::fs::read_dir("src/backends/ontap/zapi").unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let quoted = text.split('"').skip(1).step_by(2);
        let starts = ["volume-", "snapshot-", "export-", "sis-", "lock-", "vserver-", "system-"];
        let ends = [
            "-iter",
            "-create",
            "-delete",
            "-destroy",
            "-rename",
            "-restrict",
            "-mount",
            "-unmount",
            "-size",
            "-set",
            "-enable",
            "-config",
            "-index",
            "-version",
            "restore-volume",
        ];
        let is_call = |word: &&str| {
            starts.iter().any(|start| word.starts_with(start))
                && ends.iter().any(|end| word.ends_with(end))
                && !word.contains('/')
        };
        // These are fields.
        let fields = ["new-size", "rule-index", "new-rule-index", "lock-state"];
        calls.extend(quoted.filter(is_call).filter(|word| !fields.contains(word)).map(str::to_owned));
    }
    calls
}

#[tokio::test]
async fn every_call_of_the_client_is_accepted_by_a_strict_filer() {
    let filer = Filer::small();
    let zapi = filer.zapi();
    zapi.identify().await.unwrap();
    zapi.volumes().await.unwrap();
    let settings = Settings {
        size_total: Some(30_000_000),
        junction_path: Some("/new".into()),
        comment: Some("<a> & \"b\"".into()),
        active_policy_name: Some(p("nfs")),
        caching_policy: Some("auto".into()),
        percentage_snapshot_reserve: Some(7),
        ..Settings::default()
    };
    let created = zapi.create_volume(&v("new"), &NewVolume { settings, aggregate_name: None }).await.unwrap();
    assert_eq!(created.settings.comment.as_deref(), Some("<a> & \"b\""));
    let changed = Settings {
        size_total: Some(40_960_000),
        junction_path: Some("/moved".into()),
        comment: Some("née".into()),
        active_policy_name: Some(p("default")),
        caching_policy: Some("none".into()),
        // What is set aside is no part of the total.
        percentage_snapshot_reserve: Some(0),
        compression_enabled: Some(false),
        inline_compression: Some(false),
        autosize_enabled: Some(true),
        max_autosize: Some(81_920_000),
        protect: None,
    };
    zapi.patch_volume(&v("new"), &changed).await.unwrap();
    let shown = Settings { protect: Some(false), ..changed };
    assert_eq!(zapi.get_volume(&v("new")).await.unwrap().settings, shown);

    zapi.create_snapshot(&v("db1"), &s("s3")).await.unwrap();
    zapi.rename_snapshot(&v("db1"), &s("s3"), &s("s4")).await.unwrap();
    zapi.delete_snapshot(&v("db1"), &s("s4")).await.unwrap();
    zapi.rollback_volume(&v("db1"), &s("s1"), Newer::Discard).await.unwrap();
    zapi.clone_volume(&v("copy"), &v("db1"), &s("s1"), &Settings::default()).await.unwrap();
    assert_eq!(zapi.get_volume(&v("copy")).await.unwrap().settings.junction_path.as_deref(), Some("/copy"));
    zapi.restrict_volume(&v("copy")).await.unwrap();
    assert_eq!(zapi.get_volume(&v("copy")).await.unwrap_err().kind(), Kind::NotFound);

    filer.running.lock("db1", "10.0.0.9").unwrap();
    assert_eq!(zapi.nfs_locks(&v("db1")).await.unwrap(), ["10.0.0.9"]);
    zapi.break_nfs_locks(&v("db1"), "10.0.0.9").await.unwrap();
    assert_eq!(zapi.nfs_locks(&v("db1")).await.unwrap(), Vec::<String>::new());

    zapi.create_policy(&p("more"), &[r("10.1.0.0/16"), r("@hosts")]).await.unwrap();
    zapi.ensure_policy_rules_present(&p("more"), &[r("host1")]).await.unwrap();
    zapi.ensure_policy_rules_absent(&p("more"), &[r("@hosts")]).await.unwrap();
    zapi.order_policy_rules(&p("more"), &[r("host1")]).await.unwrap();
    assert_eq!(zapi.get_policy(&p("more")).await.unwrap().rules, [r("host1"), r("10.1.0.0/16")]);
    assert_eq!(zapi.policies().await.unwrap().len(), 3);
    zapi.remove_policy(&p("more")).await.unwrap();

    let seen: BTreeSet<String> = filer.running.calls().into_keys().collect();
    let code = calls_in_the_code();
    assert!(code.len() > 20, "{code:?}");
    assert_eq!(seen, code);
}
