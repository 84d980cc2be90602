//! Snapshots: list, create, delete, rename, roll back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, json};

use super::errors::{of_volume, refused_with};
use super::volumes::{missing, possible};
use super::xml::Element;
use super::{Zapi, by_volume, optional, records, required, understood};
use crate::backend::{
    ByVolume, Error, Identity, Kind, Newer, Result, Sent, Snapshot, SnapshotName, VolumeName,
};

const GET: &str = "snapshot-get-iter";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Info {
    name: Option<String>,
    volume: Option<String>,
    access_time: Option<String>,
    total: Option<String>,
    cumulative_total: Option<String>,
    snapshot_instance_uuid: Option<String>,
    busy: Option<String>,
}

records!(Snapshots, "snapshot-info", Info);

impl Zapi {
    /// Oldest first. A volume without any is asked for itself: it may not be there.
    pub(super) async fn snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>> {
        Ok(without_age(self.aged_snapshots(volume).await?))
    }

    pub(super) async fn snapshots_of_all(&self) -> Result<ByVolume<Arc<Snapshot>>> {
        let records = by_volume(GET, self.snapshot_records(None).await?, |record| &record.volume);
        let list = |(volume, records)| {
            let snapshots = without_age(oldest_first(&volume, records));
            (volume, snapshots)
        };
        Ok(records.into_iter().map(list).collect())
    }

    /// The same of one volume, each with what tells its age within a second.
    async fn aged_snapshots(&self, volume: &VolumeName) -> Result<Vec<Aged>> {
        if !possible(volume) {
            return Err(missing(volume));
        }
        let records = self.snapshot_records(Some(volume)).await?;
        if records.is_empty() {
            self.is_shown(volume).await?;
        }
        Ok(oldest_first(volume, records))
    }

    /// Of one volume, or of all in one listing.
    async fn snapshot_records(&self, of: Option<&VolumeName>) -> Result<Vec<Info>> {
        let fields =
            ["name", "volume", "access-time", "total", "cumulative-total", "snapshot-instance-uuid", "busy"];
        let query = Element::new().maybe("volume", of).maybe("vserver", self.svm.as_deref());
        let arguments = Element::new().child("query", Element::new().child("snapshot-info", query)).child(
            "desired-attributes",
            Element::new().child("snapshot-info", Element::new().names(&fields)),
        );
        self.list::<Snapshots>(GET, arguments).await
    }

    pub(super) async fn snapshot(&self, volume: &VolumeName, name: &SnapshotName) -> Result<Arc<Snapshot>> {
        let found = self.snapshots(volume).await?.into_iter().find(|snapshot| snapshot.name == *name);
        found.ok_or_else(|| no_snapshot(volume, name))
    }

    pub(super) async fn new_snapshot(&self, volume: &VolumeName, name: &SnapshotName) -> Result<()> {
        let made = self.tell("snapshot-create", named(volume, name)?).await;
        made.map_err(|error| of_volume(error, volume).context(format!("volume {volume}")))
    }

    pub(super) async fn drop_snapshot(&self, volume: &VolumeName, name: &SnapshotName) -> Result<()> {
        let gone = self.tell("snapshot-delete", named(volume, name)?).await;
        gone.map_err(|error| of_snapshot(error, volume, name))
    }

    pub(super) async fn move_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        if !possible(volume) {
            return Err(missing(volume));
        }
        let arguments = Element::new().text("volume", volume).text("current-name", from).text("new-name", to);
        let renamed = self.tell("snapshot-rename", arguments).await;
        renamed.map_err(|error| of_snapshot(error, volume, from))
    }

    pub(super) async fn restore(&self, volume: &VolumeName, name: &SnapshotName, newer: Newer) -> Result<()> {
        let snapshots = self.aged_snapshots(volume).await?;
        let Some(at) = snapshots.iter().position(|(_, snapshot)| snapshot.name == *name) else {
            return Err(no_snapshot(volume, name));
        };
        // One that cannot be told to be older is lost, too, for all that is known.
        let age = |at: usize| (snapshots[at].1.creation_time, snapshots[at].0);
        let lost =
            (0..snapshots.len()).filter(|other| *other > at || (*other < at && age(*other) == age(at)));
        let lost: Vec<_> = lost.map(|other| snapshots[other].1.name.as_str()).collect();
        if newer == Newer::Keep && !lost.is_empty() {
            let message =
                format!("a rollback to {name} would destroy the newer snapshots {}", lost.join(", "));
            return Err(Error::new(Kind::InUse, message));
        }
        let restored = self.tell("snapshot-restore-volume", named(volume, name)?).await;
        restored.map_err(|error| of_snapshot(error, volume, name))
    }
}

/// A snapshot, and what it holds.
type Aged = (Option<u64>, Arc<Snapshot>);

/// Times are in seconds. Of one second, the older one holds more: the newer ones count to it.
fn oldest_first(volume: &VolumeName, records: Vec<Info>) -> Vec<Aged> {
    let read = |record: Info| {
        let held: Option<u64> = optional(GET, "cumulative-total", &record.cumulative_total)?;
        Ok(Some((held, snapshot(volume, record)?)))
    };
    let mut snapshots = understood(GET, records, read);
    snapshots.sort_by(|(more, a), (less, b)| a.creation_time.cmp(&b.creation_time).then(less.cmp(more)));
    snapshots
}

fn without_age(snapshots: Vec<Aged>) -> Vec<Arc<Snapshot>> {
    snapshots.into_iter().map(|(_, snapshot)| snapshot).collect()
}

fn named(volume: &VolumeName, name: &SnapshotName) -> Result<Element> {
    if !possible(volume) {
        return Err(missing(volume));
    }
    Ok(Element::new().text("volume", volume).text("snapshot", name))
}

/// A refusal that does not say of which volume and snapshot.
pub(super) fn of_snapshot(error: Error, volume: &VolumeName, name: &SnapshotName) -> Error {
    let of_the_volume = of_volume(error, volume);
    match of_the_volume.kind() {
        Kind::NotFound if ["15661", "13021"].iter().any(|errno| refused_with(&of_the_volume, errno)) => {
            no_snapshot(volume, name).sent(Sent::Answered).source(of_the_volume)
        }
        _ => of_the_volume.context(format!("volume {volume}")),
    }
}

fn no_snapshot(volume: &VolumeName, name: &SnapshotName) -> Error {
    Error::not_found(format!("volume {volume} has no snapshot {name}"))
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
