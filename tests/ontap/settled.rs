//! What becomes of a change when the filer fails: nothing is done twice, and what was done is a success.

use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{Kind, NewVolume, Result, Settings, StorageBackend};
use filerfs::simulator::{Fault, FaultKind};
use futures_util::future::BoxFuture;

use crate::filer::{Filer, p, r, s, v};

type Endpoint = Arc<dyn StorageBackend>;

/// A change: the call that makes it, how it is asked for, and how to see whether it was made.
struct Row {
    call: &'static str,
    make: fn(Endpoint) -> BoxFuture<'static, Result<()>>,
    made: fn(Endpoint) -> BoxFuture<'static, bool>,
}

macro_rules! row {
    ($call:literal, $endpoint:ident, $make:expr, $made:expr) => {
        Row {
            call: $call,
            make: |$endpoint| Box::pin(async move { $make.await.map(drop) }),
            made: |$endpoint| Box::pin(async move { $made }),
        }
    };
}

fn new_volume() -> NewVolume {
    let settings =
        Settings { size_total: Some(30_000_000), junction_path: Some("/new".into()), ..Settings::default() };
    NewVolume { settings, aggregate_name: None }
}

fn sized(bytes: u64) -> Settings {
    Settings { size_total: Some(bytes), ..Settings::default() }
}

fn rows() -> Vec<Row> {
    vec![
        row!(
            "snapshot-create",
            e,
            e.create_snapshot(&v("db1"), &s("x")),
            e.get_snapshot(&v("db1"), &s("x")).await.is_ok()
        ),
        row!(
            "snapshot-delete",
            e,
            e.delete_snapshot(&v("db1"), &s("s1")),
            e.get_snapshot(&v("db1"), &s("s1")).await.is_err()
        ),
        row!(
            "snapshot-rename",
            e,
            e.rename_snapshot(&v("db1"), &s("s1"), &s("x")),
            e.get_snapshot(&v("db1"), &s("x")).await.is_ok()
        ),
        row!("volume-modify-iter", e, e.set_policy(&v("db1"), &p("nfs")), {
            e.get_volume(&v("db1")).await.unwrap().settings.active_policy_name == Some(p("nfs"))
        }),
        // The filer rounds it up.
        row!("volume-size", e, e.patch_volume(&v("db2"), &sized(30_000_000)), {
            e.get_volume(&v("db2")).await.unwrap().settings.size_total == Some(30_003_200)
        }),
        row!(
            "volume-create",
            e,
            e.create_volume(&v("new"), &new_volume()),
            e.get_volume(&v("new")).await.is_ok()
        ),
        row!("volume-restrict", e, e.restrict_volume(&v("db2")), e.get_volume(&v("db2")).await.is_err()),
        row!(
            "volume-clone-create",
            e,
            e.clone_volume(&v("copy"), &v("db1"), &s("s1"), &Settings::default()),
            e.get_volume(&v("copy")).await.is_ok()
        ),
        row!(
            "export-policy-create",
            e,
            e.create_policy(&p("more"), &[]),
            e.get_policy(&p("more")).await.is_ok()
        ),
        row!(
            "export-policy-destroy",
            e,
            e.remove_policy(&p("spare")),
            e.get_policy(&p("spare")).await.is_err()
        ),
        row!("export-rule-create", e, e.ensure_policy_rules_present(&p("nfs"), &[r("new1")]), {
            e.get_policy(&p("nfs")).await.unwrap().rules.contains(&r("new1"))
        }),
        row!("export-rule-destroy", e, e.ensure_policy_rules_absent(&p("nfs"), &[r("@hosts")]), {
            !e.get_policy(&p("nfs")).await.unwrap().rules.contains(&r("@hosts"))
        }),
    ]
}

/// A filer with a policy that no volume uses.
fn filer() -> Filer {
    Filer::with(
        &crate::filer::SMALL
            .replace("{\"name\": \"default\"}", "{\"name\": \"default\"}, {\"name\": \"spare\"}"),
    )
}

const SHORT: &str = "read_timeout = \"20s\"\nchange_timeout = \"400ms\"";

#[tokio::test]
async fn a_change_that_was_made_is_a_success_though_no_answer_came() {
    let late = FaultKind::Delay { by: Duration::from_secs(60) };
    for fault in [FaultKind::CloseAfter, FaultKind::CloseWithin, FaultKind::Cut, late] {
        for Row { call, make, made } in rows() {
            let filer = filer();
            let endpoint = filer.endpoint(if matches!(fault, FaultKind::Delay { .. }) { SHORT } else { "" });
            let planted = filer.running.inject(Fault::once(call, fault.clone()));
            let done = make(endpoint.clone()).await;
            assert!(done.is_ok(), "{call}, {fault:?}: {done:?}");
            assert_eq!((planted.fired(), filer.count(call)), (1, 1), "{call}, {fault:?}");
            assert!(made(endpoint).await, "{call}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_change_that_was_not_made_is_a_failure_and_is_not_tried_again() {
    for (fault, kind) in [
        (FaultKind::CloseBefore, Kind::Remote),
        (FaultKind::Http { status: 503 }, Kind::Remote),
        (FaultKind::Hang, Kind::TimedOut),
    ] {
        for Row { call, make, made } in rows() {
            let filer = filer();
            let endpoint = filer.endpoint(if fault == FaultKind::Hang { SHORT } else { "" });
            let planted = filer.running.inject(Fault::once(call, fault.clone()));
            let error = make(endpoint.clone()).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{call}: {error}");
            assert_eq!((planted.fired(), filer.count(call)), (1, 1), "{call}, {fault:?}");
            assert!(!made(endpoint).await, "{call}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_change_that_the_filer_turned_away_is_tried_again() {
    for Row { call, make, made } in rows() {
        let filer = filer();
        let endpoint = filer.endpoint("");
        let planted = filer.running.inject(Fault::once(call, FaultKind::Http { status: 429 }));
        make(endpoint.clone()).await.unwrap();
        assert_eq!((planted.fired(), filer.count(call)), (1, 2), "{call}");
        assert!(made(endpoint).await, "{call}");
    }
}

#[tokio::test]
async fn a_volume_whose_creation_got_no_answer_is_as_any_other() {
    for fault in [FaultKind::CloseAfter, FaultKind::CloseWithin, FaultKind::Cut] {
        let (plain, broken) = (Filer::small(), Filer::small());
        let planted = broken.running.inject(Fault::once("volume-create", fault.clone()));
        let expected = plain.endpoint("").create_volume(&v("new"), &new_volume()).await.unwrap();
        let created = broken.endpoint("").create_volume(&v("new"), &new_volume()).await.unwrap();
        assert_eq!(created.settings, expected.settings, "{fault:?}");
        assert_eq!(planted.fired(), 1);
    }
}

#[tokio::test]
async fn a_step_that_is_refused_says_which_were_done() {
    let filer = Filer::small();
    let refusal = FaultKind::Errno { errno: 13003, reason: "Insufficient privileges".into() };
    filer.running.inject(Fault::once("volume-autosize-set", refusal));
    let error = filer.endpoint("").create_volume(&v("new"), &new_volume()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.to_string().starts_with("after the volume was done"), "{error}");
    assert!(error.to_string().contains("Insufficient privileges"), "{error}");
}

/// The filer may refuse after it has unmounted the volume: its clients must not lose it.
#[tokio::test]
async fn a_volume_that_is_not_restricted_stays_mounted() {
    let filer = Filer::small();
    let refusal = || FaultKind::Errno { errno: 13158, reason: "A move of the volume is in progress".into() };
    filer.running.inject(Fault::new("volume-restrict", refusal()));
    let before = filer.endpoint("").get_volume(&v("db2")).await.unwrap();
    let endpoint = filer.endpoint("");
    filer.take_calls();
    let error = endpoint.restrict_volume(&v("db2")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InUse);
    assert!(!error.to_string().contains("unmount"), "{error}");
    assert_eq!(endpoint.get_volume(&v("db2")).await.unwrap().settings, before.settings);
    filer.running.inject(Fault::new("volume-mount", refusal()));
    let error = endpoint.restrict_volume(&v("db2")).await.unwrap_err();
    assert!(error.to_string().starts_with("it was unmounted from /db2, and could not be"), "{error}");
    filer.running.forget_faults();
    assert_eq!(endpoint.get_volume(&v("db2")).await.unwrap().settings.junction_path.as_deref(), Some(""));
    filer.take_calls();
    // What is not mounted need not be unmounted.
    endpoint.restrict_volume(&v("db2")).await.unwrap();
    assert_eq!(filer.take_calls(), "volume-get-iter 1, volume-restrict 1");
}
