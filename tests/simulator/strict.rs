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
