//! Clones.

use crate::client::Filer;
use crate::message::Answer;
use crate::snapshots::{create as snapshot, delete, list};
use crate::volumes::{filer, get};

fn clone(filer: &Filer, name: &str, more: &str) -> Answer {
    filer.call(&format!(
        "<volume-clone-create><parent-volume>v1</parent-volume><volume>{name}</volume>{more}</volume-clone-create>"
    ))
}

#[test]
fn a_clone_holds_its_snapshot_and_its_parent() {
    let filer = filer();
    snapshot(&filer, "s1").passed();
    clone(&filer, "c1", "<parent-snapshot>s1</parent-snapshot><junction-path>/c1</junction-path>").passed();
    let made = get(&filer, "c1");
    assert_eq!((made.one("junction-path"), made.one("size-total")), ("/c1", "28504064"));
    assert_eq!(made.one("volume-clone-parent-attributes/snapshot-name"), "s1");
    let busy = list(&filer, "v1");
    assert_eq!((busy.one("busy"), busy.one("snapshot-owner/owner")), ("true", "volume clone"));
    assert_eq!(delete(&filer, "s1").errno(), 13024);
    let destroy =
        "<volume-destroy><name>v1</name><unmount-and-offline>true</unmount-and-offline></volume-destroy>";
    assert_eq!(filer.call(destroy).errno(), 13001);
    filer.call(&destroy.replace("v1", "c1")).passed();
    assert!(list(&filer, "v1").all("busy").is_empty());
    delete(&filer, "s1").passed();
}

#[test]
fn a_clone_is_told_from_other_volumes() {
    let filer = filer();
    snapshot(&filer, "s1").passed();
    clone(&filer, "c1", "<parent-snapshot>s1</parent-snapshot>").passed();
    let ask =
        |name: &str| filer.call(&format!("<volume-clone-get><volume>{name}</volume></volume-clone-get>"));
    assert_eq!(ask("c1").passed().one("volume-clone-info/parent-volume"), "v1");
    assert_eq!(ask("v1").errno(), 15661);
    let all = filer.call("<volume-clone-get-iter/>").passed();
    assert_eq!((all.one("num-records"), all.one("volume-clone-info/parent-snapshot")), ("1", "s1"));
    filer
        .call("<volume-rename><volume>v1</volume><new-volume-name>v2</new-volume-name></volume-rename>")
        .passed();
    assert_eq!(ask("c1").passed().one("volume-clone-info/parent-volume"), "v2");
}

#[test]
fn a_clone_without_a_snapshot_makes_one() {
    let filer = filer();
    clone(&filer, "c1", "").passed();
    let made = list(&filer, "v1");
    assert!(made.one("name").starts_with("clone_c1."), "{made:?}");
    assert_eq!(made.one("busy"), "true");
}

#[test]
fn a_clone_that_cannot_be_is_refused() {
    let filer = filer();
    snapshot(&filer, "s1").passed();
    let of_s1 = "<parent-snapshot>s1</parent-snapshot>";
    assert_eq!(clone(&filer, "v1", of_s1).errno(), 17);
    assert_eq!(clone(&filer, "c1", "<parent-snapshot>s9</parent-snapshot>").errno(), 15661);
    assert_eq!(clone(&filer, "c1", &format!("{of_s1}<junction-path>/v1</junction-path>")).errno(), 14713);
    let orphan =
        "<volume-clone-create><parent-volume>v9</parent-volume><volume>c1</volume></volume-clone-create>";
    assert_eq!(filer.call(orphan).errno(), 13040);
    assert_eq!(get(&filer, "c1").one("num-records"), "0");
}

#[test]
fn a_restore_that_would_take_a_snapshot_from_under_a_clone_is_refused() {
    let filer = filer();
    snapshot(&filer, "s1").passed();
    snapshot(&filer, "s2").passed();
    clone(&filer, "c1", "<parent-snapshot>s2</parent-snapshot>").passed();
    let ask = "<snapshot-restore-volume><volume>v1</volume><snapshot>s1</snapshot></snapshot-restore-volume>";
    assert_eq!(filer.call(ask).errno(), 15894);
    assert_eq!(list(&filer, "v1").one("num-records"), "2");
}
