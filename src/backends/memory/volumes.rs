//! Volumes: create, restrict, change.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Map;

use super::state::{Held, LARGEST, State};
use crate::backend::{AggregateName, Error, Identity, Kind, NewVolume, Result, Settings, Volume, VolumeName};

/// Bytes that a new volume uses.
const EMPTY: u64 = 200 * 1024;

impl State {
    pub fn volumes(&self) -> Vec<Arc<Volume>> {
        self.volumes.values().filter(|held| held.usable).map(|held| held.record.clone()).collect()
    }

    pub fn find(&self, name: &VolumeName) -> Option<&Held> {
        self.volumes.get(name).filter(|held| held.usable)
    }

    pub fn volume(&self, name: &VolumeName) -> Result<&Held> {
        self.find(name).ok_or_else(|| no_volume(name))
    }

    pub fn volume_mut(&mut self, name: &VolumeName) -> Result<&mut Held> {
        self.volumes.get_mut(name).filter(|held| held.usable).ok_or_else(|| no_volume(name))
    }

    pub fn create_volume(&mut self, name: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        self.check_free(name)?;
        self.check(name, &new.settings)?;
        let aggregate = self.choose_aggregate(new.aggregate_name.as_ref())?;
        self.add_volume(name, defaults().overlaid(&new.settings), aggregate, EMPTY)
    }

    pub fn restrict_volume(&mut self, name: &VolumeName) -> Result<()> {
        let path = self.volume(name)?.junction_path().to_owned();
        self.junctions.remove(&path);
        self.volumes.remove(name);
        Ok(())
    }

    pub fn patch_volume(&mut self, name: &VolumeName, settings: &Settings) -> Result<()> {
        self.volume(name)?;
        self.check(name, settings)?;
        if let Some(path) = &settings.junction_path {
            let left = self.volume(name)?.junction_path().to_owned();
            self.junctions.remove(&left);
            self.mount(name, path);
        }
        let held = self.volume_mut(name)?;
        let record = Arc::make_mut(&mut held.record);
        record.settings = std::mem::take(&mut record.settings).overlaid(settings);
        held.settle();
        Ok(())
    }

    /// Adds a volume that holds this much data.
    pub fn add_volume(
        &mut self,
        name: &VolumeName,
        settings: Settings,
        aggregate: AggregateName,
        data: u64,
    ) -> Result<Arc<Volume>> {
        let uuid = self.new_uuid("volume", name.as_str()).to_string();
        let record = Volume {
            name: name.clone(),
            identity: Identity::of(&[&uuid]),
            uuid,
            state: Some("online".into()),
            settings,
            size_used: data,
            percentage_snapshot_reserve_used: Some(0),
            filer_address: "dummy-filer".into(),
            aggregate_name: Some(aggregate),
            creation_time: Some(SystemTime::now()),
            extra: Map::new(),
        };
        let mut held = Held { record: Arc::new(record), snapshots: Vec::new(), data, usable: true };
        held.settle();
        let record = held.record.clone();
        self.mount(name, held.junction_path());
        self.volumes.insert(name.clone(), held);
        Ok(record)
    }

    fn mount(&mut self, name: &VolumeName, path: &str) {
        if !path.is_empty() {
            self.junctions.insert(path.to_owned(), name.clone());
        }
    }

    pub fn check_free(&self, name: &VolumeName) -> Result<()> {
        match self.volumes.contains(name) {
            true => Err(Error::new(Kind::Exists, format!("volume {name} exists already"))),
            false => Ok(()),
        }
    }

    /// What a volume may be set to.
    pub fn check(&self, name: &VolumeName, settings: &Settings) -> Result<()> {
        if settings.protect.is_some() {
            return Err(Error::unsupported("keep the protect mark"));
        }
        in_range(settings.size_total)?;
        in_range(settings.percentage_snapshot_reserve)?;
        in_range(settings.max_autosize)?;
        if let Some(policy) = &settings.active_policy_name
            && !self.policies.contains_key(policy)
        {
            return Err(Error::invalid(format!("there is no policy {policy}"), policy.as_str(), 0));
        }
        if let Some(path) = &settings.junction_path
            && let Some(other) = self.junctions.get(path).filter(|other| *other != name)
        {
            let message = format!("volume {other} is mounted at {path}");
            return Err(Error::invalid(message, path, 0).hint("two volumes cannot have one junction path"));
        }
        Ok(())
    }

    /// The aggregate asked for, or the one with the most free space.
    pub fn choose_aggregate(&self, asked: Option<&AggregateName>) -> Result<AggregateName> {
        let known =
            || self.aggregates.iter().filter(|aggregate| !aggregate.name.as_str().starts_with("aggr0"));
        match asked {
            Some(name) if known().any(|aggregate| aggregate.name == *name) => Ok(name.clone()),
            Some(name) => {
                let names: Vec<_> = known().map(|aggregate| aggregate.name.as_str()).collect();
                let message = format!("there is no aggregate {name}");
                Err(Error::invalid(message, name.as_str(), 0).hint(format!("accepted: {}", names.join(", "))))
            }
            None => known()
                .max_by_key(|aggregate| aggregate.size_available)
                .map(|aggregate| aggregate.name.clone())
                .ok_or_else(|| Error::new(Kind::NoSpace, "the filer has no aggregate for data volumes")),
        }
    }
}

impl Held {
    fn junction_path(&self) -> &str {
        self.record.settings.junction_path.as_deref().unwrap_or_default()
    }
}

/// A volume may be created without any field.
pub(super) fn defaults() -> Settings {
    Settings {
        size_total: Some(0),
        percentage_snapshot_reserve: Some(0),
        compression_enabled: Some(false),
        inline_compression: Some(false),
        caching_policy: Some(String::new()),
        autosize_enabled: Some(false),
        max_autosize: Some(0),
        junction_path: Some(String::new()),
        comment: Some(String::new()),
        protect: Some(false),
        active_policy_name: None,
    }
}

/// What is kept must fit where it is shown.
pub(super) fn in_range(number: Option<u64>) -> Result<()> {
    match number {
        Some(number) if number > LARGEST => {
            let error = Error::new(Kind::OutOfRange, format!("{number} is too large"));
            Err(error.hint(format!("accepted: 0 to {LARGEST}")))
        }
        _ => Ok(()),
    }
}

fn no_volume(name: &VolumeName) -> Error {
    Error::not_found(format!("there is no volume {name}"))
}
