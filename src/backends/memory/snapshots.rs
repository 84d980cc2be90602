//! Snapshots: create, delete, rename, roll back, clone.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Map;

use super::state::{Held, Kept, State, check_name};
use crate::backend::{Error, Kind, Newer, Result, Settings, Snapshot, SnapshotName, Volume, VolumeName};

/// As many snapshots as a volume can have.
const MOST: usize = 1023;
/// KiB that a snapshot takes when nothing has changed since.
pub(super) const FRESH_KBYTES: u64 = 60;

impl State {
    pub fn create_snapshot(&mut self, volume: &VolumeName, name: &SnapshotName) -> Result<Arc<Snapshot>> {
        check_name(name.as_str())?;
        let held = self.volume(volume)?;
        held.check_free(name)?;
        if held.snapshots.len() >= MOST {
            let message = format!("volume {volume} has {MOST} snapshots, as many as it can have");
            return Err(
                Error::new(Kind::TooManySnapshots, message).hint("delete one first: rmdir snapshots/NAME")
            );
        }
        let identity = self.new_identity("snapshot", format_args!("{volume}/{name}"));
        let held = self.volume_mut(volume)?;
        let record = Snapshot {
            name: name.clone(),
            identity,
            creation_time: Some(SystemTime::now()),
            size_kbytes: Some(FRESH_KBYTES),
            extra: Map::new(),
        };
        let record = Arc::new(record);
        held.snapshots.push(Kept { record: record.clone(), data: held.data, own_kbytes: FRESH_KBYTES });
        held.settle();
        Ok(record)
    }

    pub fn rollback_volume(&mut self, volume: &VolumeName, name: &SnapshotName, newer: Newer) -> Result<()> {
        let held = self.volume_mut(volume)?;
        let at = held.position(name)?;
        let lost: Vec<_> = held.snapshots[at + 1..].iter().map(|kept| kept.record.name.as_str()).collect();
        if newer == Newer::Keep && !lost.is_empty() {
            let message =
                format!("a rollback to {name} would destroy the newer snapshots {}", lost.join(", "));
            return Err(Error::new(Kind::InUse, message));
        }
        held.snapshots.truncate(at + 1);
        held.data = held.snapshots[at].data;
        held.settle();
        Ok(())
    }

    /// The clone is a volume of its own: nothing that happens to its source reaches it.
    pub fn clone_volume(
        &mut self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<Arc<Volume>> {
        let source = self.volume(volume)?;
        let data = source.snapshot(snapshot)?.data;
        let unmounted = Settings { junction_path: Some(String::new()), ..source.record.settings.clone() };
        let aggregate = source.record.aggregate_name.clone();
        self.check_free(new)?;
        self.check(new, settings)?;
        let aggregate = aggregate.map_or_else(|| self.choose_aggregate(None), Ok)?;
        self.add_volume(new, unmounted.overlaid(settings), aggregate, data)
    }
}

impl Held {
    pub fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.snapshots.iter().map(|kept| kept.record.clone()).collect()
    }

    pub fn find(&self, name: &SnapshotName) -> Option<&Kept> {
        self.snapshots.iter().find(|kept| kept.record.name == *name)
    }

    pub fn snapshot(&self, name: &SnapshotName) -> Result<&Kept> {
        self.position(name).map(|at| &self.snapshots[at])
    }

    pub fn delete_snapshot(&mut self, name: &SnapshotName) -> Result<()> {
        let at = self.position(name)?;
        self.snapshots.remove(at);
        self.settle();
        Ok(())
    }

    pub fn rename_snapshot(&mut self, from: &SnapshotName, to: &SnapshotName) -> Result<()> {
        let at = self.position(from)?;
        check_name(to.as_str())?;
        self.check_free(to)?;
        Arc::make_mut(&mut self.snapshots[at].record).name = to.clone();
        Ok(())
    }

    fn check_free(&self, name: &SnapshotName) -> Result<()> {
        let message = || format!("volume {} has a snapshot {name} already", self.record.name);
        self.find(name).map_or(Ok(()), |_| Err(Error::new(Kind::Exists, message())))
    }

    fn position(&self, name: &SnapshotName) -> Result<usize> {
        let found = self.snapshots.iter().position(|kept| kept.record.name == *name);
        found.ok_or_else(|| Error::not_found(format!("volume {} has no snapshot {name}", self.record.name)))
    }
}
