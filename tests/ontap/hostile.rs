//! Whatever comes over the wire, and whatever a name is: no panic. The targets in `fuzz/` look longer.

use filerfs::backend::names::{decoded, encoded};
use filerfs::backends::ontap::zapi::xml::{Done, Element as Request, next_tag, read, records_alone};
use proptest::prelude::*;

use crate::element::Element;
use crate::played::{answer, volume};

/// Pieces that answers are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<?xml version='1.0'?>",
        "<!DOCTYPE netapp SYSTEM 'f'>",
        "<!DOCTYPE n [<!ENTITY a 'b'>]>",
        "<netapp>",
        "</netapp>",
        "<results status=\"passed\">",
        "<results status=\"failed\" errno=\"17\" reason=\"&quot;no\"/>",
        "</results>",
        "<attributes-list>",
        "</attributes-list>",
        "<next-tag>",
        "</next-tag>",
        "<a/>",
        "<a>",
        "</a>",
        "&a;",
        "&#x110000;",
        "&amp;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "\u{0}",
        "\u{7}",
        "é",
        "<",
        ">",
        "\"",
        "x",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// A good answer of which a part is cut out and another put in its place.
fn spoiled() -> impl Strategy<Value = Vec<u8>> {
    let list = format!("<attributes-list>{}{}</attributes-list>", volume("one"), volume("two"));
    let good = answer(&format!("<results status=\"passed\">{list}<next-tag>&lt;t&gt;</next-tag></results>"))
        .into_bytes();
    let end = good.len();
    (0..end, 0..end, prop::collection::vec(any::<u8>(), 0..8)).prop_map(move |(a, b, with)| {
        let mut bytes = good.clone();
        bytes.splice(a.min(b)..a.max(b), with);
        bytes
    })
}

fn look_at(body: &[u8]) {
    let _ = read::<Done>("api", body);
    let _ = next_tag("api", body);
    if let Ok(records) = records_alone("api", body) {
        // No more comes out of it than went in, but for the envelopes.
        let size: usize = records.iter().map(String::len).sum();
        assert!(size <= body.len() + 200 * records.len());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_a_failure(body in prop::collection::vec(any::<u8>(), 0..400)) {
        look_at(&body);
    }

    #[test]
    fn any_pieces_of_answers_are_an_answer_or_a_failure(text in pieces()) {
        look_at(text.as_bytes());
        look_at(answer(&text).as_bytes());
    }

    #[test]
    fn any_spoiled_answer_is_an_answer_or_a_failure(body in spoiled()) {
        look_at(&body);
    }

    #[test]
    fn what_is_sent_is_what_was_meant(value in "\\PC{0,40}", svm in "\\PC{1,20}") {
        let message = Request::new().text("volume", &value).message("volume-get", Some(&svm));
        let root = Element::read(&message);
        prop_assert_eq!(root.attribute("vfiler"), Some(&*svm));
        prop_assert_eq!(root.text("volume-get/volume"), Some(&*value));
    }

    #[test]
    fn a_name_is_a_file_name_and_back(name in "\\PC{0,60}") {
        let file = encoded(&name);
        prop_assert!(!file.contains('/'));
        prop_assert_eq!(decoded(&file), Some(name.as_str().into()));
    }

    #[test]
    fn any_file_name_is_decoded(file in any::<String>()) {
        let _ = decoded(&file);
    }
}
