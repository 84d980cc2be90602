//! Snapshots.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::call::{Call, Context, Refusal, Reply, Scope};
use super::list::{List, Row};
use super::volumes::seconds;
use super::xml::Element;
use crate::backend::{Identity, Newer, SnapshotName};
use crate::backends::memory::{Held, Kept};
use crate::simulator::filer::{Filer, is_online};

static SNAPSHOTS: List = List {
    call: "snapshot-get-iter",
    record: "snapshot-info",
    keys: &["vserver", "volume", "name"],
    fields: &[
        "access-time",
        "busy",
        "comment",
        "cumulative-total",
        "dependency",
        "name",
        "snapmirror-label",
        "snapshot-instance-uuid",
        "snapshot-owners-list/snapshot-owner/owner",
        "snapshot-version-uuid",
        "state",
        "total",
        "volume",
        "vserver",
    ],
};

pub const CALLS: &[Call] = &[
    Call {
        name: "snapshot-get-iter",
        scope: Scope::Any,
        arguments: &["max-records", "tag"],
        list: Some(&SNAPSHOTS),
        run: list,
    },
    Call {
        name: "snapshot-create",
        scope: Scope::Svm,
        arguments: &["volume", "snapshot", "comment", "snapmirror-label", "async"],
        list: None,
        run: create,
    },
    Call {
        name: "snapshot-delete",
        scope: Scope::Svm,
        arguments: &["volume", "snapshot", "ignore-owners", "snapshot-instance-uuid"],
        list: None,
        run: delete,
    },
    Call {
        name: "snapshot-rename",
        scope: Scope::Svm,
        arguments: &["volume", "current-name", "new-name"],
        list: None,
        run: rename,
    },
    Call {
        name: "snapshot-restore-volume",
        scope: Scope::Svm,
        arguments: &["volume", "snapshot", "force", "preserve-lun-ids"],
        list: None,
        run: restore,
    },
];

fn list(context: &mut Context<'_>, request: &Element) -> Reply {
    let filer: &Filer = context.filer;
    let busy = filer.busy();
    let held = || filer.model.volumes.values();
    let rows = held().filter(|held| is_online(held)).flat_map(|held| rows(filer, held, &busy));
    let mut results = SNAPSHOTS.page(request, rows)?;
    let asked = request.all("query/snapshot-info/volume");
    let asked = asked.first().map(|volume| volume.text.trim());
    let unread: Vec<_> = held()
        .filter(|held| !is_online(held) && asked.is_none_or(|name| name == held.record.name.as_str()))
        .map(|held| unreadable(filer, held))
        .collect();
    if !unread.is_empty() {
        results.push(Element::holding("volume-errors", unread));
    }
    Ok(results)
}

fn rows<'a>(
    filer: &'a Filer,
    held: &'a Held,
    busy: &'a BTreeSet<(Identity, Identity)>,
) -> impl Iterator<Item = Row<'a>> {
    held.snapshots.iter().map(move |kept| Row {
        key: vec![
            filer.svm.as_str().into(),
            held.record.name.as_str().into(),
            kept.record.name.as_str().into(),
        ],
        record: Box::new(move || {
            record(filer, held, kept, busy.contains(&(held.record.identity, kept.record.identity)))
        }),
    })
}

fn record(filer: &Filer, held: &Held, kept: &Kept, busy: bool) -> Element {
    let snapshot = &kept.record;
    let text = |key: &str| snapshot.extra.get(key).and_then(Value::as_str);
    let age = |kept: &&Kept| kept.record.creation_time >= snapshot.creation_time;
    let cumulative: u64 = held.snapshots.iter().filter(age).filter_map(|kept| kept.record.size_kbytes).sum();
    let uuid = Uuid::from_u64_pair(held.record.identity.0, snapshot.identity.0);
    Element::new("snapshot-info")
        .set("access-time", snapshot.creation_time.map(seconds))
        .set("busy", busy.then_some(true))
        .set("comment", text("comment"))
        .set("cumulative-total", snapshot.size_kbytes.map(|_| cumulative))
        .set("dependency", busy.then_some("busy,vclone"))
        .set("name", Some(&snapshot.name))
        .set("snapmirror-label", text("snapmirror-label"))
        .set("snapshot-instance-uuid", Some(uuid))
        .set("snapshot-owners-list/snapshot-owner/owner", busy.then_some("volume clone"))
        .set("snapshot-version-uuid", Some(uuid))
        .set("total", snapshot.size_kbytes)
        .set("volume", Some(&held.record.name))
        .set("vserver", Some(&filer.svm))
}

/// The call passes for the others, and says which volume it could not read.
fn unreadable(filer: &Filer, held: &Held) -> Element {
    let name = &held.record.name;
    let reason = format!(
        "Unable to get information for Snapshot copies of volume \"{name}\" on Vserver \"{}\". \
         Reason: Volume not online.",
        filer.svm
    );
    Element::new("volume-error")
        .set("errno", Some(13023))
        .set("name", Some(name))
        .set("reason", Some(reason))
        .set("vserver", Some(&filer.svm))
}

fn create(context: &mut Context<'_>, request: &Element) -> Reply {
    let (volume, name) = (request.required("volume")?, new_name(request.required("snapshot")?)?);
    make(context.filer, volume, &name)?;
    let held = context.filer.held_mut(volume)?;
    let made = held.snapshots.last_mut().ok_or_else(Refusal::no_entry)?;
    for argument in ["comment", "snapmirror-label"] {
        if let Some(text) = request.argument(argument) {
            Arc::make_mut(&mut made.record).extra.insert(argument.to_owned(), text.into());
        }
    }
    Ok(Vec::new())
}

/// A new snapshot.
pub fn make(filer: &mut Filer, volume: &str, name: &SnapshotName) -> Result<(), Refusal> {
    let most = filer.ontap.most_snapshots();
    let held = filer.online(volume)?;
    if held.snapshots.iter().any(|kept| kept.record.name == *name) {
        let reason = format!("Snapshot copy \"{name}\" of volume \"{volume}\" already exists.");
        return Err(Refusal::new(13020, reason));
    }
    if held.snapshots.len() >= most {
        let reason = format!("Volume \"{volume}\" has {most} Snapshot copies, the most that it can have.");
        return Err(Refusal::new(13022, reason));
    }
    let volume = held.record.name.clone();
    filer.model.create_snapshot(&volume, name)?;
    Ok(())
}

fn new_name(name: &str) -> Result<SnapshotName, Refusal> {
    SnapshotName::new(name).map_err(|_| Refusal::invalid("snapshot", name))
}

/// A snapshot that is there, and its identity.
fn existing(filer: &Filer, volume: &str, name: &str) -> Result<(SnapshotName, Identity), Refusal> {
    let held = filer.online(volume)?;
    let found = held.snapshots.iter().find(|kept| kept.record.name.as_str() == name);
    let found = found.ok_or_else(Refusal::no_entry)?;
    Ok((found.record.name.clone(), found.record.identity))
}

fn delete(context: &mut Context<'_>, request: &Element) -> Reply {
    let (filer, volume) = (&mut *context.filer, request.required("volume")?);
    let (name, identity) = existing(filer, volume, request.required("snapshot")?)?;
    if filer.busy().contains(&(filer.held(volume)?.record.identity, identity)) {
        let reason =
            format!("Snapshot copy \"{name}\" of volume \"{volume}\" is busy: a volume clone uses it.");
        return Err(Refusal::new(13024, reason));
    }
    filer.held_mut(volume)?.delete_snapshot(&name)?;
    Ok(Vec::new())
}

fn rename(context: &mut Context<'_>, request: &Element) -> Reply {
    let (filer, volume) = (&mut *context.filer, request.required("volume")?);
    let (from, _) = existing(filer, volume, request.required("current-name")?)?;
    let to = new_name(request.required("new-name")?)?;
    let held = filer.held_mut(volume)?;
    if held.snapshots.iter().any(|kept| kept.record.name == to) {
        let reason = format!("Snapshot copy \"{to}\" of volume \"{volume}\" already exists.");
        return Err(Refusal::new(13020, reason));
    }
    held.rename_snapshot(&from, &to)?;
    Ok(Vec::new())
}

/// Snapshots newer than the one that is restored are lost, unless a clone rests on one of them.
fn restore(context: &mut Context<'_>, request: &Element) -> Reply {
    let (filer, volume) = (&mut *context.filer, request.required("volume")?);
    let (name, identity) = existing(filer, volume, request.required("snapshot")?)?;
    let (held, busy) = (filer.online(volume)?, filer.busy());
    let newer = held.snapshots.iter().rev().take_while(|kept| kept.record.identity != identity);
    let mut held_by_clones =
        newer.filter(|kept| busy.contains(&(held.record.identity, kept.record.identity)));
    if let Some(kept) = held_by_clones.next() {
        let reason = format!(
            "Volume \"{volume}\" cannot be restored: a volume clone uses its newer Snapshot copy \"{}\".",
            kept.record.name
        );
        return Err(Refusal::new(15894, reason));
    }
    let volume = held.record.name.clone();
    filer.model.rollback_volume(&volume, &name, Newer::Discard)?;
    Ok(Vec::new())
}
