//! Snapshots: list, create, delete, rename, roll back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, json};

use super::volumes::{missing, possible};
use super::xml::Element;
use super::{Zapi, optional, records, required, understood};
use crate::backend::{Error, Identity, Kind, Newer, Result, Snapshot, SnapshotName, VolumeName};

const GET: &str = "snapshot-get-iter";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Info {
    name: Option<String>,
    volume: Option<String>,
    access_time: Option<String>,
    total: Option<String>,
    snapshot_instance_uuid: Option<String>,
    busy: Option<String>,
}

records!(Snapshots, "snapshot-info", Info);

impl Zapi {
    /// Oldest first. A volume without any is asked for itself: it may not be there.
    pub(super) async fn snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>> {
        if !possible(volume) {
            return Err(missing(volume));
        }
        let fields = ["name", "volume", "access-time", "total", "snapshot-instance-uuid", "busy"];
        let query = Element::new().text("volume", volume).maybe("vserver", self.svm.as_deref());
        let arguments = Element::new()
            .child("query", Element::new().child("snapshot-info", query))
            .child("desired-attributes", Element::new().child("snapshot-info", Element::new().names(&fields)));
        let records = self.list::<Snapshots>(GET, arguments).await?;
        if records.is_empty() {
            self.one_volume(volume).await?;
        }
        let mut snapshots = understood(GET, records, |record| snapshot(volume, record).map(Some));
        snapshots.sort_by(|a, b| a.creation_time.cmp(&b.creation_time));
        Ok(snapshots)
    }

    pub(super) async fn snapshot(&self, volume: &VolumeName, name: &SnapshotName) -> Result<Arc<Snapshot>> {
        let found = self.snapshots(volume).await?.into_iter().find(|snapshot| snapshot.name == *name);
        found.ok_or_else(|| Error::not_found(format!("volume {volume} has no snapshot {name}")))
    }

    pub(super) async fn new_snapshot(&self, volume: &VolumeName, name: &SnapshotName) -> Result<()> {
        self.tell("snapshot-create", named(volume, name)?).await.map_err(|error| of_volume(error, volume))
    }

    pub(super) async fn drop_snapshot(&self, volume: &VolumeName, name: &SnapshotName) -> Result<()> {
        self.tell("snapshot-delete", named(volume, name)?).await.map_err(|error| of_volume(error, volume))
    }

    pub(super) async fn move_snapshot(&self, volume: &VolumeName, from: &SnapshotName, to: &SnapshotName) -> Result<()> {
        if !possible(volume) {
            return Err(missing(volume));
        }
        let arguments = Element::new().text("volume", volume).text("current-name", from).text("new-name", to);
        self.tell("snapshot-rename", arguments).await
    }

    pub(super) async fn restore(&self, volume: &VolumeName, name: &SnapshotName, newer: Newer) -> Result<()> {
        let snapshots = self.snapshots(volume).await?;
        let Some(at) = snapshots.iter().position(|snapshot| snapshot.name == *name) else {
            return Err(Error::not_found(format!("volume {volume} has no snapshot {name}")));
        };
        let lost: Vec<_> = snapshots[at + 1..].iter().map(|snapshot| snapshot.name.as_str()).collect();
        if newer == Newer::Keep && !lost.is_empty() {
            let message = format!("a rollback to {name} would destroy the newer snapshots {}", lost.join(", "));
            return Err(Error::new(Kind::InUse, message));
        }
        self.tell("snapshot-restore-volume", named(volume, name)?).await
    }
}

fn named(volume: &VolumeName, name: &SnapshotName) -> Result<Element> {
    if !possible(volume) {
        return Err(missing(volume));
    }
    Ok(Element::new().text("volume", volume).text("snapshot", name))
}

/// A refusal that does not say of which volume.
fn of_volume(error: Error, volume: &VolumeName) -> Error {
    error.context(format!("volume {volume}"))
}

fn snapshot(volume: &VolumeName, record: Info) -> Result<Arc<Snapshot>> {
    let name = SnapshotName::new(required(GET, "name", &record.name)?)?;
    let created: Option<u64> = optional(GET, "access-time", &record.access_time)?;
    // Old releases have no uuid for a snapshot; its creation then tells it from a namesake.
    let time = record.access_time.clone().unwrap_or_default();
    let identity = match &record.snapshot_instance_uuid {
        Some(uuid) => Identity::of(&[uuid]),
        None => Identity::of(&[volume.as_str(), name.as_str(), &time]),
    };
    let mut extra = Map::new();
    if let Some(busy) = optional::<bool>(GET, "busy", &record.busy)? {
        extra.insert("busy".into(), json!(busy));
    }
    Ok(Arc::new(Snapshot {
        identity,
        creation_time: created.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        size_kbytes: optional(GET, "total", &record.total)?,
        extra,
        name,
    }))
}
