//! Snapshots.

use crate::client::Filer;
use crate::message::Answer;
use crate::volumes::{create as create_volume, filer};

pub fn create(filer: &Filer, name: &str) -> Answer {
    filer.call(&format!("<snapshot-create><volume>v1</volume><snapshot>{name}</snapshot></snapshot-create>"))
}

pub fn delete(filer: &Filer, name: &str) -> Answer {
    filer.call(&format!("<snapshot-delete><volume>v1</volume><snapshot>{name}</snapshot></snapshot-delete>"))
}

pub fn list(filer: &Filer, volume: &str) -> Answer {
    filer
        .call(&format!(
            "<snapshot-get-iter><max-records>2000</max-records><query><snapshot-info><volume>{volume}</volume>\
             </snapshot-info></query></snapshot-get-iter>"
        ))
        .passed()
}

#[test]
fn a_snapshot_is_made_renamed_and_deleted() {
    let filer = filer();
    create(&filer, "s1").passed();
    let made = list(&filer, "v1");
    assert_eq!((made.one("name"), made.one("total"), made.one("vserver")), ("s1", "60", "vs1"));
    assert!(made.all("busy").is_empty() && made.all("owner").is_empty());
    assert_eq!(create(&filer, "s1").errno(), 13020);
    create(&filer, "s2").passed();
    let rename = |from: &str, to: &str| {
        filer.call(&format!(
            "<snapshot-rename><volume>v1</volume><current-name>{from}</current-name><new-name>{to}</new-name>\
             </snapshot-rename>"
        ))
    };
    assert_eq!(rename("s1", "s2").errno(), 13020);
    assert_eq!(rename("s9", "s3").errno(), 15661);
    rename("s1", "s3").passed();
    delete(&filer, "s3").passed();
    assert_eq!(delete(&filer, "s3").refused(), (15661, "entry doesn't exist"));
    assert_eq!(list(&filer, "v1").all("name"), ["s2"]);
}

#[test]
fn what_is_said_of_a_snapshot_is_kept() {
    let filer = filer();
    filer
        .call(
            "<snapshot-create><volume>v1</volume><snapshot>s1</snapshot><comment>before</comment>\
             <snapmirror-label>daily</snapmirror-label></snapshot-create>",
        )
        .passed();
    let made = list(&filer, "v1");
    assert_eq!((made.one("comment"), made.one("snapmirror-label")), ("before", "daily"));
}

#[test]
fn an_old_release_takes_255_snapshots() {
    let filer = filer();
    for i in 0..255 {
        create(&filer, &format!("s{i}")).passed();
    }
    assert_eq!(create(&filer, "more").errno(), 13022);
    assert_eq!(list(&filer, "v1").one("num-records"), "255");
}

#[test]
fn a_volume_that_cannot_be_read_does_not_hide_the_others() {
    let filer = filer();
    create(&filer, "s1").passed();
    create_volume(&filer, "v2", "<size>20m</size>").passed();
    filer.call("<volume-offline><name>v2</name></volume-offline>").passed();
    let all = filer.call("<snapshot-get-iter/>").passed();
    assert_eq!((all.one("num-records"), all.one("volume-error/errno")), ("1", "13023"));
    assert_eq!(all.one("volume-error/name"), "v2");
    assert!(list(&filer, "v1").all("volume-error/errno").is_empty());
    let create = "<snapshot-create><volume>v2</volume><snapshot>s</snapshot></snapshot-create>";
    assert_eq!(filer.call(create).errno(), 13042);
    let create = "<snapshot-create><volume>v9</volume><snapshot>s</snapshot></snapshot-create>";
    assert_eq!(filer.call(create).errno(), 13040);
}

#[test]
fn a_restored_volume_loses_its_newer_snapshots() {
    let filer = filer();
    for name in ["s1", "s2", "s3"] {
        create(&filer, name).passed();
    }
    let restore = |name: &str| {
        let ask = "snapshot-restore-volume";
        filer.call(&format!("<{ask}><volume>v1</volume><snapshot>{name}</snapshot></{ask}>"))
    };
    assert_eq!(restore("s9").errno(), 15661);
    restore("s2").passed();
    assert_eq!(list(&filer, "v1").all("name"), ["s1", "s2"]);
}
