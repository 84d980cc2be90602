//! Real traffic, client side: every recorded answer is understood, and what we send says what was sent then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use filerfs::backend::{
    AggregateName, Identity, Kind, NewVolume, Result, Settings, StorageBackend, Volume, VolumeName,
};
use filerfs::backends::ontap::zapi::Zapi;
use filerfs::backends::ontap::zapi::xml::{Done, read};
use parking_lot::Mutex;

use crate::element::Element;
use crate::filer::{p, s, v};
use crate::log::Log;
use crate::played::{Play, Played, volume};

/// The name that the recorder put in place of the SVM's.
const SVM: &str = "ONTAP-VSERVER";
/// What we may say more or less of: page sizes, that only volumes in use are changed, and the SVM where the call
/// is tunnelled anyway.
const FREE: [&str; 6] = [
    "max-records",
    "query/volume-attributes/volume-state-attributes",
    "query/volume-attributes/volume-id-attributes/owning-vserver-name",
    "query/sis-status-info/vserver",
    "query/snapshot-info/vserver",
    "query/lock-info/vserver",
];

/// One request and its answer.
struct Exchange {
    name: String,
    call: String,
    asked: Element,
    body: String,
    answer: Element,
}

/// The recordings, unless they are not on this machine.
fn recordings() -> Option<PathBuf> {
    let set = std::env::var_os("FILERFS_RECORDINGS").map(PathBuf::from);
    let folder = set.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings"));
    let folder = folder.join("ontap-9.1");
    if folder.is_dir() {
        return Some(folder);
    }
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!ci, "no recordings at {}", folder.display());
    println!("left out: recorded ONTAP traffic, client side; it is tests/cassettes of the public repository");
    println!("cerndb/storage-api, one file a message, where FILERFS_RECORDINGS says");
    None
}

fn exchanges(set: &Path) -> Vec<Exchange> {
    let mut names: Vec<String> =
        fs::read_dir(set).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".request.xml"));
    names.sort_by_key(|name| name.split('-').next().unwrap().parse::<u32>().unwrap());
    let read = |name: String| {
        let body = fs::read_to_string(set.join(name.replace(".request.", ".response."))).unwrap();
        let asked = Element::body(&fs::read_to_string(set.join(&name)).unwrap());
        let name = format!("{}/{name}", set.file_name().unwrap().to_string_lossy());
        Exchange { name, call: asked.name.clone(), asked, answer: Element::body(&body), body }
    };
    names.into_iter().map(read).collect()
}

/// A filer that gives recorded answers to the calls they belong to, and kind ones to all others.
struct Replay {
    played: Played,
    zapi: Zapi,
    next: Arc<Mutex<Vec<(String, String)>>>,
}

impl Replay {
    fn start() -> Replay {
        let next: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let answers = next.clone();
        let played = Played::start(move |call, request| {
            let mut next = answers.lock();
            if next.first().is_some_and(|(of, _)| of == call) {
                return Play::Body(next.remove(0).1.into_bytes());
            }
            match call {
                "volume-get-iter" => {
                    let asked = Element::body(request);
                    let name = asked.text("query/volume-attributes/volume-id-attributes/name").unwrap();
                    Play::list(&volume(name).replace("vs1", SVM))
                }
                call if call.ends_with("-get-iter") => Play::empty(),
                _ => Play::done(),
            }
        });
        let zapi = played.zapi_of(SVM);
        Replay { played, zapi, next }
    }

    /// The next answers, in order.
    fn answer(&self, exchanges: &[Exchange]) {
        *self.next.lock() =
            exchanges.iter().map(|exchange| (exchange.call.clone(), exchange.body.clone())).collect();
    }

    /// What we sent says what was sent then, and every answer was used.
    fn compare(&self, exchanges: &[Exchange]) {
        assert_eq!(self.next.lock().len(), 0, "not asked for: {}", exchanges[0].name);
        let mut ours = self.played.take_calls().into_iter();
        for exchange in exchanges {
            let ours = ours.find(|ours| ours.name == exchange.call).unwrap();
            assert!(same(&ours, &exchange.asked), "{}\n{ours:#?}\n{:#?}", exchange.name, exchange.asked);
        }
    }
}

/// Whether two requests mean the same, though ours may ask for more attributes.
fn same(ours: &Element, recorded: &Element) -> bool {
    // Without the element that names the record, the filer ignored the wish: that call was wrong.
    let wanted =
        recorded.find("desired-attributes").filter(|_| recorded.name != "vserver-show-aggr-get-iter");
    // No release since has it.
    let wanted = wanted
        .cloned()
        .map(|wanted| wanted.without(&["volume-attributes/volume-autosize-attributes/increment-size"]));
    let asked_for =
        wanted.is_none_or(|wanted| ours.find("desired-attributes").is_some_and(|own| own.holds(&wanted)));
    let rest =
        |element: &Element| element.clone().without(&FREE).without(&["desired-attributes", "increment-size"]);
    asked_for && rest(ours) == rest(recorded)
}

#[tokio::test]
async fn every_recorded_answer_is_understood_and_every_request_means_what_was_recorded() {
    let Some(folder) = recordings() else { return };
    let mut sets: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    sets.sort();
    assert!(sets.len() >= 15, "{} sets", sets.len());
    let (log, replay, mut calls) = (Log::of(tracing::Level::WARN), Replay::start(), BTreeMap::new());
    for set in sets {
        let mut left = exchanges(&set);
        // A list's pages belong together, whatever was asked for between them.
        let (mut lists, others): (Vec<_>, Vec<_>) =
            left.drain(..).partition(|one| one.call == "volume-get-iter");
        while !lists.is_empty() {
            let end = lists.iter().position(|page| page.answer.find("next-tag").is_none()).unwrap();
            let pages: Vec<_> = lists.drain(..=end).collect();
            *calls.entry("volume-get-iter".to_owned()).or_insert(0) += pages.len();
            list(&replay, &pages).await;
        }
        for one in others {
            *calls.entry(one.call.clone()).or_insert(0) += 1;
            replay.answer(std::slice::from_ref(&one));
            other(&replay, one).await;
        }
    }
    println!("{calls:?}");
    assert_eq!(log.text(), "");
}

/// A list of volumes, or one of them.
async fn list(replay: &Replay, pages: &[Exchange]) {
    let id = "query/volume-attributes/volume-id-attributes";
    let shown: Vec<Element> = pages.iter().flat_map(|page| shown(&page.answer)).collect();
    replay.answer(pages);
    let query = pages[0].asked.find(id);
    if let Some(name) = query.and_then(|query| query.text("name")) {
        let found = replay.zapi.get_volume(&v(name)).await;
        if shown.is_empty() && replay.next.lock().len() == 1 {
            // No filer can have a volume of this name: we do not even ask.
            assert_eq!(replay.played.take_asked(), Vec::<String>::new(), "{}", pages[0].name);
            read::<Done>("volume-get-iter", pages[0].body.as_bytes()).unwrap();
            return;
        }
        match shown.first() {
            Some(record) => check(&found.unwrap(), record),
            None => assert_eq!(found.unwrap_err().kind(), Kind::NotFound, "{}", pages[0].name),
        }
        return replay.compare(pages);
    }
    let volumes = replay.zapi.volumes().await.unwrap();
    assert_eq!(volumes.len(), shown.len(), "{}", pages[0].name);
    for record in &shown {
        let name = record.text("volume-id-attributes/name").unwrap();
        check(volumes.iter().find(|volume| volume.name.as_str() == name).unwrap(), record);
    }
    // Where a volume is mounted the tree knows: no call of ours asks for it.
    if query.is_none() {
        replay.compare(pages);
    } else {
        replay.played.take_calls();
    }
}

/// The records of active volumes, except the root of the SVM.
fn shown(answer: &Element) -> Vec<Element> {
    let records = answer.find("attributes-list").map(|list| list.children.clone()).unwrap_or_default();
    let active = |record: &Element| {
        record.text("volume-state-attributes/state") == Some("online")
            && record.text("volume-id-attributes/junction-path") != Some("/")
    };
    records.into_iter().filter(active).collect()
}

fn check(volume: &Volume, record: &Element) {
    let text = |path: &str| record.text(path).map(str::to_owned);
    let number = |path: &str| record.text(path).map(|text| text.parse::<u64>().unwrap());
    let (id, space, own) = ("volume-id-attributes", "volume-space-attributes", &volume.settings);
    let autosize = |field: &str| format!("volume-autosize-attributes/{field}");
    assert_eq!(Some(volume.uuid.clone()), text(&format!("{id}/uuid")));
    assert_eq!(volume.state, text("volume-state-attributes/state"));
    assert_eq!(own.size_total, number(&format!("{space}/size-total")));
    assert_eq!(Some(volume.size_used), number(&format!("{space}/size-used")));
    assert_eq!(own.percentage_snapshot_reserve, number(&format!("{space}/percentage-snapshot-reserve")));
    let used = number(&format!("{space}/percentage-snapshot-reserve-used"));
    assert_eq!(volume.percentage_snapshot_reserve_used, used);
    assert_eq!(own.caching_policy, text("volume-hybrid-cache-attributes/caching-policy"));
    assert_eq!(own.autosize_enabled.map(|on| on.to_string()), text(&autosize("is-enabled")));
    assert_eq!(own.max_autosize, number(&autosize("maximum-size")));
    assert_eq!(own.junction_path, Some(text(&format!("{id}/junction-path")).unwrap_or_default()));
    let policy = own.active_policy_name.as_ref().map(ToString::to_string);
    assert_eq!(policy, text("volume-export-attributes/policy"));
    let aggregate = volume.aggregate_name.as_ref().map(ToString::to_string);
    assert_eq!(aggregate, text(&format!("{id}/containing-aggregate-name")));
    assert_eq!(Some(volume.filer_address.clone()), text(&format!("{id}/node")));
    let created = number(&format!("{id}/creation-time"));
    assert_eq!(volume.creation_time, created.map(|time| SystemTime::UNIX_EPOCH + Duration::from_secs(time)));
}

/// Every other call, by the operation that makes it.
async fn other(replay: &Replay, one: Exchange) {
    let (zapi, name, asked) = (&replay.zapi, one.name.clone(), &one.asked);
    let text = |path: &str| asked.text(path).unwrap();
    let flag = |path: &str| Some(text(path) == "true");
    let of_path = |path: &str| v(path.strip_prefix("/vol/").unwrap());
    let refused = one.answer.attribute("reason").map(str::to_owned);
    let patch = async |volume: &VolumeName, settings: Settings| zapi.patch_volume(volume, &settings).await;
    let done = match &*one.call {
        "sis-get-iter" => {
            let found = zapi.get_volume(&of_path(text("query/sis-status-info/path"))).await.unwrap();
            let is = |field: &str| {
                let record = one.answer.find("attributes-list/sis-status-info");
                Some(record.is_some_and(|record| record.text(field) == Some("true")))
            };
            assert_eq!(found.settings.compression_enabled, is("is-compression-enabled"), "{name}");
            assert_eq!(found.settings.inline_compression, is("is-inline-compression-enabled"), "{name}");
            Ok(())
        }
        "vserver-show-aggr-get-iter" => {
            let created = zapi.create_volume(&v("new"), &new("30000000", "/new", None)).await.map(drop);
            let chosen =
                replay.played.take_calls().into_iter().find(|call| call.name == "volume-create").unwrap();
            assert_eq!(chosen.text("containing-aggr-name").unwrap(), roomiest(&one.answer), "{name}");
            // Asked again, for the comparison.
            replay.answer(std::slice::from_ref(&one));
            created.and(zapi.create_volume(&v("new"), &new("30000000", "/new", None)).await.map(drop))
        }
        "volume-create" => {
            let mut new = new(text("size"), text("junction-path"), Some(text("containing-aggr-name")));
            let reserve = text("percentage-snapshot-reserve").parse().unwrap();
            new.settings.percentage_snapshot_reserve = Some(reserve);
            new.settings.active_policy_name = asked.text("export-policy").map(p);
            new.settings.caching_policy = asked.text("caching-policy").map(str::to_owned);
            zapi.create_volume(&v(text("volume")), &new).await.map(drop)
        }
        "sis-enable" => patch(&of_path(text("path")), compressed(Some(true), Some(true))).await,
        "sis-set-config" => {
            let settings = compressed(flag("enable-compression"), flag("enable-inline-compression"));
            patch(&of_path(text("path")), settings).await
        }
        "volume-modify-iter" => {
            let volume = v(text("query/volume-attributes/volume-id-attributes/name"));
            let space = "attributes/volume-attributes/volume-space-attributes/percentage-snapshot-reserve";
            let reserve = asked.text(space).map(|reserve| reserve.parse().unwrap());
            let settings =
                Settings { percentage_snapshot_reserve: reserve.or(Some(1)), ..Settings::default() };
            let done = patch(&volume, settings).await;
            if reserve.is_none() {
                // It took the volume offline, to destroy it, which we never do: only the answer counts.
                replay.played.take_calls();
                return done.unwrap();
            }
            done
        }
        "volume-unmount" => zapi.restrict_volume(&v(text("volume-name"))).await,
        "volume-size" => {
            let settings =
                Settings { size_total: Some(text("new-size").parse().unwrap()), ..Settings::default() };
            patch(&v(text("volume")), settings).await
        }
        "volume-autosize-set" => {
            let (autosize_enabled, max) = (flag("is-enabled"), text("maximum-size").parse().unwrap());
            let settings = Settings { autosize_enabled, max_autosize: Some(max), ..Settings::default() };
            patch(&v(text("volume")), settings).await
        }
        // We never destroy a volume: only the answer counts.
        "volume-destroy" => {
            replay.next.lock().clear();
            read::<Done>("volume-destroy", one.body.as_bytes()).unwrap();
            return;
        }
        "snapshot-create" => zapi.create_snapshot(&v(text("volume")), &s(text("snapshot"))).await.map(drop),
        "snapshot-delete" => zapi.delete_snapshot(&v(text("volume")), &s(text("snapshot"))).await,
        "snapshot-get-iter" => {
            let volume = v(text("query/snapshot-info/volume"));
            let found = zapi.get_snapshots(&volume).await.unwrap();
            let records =
                one.answer.find("attributes-list").map(|list| list.children.clone()).unwrap_or_default();
            assert_eq!(found.len(), records.len(), "{name}");
            for (snapshot, record) in found.iter().zip(records) {
                let number = |field| record.text(field).map(|text| text.parse::<u64>().unwrap());
                let time = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
                assert_eq!(Some(snapshot.name.as_str()), record.text("name"));
                assert_eq!(snapshot.size_kbytes, number("total"));
                assert_eq!(snapshot.creation_time, number("access-time").map(time));
            }
            Ok(())
        }
        "lock-get-iter" => {
            let clients = zapi.nfs_locks(&v(text("query/lock-info/volume"))).await;
            assert_eq!(clients.unwrap(), Vec::<String>::new());
            Ok(())
        }
        "export-policy-create" => zapi.create_policy(&p(text("policy-name")), &[]).await.map(|policy| {
            let id = one.answer.text("result/export-policy-info/policy-id").unwrap();
            assert_eq!(policy.identity, Identity::of(&["policy", id]));
        }),
        "export-policy-destroy" => zapi.remove_policy(&p(text("policy-name"))).await,
        unknown => panic!("{name}: no operation of ours makes {unknown}"),
    };
    match_refusal(done, refused, &name);
    replay.compare(std::slice::from_ref(&one));
}

/// Refused then, refused now, in the filer's own words.
fn match_refusal(done: Result<()>, refused: Option<String>, name: &str) {
    match (done, refused) {
        (Ok(()), None) => {}
        (Err(error), Some(reason)) => {
            assert!(error.to_string().contains(reason.trim().trim_end_matches('.')), "{name}: {error}");
            assert!(matches!(error.kind(), Kind::Exists | Kind::NotFound), "{name}: {error}");
        }
        (done, refused) => panic!("{name}: {done:?}, but recorded was {refused:?}"),
    }
}

fn new(size: &str, path: &str, aggregate: Option<&str>) -> NewVolume {
    let settings = Settings {
        size_total: Some(size.parse().unwrap()),
        junction_path: Some(path.to_owned()),
        ..Settings::default()
    };
    NewVolume { settings, aggregate_name: aggregate.map(|name| AggregateName::new(name).unwrap()) }
}

fn compressed(compression_enabled: Option<bool>, inline_compression: Option<bool>) -> Settings {
    Settings { compression_enabled, inline_compression, ..Settings::default() }
}

/// The aggregate with the most space; the first by name, if there are several.
fn roomiest(answer: &Element) -> String {
    let records = &answer.find("attributes-list").unwrap().children;
    let place = |record: &Element| {
        let free = record.text("available-size").unwrap().parse::<u64>().unwrap();
        (u64::MAX - free, record.text("aggregate-name").unwrap().to_owned())
    };
    records.iter().map(place).min().unwrap().1
}
