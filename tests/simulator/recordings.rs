//! Real traffic, server side: every recorded request gets the recorded answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use filerfs::simulator::Settings;
use serde_json::{Map, Value, json};

use crate::client::Filer;
use crate::message::Answer;

/// What differs in every run: only its presence is compared.
const VOLATILE: [&str; 4] = ["uuid", "creation-time", "size-used", "policy-id"];
/// The name that the recorder put in place of the SVM's.
const SVM: &str = "ONTAP-VSERVER";

/// One request and its answer.
struct Exchange {
    name: String,
    request: String,
    asked: Answer,
    answer: Answer,
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
    println!(
        "left out: recorded ONTAP traffic (data of the public repository cerndb/storage-api; FILERFS_RECORDINGS)"
    );
    None
}

#[test]
fn every_recorded_request_gets_the_recorded_answer() {
    let Some(folder) = recordings() else { return };
    let mut sets: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    sets.sort();
    assert!(sets.len() >= 15, "{} sets", sets.len());
    let mut differences = Vec::new();
    for set in sets {
        let name = set.file_name().unwrap().to_string_lossy().into_owned();
        let exchanges = read(&set);
        let found = replay(&exchanges);
        println!("{name}: {} calls, {} differ", exchanges.len(), found.len());
        differences.extend(found.into_iter().map(|difference| format!("{name}/{difference}")));
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

fn read(set: &Path) -> Vec<Exchange> {
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(set).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = file.strip_suffix(".request.xml") {
            names.insert(name.split('-').next().unwrap().parse::<u32>().unwrap(), name.to_owned());
        }
    }
    let text = |name: &str, what: &str| fs::read_to_string(set.join(format!("{name}.{what}.xml"))).unwrap();
    let exchange = |name: String| {
        let (request, answer) = (text(&name, "request"), text(&name, "response"));
        let (asked, answer) = (Answer::read(&request), Answer::read(&answer));
        Exchange { name, request, asked, answer }
    };
    names.into_values().map(exchange).collect()
}

fn replay(exchanges: &[Exchange]) -> Vec<String> {
    let content = serde_json::from_value(world(exchanges)).unwrap();
    let filer = Filer::start(Settings { svm: SVM.to_owned(), content, ..Settings::default() });
    let mut connection = filer.connect();
    let mut differences = Vec::new();
    for exchange in exchanges {
        // The filer closes a connection after a hundred requests.
        let response = filer.post(&mut connection, &exchange.request).unwrap_or_else(|| {
            connection = filer.connect();
            filer.post(&mut connection, &exchange.request).unwrap()
        });
        let answer = Answer::read(&response.body);
        if response.status != 200 || stable(&answer) != stable(&exchange.answer) {
            let (got, recorded) = (stable(&answer), stable(&exchange.answer));
            let first = got.iter().zip(&recorded).find(|(got, recorded)| got != recorded);
            differences.push(format!(
                "{}: {} of {} parts, first difference {first:?}",
                exchange.name,
                got.len(),
                recorded.len()
            ));
        }
    }
    differences
}

/// Everything of an answer, in order, without what differs in every run.
fn stable(answer: &Answer) -> Vec<(String, String)> {
    let mut parts = vec![("prolog".to_owned(), answer.prolog.clone())];
    parts.extend(answer.attributes.clone());
    parts.extend(answer.leaves.iter().map(|(path, value)| {
        let volatile = VOLATILE.contains(&path.rsplit('/').next().unwrap());
        (path.clone(), if volatile { String::new() } else { value.clone() })
    }));
    parts
}

/// What was on the filer before the first call: what answers show of it that no earlier request has made.
fn world(exchanges: &[Exchange]) -> Value {
    let (mut volumes, mut aggregates) = (BTreeMap::<String, Map<String, Value>>::new(), BTreeMap::new());
    let (mut nodes, mut policies) = (BTreeMap::new(), BTreeSet::new());
    let (mut made, mut made_policies) = (BTreeSet::new(), BTreeSet::new());
    for exchange in exchanges {
        let (asked, answer) = (&exchange.asked, &exchange.answer);
        let passed = answer.attributes.contains(&("status".to_owned(), "passed".to_owned()));
        let call = exchange.name.split_once('-').unwrap().1;
        match call {
            "volume-create" if passed => {
                made.insert(asked.one("volume").to_owned());
            }
            "export-policy-create" if passed => {
                made_policies.insert(asked.one("policy-name").to_owned());
            }
            "vserver-show-aggr-get-iter" => {
                let sizes = answer.all("available-size").into_iter().map(|size| size.parse::<u64>().unwrap());
                aggregates.extend(answer.all("aggregate-name").into_iter().map(str::to_owned).zip(sizes));
            }
            "volume-get-iter" => {
                for record in records(answer) {
                    let place = (record["containing-aggregate-name"].clone(), record["node"].clone());
                    nodes.insert(place.0, place.1);
                    if !made_policies.contains(&record["policy"]) {
                        policies.insert(record["policy"].clone());
                    }
                    if !made.contains(&record["name"]) {
                        volumes.entry(record["name"].clone()).or_default().extend(volume(&record));
                    }
                }
            }
            "sis-get-iter" if !answer.all("is-compression-enabled").is_empty() => {
                let name = answer.one("path").strip_prefix("/vol/").unwrap().to_owned();
                if !made.contains(&name) {
                    let flag = |path| Value::from(answer.one(path) == "true");
                    let kept = volumes.entry(name).or_default();
                    kept.insert("compression_enabled".into(), flag("is-compression-enabled"));
                    kept.insert("inline_compression".into(), flag("is-inline-compression-enabled"));
                }
            }
            // What can be unmounted is there and mounted, though no answer shows where.
            "volume-unmount" if passed && !made.contains(asked.one("volume-name")) => {
                let name = asked.one("volume-name").to_owned();
                volumes
                    .entry(name.clone())
                    .or_default()
                    .insert("junction_path".into(), format!("/{name}").into());
            }
            _ => {}
        }
    }
    let aggregates = aggregates
        .iter()
        .map(|(name, free)| json!({"name": name, "size_available": free, "node": nodes.get(name)}));
    let volumes = volumes.into_iter().map(|(name, mut volume)| {
        volume.insert("name".into(), name.into());
        volume
    });
    json!({
        "aggregates": aggregates.collect::<Vec<_>>(),
        "policies": policies.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "volumes": volumes.collect::<Vec<_>>(),
    })
}

/// The records of a list of volumes, each by the last parts of its paths.
fn records(answer: &Answer) -> Vec<BTreeMap<String, String>> {
    let mut records: Vec<BTreeMap<String, String>> = Vec::new();
    for (path, value) in answer.leaves.iter().filter(|(path, _)| path.starts_with("attributes-list/")) {
        let field = path.rsplit('/').next().unwrap().to_owned();
        match records.last_mut().filter(|record| !record.contains_key(&field)) {
            Some(record) => drop(record.insert(field, value.clone())),
            None => records.push(BTreeMap::from([(field, value.clone())])),
        }
    }
    records
}

fn volume(record: &BTreeMap<String, String>) -> Map<String, Value> {
    let mut volume = Map::new();
    let mut put = |key: &str, value: Option<Value>| drop(value.map(|value| volume.insert(key.into(), value)));
    let text = |field: &str| record.get(field).map(|value| Value::from(value.as_str()));
    let number = |field: &str| record.get(field).map(|value| Value::from(value.parse::<u64>().unwrap()));
    let time = |seconds: &String| {
        let time = UNIX_EPOCH + Duration::from_secs(seconds.parse().unwrap());
        Value::from(humantime::format_rfc3339(time).to_string())
    };
    put("uuid", text("uuid"));
    put("state", text("state"));
    put("size_total", number("size-total"));
    put("size_used", number("size-used"));
    put("filer_address", text("node"));
    put("aggregate_name", text("containing-aggregate-name"));
    put("junction_path", text("junction-path"));
    put("active_policy_name", text("policy"));
    put("creation_time", record.get("creation-time").map(time));
    put("percentage_snapshot_reserve", number("percentage-snapshot-reserve"));
    put("percentage_snapshot_reserve_used", number("percentage-snapshot-reserve-used"));
    put("caching_policy", text("caching-policy"));
    put("autosize_enabled", record.get("is-enabled").map(|value| Value::from(value == "true")));
    put("max_autosize", number("maximum-size"));
    volume
}
