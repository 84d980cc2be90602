//! The whole tree as it must look: one definition, from the state alone.

use std::collections::BTreeMap;

use filerfs::tree::FileKind;
use serde_json::{Value, json};

use crate::state::{HOST, State, Volume};
use crate::values::{AGGREGATE, KEYS, encoded};

/// A node as it must be.
#[derive(Clone, Debug)]
pub struct Node {
    /// The object and what of it: as long as this is the same, so is the inode number.
    pub key: String,
    pub what: What,
    pub mode: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Dir,
    Link(String),
    Text(String),
    /// The storage's business, but of this form.
    Number,
    Time,
    Uuid,
    /// JSON: these fields exactly, and others.
    Info(Value),
    /// Empty, or all about the lock of this host.
    LockInfo(Option<String>),
    /// Something that is not of the storage.
    Any,
}

impl What {
    pub fn kind(&self) -> FileKind {
        match self {
            What::Dir => FileKind::Dir,
            What::Link(_) => FileKind::Link,
            _ => FileKind::File,
        }
    }
}

struct Builder(BTreeMap<String, Node>);

impl Builder {
    fn put(&mut self, path: String, key: String, what: What, writable: bool) {
        let mode = match what.kind() {
            FileKind::Dir => 0o755,
            FileKind::File if writable => 0o644,
            FileKind::File => 0o444,
            FileKind::Link => 0o777,
        };
        self.0.insert(path, Node { key, what, mode });
    }

    fn object(&mut self, path: String, key: String) -> impl FnMut(&str, What, bool) {
        self.put(path.clone(), key.clone(), What::Dir, false);
        move |name, what, writable| {
            self.put(format!("{path}/{name}"), format!("{key}/{name}"), what, writable)
        }
    }
}

fn line(value: &str) -> What {
    What::Text(if value.is_empty() { String::new() } else { format!("{value}\n") })
}

fn keyed<'a>(pairs: impl Iterator<Item = (&'a str, &'a String)>) -> What {
    What::Text(pairs.map(|(key, value)| format!("{}\n", format!("{key} {value}").trim_end())).collect())
}

/// The tree of this state.
pub fn tree(state: &State) -> BTreeMap<String, Node> {
    let mut tree = Builder(BTreeMap::new());
    let mut root = tree.object("dummy".into(), "endpoint".into());
    for dir in ["volumes", "staging", "policies", "junctions"] {
        root(dir, What::Dir, false);
    }
    let order = KEYS.iter().chain([&AGGREGATE]);
    let defaults = order.filter_map(|key| Some((*key, state.defaults.get(key)?)));
    root("defaults", keyed(defaults), true);
    drop(root);
    control(&mut tree);
    for (name, volume) in &state.volumes {
        of_volume(&mut tree, name, volume);
    }
    for (name, policy) in &state.policies {
        let path = format!("dummy/policies/{}", encoded(name));
        let mut put = tree.object(path, format!("policy {}", policy.id));
        put("rules", What::Text(policy.rules.iter().map(|rule| format!("{rule}\n")).collect()), true);
        put("used_by", What::Text(state.used_by(name).map(|volume| format!("{volume}\n")).collect()), false);
    }
    for (name, staged) in &state.staging {
        let mut put =
            tree.object(format!("dummy/staging/{}", encoded(name)), format!("staged {}", staged.id));
        for key in KEYS.iter().chain([&AGGREGATE]) {
            put(key, line(staged.settings.get(key).map_or("", String::as_str)), true);
        }
        let origin = staged.origin.as_ref().map(|(volume, snapshot)| format!("{volume}@{snapshot}"));
        put("origin", line(&origin.unwrap_or_default()), true);
    }
    tree.0
}

fn control(tree: &mut Builder) {
    let mut put = tree.object(".ctl".into(), "ctl".into());
    for name in ["last_error", "errors", "audit", "events", "health", "metrics", "version"] {
        put(name, What::Any, false);
    }
    put("abi", line("1"), false);
    put("host", line(HOST), false);
    put("refresh", line(""), true);
    put("log_level", What::Any, true);
    put("limits", What::Dir, false);
    const LIMITS: [&str; 8] = [
        "name_bytes",
        "value_bytes",
        "list_bytes",
        "errors",
        "audit",
        "events",
        "scratch_bytes",
        "scratch_files",
    ];
    for name in LIMITS {
        put(&format!("limits/{name}"), What::Number, false);
    }
}

fn of_volume(tree: &mut Builder, name: &str, volume: &Volume) {
    let (dir, key) = (format!("dummy/volumes/{}", encoded(name)), format!("volume {}", volume.id));
    let junction = &volume.settings["junction_path"];
    if !junction.is_empty() {
        let path = format!("dummy/junctions/{}", junction.replace('%', "%25").replace('/', "%2F"));
        let target = format!("../volumes/{}", encoded(name));
        tree.put(path, format!("junction {junction}"), What::Link(target), false);
    }
    let mut put = tree.object(dir.clone(), key.clone());
    for key in KEYS {
        put(key, line(&volume.settings[key]), true);
    }
    put("config", keyed(KEYS.iter().map(|key| (*key, &volume.settings[key]))), true);
    put("lock", line(volume.lock.as_deref().unwrap_or_default()), true);
    put("lock.info", What::LockInfo(volume.lock.clone()), false);
    put("rollback", line(""), true);
    put("size_used", What::Number, false);
    put("percentage_snapshot_reserve_used", What::Number, false);
    put("state", line("online"), false);
    put("uuid", What::Uuid, false);
    put("filer_address", line("dummy-filer"), false);
    put("aggregate_name", line("aggr1"), false);
    put("creation_time", What::Time, false);
    put("info.json", What::Info(info(name, volume)), false);
    put("snapshots", What::Dir, false);
    drop(put);
    for snapshot in &volume.snapshots {
        let path = format!("{dir}/snapshots/{}", encoded(&snapshot.name));
        let mut put = tree.object(path, format!("{key} snapshot {}", snapshot.id));
        put("created", What::Time, false);
        put("size_kbytes", What::Number, false);
        put("info.json", What::Info(json!({ "name": snapshot.name })), false);
        put("clone", line(""), true);
    }
}

fn info(name: &str, volume: &Volume) -> Value {
    let text = |key: &str| Some(&volume.settings[key]).filter(|text| !text.is_empty());
    let number = |key: &str| volume.settings[key].parse::<u64>().unwrap();
    let yes = |key: &str| volume.settings[key] == "1";
    json!({
        "name": name,
        "lock": volume.lock,
        "state": "online",
        "filer_address": "dummy-filer",
        "aggregate_name": "aggr1",
        "size_total": number("size_total"),
        "max_autosize": number("max_autosize"),
        "percentage_snapshot_reserve": number("percentage_snapshot_reserve"),
        "compression_enabled": yes("compression_enabled"),
        "inline_compression": yes("inline_compression"),
        "autosize_enabled": yes("autosize_enabled"),
        "protect": yes("protect"),
        "junction_path": text("junction_path"),
        "caching_policy": text("caching_policy"),
        "comment": text("comment"),
        "active_policy_name": text("policy"),
    })
}
