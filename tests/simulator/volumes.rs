//! Volumes: sizes, states, refusals.

use crate::client::Filer;
use crate::message::Answer;

pub fn create(filer: &Filer, name: &str, more: &str) -> Answer {
    filer.call(&format!(
        "<volume-create><volume>{name}</volume><containing-aggr-name>aggr1</containing-aggr-name>{more}</volume-create>"
    ))
}

/// A filer with one volume `v1` of 30 MB at `/v1`.
pub fn filer() -> Filer {
    let filer = Filer::with("{}");
    create(&filer, "v1", "<size>30000000</size><junction-path>/v1</junction-path>").passed();
    filer
}

pub fn get(filer: &Filer, name: &str) -> Answer {
    let ask = format!(
        "<volume-get-iter><query><volume-attributes><volume-id-attributes><name>{name}</name></volume-id-attributes>\
         </volume-attributes></query></volume-get-iter>"
    );
    filer.call(&ask).passed()
}

/// A call with one argument.
fn say(filer: &Filer, call: &str, argument: &str, name: &str) -> Answer {
    filer.call(&format!("<{call}><{argument}>{name}</{argument}></{call}>"))
}

fn modify(filer: &Filer, name: &str, attributes: &str) -> Answer {
    filer.call(&format!(
        "<volume-modify-iter><attributes><volume-attributes>{attributes}</volume-attributes></attributes><query>\
         <volume-attributes><volume-id-attributes><name>{name}</name></volume-id-attributes></volume-attributes>\
         </query></volume-modify-iter>"
    ))
}

#[test]
fn a_new_volume_has_whole_blocks_and_the_recorded_defaults() {
    let volume = get(&filer(), "v1");
    for (field, value) in [
        ("volume-space-attributes/size", "30003200"),
        ("percentage-snapshot-reserve", "5"),
        ("size-total", "28504064"),
        ("size-used", "204800"),
        ("maximum-size", "36003840"),
        ("is-enabled", "false"),
        ("policy", "default"),
        ("caching-policy", "Standard"),
        ("junction-path", "/v1"),
        ("volume-state-attributes/state", "online"),
        ("containing-aggregate-name", "aggr1"),
        ("volume-id-attributes/node", "node1"),
    ] {
        assert_eq!(volume.one(field), value, "{field}");
    }
}

#[test]
fn a_volume_that_cannot_be_is_refused_with_its_number() {
    let filer = filer();
    let size = "<size>20m</size>";
    for (name, more, errno) in [
        ("v1", size, 17),
        ("v-2", size, 13044),
        ("2v", size, 13044),
        ("v2", "", 13115),
        ("v2", "<size>much</size>", 13115),
        ("v2", "<size>1m</size>", 144),
        ("v2", "<size>200t</size>", 145),
        ("v2", "<size>20m</size><junction-path>/V1</junction-path>", 14713),
        ("v2", "<size>20m</size><junction-path>v2</junction-path>", 13115),
        ("v2", "<size>20m</size><percentage-snapshot-reserve>91</percentage-snapshot-reserve>", 13115),
        ("v2", "<size>20m</size><export-policy>nobody</export-policy>", 15661),
        ("v2", "<size>20m</size><caching-policy>nothing</caching-policy>", 13115),
    ] {
        assert_eq!(create(&filer, name, more).errno(), errno, "{name} {more}");
    }
    assert_eq!(create(&filer, "v1", size).refused().1, "Duplicate volume name v1. ");
    for (aggregate, errno) in [("aggr9", 14420), ("aggr0_node1", 16025)] {
        let ask = format!(
            "<volume-create><volume>v2</volume><containing-aggr-name>{aggregate}</containing-aggr-name>{size}\
             </volume-create>"
        );
        assert_eq!(filer.call(&ask).errno(), errno);
    }
    assert_eq!(filer.call("<volume-create><size>20m</size></volume-create>").errno(), 13115);
    assert_eq!(get(&filer, "v2").one("num-records"), "0");
}

#[test]
fn an_aggregate_without_room_takes_no_volume() {
    let filer = Filer::with(r#"{"aggregates": [{"name": "aggr1", "size_available": 30000000}]}"#);
    create(&filer, "v1", "<size>25m</size>").passed();
    assert_eq!(create(&filer, "v2", "<size>31000000</size>").errno(), 159);
}

#[test]
fn a_volume_that_is_not_online_lacks_what_it_cannot_tell() {
    let filer = filer();
    say(&filer, "volume-restrict", "name", "v1").passed();
    let volume = get(&filer, "v1");
    assert_eq!(volume.one("volume-state-attributes/state"), "restricted");
    assert_eq!(volume.one("policy"), "default");
    for absent in ["junction-path", "size-total", "size-used", "is-enabled", "maximum-size"] {
        assert!(volume.all(absent).is_empty(), "{absent}");
    }
    say(&filer, "volume-online", "name", "v1").passed();
    let volume = get(&filer, "v1");
    assert_eq!(volume.one("size-total"), "28504064");
    assert!(volume.all("junction-path").is_empty(), "going off unmounts");
}

#[test]
fn states_follow_each_other_as_they_must() {
    let filer = filer();
    let step = |call: &str, argument: &str| say(&filer, call, argument, "v1");
    assert_eq!(step("volume-online", "name").errno(), 13060);
    assert_eq!(step("volume-destroy", "name").errno(), 13058);
    step("volume-unmount", "volume-name").passed();
    assert_eq!(step("volume-unmount", "volume-name").errno(), 14716);
    step("volume-restrict", "name").passed();
    assert_eq!(step("volume-restrict", "name").errno(), 13061);
    step("volume-unmount", "volume-name").passed();
    assert_eq!(step("volume-destroy", "name").errno(), 13058);
    step("volume-offline", "name").passed();
    assert_eq!(step("volume-offline", "name").errno(), 13042);
    let size = "<volume-size><volume>v1</volume><new-size>40m</new-size></volume-size>";
    assert_eq!(filer.call(size).errno(), 13042);
    step("volume-destroy", "name").passed();
    assert_eq!(step("volume-destroy", "name").errno(), 13040);
    assert_eq!(step("volume-online", "name").errno(), 13040);
}

#[test]
fn the_root_volume_stays() {
    let filer = filer();
    assert_eq!(get(&filer, "vs1_root").one("junction-path"), "/");
    assert_eq!(get(&filer, "vs1_root").one("volume-space-attributes/size"), (1_u64 << 30).to_string());
    assert_eq!(say(&filer, "volume-unmount", "volume-name", "vs1_root").errno(), 14719);
    assert_eq!(say(&filer, "volume-offline", "name", "vs1_root").errno(), 14719);
}

#[test]
fn a_mounted_path_is_taken_whatever_its_case() {
    let filer = filer();
    create(&filer, "v2", "<size>20m</size>").passed();
    let mount = |path: &str| {
        filer.call(&format!(
            "<volume-mount><volume-name>v2</volume-name><junction-path>{path}</junction-path></volume-mount>"
        ))
    };
    assert_eq!(mount("/V1").errno(), 14713);
    mount("/v2").passed();
    assert_eq!(mount("/other").errno(), 14713);
    assert_eq!(get(&filer, "v2").one("junction-path"), "/v2");
}

#[test]
fn a_renamed_volume_keeps_its_place() {
    let filer = filer();
    let rename = |from: &str, to: &str| {
        filer.call(&format!(
            "<volume-rename><volume>{from}</volume><new-volume-name>{to}</new-volume-name></volume-rename>"
        ))
    };
    let uuid = get(&filer, "v1").one("instance-uuid").to_owned();
    rename("v1", "v2").passed();
    assert_eq!(get(&filer, "v2").one("instance-uuid"), uuid);
    assert_eq!(get(&filer, "v2").one("junction-path"), "/v1");
    assert_eq!(rename("v1", "v3").errno(), 13040);
    assert_eq!(rename("v2", "vs1_root").errno(), 17);
}

#[test]
fn a_size_is_set_read_and_followed_by_the_autosize_maximum() {
    let filer = filer();
    let size = |new: &str| filer.call(&format!("<volume-size><volume>v1</volume>{new}</volume-size>"));
    assert_eq!(size("<new-size>60006400</new-size>").passed().one("volume-size"), "57.23m");
    assert_eq!(get(&filer, "v1").one("maximum-size"), "72007680");
    assert_eq!(size("<new-size>+4k</new-size>").passed().one("volume-size"), "57.23m");
    assert_eq!(get(&filer, "v1").one("volume-space-attributes/size"), "60010496");
    assert_eq!(size("").passed().one("volume-size"), "57.23m");
    assert_eq!(size("<new-size>1m</new-size>").errno(), 144);
    let set = |more: &str| {
        filer.call(&format!("<volume-autosize-set><volume>v1</volume>{more}</volume-autosize-set>"))
    };
    set("<is-enabled>true</is-enabled><maximum-size>70000000.0</maximum-size>").passed();
    let autosize = say(&filer, "volume-autosize-get", "volume", "v1").passed();
    assert_eq!((autosize.one("mode"), autosize.one("maximum-size")), ("grow", "70000640"));
    assert_eq!(set("<maximum-size>20m</maximum-size>").errno(), 13115);
    assert_eq!(set("<mode>sideways</mode>").errno(), 13115);
    size("<new-size>61000000</new-size>").passed();
    assert_eq!(get(&filer, "v1").one("maximum-size"), "70000640", "what was set stays");
}

#[test]
fn a_modification_passes_and_its_counters_tell() {
    let filer = filer();
    let counts =
        |answer: &Answer| (answer.one("num-succeeded").to_owned(), answer.one("num-failed").to_owned());
    let count = |succeeded: u32, failed: u32| (succeeded.to_string(), failed.to_string());
    let comment = "<volume-id-attributes><comment>a &lt; b &amp; é</comment></volume-id-attributes>";
    assert_eq!(counts(&modify(&filer, "v1", comment).passed()), count(1, 0));
    assert_eq!(get(&filer, "v1").one("comment"), "a < b & é");
    assert_eq!(counts(&modify(&filer, "nobody", comment).passed()), count(0, 0));
    let policy = "<volume-export-attributes><policy>nobody</policy></volume-export-attributes>";
    let failed = modify(&filer, "v1", policy).passed();
    assert_eq!(counts(&failed), count(0, 1));
    assert_eq!((failed.one("error-code"), failed.one("volume-id-attributes/name")), ("15661", "v1"));
    let space = "<volume-space-attributes><size>50m</size><percentage-snapshot-reserve>20</percentage-snapshot-reserve>\
        </volume-space-attributes>";
    assert_eq!(counts(&modify(&filer, "v1", space).passed()), count(1, 0));
    assert_eq!(get(&filer, "v1").one("size-total"), "41943040");
    let state = "<volume-state-attributes><state>offline</state></volume-state-attributes>";
    assert_eq!(counts(&modify(&filer, "v1", state).passed()), count(1, 0));
    let again = modify(&filer, "v1", space).passed();
    assert_eq!((counts(&again), again.one("error-code")), (count(0, 1), "13042"));
}

#[test]
fn efficiency_is_enabled_before_it_is_set() {
    let filer = filer();
    let path = "<path>/vol/v1</path>";
    let sis = |call: &str, more: &str| filer.call(&format!("<{call}>{path}{more}</{call}>"));
    let list = || filer.call("<sis-get-iter/>").passed();
    assert_eq!(list().one("num-records"), "0");
    assert_eq!(sis("sis-set-config", "<enable-compression>true</enable-compression>").errno(), 13001);
    sis("sis-enable", "").passed();
    let refused = sis("sis-enable", "");
    let reason = "Failed to enable efficiency on volume \"v1\" of Vserver \"vs1\": \
                  Operation has already been enabled. ";
    assert_eq!(refused.refused(), (13001, reason));
    let inline = "<enable-compression>false</enable-compression>\
                  <enable-inline-compression>true</enable-inline-compression>";
    assert_eq!(sis("sis-set-config", inline).errno(), 13115);
    sis("sis-set-config", "<enable-compression>true</enable-compression>").passed();
    assert_eq!((list().one("is-compression-enabled"), list().one("state")), ("true", "enabled"));
    sis("sis-disable", "").passed();
    assert_eq!(list().one("state"), "disabled");
    assert_eq!(sis("sis-disable", "").errno(), 40043);
    sis("sis-enable", "").passed();
    assert_eq!(filer.call("<sis-enable><path>v1</path></sis-enable>").errno(), 13115);
    assert_eq!(filer.call("<sis-enable><path>/vol/nobody</path></sis-enable>").errno(), 13040);
}

#[test]
fn a_creation_in_the_background_is_a_job() {
    let filer = filer();
    let started = filer
        .call(
            "<volume-create-async><volume-name>v2</volume-name><aggr-list><aggr-name>aggr1</aggr-name></aggr-list>\
             <size>30000000</size></volume-create-async>",
        )
        .passed();
    assert_eq!(started.one("result-status"), "in_progress");
    let ask = format!("<job-get><job-id>{}</job-id></job-get>", started.one("result-jobid"));
    assert_eq!(filer.cluster(&ask).passed().one("job-state"), "running");
    assert_eq!(filer.cluster(&ask).passed().one("job-state"), "success");
    assert_eq!(filer.call(&ask).errno(), 15661, "jobs belong to the cluster");
    assert_eq!(filer.cluster("<job-get><job-id>99</job-id></job-get>").errno(), 15661);
    assert_eq!(get(&filer, "v2").one("num-records"), "1");
}
