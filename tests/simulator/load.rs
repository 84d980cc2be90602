//! What is loaded is what is told, and no more.

use filerfs::simulator::{Settings, Simulator};

use crate::client::Filer;
use crate::message::Answer;
use crate::snapshots::list;
use crate::volumes::get;

const CONTENT: &str = r#"{
  "aggregates": [{"name": "aggr1_n7", "size_total": 4000, "size_available": 1000, "node": "n7"}, {"name": "aggr2"}],
  "policies": [{"name": "10.0.0.0/25", "rules": ["10.0.0.1", "@hosts"]}],
  "volumes": [
    {"name": "full", "uuid": "8b01bf0a-6be0-11e2-878e-123478563412", "state": "online", "size_total": 19000000,
     "size_used": 5000000, "filer_address": "n9", "aggregate_name": "aggr1_n7", "junction_path": "/Full",
     "active_policy_name": "10.0.0.0/25", "comment": "a comment", "creation_time": "2017-08-10T00:00:00Z",
     "compression_enabled": true, "inline_compression": false, "percentage_snapshot_reserve": 5,
     "percentage_snapshot_reserve_used": 803, "caching_policy": "Standard", "autosize_enabled": true,
     "max_autosize": 24000000,
     "snapshots": [{"name": "s1", "creation_time": "2017-08-11T00:00:00Z", "size_kbytes": 100}]},
    {"name": "bare"},
    {"name": "off", "state": "offline", "size_total": 20000000, "compression_enabled": true}
  ]
}"#;

#[test]
fn every_field_arrives() {
    let volume = get(&Filer::with(CONTENT), "full");
    for (field, value) in [
        ("volume-id-attributes/uuid", "8b01bf0a-6be0-11e2-878e-123478563412"),
        ("size-total", "19000000"),
        ("size-used", "5000000"),
        ("volume-id-attributes/node", "n9"),
        ("containing-aggregate-name", "aggr1_n7"),
        ("junction-path", "/Full"),
        ("policy", "10.0.0.0/25"),
        ("comment", "a comment"),
        ("creation-time", "1502323200"),
        ("percentage-snapshot-reserve", "5"),
        ("percentage-snapshot-reserve-used", "803"),
        ("is-enabled", "true"),
        ("maximum-size", "24000000"),
        ("snapshot-count", "1"),
    ] {
        assert_eq!(volume.one(field), value, "{field}");
    }
}

#[test]
fn an_absent_field_stays_absent() {
    let filer = Filer::with(CONTENT);
    let bare = get(&filer, "bare");
    assert_eq!(bare.one("volume-state-attributes/state"), "online");
    let absent =
        ["size-total", "size-used", "maximum-size", "is-enabled", "policy", "junction-path", "creation-time"];
    for field in absent {
        assert!(bare.all(field).is_empty(), "{field}");
    }
    let sis = filer.call("<sis-get-iter/>").passed();
    assert_eq!(sis.all("path"), ["/vol/full"], "neither the offline one nor the one without");
}

#[test]
fn snapshots_rules_and_aggregates_arrive() {
    let filer = Filer::with(CONTENT);
    let snapshots = list(&filer, "full");
    assert_eq!((snapshots.one("access-time"), snapshots.one("total")), ("1502409600", "100"));
    let rules = filer.call("<export-rule-get-iter/>").passed();
    assert_eq!(rules.all("client-match"), ["10.0.0.1", "@hosts"]);
    assert_eq!(rules.all("super-user-security/security-flavor"), ["sys", "sys"]);
    let aggregates = filer.call("<vserver-show-aggr-get-iter/>").passed();
    assert_eq!(aggregates.all("available-size"), ["1000", "0"]);
    let nodes: fn(&Answer) -> Vec<&str> = |answer| answer.all("nodes/node-name");
    let aggregates = filer.cluster("<aggr-get-iter/>").passed();
    assert_eq!(nodes(&aggregates), ["n7", "node2", "n7", "node2"], "those of the nodes come first");
}

#[test]
fn content_that_cannot_be_does_not_start() {
    let content = r#"{"volumes": [{"name": "v", "active_policy_name": "nobody"}]}"#;
    let content = serde_json::from_str(content).unwrap();
    let error = Simulator::start(Settings { content, ..Settings::default() }).unwrap_err().to_string();
    assert!(error.contains("volume v") && error.contains("nobody"), "{error}");
}
