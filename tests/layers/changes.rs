//! Every change that there is, on the small content.

use std::future::Future;
use std::pin::Pin;

use filerfs::backend::{HostName, NewVolume, Newer, Result, Settings, StorageBackend};

use super::{p, r, s, v};

type Made<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A change, and whether looking at the storage tells that it was made.
pub struct OneChange {
    pub name: &'static str,
    pub make: for<'a> fn(&'a dyn StorageBackend) -> Made<'a>,
    pub can_be_seen: bool,
}

fn seen(name: &'static str, make: for<'a> fn(&'a dyn StorageBackend) -> Made<'a>) -> OneChange {
    OneChange { name, make, can_be_seen: true }
}

fn settings() -> Settings {
    Settings { size_total: Some(1 << 40), comment: Some("text".into()), ..Settings::default() }
}

fn host() -> HostName {
    HostName::new("host1").unwrap()
}

/// Each on a storage of its own, but for what `prepared` does.
pub fn all() -> Vec<OneChange> {
    vec![
        seen("create_volume", |b| {
            Box::pin(async { b.create_volume(&v("new"), &NewVolume::default()).await.map(drop) })
        }),
        seen("restrict_volume", |b| Box::pin(async { b.restrict_volume(&v("db1")).await })),
        seen("patch_volume", |b| Box::pin(async { b.patch_volume(&v("db1"), &settings()).await })),
        seen("clone_volume", |b| {
            Box::pin(async { b.clone_volume(&v("new"), &v("db1"), &s("s1"), &settings()).await })
        }),
        OneChange {
            can_be_seen: false,
            ..seen("rollback_volume", |b| {
                Box::pin(async { b.rollback_volume(&v("db1"), &s("s1"), Newer::Discard).await })
            })
        },
        seen("create_snapshot", |b| {
            Box::pin(async { b.create_snapshot(&v("db1"), &s("new")).await.map(drop) })
        }),
        seen("delete_snapshot", |b| Box::pin(async { b.delete_snapshot(&v("db1"), &s("s1")).await })),
        seen("rename_snapshot", |b| {
            Box::pin(async { b.rename_snapshot(&v("db1"), &s("s1"), &s("new")).await })
        }),
        seen("create_lock", |b| Box::pin(async { b.create_lock(&v("db1"), &host().into()).await.map(drop) })),
        seen("remove_lock", |b| Box::pin(async { b.remove_lock(&v("db2"), &host().into()).await })),
        seen("create_policy", |b| {
            let rules = r(&["10.0.0.1", "10.0.0.1/32", "@new"]);
            Box::pin(async move { b.create_policy(&p("new"), &rules).await.map(drop) })
        }),
        seen("remove_policy", |b| Box::pin(async { b.remove_policy(&p("unused")).await })),
        seen("set_policy", |b| Box::pin(async { b.set_policy(&v("db1"), &p("nfs")).await })),
        seen("ensure_policy_rules_present", |b| {
            Box::pin(async { b.ensure_policy_rules_present(&p("nfs"), &r(&["10.0.0.9", "10.0.0.1"])).await })
        }),
        seen("ensure_policy_rules_absent", |b| {
            Box::pin(async { b.ensure_policy_rules_absent(&p("nfs"), &r(&["10.0.0.9", "10.0.0.1"])).await })
        }),
        seen("order_policy_rules", |b| {
            Box::pin(async { b.order_policy_rules(&p("nfs"), &r(&["@hosts", "10.9.9.9", "10.0.0.2"])).await })
        }),
    ]
}

/// What some of the changes need beside the small content.
pub async fn prepare(storage: &dyn StorageBackend) {
    storage.create_policy(&p("unused"), &[]).await.unwrap();
    storage.create_lock(&v("db2"), &host().into()).await.unwrap();
}
