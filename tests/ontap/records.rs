//! Answers that a filer should not give: what is taken from them, and what is said of the rest.

use filerfs::backend::{Kind, NewVolume, Settings, StorageBackend};
use filerfs::simulator::{Fault, FaultKind};
use serde_json::json;

use crate::filer::{Filer, p, s, v};
use crate::log::Log;
use crate::played::{Play, Played, answer, volume};

fn warnings() -> Log {
    Log::of(tracing::Level::WARN)
}

#[tokio::test]
async fn a_bad_record_is_left_out_and_logged_and_the_others_are_shown() {
    let rows = [
        ("volume-id-attributes/name", None, "volume-id-attributes/name"),
        ("volume-id-attributes/name", Some("a b"), "a volume name cannot hold"),
        ("volume-id-attributes/creation-time", Some("yesterday"), "creation-time: \"yesterday\""),
        ("volume-space-attributes/size-used", None, "volume-space-attributes/size-used"),
        ("volume-space-attributes/size", Some("many"), "size: \"many\""),
        ("volume-space-attributes/size-used", Some("-1"), "size-used: \"-1\""),
        (
            "volume-space-attributes/percentage-snapshot-reserve",
            Some(""),
            "percentage-snapshot-reserve: \"\"",
        ),
        ("volume-autosize-attributes/is-enabled", Some("perhaps"), "is-enabled: \"perhaps\""),
        ("volume-autosize-attributes/maximum-size", Some("1e9"), "maximum-size: \"1e9\""),
    ];
    for (field, value, said) in rows {
        let filer = Filer::small();
        let log = warnings();
        let fault = FaultKind::WrongRecord { field: field.into(), value: value.map(str::to_owned) };
        let planted = filer.running.inject(Fault::new("volume-get-iter", fault));
        let volumes = filer.zapi().volumes().await.unwrap();
        assert_eq!(planted.fired(), 1, "{field}");
        // The first is that of the volume db1.
        let names: Vec<_> = volumes.iter().map(|volume| volume.name.as_str()).collect();
        assert_eq!(names, ["db2"], "{field} {value:?}");
        assert!(log.text().contains("a record is left out"), "{field}: {}", log.text());
        assert!(log.text().replace("\\\"", "\"").contains(said), "{field}: {}", log.text());
        assert!(log.text().contains("volume-get-iter"), "{}", log.text());
    }
}

#[tokio::test]
async fn one_volume_with_a_bad_field_is_an_error_that_names_call_and_field() {
    let filer = Filer::small();
    let fault =
        FaultKind::WrongRecord { field: "volume-space-attributes/size".into(), value: Some("many".into()) };
    filer.running.inject(Fault::new("volume-get-iter", fault));
    let error = filer.zapi().get_volume(&v("db1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Remote);
    assert_eq!(error.to_string(), "the answer to volume-get-iter has a strange size: \"many\"");
}

#[tokio::test]
async fn bad_snapshots_policies_and_rules_are_left_out_and_the_others_are_shown() {
    let filer = Filer::small();
    let (zapi, log) = (filer.zapi(), warnings());
    let wrong = |call: &str, field: &str| {
        let fault = FaultKind::WrongRecord { field: field.into(), value: Some("wr\u{7f}ong".into()) };
        filer.running.inject(Fault::once(call, fault))
    };
    let planted = wrong("snapshot-get-iter", "access-time");
    let names: Vec<_> =
        zapi.get_snapshots(&v("db1")).await.unwrap().iter().map(|s| s.name.to_string()).collect();
    assert_eq!((planted.fired(), &*names), (1, &["s2".to_owned()][..]));
    let planted = wrong("export-rule-get-iter", "rule-index");
    let rules = zapi.get_policy(&p("nfs")).await.unwrap().rules.clone();
    assert_eq!((planted.fired(), rules.len()), (1, 2));
    assert_eq!(log.text().matches("a record is left out").count(), 2, "{}", log.text());
}

/// In a list of all volumes as in that of one.
#[tokio::test]
async fn snapshots_and_locks_of_no_possible_volume_are_left_out_and_the_others_are_shown() {
    let filer = Filer::small();
    filer.running.lock("db1", "10.0.0.1").unwrap();
    filer.running.lock("db2", "10.0.0.2").unwrap();
    let (zapi, log) = (filer.zapi(), warnings());
    let (snapshots, locks) = (zapi.all_snapshots().await.unwrap(), zapi.all_nfs_locks().await.unwrap());
    assert_eq!((snapshots[&v("db1")].len(), locks.len()), (2, 2));
    for (call, volume) in [("snapshot-get-iter", None), ("lock-get-iter", Some("a b".to_owned()))] {
        let fault = FaultKind::WrongRecord { field: "volume".into(), value: volume };
        filer.running.inject(Fault::once(call, fault));
    }
    // The first is that of the volume db1.
    let (snapshots, locks) = (zapi.all_snapshots().await.unwrap(), zapi.all_nfs_locks().await.unwrap());
    assert_eq!((snapshots[&v("db1")].len(), locks.len()), (1, 1));
    assert_eq!(locks[&v("db2")], ["10.0.0.2"]);
    assert_eq!(log.text().matches("a record is left out").count(), 2, "{}", log.text());
}

#[tokio::test]
async fn a_record_of_another_shape_hides_no_other() {
    let shapes = [
        volume("odd").replace("<name>odd</name>", "<name>odd</name><name>twice</name>"),
        volume("odd").replace("<name>odd</name>", "<name><first>odd</first></name>"),
        volume("odd").replace("<size-total>30003200</size-total>", "<size-total>&undefined;</size-total>"),
    ];
    for shape in shapes {
        let records = format!("{}{shape}{}", volume("one"), volume("two"));
        let played =
            Played::start(
                move |call, _| if call == "volume-get-iter" { Play::list(&records) } else { Play::empty() },
            );
        let log = warnings();
        let volumes = played.zapi().volumes().await.unwrap();
        let names: Vec<_> = volumes.iter().map(|volume| volume.name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        assert!(log.text().contains("a record is left out"), "{}", log.text());
    }
}

#[tokio::test]
async fn fields_and_records_that_nobody_knows_are_passed_over() {
    let records = volume("one").replace("<name>", "<new-in-9.99><deep>x</deep></new-in-9.99><name>");
    let played = Played::start(move |call, _| {
        let list = format!("{records}<surprise><name>two</name></surprise>{}", volume("three"));
        if call == "volume-get-iter" { Play::list(&list) } else { Play::empty() }
    });
    let names: Vec<_> =
        played.zapi().volumes().await.unwrap().iter().map(|volume| volume.name.to_string()).collect();
    assert_eq!(names, ["one", "three"]);
}

#[tokio::test]
async fn a_filer_that_repeats_a_page_is_left_and_the_log_says_so() {
    let volume = |i: u32| json!({"name": format!("v{i:04}"), "size_total": 1 << 30});
    let filer = Filer::with(&json!({"volumes": (0..600).map(volume).collect::<Vec<_>>()}).to_string());
    let planted = filer.running.inject(Fault::new("volume-get-iter", FaultKind::RepeatTag));
    let log = warnings();
    let volumes = filer.zapi().volumes().await.unwrap();
    assert!(volumes.len() >= 600, "{}", volumes.len());
    assert_eq!((planted.fired(), filer.count("volume-get-iter")), (1, 2));
    assert!(log.text().contains("repeats a page"), "{}", log.text());
}

#[tokio::test]
async fn pages_that_go_in_a_circle_end() {
    let played = Played::start(|call, request| {
        if call != "volume-get-iter" {
            return Play::empty();
        }
        let next = if request.contains("<tag>a</tag>") { "b" } else { "a" };
        Play::results(&format!(
            "<results status=\"passed\"><attributes-list>{}</attributes-list><next-tag>{next}</next-tag>\
             <num-records>1</num-records></results>",
            volume(next)
        ))
    });
    let log = warnings();
    played.zapi().volumes().await.unwrap();
    assert!(log.text().contains("repeats a page"), "{}", log.text());
    assert_eq!(played.take_asked().iter().filter(|asked| asked.contains("volume-get-iter")).count(), 3);
}

#[tokio::test]
async fn the_tag_of_a_page_goes_back_to_the_last_blank() {
    let tag = "&lt;volume-get-iter-key-td&gt;\n        &lt;key-0&gt;v&amp;amp;s&lt;/key-0&gt;\n&lt;/volume-get-iter-key-td&gt;\n";
    let played = Played::start(move |call, request| match call {
        "volume-get-iter" if !request.contains("<tag>") => Play::results(&format!(
            "<results status=\"passed\"><attributes-list>{}</attributes-list><next-tag>{tag}</next-tag>\
             <num-records>1</num-records></results>",
            volume("one")
        )),
        "volume-get-iter" => Play::list(&volume("two")),
        _ => Play::empty(),
    });
    assert_eq!(played.zapi().volumes().await.unwrap().len(), 2);
    let pages = played.take_calls();
    let expected = "<volume-get-iter-key-td>\n        <key-0>v&amp;s</key-0>\n</volume-get-iter-key-td>\n";
    assert_eq!(pages[1].text("tag"), Some(expected));
    assert_eq!(pages[0].clone(), pages[1].clone().without(&["tag"]));
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_of_the_filer_that_names_the_call() {
    let page = "<html><head><title>Maintenance</title></head><body><br>Back soon</body></html>";
    let bodies: [(&str, Vec<u8>); 9] = [
        ("nothing", Vec::new()),
        ("noise", vec![0xff, 0xfe, 0x00, 0x41]),
        ("a page for people", page.into()),
        ("other XML", b"<soap:Envelope/>".to_vec()),
        ("no results", answer("").into_bytes()),
        ("no status", answer("<results/>").into_bytes()),
        ("a strange status", answer("<results status=\"maybe\"/>").into_bytes()),
        ("half of it", answer("<results status=\"passed\"/>").into_bytes()[..150].to_vec()),
        ("an answer in JSON", b"{\"error\": {\"code\": 4}}".to_vec()),
    ];
    for (what, body) in bodies {
        let played = Played::always(move || Play::Body(body.clone()));
        let error = played.zapi().volumes().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote, "{what}: {error}");
        assert!(
            error.to_string().starts_with("the answer to volume-get-iter cannot be read"),
            "{what}: {error}"
        );
        let error = played.zapi().create_snapshot(&v("db1"), &s("x")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote, "{what}: {error}");
    }
}

#[tokio::test]
async fn what_is_no_answer_of_http_is_no_panic_and_a_redirection_is_not_followed() {
    let elsewhere = Played::always(Play::empty);
    let redirection =
        format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url());
    let rows = [
        ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "broke before its answer ended"),
        ("HTTP/1.1 200 OK\r\nContent-Le".to_owned(), "broke before its answer ended"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<?xml".to_owned(), "broke before its answer ended"),
        (redirection, "answers HTTP 302"),
    ];
    for (bytes, words) in rows {
        let played = Played::always(move || Play::Raw(bytes.clone().into_bytes()));
        let error = played.zapi().volumes().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(elsewhere.take_asked(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_defines_entities_is_refused() {
    let doctypes = [
        "<!DOCTYPE netapp [<!ENTITY a \"x\">]>",
        "<!DOCTYPE netapp SYSTEM 'file:/etc/passwd' [ <!ENTITY % p SYSTEM 'file:/etc/passwd'> ]>",
        "<!DOCTYPE netapp [<!ELEMENT netapp ANY>]>",
    ];
    for doctype in doctypes {
        let body = answer("<results status=\"passed\"/>")
            .replace("<!DOCTYPE netapp SYSTEM 'file:/etc/netapp_gx.dtd'>", doctype);
        let played = Played::always(move || Play::Body(body.clone().into_bytes()));
        let error = played.zapi().create_snapshot(&v("db1"), &s("x")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote);
        assert!(error.to_string().contains("it defines entities"), "{doctype}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_left() {
    let played = Played::always(|| Play::Bytes(80 << 20));
    let error = played.zapi().volumes().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Remote);
    assert!(error.to_string().contains("answers with more than 64 MiB"), "{error}");
}

#[tokio::test]
async fn a_refusal_of_one_record_is_a_refusal_and_none_at_all_means_that_there_is_none() {
    let counted = |failures: &str, failed: u32, succeeded: u32| {
        let list = format!("<success-list></success-list><failure-list>{failures}</failure-list>");
        format!(
            "<results status=\"passed\">{list}<num-failed>{failed}</num-failed>\
             <num-succeeded>{succeeded}</num-succeeded></results>"
        )
    };
    let failure = "<volume-modify-iter-info><error-code>160</error-code><error-message>Not on this volume. \
                   </error-message></volume-modify-iter-info>";
    let rows = [
        (counted(failure, 1, 0), Some((Kind::Unsupported, "Not on this volume"))),
        (counted("", 1, 0), Some((Kind::Remote, "does not say why"))),
        (counted("", 0, 0), Some((Kind::NotFound, "there is no volume db1"))),
        (counted("", 0, 1), None),
    ];
    for (results, expected) in rows {
        let played = Played::always(move || Play::results(&results));
        let done = played.zapi().set_policy(&v("db1"), &p("nfs")).await;
        match expected {
            None => done.unwrap(),
            Some((kind, words)) => {
                let error = done.unwrap_err();
                assert_eq!(error.kind(), kind, "{error}");
                assert!(error.to_string().contains(words), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn control_characters_in_an_answer_are_dropped() {
    let body = answer("<results reason=\"be\u{7}ep\u{8}\" status=\"failed\" errno=\"13001\"/>");
    let played = Played::always(move || Play::Body(body.clone().into_bytes()));
    let error = played.zapi().create_snapshot(&v("db1"), &s("x")).await.unwrap_err();
    assert!(error.to_string().contains("beep"), "{error}");
}

#[tokio::test]
async fn an_svm_without_aggregates_has_no_space() {
    let played = Played::always(Play::empty);
    let settings =
        Settings { size_total: Some(1 << 30), junction_path: Some("/x".into()), ..Settings::default() };
    let new = NewVolume { settings, aggregate_name: None };
    let error = played.zapi().create_volume(&v("x"), &new).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NoSpace, "{error}");
}
