//! The cluster and the SVM, versions, envelopes.

use filerfs::simulator::{Address, Ontap, Settings};

use crate::client::Filer;
use crate::message::envelope;
use crate::volumes::filer;

#[test]
fn the_cluster_sees_the_volumes_of_its_nodes_too() {
    let filer = filer();
    let names = |answer: crate::message::Answer| {
        let owners = answer.all("owning-vserver-name").into_iter().map(str::to_owned);
        owners.zip(answer.all("volume-id-attributes/name").into_iter().map(str::to_owned)).collect::<Vec<_>>()
    };
    let owned = |list: &[(&str, &str)]| -> Vec<_> {
        list.iter().map(|(owner, name)| ((*owner).to_owned(), (*name).to_owned())).collect()
    };
    let of_svm = [("vs1", "v1"), ("vs1", "vs1_root")];
    let of_all = [("node1", "vol0"), ("node2", "vol0"), ("vs1", "v1"), ("vs1", "vs1_root")];
    assert_eq!(names(filer.call("<volume-get-iter/>").passed()), owned(&of_svm));
    let all = filer.cluster("<volume-get-iter/>").passed();
    assert_eq!(all.all("containing-aggregate-name")[0], "aggr0_node1");
    assert_eq!(names(all), owned(&of_all));
}

#[test]
fn a_call_of_the_wrong_scope_is_not_found() {
    let filer = filer();
    assert_eq!(filer.cluster("<aggr-get-iter/>").passed().one("num-records"), "4");
    let reason = "Unable to find API: aggr-get-iter on data vserver vs1";
    assert_eq!(filer.call("<aggr-get-iter/>").refused(), (13005, reason));
    let ask = "<volume-restrict><name>v1</name></volume-restrict>";
    assert_eq!(filer.cluster(ask).refused(), (13005, "Unable to find API: volume-restrict"));
    assert_eq!(filer.call("<no-such-call/>").errno(), 13005);
    assert_eq!(
        filer.call("<vserver-show-aggr-get-iter/>").passed().all("aggregate-name"),
        ["aggr1", "aggr2"]
    );
    assert_eq!(filer.cluster("<vserver-show-aggr-get-iter/>").errno(), 13005);
}

#[test]
fn an_unknown_svm_is_told() {
    let ask = envelope(" vfiler=\"vs9\"", "<volume-get-iter/>");
    assert_eq!(filer().envelope(&ask).refused(), (15698, "Specified vserver not found"));
}

#[test]
fn the_address_of_an_svm_speaks_for_it_alone() {
    let filer = Filer::start(Settings { address: Address::Svm, ..Settings::default() });
    assert_eq!(filer.cluster("<volume-get-iter/>").passed().one("volume-id-attributes/name"), "vs1_root");
    assert_eq!(filer.cluster("<aggr-get-iter/>").errno(), 13005);
    assert_eq!(filer.call("<volume-get-iter/>").errno(), 13003);
    assert_eq!(filer.cluster("<vserver-get/>").passed().one("vserver-name"), "vs1");
}

#[test]
fn svms_are_listed_by_scope() {
    let filer = filer();
    let kinds = filer.cluster("<vserver-get-iter/>").passed();
    assert_eq!(kinds.all("vserver-type"), ["admin", "node", "node", "data"]);
    let own = filer.call("<vserver-get-iter/>").passed();
    assert_eq!((own.one("vserver-type"), own.one("max-volumes")), ("data", "unlimited"));
    assert_eq!(own.all("aggr-list/aggr-name"), ["aggr1", "aggr2"]);
    assert_eq!(own.one("root-volume"), "vs1_root");
    assert_eq!(filer.cluster("<vserver-get/>").errno(), 13005);
}

#[test]
fn versions_are_told_and_newer_ones_refused() {
    let old = filer();
    let version = old.cluster("<system-get-ontapi-version/>").passed();
    assert_eq!((version.one("major-version"), version.one("minor-version")), ("1", "110"));
    let version = old.cluster("<system-get-version/>").passed();
    assert_eq!(
        (version.one("generation"), version.one("major"), version.one("is-clustered")),
        ("9", "1", "true")
    );
    let ask = envelope("", "<system-get-ontapi-version/>");
    old.envelope(&ask.replace("version=\"1.0\"", "version=\"1.31\"")).passed();
    assert_eq!(old.envelope(&ask.replace("version=\"1.0\"", "version=\"1.180\"")).errno(), 13010);
    assert_eq!(old.envelope(&ask.replace("version=\"1.0\"", "version=\"new\"")).errno(), 13115);
    let new = Filer::start(Settings { ontap: Ontap::V9_15, ..Settings::default() });
    new.envelope(&ask.replace("version=\"1.0\"", "version=\"1.180\"")).passed();
    assert_eq!(new.cluster("<system-get-ontapi-version/>").passed().one("minor-version"), "251");
}

#[test]
fn a_newer_release_has_another_number_and_another_limit() {
    let filer = Filer::start(Settings { ontap: Ontap::V9_15, ..Settings::default() });
    crate::volumes::create(&filer, "v1", "<size>1g</size>").passed();
    let enable = "<sis-enable><path>/vol/v1</path></sis-enable>";
    filer.call(enable).passed();
    assert_eq!(filer.call(enable).errno(), 40043);
    for i in 0..256 {
        crate::snapshots::create(&filer, &format!("s{i}")).passed();
    }
}

#[test]
fn an_envelope_is_read_as_clients_write_it() {
    let filer = filer();
    let call = "<system-get-ontapi-version/>";
    let doctype = "<!DOCTYPE netapp SYSTEM 'file:/etc/netapp_filer.dtd'>";
    let plain = envelope("", call);
    filer.envelope(plain.split_once('\n').unwrap().1).passed();
    filer.envelope(&plain.replace("<netapp", &format!("{doctype}<netapp"))).passed();
    filer.envelope(&envelope(" nmsdk_app=\"tests\"", &format!("\n  <!-- a note -->{call}\n"))).passed();
    let ask = "<vserver-get-iter><query><vserver-info><vserver-name><![CDATA[vs1]]></vserver-name></vserver-info>\
        </query></vserver-get-iter>";
    assert_eq!(filer.cluster(ask).passed().one("num-records"), "1");
    assert_eq!(filer.cluster(&ask.replace("<![CDATA[vs1]]>", "&#118;s1")).passed().one("num-records"), "1");
}

#[test]
fn what_is_no_envelope_is_refused_in_words() {
    let filer = filer();
    let good = envelope("", "<system-get-ontapi-version/>");
    let entity = "<!DOCTYPE netapp [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><netapp";
    for bad in [
        "",
        "garbage",
        "<netapp>",
        &good.replace("filer/admin", "filer"),
        &good.replace("<system-get-ontapi-version/>", ""),
        &good
            .replace("<netapp", entity)
            .replace("<system-get-ontapi-version/>", "<volume-get-iter>&e;</volume-get-iter>"),
        &envelope("", &format!("{}{}", "<a>".repeat(1000), "</a>".repeat(1000))),
    ] {
        let answer = filer.envelope(bad);
        let (errno, reason) = answer.refused();
        assert_eq!(errno, 13001, "{bad}");
        assert!(reason.starts_with("Malformed request: "), "{reason}");
    }
}
