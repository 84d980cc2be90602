//! Clones.

use std::sync::Arc;
use std::time::SystemTime;

use super::call::{Call, Context, Refusal, Reply, Scope};
use super::list::{List, Row};
use super::snapshots;
use super::volumes::create::{check_junction, new_name};
use super::volumes::one;
use super::xml::Element;
use crate::backend::{Settings, SnapshotName};
use crate::backends::memory::Held;
use crate::simulator::filer::{Detail, Filer};

static CLONES: List = List {
    call: "volume-clone-get-iter",
    record: "volume-clone-info",
    keys: &["vserver", "volume"],
    fields: &[
        "aggregate",
        "junction-path",
        "parent-snapshot",
        "parent-volume",
        "parent-vserver",
        "volume",
        "vserver",
    ],
};

pub const CALLS: &[Call] = &[
    Call {
        name: "volume-clone-create",
        scope: Scope::Svm,
        arguments: &[
            "parent-volume",
            "volume",
            "parent-snapshot",
            "parent-vserver",
            "junction-path",
            "junction-active",
            "space-reserve",
            "caching-policy",
            "qos-policy-group-name",
        ],
        list: None,
        run: create,
    },
    Call {
        name: "volume-clone-get",
        scope: Scope::Svm,
        arguments: &["volume"],
        list: None,
        run: |context, request| {
            let held = context.filer.held(request.required("volume")?)?;
            one(record(context.filer, held).ok_or_else(Refusal::no_entry)?)
        },
    },
    Call {
        name: "volume-clone-get-iter",
        scope: Scope::Any,
        arguments: &["max-records", "tag"],
        list: Some(&CLONES),
        run: |context, request| {
            let filer: &Filer = context.filer;
            let clones = filer.model.volumes.values().filter_map(|held| Some((held, record(filer, held)?)));
            let rows = clones.map(|(held, record)| Row {
                key: vec![filer.svm.as_str().into(), held.record.name.as_str().into()],
                record: Box::new(move || record),
            });
            CLONES.page(request, rows)
        },
    },
];

fn record(filer: &Filer, held: &Held) -> Option<Element> {
    let (parent, snapshot) = filer.detail(held).origin?;
    let parent = filer.by_identity(parent)?;
    let snapshot = parent.snapshots.iter().find(|kept| kept.record.identity == snapshot)?;
    let record = Element::new("volume-clone-info")
        .set("aggregate", held.record.aggregate_name.as_ref())
        .set("junction-path", held.record.settings.junction_path.as_ref().filter(|path| !path.is_empty()))
        .set("parent-snapshot", Some(&snapshot.record.name))
        .set("parent-volume", Some(&parent.record.name))
        .set("parent-vserver", Some(&filer.svm))
        .set("volume", Some(&held.record.name))
        .set("vserver", Some(&filer.svm));
    Some(record)
}

fn create(context: &mut Context<'_>, request: &Element) -> Reply {
    let filer = &mut *context.filer;
    let parent_name = request.required("parent-volume")?;
    filer.online(parent_name)?;
    let name = new_name(filer, request.required("volume")?)?;
    let junction = request.argument("junction-path");
    junction.map(|path| check_junction(filer, path)).transpose()?;
    let snapshot = match request.argument("parent-snapshot") {
        Some(snapshot) => {
            SnapshotName::new(snapshot).map_err(|_| Refusal::invalid("parent-snapshot", snapshot))?
        }
        None => {
            let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
            let time: String = time
                .chars()
                .map(|c| if c == 'T' { '_' } else { c })
                .filter(|c| "_-".contains(*c) || c.is_ascii_digit())
                .collect();
            let made = SnapshotName::new(&format!("clone_{name}.{time}.0"))?;
            snapshots::make(filer, parent_name, &made)?;
            made
        }
    };
    let parent = filer.online(parent_name)?;
    let (parent_name, origin) = (parent.record.name.clone(), parent.record.identity);
    let (node, detail) = (parent.record.filer_address.clone(), filer.detail(parent));
    let kept = parent.snapshots.iter().find(|kept| kept.record.name == snapshot);
    let origin = Some((origin, kept.ok_or_else(Refusal::no_entry)?.record.identity));
    let settings = Settings {
        junction_path: junction.map(str::to_owned),
        caching_policy: request.argument("caching-policy").map(str::to_owned),
        ..Settings::default()
    };
    let clone = filer.model.clone_volume(&name, &parent_name, &snapshot, &settings)?;
    filer.details.insert(clone.identity, Detail { origin, ..detail });
    Arc::make_mut(&mut filer.held_mut(name.as_str())?.record).filer_address = node;
    Ok(Vec::new())
}
