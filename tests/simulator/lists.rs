//! Pages, desired attributes, queries.

use crate::client::Filer;

/// Volumes `v001` to `vNNN`.
fn filer(volumes: usize) -> Filer {
    let volume = |i: usize| {
        format!(r#"{{"name": "v{i:03}", "size_total": {}, "junction_path": "/v{i:03}"}}"#, 1 << 30)
    };
    let volumes: Vec<_> = (1..=volumes).map(volume).collect();
    Filer::with(&format!(r#"{{"volumes": [{}]}}"#, volumes.join(",")))
}

fn named(query: &str) -> String {
    format!(
        "<volume-get-iter><max-records>500</max-records><query><volume-attributes><volume-id-attributes>\
         <name>{query}</name></volume-id-attributes></volume-attributes></query></volume-get-iter>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[test]
fn a_list_comes_in_pages_of_twenty() {
    let filer = filer(44);
    let (mut tag, mut names, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let answer = filer.call(&format!("<volume-get-iter>{tag}</volume-get-iter>")).passed();
        pages += 1;
        let page: Vec<_> = answer.all("volume-id-attributes/name").into_iter().map(str::to_owned).collect();
        assert_eq!(answer.one("num-records"), page.len().to_string());
        names.extend(page);
        let Some(next) = answer.all("next-tag").first().copied() else { break };
        let last = names.last().unwrap();
        let expected = format!(
            "<volume-get-iter-key-td>\n        <key-0>vs1</key-0>\n        <key-1>{last}</key-1>\n\
             </volume-get-iter-key-td>\n"
        );
        assert_eq!(next, expected);
        tag = format!("<tag>{}</tag>", escaped(next));
    }
    // With the root volume of the SVM.
    assert_eq!((pages, names.len()), (3, 45));
    assert!(names.is_sorted());
}

#[test]
fn a_page_is_as_large_as_asked_and_the_last_has_no_tag() {
    let filer = filer(9);
    let ask = |most: u32| {
        filer.call(&format!("<volume-get-iter><max-records>{most}</max-records></volume-get-iter>"))
    };
    assert_eq!(ask(4).passed().one("num-records"), "4");
    let whole = ask(10).passed();
    assert_eq!((whole.one("num-records"), whole.all("next-tag").len()), ("10", 0));
    assert_eq!(ask(4_294_967_294).passed().one("num-records"), "10");
    assert_eq!(ask(0).errno(), 13115);
    assert_eq!(filer.call("<volume-get-iter><tag>no tag</tag></volume-get-iter>").errno(), 13115);
}

#[test]
fn a_tag_needs_no_memory_and_survives_the_end_of_its_record() {
    let filer = filer(5);
    let first = filer.call("<volume-get-iter><max-records>3</max-records></volume-get-iter>").passed();
    let tag = escaped(first.one("next-tag"));
    filer.call("<volume-destroy><name>v003</name><unmount-and-offline>true</unmount-and-offline></volume-destroy>").passed();
    let rest = filer.call(&format!("<volume-get-iter><tag>{tag}</tag></volume-get-iter>")).passed();
    assert_eq!(rest.all("volume-id-attributes/name"), ["v004", "v005", "vs1_root"]);
}

#[test]
fn an_empty_list_has_no_list() {
    let answer = filer(1).call(&named("nobody")).passed();
    assert_eq!(answer.leaves, [("num-records".to_owned(), "0".to_owned())]);
}

#[test]
fn only_desired_attributes_and_keys_come_and_unset_ones_are_left_out() {
    let ask = "<volume-get-iter><desired-attributes><volume-attributes><volume-autosize-attributes><increment-size/>\
        </volume-autosize-attributes><volume-state-attributes><state/></volume-state-attributes></volume-attributes>\
        </desired-attributes><max-records>1</max-records></volume-get-iter>";
    let answer = filer(1).call(ask).passed();
    let paths: Vec<_> = answer.leaves.iter().map(|(path, _)| path.as_str()).collect();
    let record = "attributes-list/volume-attributes/";
    let expected = [
        "volume-id-attributes/name",
        "volume-id-attributes/owning-vserver-name",
        "volume-state-attributes/state",
    ];
    let mut expected: Vec<_> = expected.iter().map(|path| format!("{record}{path}")).collect();
    expected.extend(["next-tag".to_owned(), "num-records".to_owned()]);
    assert_eq!(paths, expected);
}

#[test]
fn desired_attributes_without_the_record_around_them_are_ignored() {
    let filer = filer(1);
    let ask = |desired: &str| {
        let ask =
            format!("<volume-get-iter><desired-attributes>{desired}</desired-attributes></volume-get-iter>");
        filer.call(&ask).passed().leaves
    };
    let everything = filer.call("<volume-get-iter/>").passed().leaves;
    assert!(everything.len() > 20);
    assert_eq!(ask("<volume-id-attributes><name/></volume-id-attributes>"), everything);
    assert_eq!(ask("<volume-attributes/>"), everything);
    let group = ask("<volume-attributes><volume-id-attributes/></volume-attributes>");
    assert!(group.iter().any(|(path, _)| path.ends_with("/junction-path")));
    assert!(!group.iter().any(|(path, _)| path.ends_with("/state")));
}

#[test]
fn a_query_takes_patterns_alternatives_and_all_its_fields() {
    let filer = filer(12);
    let found = |query: &str| filer.call(&named(query)).passed().one("num-records").to_owned();
    assert_eq!(found("v00*"), "9");
    assert_eq!(found("v001|v012|v099"), "2");
    assert_eq!(found("V001"), "0");
    assert_eq!(found("!v*"), "0");
    let both = |name: &str, path: &str| {
        let ask = format!(
            "<volume-get-iter><query><volume-attributes><volume-id-attributes><name>{name}</name>\
             <junction-path>{path}</junction-path></volume-id-attributes></volume-attributes></query></volume-get-iter>"
        );
        filer.call(&ask).passed().one("num-records").to_owned()
    };
    assert_eq!(both("v001", "/v001"), "1");
    assert_eq!(both("v001", "/v002"), "0");
}

#[test]
fn a_field_that_is_unset_matches_nothing_and_one_that_is_unknown_is_ignored() {
    let filer = filer(1);
    let found = |field: &str| {
        let ask = format!(
            "<volume-get-iter><query><volume-attributes><volume-id-attributes>{field}<name>v001</name>\
             </volume-id-attributes></volume-attributes></query></volume-get-iter>"
        );
        filer.call(&ask).passed().one("num-records").to_owned()
    };
    assert_eq!(found("<comment>*</comment>"), "0");
    assert_eq!(found("<vserver>vs9</vserver>"), "1");
    let misplaced = "<volume-get-iter><query><name>v001</name></query></volume-get-iter>";
    assert_eq!(filer.call(misplaced).passed().one("num-records"), "2");
}
