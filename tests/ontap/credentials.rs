//! The account: refused without a storm, and never shown.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use filerfs::backend::{Api, Kind, StorageBackend};
use filerfs::simulator::{Fault, FaultKind};

use crate::filer::{Filer, PASSWORD, s, v};
use crate::log::Log;

#[tokio::test]
async fn a_wrong_password_is_tried_at_most_once_a_second() {
    let filer = Filer::small();
    filer.file("wrong", "not-the-password\n");
    let endpoint = filer.endpoint("password_file = \"wrong\"");
    let begun = Instant::now();
    let mut asked = 0;
    // Until it was tried a second time.
    while filer.count("unauthorized") < 2 {
        for _ in 0..20 {
            let error = endpoint.get_volume(&v("db1")).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Credentials, "{error}");
            assert!(error.to_string().contains("refuses the account filerfs or its password"), "{error}");
            asked += 1;
        }
        let error = endpoint.create_snapshot(&v("db1"), &s("x")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Credentials, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let most = begun.elapsed().as_secs() + 1;
    let tried = filer.count("unauthorized");
    assert!(tried <= most, "{tried} tries in {most} seconds");
    assert!(asked > 40, "{asked}");
    assert_eq!(endpoint.health().api, Api::Down);
}

#[tokio::test]
async fn callers_at_once_try_a_wrong_password_once() {
    let filer = Filer::small();
    filer.file("wrong", "not-the-password\n");
    let endpoint = filer.endpoint("password_file = \"wrong\"");
    let begun = Instant::now();
    let names: Vec<_> = (0..50).map(|i| v(&format!("v{i}"))).collect();
    let calls = names.iter().map(|name| endpoint.get_volume(name));
    for answer in futures_util::future::join_all(calls).await {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), Kind::Credentials, "{error}");
    }
    let most = begun.elapsed().as_secs() + 1;
    let tried = filer.count("unauthorized");
    assert!(tried <= most, "{tried} tries in {most} seconds");
}

#[tokio::test]
async fn a_password_that_is_right_again_is_found_out() {
    let filer = Filer::small();
    let endpoint = filer.endpoint("");
    let planted = filer.running.inject(Fault::once("*", FaultKind::Http { status: 401 }));
    assert_eq!(endpoint.policies().await.unwrap_err().kind(), Kind::Credentials);
    while endpoint.policies().await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!((planted.fired(), endpoint.health().api), (1, Api::Ok));
}

#[tokio::test]
async fn the_password_is_in_no_error_no_debug_text_and_no_log() {
    let filer = Filer::small();
    let log = Log::of(tracing::Level::TRACE);
    let mut shown = format!("{:?} {:?}", filer.server(), filer.server().password);
    let kinds = [
        FaultKind::CloseBefore,
        FaultKind::CloseWithin,
        FaultKind::Cut,
        FaultKind::Http { status: 401 },
        FaultKind::Http { status: 500 },
        FaultKind::Errno { errno: 13003, reason: "no".into() },
    ];
    for kind in kinds {
        let planted = filer.running.inject(Fault::new("*", kind));
        for endpoint in [filer.endpoint(""), filer.endpoint("insecure = true")] {
            let error = endpoint.identify().await.unwrap_err();
            shown.push_str(&format!("{error} {error:?}"));
            let error = endpoint.create_snapshot(&v("db1"), &s("x")).await.unwrap_err();
            shown.push_str(&format!("{error} {error:?}"));
        }
        assert!(planted.fired() > 0);
        filer.running.forget_faults();
    }
    filer.zapi().volumes().await.unwrap();
    let text = log.text();
    assert!(text.contains("TRACE") && shown.contains("withheld"), "{shown}");
    for secret in [PASSWORD.to_owned(), STANDARD.encode(format!("filerfs:{PASSWORD}"))] {
        assert!(!shown.contains(&secret));
        assert!(!text.contains(&secret), "{}", text.lines().find(|line| line.contains(&secret)).unwrap());
    }
}
