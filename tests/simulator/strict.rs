//! A strict simulator refuses what a filer would ignore.

use filerfs::simulator::Settings;

use crate::client::Filer;

fn both() -> [Filer; 2] {
    [false, true].map(|strict| Filer::start(Settings { strict, ..Settings::default() }))
}

#[test]
fn an_unknown_or_misplaced_element_is_named() {
    let [lax, strict] = both();
    for (call, named) in [
        ("<volume-get-iter><max-record>5</max-record></volume-get-iter>", "max-record"),
        (
            "<volume-get-iter><desired-attributes><volume-id-attributes/></desired-attributes></volume-get-iter>",
            "desired-attributes/volume-id-attributes",
        ),
        (
            "<volume-get-iter><query><volume-attributes><volume-id-attributes><vserver>x</vserver>\
             </volume-id-attributes></volume-attributes></query></volume-get-iter>",
            "query/volume-attributes/volume-id-attributes/vserver",
        ),
        (
            "<volume-modify-iter><attribute><volume-attributes/></attribute><query><volume-attributes>\
             <volume-id-attributes><name>nobody</name></volume-id-attributes></volume-attributes></query>\
             </volume-modify-iter>",
            "attribute",
        ),
        ("<export-rule-get-iter><attributes/></export-rule-get-iter>", "attributes"),
    ] {
        lax.call(call).passed();
        let name = call[1..].split('>').next().unwrap();
        let reason = format!("Unexpected element \"{named}\" in {name}");
        assert_eq!(strict.call(call).refused(), (13115, reason.as_str()));
    }
}

#[test]
fn everything_known_passes() {
    let [_, strict] = both();
    for call in [
        "<volume-get-iter><max-records>5</max-records><query><volume-attributes><volume-id-attributes><name>a</name>\
         </volume-id-attributes></volume-attributes></query><desired-attributes><volume-attributes>\
         <volume-autosize-attributes><increment-size/></volume-autosize-attributes><volume-id-attributes/>\
         </volume-attributes></desired-attributes></volume-get-iter>",
        "<volume-modify-iter><query><volume-attributes><volume-id-attributes><name>nobody</name>\
         </volume-id-attributes></volume-attributes></query><attributes><volume-attributes><volume-space-attributes>\
         <size>1g</size></volume-space-attributes></volume-attributes></attributes></volume-modify-iter>",
        "<export-rule-create><policy-name>default</policy-name><client-match>a</client-match><ro-rule>\
         <security-flavor>sys</security-flavor></ro-rule><rw-rule><security-flavor>sys</security-flavor></rw-rule>\
         <protocol><access-protocol>nfs</access-protocol></protocol></export-rule-create>",
    ] {
        strict.call(call).passed();
    }
}

/// A strict filer that has something of everything.
fn full() -> Filer {
    let content = r#"{"volumes": [{"name": "v1", "size_total": 30003200, "junction_path": "/v1", "comment": "c",
        "active_policy_name": "p1", "compression_enabled": true, "inline_compression": true,
        "percentage_snapshot_reserve": 5, "autosize_enabled": true, "max_autosize": 36003840,
        "caching_policy": "Standard", "creation_time": "2017-08-10T00:00:00Z", "snapshots": [{"name": "s1"}]}],
        "policies": [{"name": "p1", "rules": ["a"]}]}"#;
    let content = serde_json::from_str(content).unwrap();
    let filer = Filer::start(Settings { strict: true, content, ..Settings::default() });
    for call in [
        "<snapshot-create><volume>v1</volume><snapshot>s2</snapshot><comment>c</comment><snapmirror-label>l\
         </snapmirror-label></snapshot-create>",
        "<volume-clone-create><parent-volume>v1</parent-volume><volume>c1</volume><parent-snapshot>s2\
         </parent-snapshot><junction-path>/c1</junction-path></volume-clone-create>",
    ] {
        filer.call(call).passed();
    }
    filer.running.lock("v1", "10.0.0.1").unwrap();
    filer
}

#[test]
fn every_field_that_is_told_can_be_asked_for_and_queried() {
    let filer = full();
    for list in [
        "volume-get-iter",
        "sis-get-iter",
        "snapshot-get-iter",
        "volume-clone-get-iter",
        "export-policy-get-iter",
        "export-rule-get-iter",
        "lock-get-iter",
        "vserver-get-iter",
        "vserver-show-aggr-get-iter",
        "aggr-get-iter",
    ] {
        let ask = |more: &str| {
            let call = format!("<{list}>{more}</{list}>");
            if list == "aggr-get-iter" { filer.cluster(&call) } else { filer.call(&call) }.passed()
        };
        let all = ask("");
        assert_ne!(all.one("num-records"), "0", "{list}");
        for (path, value) in all
            .leaves
            .iter()
            .filter_map(|(path, value)| Some((path.strip_prefix("attributes-list/")?, value)))
        {
            let nested = |inner: &str| {
                path.rsplit('/').fold(inner.to_owned(), |inner, name| format!("<{name}>{inner}</{name}>"))
            };
            let desired = ask(&format!("<desired-attributes>{}</desired-attributes>", nested("")));
            assert!(desired.all(path).contains(&value.as_str()), "{list}: {path} is not told when desired");
            let queried = ask(&format!("<query>{}</query>", nested(value)));
            assert!(queried.all(path).contains(&value.as_str()), "{list}: {path} is not found by {value}");
        }
    }
}
