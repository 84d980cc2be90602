//! Faults: each is seen to fire, as often as it should, and leaves the filer as it says.

use std::time::Duration;

use filerfs::simulator::{Fault, FaultKind};

use crate::client::Response;
use crate::message::{Answer, envelope};
use crate::volumes::{create, filer, get};

const RENAME: &str =
    "<volume-rename><volume>v1</volume><new-volume-name>v2</new-volume-name></volume-rename>";

/// What a rename gets that this fault strikes; whether it was done.
fn rename(kind: FaultKind) -> (Option<Response>, bool) {
    let filer = filer();
    let planted = filer.running.inject(Fault::once("volume-*", kind));
    let response = filer.post(&mut filer.connect(), &envelope(" vfiler=\"vs1\"", RENAME));
    assert_eq!(planted.fired(), 1);
    let done = get(&filer, "v2").one("num-records") == "1";
    assert_eq!(planted.fired(), 1, "it strikes once");
    (response, done)
}

#[test]
fn a_closed_connection_leaves_the_call_undone_or_done() {
    let (response, done) = rename(FaultKind::CloseBefore);
    assert!(response.is_none() && !done);
    let (response, done) = rename(FaultKind::CloseAfter);
    assert!(response.is_none() && done);
    let (response, done) = rename(FaultKind::CloseWithin);
    assert!(response.is_none() && done);
}

#[test]
fn a_late_or_slow_answer_is_whole() {
    let (response, done) = rename(FaultKind::Delay { by: Duration::from_millis(50) });
    Answer::read(&response.unwrap().body).passed();
    assert!(done);
    let (response, done) = rename(FaultKind::Drip { every: Duration::from_millis(1) });
    Answer::read(&response.unwrap().body).passed();
    assert!(done);
}

#[test]
fn a_cut_answer_is_whole_for_http_alone() {
    let (response, done) = rename(FaultKind::Cut);
    let body = response.unwrap().body;
    assert!(done && body.starts_with("<?xml") && !body.contains("</netapp>"), "{body}");
}

#[test]
fn a_page_for_people_says_its_status() {
    for status in [401, 429, 500, 503] {
        let (response, done) = rename(FaultKind::Http { status });
        let response = response.unwrap();
        assert_eq!((response.status, done), (status, false));
        assert_eq!(response.header("Content-Type"), Some("text/html"));
        assert_eq!(response.header("WWW-Authenticate").is_some(), status == 401);
        assert_eq!(response.header("Retry-After").is_some(), matches!(status, 429 | 503));
    }
}

#[test]
fn a_refusal_has_the_words_that_were_asked_for() {
    let (response, done) =
        rename(FaultKind::Errno { errno: 13158, reason: "Volume is busy & <moving>".into() });
    assert_eq!(Answer::read(&response.unwrap().body).refused(), (13158, "Volume is busy & <moving>"));
    assert!(!done);
}

#[test]
fn a_hanging_call_hangs_alone() {
    let filer = filer();
    let planted = filer.running.inject(Fault::once("volume-rename", FaultKind::Hang));
    let mut connection = filer.connect();
    let request = envelope(" vfiler=\"vs1\"", RENAME);
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| filer.post(&mut connection, &request));
        while planted.fired() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(get(&filer, "v1").one("num-records"), "1");
        assert!(!hanging.is_finished());
        filer.running.close_connections();
        assert!(hanging.join().unwrap().is_none());
    });
}

#[test]
fn a_record_lacks_a_field_or_has_a_wrong_one() {
    let filer = filer();
    create(&filer, "v2", "<size>20m</size>").passed();
    let field = "volume-space-attributes/size-total".to_owned();
    let sizes = || -> Vec<String> {
        filer.call("<volume-get-iter/>").passed().all("size-total").into_iter().map(str::to_owned).collect()
    };
    let [v1, v2, root] = sizes().try_into().unwrap();
    let missing = FaultKind::WrongRecord { field: field.clone(), value: None };
    let planted = filer.running.inject(Fault::once("volume-get-iter", missing));
    assert_eq!(get(&filer, "nobody").one("num-records"), "0");
    assert_eq!(planted.fired(), 0, "there is no record to spoil");
    assert_eq!(sizes(), [v2.clone(), root.clone()]);
    assert_eq!(planted.fired(), 1);
    let wrong = FaultKind::WrongRecord { field, value: Some("much".into()) };
    filer.running.inject(Fault::once("volume-get-iter", wrong));
    assert_eq!(sizes(), ["much".to_owned(), v2.clone(), root.clone()]);
    assert_eq!(sizes(), [v1, v2, root]);
}

#[test]
fn a_page_leads_to_itself() {
    let filer = filer();
    let planted = filer.running.inject(Fault::new("volume-get-iter", FaultKind::RepeatTag));
    let first = filer.call("<volume-get-iter><max-records>1</max-records></volume-get-iter>").passed();
    assert_eq!(planted.fired(), 0);
    let tag = first.one("next-tag");
    let escaped = tag.replace('<', "&lt;").replace('>', "&gt;");
    for round in 1..4 {
        let next = filer.call(&format!("<volume-get-iter><tag>{escaped}</tag></volume-get-iter>")).passed();
        assert_eq!(next.one("next-tag"), tag);
        assert_eq!(planted.fired(), round);
    }
}

#[test]
fn faults_are_planted_and_told_over_http() {
    let filer = filer();
    let fault = r#"{"call": "volume-rename", "times": 2, "kind": "delay", "by": "1ms"}"#;
    assert_eq!(filer.control("POST", "/simulator/faults", fault).0, 200);
    let fault = r#"{"kind": "errno", "errno": 1, "reason": "no"}"#;
    assert_eq!(filer.control("POST", "/simulator/faults", fault).0, 200);
    assert_eq!(
        filer.call(RENAME).refused(),
        (1, "no"),
        "what strikes before comes before what strikes after"
    );
    let (_, list) = filer.control("GET", "/simulator/faults", "");
    assert_eq!(
        list[0],
        serde_json::json!({"call": "volume-rename", "times": 2, "kind": "delay", "by": "1ms", "fired": 0})
    );
    assert_eq!((list[1]["call"].as_str(), list[1]["fired"].as_u64()), (Some("*"), Some(1)));
    assert_eq!(filer.control("DELETE", "/simulator/faults", "").0, 200);
    filer.call(RENAME).passed();
    for bad in ["", "{}", r#"{"kind": "earthquake"}"#, r#"{"kind": "delay", "by": "soon"}"#] {
        assert_eq!(filer.control("POST", "/simulator/faults", bad).0, 400, "{bad}");
    }
    let lock = r#"{"volume": "v2", "client_address": "10.0.0.1"}"#;
    assert_eq!(filer.control("POST", "/simulator/locks", lock).0, 200);
    assert_eq!(filer.control("POST", "/simulator/locks", &lock.replace("v2", "v9")).0, 404);
    assert_eq!(filer.call("<lock-get-iter/>").passed().one("client-address"), "10.0.0.1");
}
