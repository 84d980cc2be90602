//! Whatever is sent, an answer of ZAPI comes back.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::client::Filer;
use crate::message::envelope;

static FILER: LazyLock<Filer> = LazyLock::new(|| Filer::with(r#"{"volumes": [{"name": "v1"}]}"#));

/// A request that uses most of the grammar.
fn request() -> String {
    let call = "<volume-get-iter><max-records>5</max-records><tag>&lt;volume-get-iter-key-td&gt;&lt;key-0&gt;vs1\
        &lt;/key-0&gt;&lt;key-1&gt;a&lt;/key-1&gt;&lt;/volume-get-iter-key-td&gt;</tag><query><volume-attributes>\
        <volume-id-attributes><name>v*|w!&#120;</name></volume-id-attributes></volume-attributes></query>\
        <desired-attributes><volume-attributes/></desired-attributes></volume-get-iter>";
    envelope(" vfiler=\"vs1\"", call)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn text(body in ".{0,200}") {
        FILER.envelope(&body).refused();
    }

    #[test]
    fn a_request_with_a_part_replaced(at in any::<prop::sample::Index>(), length in 0_usize..9, new in "[<>&;/=\"!*|.0-9a-z-]{0,5}") {
        let mut body = request();
        let at = at.index(body.len());
        body.replace_range(at..(at + length).min(body.len()), &new);
        let answer = FILER.envelope(&body);
        prop_assert!(answer.attributes.iter().any(|(name, _)| name == "status"), "{:?}", answer);
    }
}

#[test]
fn the_request_itself_passes() {
    assert_eq!(FILER.envelope(&request()).passed().all("volume-id-attributes/name"), ["v1", "vs1_root"]);
}
