//! What becomes of a read when the filer fails, in every way that the simulator knows.

use std::time::Duration;

use filerfs::backend::{Api, Kind};
use filerfs::simulator::{Fault, FaultKind};

use crate::filer::{Filer, v};

/// Short deadlines.
const SHORT: &str = "read_timeout = \"400ms\"\nchange_timeout = \"400ms\"";
/// The deadline, and the second in which a caller is back.
const BACK: Duration = Duration::from_millis(1400);

struct Row {
    kind: FaultKind,
    /// What it is for who asked, and in what words.
    failure: Kind,
    words: &'static str,
    /// How often the call reached the filer: what may pass by itself is tried again.
    tries: u32,
}

fn row(kind: FaultKind, failure: Kind, words: &'static str, tries: u32) -> Row {
    Row { kind, failure, words, tries }
}

fn http(status: u16) -> FaultKind {
    FaultKind::Http { status }
}

fn errno(errno: u32) -> FaultKind {
    FaultKind::Errno { errno, reason: "The filer's \"own\" words. ".to_owned() }
}

fn rows() -> Vec<Row> {
    let own = "The filer's \"own\" words";
    vec![
        row(FaultKind::Hang, Kind::TimedOut, "within 400ms", 1),
        row(FaultKind::Delay { by: Duration::from_secs(60) }, Kind::TimedOut, "within 400ms", 1),
        row(FaultKind::Drip { every: Duration::from_millis(40) }, Kind::TimedOut, "within 400ms", 1),
        row(FaultKind::CloseBefore, Kind::Remote, "broke before its answer ended", 3),
        row(FaultKind::CloseAfter, Kind::Remote, "broke before its answer ended", 3),
        row(FaultKind::CloseWithin, Kind::Remote, "broke before its answer ended", 3),
        row(FaultKind::Cut, Kind::Remote, "the answer to volume-get-iter cannot be read", 1),
        row(http(401), Kind::Credentials, "refuses the account filerfs or its password", 1),
        row(http(403), Kind::Denied, "does not let filerfs use its API", 1),
        row(http(404), Kind::Remote, "has no such API", 1),
        row(http(429), Kind::Remote, "has too many requests", 3),
        row(http(500), Kind::Remote, "failed (HTTP 500", 3),
        row(http(502), Kind::Remote, "failed (HTTP 502", 3),
        row(http(503), Kind::Remote, "failed (HTTP 503", 3),
        row(errno(13003), Kind::Denied, own, 1),
        row(errno(13005), Kind::Unsupported, own, 1),
        row(errno(13158), Kind::InUse, own, 3),
        row(errno(15698), Kind::Remote, own, 1),
        row(errno(98765), Kind::Remote, own, 1),
        row(errno(61253), Kind::Unsupported, own, 1),
    ]
}

/// The answer, or a panic if it does not come in time. Who is late because the machine is gets its answer.
async fn back<T>(call: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        answer = call => answer,
        () = tokio::time::sleep(BACK) => panic!("the caller was not back in time"),
    }
}

#[tokio::test]
async fn a_read_that_fails_says_why_and_is_back_in_time() {
    for Row { kind, failure, words, tries } in rows() {
        let filer = Filer::small();
        let endpoint = filer.endpoint(SHORT);
        // Connected before.
        endpoint.policies().await.unwrap();
        let fault = filer.running.inject(Fault::new("volume-get-iter", kind.clone()));
        let error = back(endpoint.get_volume(&v("db1"))).await.unwrap_err();
        assert_eq!((error.kind(), fault.fired()), (failure, tries), "{kind:?}: {error}");
        assert!(error.to_string().contains(words), "{kind:?}: {error}");
        assert_eq!(filer.count("volume-get-iter"), u64::from(tries), "{kind:?}");
    }
}

#[tokio::test]
async fn a_read_that_fails_once_in_passing_is_tried_again() {
    let kinds = [FaultKind::CloseBefore, FaultKind::CloseAfter, FaultKind::CloseWithin, http(429), http(503)];
    for kind in kinds {
        let filer = Filer::small();
        let fault = filer.running.inject(Fault::once("volume-get-iter", kind.clone()));
        let endpoint = filer.endpoint("");
        assert_eq!(endpoint.volumes().await.unwrap().len(), 2, "{kind:?}");
        assert_eq!((fault.fired(), filer.count("volume-get-iter")), (1, 2), "{kind:?}");
    }
}

#[tokio::test]
async fn a_call_that_hangs_disturbs_no_other() {
    let (filer, other) = (Filer::small(), Filer::small());
    let (endpoint, elsewhere) = (filer.endpoint(""), other.endpoint(""));
    let fault = filer.running.inject(Fault::new("snapshot-get-iter", FaultKind::Hang));
    let hung = tokio::spawn({
        let endpoint = endpoint.clone();
        async move { endpoint.get_snapshots(&v("db1")).await }
    });
    while fault.fired() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    endpoint.get_volume(&v("db1")).await.unwrap();
    endpoint.get_volume(&v("db2")).await.unwrap();
    endpoint.policies().await.unwrap();
    elsewhere.get_snapshots(&v("db1")).await.unwrap();
    assert!(!hung.is_finished());
    hung.abort();
}

#[tokio::test]
async fn a_filer_that_hangs_is_down_and_calls_to_it_fail_at_once_until_it_is_back() {
    let filer = Filer::small();
    let endpoint = filer.endpoint(SHORT);
    let fault = filer.running.inject(Fault::new("*", FaultKind::Hang));
    for _ in 0..3 {
        assert_eq!(back(endpoint.policies()).await.unwrap_err().kind(), Kind::TimedOut);
    }
    assert_eq!(endpoint.health().api, Api::Down);
    let error = endpoint.policies().await.unwrap_err();
    assert_eq!((error.kind(), fault.fired()), (Kind::Unreachable, 3), "{error}");
    assert!(error.to_string().contains("within 400ms"), "{error}");
    filer.running.forget_faults();
    while endpoint.policies().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(endpoint.health().api, Api::Ok);
}

#[tokio::test]
async fn what_was_known_is_still_read_while_the_filer_is_down() {
    let filer = Filer::small();
    let toml = format!("[mount]\ncache_ttl = \"0s\"\n{}", filer.toml(SHORT));
    let endpoint = filer.tree(&toml).shared.endpoints[0].backend.clone();
    let (volumes, policies) = (endpoint.volumes().await.unwrap(), endpoint.policies().await.unwrap());
    let fault = filer.running.inject(Fault::new("*", http(503)));
    assert_eq!(endpoint.volumes().await.unwrap(), volumes);
    assert_eq!(endpoint.policies().await.unwrap(), policies);
    assert_eq!(endpoint.get_volume(&v("db1")).await.unwrap(), volumes[0]);
    assert!(fault.fired() > 0);
    assert!(endpoint.health().cache_age.is_some());
    // What is not known is no guess.
    endpoint.get_snapshots(&v("db1")).await.unwrap_err();
}

#[tokio::test]
async fn a_filer_that_is_not_there_cannot_be_reached() {
    let filer = Filer::small();
    let toml = filer.toml("");
    let endpoint = filer.tree(&toml).shared.endpoints[0].backend.clone();
    drop(filer);
    let error = endpoint.volumes().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable, "{error}");
    assert!(error.to_string().contains("127.0.0.1 cannot be reached"), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(endpoint.health().api, Api::Down);
}
