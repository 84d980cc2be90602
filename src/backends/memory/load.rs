//! What the filer starts with: read from a file, or made up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::snapshots::FRESH_KBYTES;
use super::state::{Aggregate, State};
use super::volumes::{defaults, in_range};
use crate::backend::{
    AggregateName, Error, Identity, PolicyName, Result, Rule, Settings, SnapshotName, VolumeName,
};

/// The content of a `load` file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Content {
    aggregates: Vec<LoadedAggregate>,
    policies: Vec<LoadedPolicy>,
    volumes: Vec<LoadedVolume>,
}

/// How much to make up.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// Volumes.
    pub volumes: u32,
    /// Snapshots of each.
    #[serde(default)]
    pub snapshots: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadedAggregate {
    name: AggregateName,
    size_total: Option<u64>,
    #[serde(default)]
    size_available: u64,
    node: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadedPolicy {
    name: PolicyName,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadedVolume {
    name: VolumeName,
    uuid: Option<String>,
    state: Option<String>,
    size_total: Option<u64>,
    size_used: Option<u64>,
    filer_address: Option<String>,
    aggregate_name: Option<AggregateName>,
    junction_path: Option<String>,
    active_policy_name: Option<PolicyName>,
    comment: Option<String>,
    #[serde(default, with = "humantime_time")]
    creation_time: Option<SystemTime>,
    compression_enabled: Option<bool>,
    inline_compression: Option<bool>,
    percentage_snapshot_reserve: Option<u64>,
    percentage_snapshot_reserve_used: Option<u64>,
    caching_policy: Option<String>,
    autosize_enabled: Option<bool>,
    max_autosize: Option<u64>,
    #[serde(default)]
    snapshots: Vec<LoadedSnapshot>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadedSnapshot {
    name: SnapshotName,
    #[serde(default, with = "humantime_time")]
    creation_time: Option<SystemTime>,
    size_kbytes: Option<u64>,
}

mod humantime_time {
    use super::*;
    use serde::de::{Deserializer, Error as _};

    /// RFC 3339, or nothing.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> std::result::Result<Option<SystemTime>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let time = |text: String| {
            humantime::parse_rfc3339(&text).map_err(|e| {
                D::Error::custom(format!("{text:?} is not a time ({e}); accepted: 2025-01-31T12:00:00Z"))
            })
        };
        text.map(time).transpose()
    }
}

/// How content is taken: what a volume has where it says nothing.
pub(crate) struct Absent {
    pub settings: Settings,
    pub filer_address: String,
    /// Policies may have names that cannot be given here.
    pub foreign_policies: bool,
}

impl Default for Absent {
    fn default() -> Absent {
        Absent { settings: defaults(), filer_address: "dummy-filer".into(), foreign_policies: false }
    }
}

impl Content {
    /// The rules of each policy, for who keeps more of them than the model does.
    #[cfg(feature = "simulator")]
    pub(crate) fn rules(&self) -> Vec<(PolicyName, Vec<String>)> {
        let rules =
            |policy: &LoadedPolicy| policy.rules.iter().map(|rule| rule.as_str().to_owned()).collect();
        self.policies.iter().map(|policy| (policy.name.clone(), rules(policy))).collect()
    }

    #[cfg(feature = "simulator")]
    pub(crate) fn has_no_aggregates(&self) -> bool {
        self.aggregates.is_empty()
    }

    pub(crate) fn into_state(self, absent: &Absent) -> Result<State> {
        let mut state = State::loading();
        if !self.aggregates.is_empty() {
            let aggregate = |a: LoadedAggregate| Aggregate {
                name: a.name,
                size_available: a.size_available,
                size_total: a.size_total,
                node: a.node,
            };
            state.aggregates = self.aggregates.into_iter().map(aggregate).collect();
        }
        for policy in self.policies {
            match absent.foreign_policies {
                true => state.add_policy(&policy.name, &policy.rules)?,
                false => state.create_policy(&policy.name, &policy.rules)?,
            };
        }
        let mut uuids = HashMap::new();
        for volume in self.volumes {
            if let Some(uuid) = volume.uuid.clone()
                && let Some(other) = uuids.insert(uuid.clone(), volume.name.clone())
            {
                let message = format!("volume {}: its uuid is that of volume {other}", volume.name);
                return Err(Error::invalid(message, &uuid, 0));
            }
            let name = volume.name.to_string();
            volume.load(&mut state, absent).map_err(|e| e.context(format!("volume {name}")))?;
        }
        Ok(state.loaded())
    }
}

impl LoadedVolume {
    fn load(mut self, state: &mut State, absent: &Absent) -> Result<()> {
        let settings = Settings {
            size_total: self.size_total,
            percentage_snapshot_reserve: self.percentage_snapshot_reserve,
            compression_enabled: self.compression_enabled,
            inline_compression: self.inline_compression,
            caching_policy: self.caching_policy,
            autosize_enabled: self.autosize_enabled,
            max_autosize: self.max_autosize,
            junction_path: self.junction_path,
            comment: self.comment,
            protect: None,
            active_policy_name: self.active_policy_name,
        };
        state.check_free(&self.name)?;
        state.check(&self.name, &settings)?;
        in_range(self.size_used)?;
        in_range(self.percentage_snapshot_reserve_used)?;
        let aggregate = match self.aggregate_name {
            Some(name) => name,
            None => state.choose_aggregate(None)?,
        };
        let used = self.size_used.unwrap_or(0);
        state.add_volume(&self.name, absent.settings.clone().overlaid(&settings), aggregate, used)?;
        self.snapshots.sort_by_key(|snapshot| snapshot.creation_time);
        for snapshot in &self.snapshots {
            in_range(snapshot.size_kbytes).map_err(|e| e.context(format!("snapshot {}", snapshot.name)))?;
            state.create_snapshot(&self.name, &snapshot.name)?;
        }
        let held = state.volume_mut(&self.name)?;
        for (kept, loaded) in held.snapshots.iter_mut().zip(&self.snapshots) {
            kept.own_kbytes = loaded.size_kbytes.unwrap_or(FRESH_KBYTES);
            Arc::make_mut(&mut kept.record).creation_time = loaded.creation_time;
        }
        held.settle();
        // The used size as given counts the snapshots beyond the reserve.
        held.data = used.saturating_sub(held.spill());
        for kept in &mut held.snapshots {
            kept.data = held.data;
        }
        held.settle();
        let record = Arc::make_mut(&mut held.record);
        if let Some(uuid) = self.uuid {
            record.identity = Identity::of(&[&uuid]);
            record.uuid = uuid;
        }
        record.creation_time = self.creation_time;
        record.state = self.state.or(record.state.take());
        record.filer_address = self.filer_address.unwrap_or_else(|| absent.filer_address.clone());
        if self.percentage_snapshot_reserve_used.is_some() {
            record.percentage_snapshot_reserve_used = self.percentage_snapshot_reserve_used;
        }
        let of_node = record.aggregate_name.as_ref().is_some_and(|name| name.as_str().starts_with("aggr0"));
        held.usable = record.state.as_deref() == Some("online") && !of_node;
        Ok(())
    }
}

impl Generate {
    /// Volumes of plausible sizes, the same in every run.
    pub fn content(self) -> Content {
        const GIB: u64 = 1 << 30;
        let policy = PolicyName::new("default").expect("a good name");
        let epoch = humantime::parse_rfc3339("2025-01-01T00:00:00Z").expect("a good time");
        let snapshot = |i: u32| LoadedSnapshot {
            name: SnapshotName::new(&format!("daily.{i:04}")).expect("a good name"),
            creation_time: Some(epoch + Duration::from_secs(86_400 * u64::from(i))),
            size_kbytes: Some(FRESH_KBYTES + u64::from(i % 7) * 512),
        };
        let volume = |i: u32| LoadedVolume {
            name: VolumeName::new(&format!("vol{i:05}")).expect("a good name"),
            size_total: Some((10 + u64::from(i % 90)) * GIB),
            size_used: Some(GIB + u64::from(i % 80) * (GIB / 16)),
            junction_path: Some(format!("/vol{i:05}")),
            active_policy_name: Some(policy.clone()),
            creation_time: Some(epoch + Duration::from_secs(u64::from(i))),
            snapshots: (0..self.snapshots).map(snapshot).collect(),
            uuid: None,
            state: None,
            filer_address: None,
            aggregate_name: None,
            comment: None,
            compression_enabled: Some(true),
            inline_compression: Some(true),
            percentage_snapshot_reserve: Some(5),
            percentage_snapshot_reserve_used: None,
            caching_policy: None,
            autosize_enabled: Some(true),
            max_autosize: Some((12 + u64::from(i % 90)) * GIB),
        };
        Content {
            aggregates: Vec::new(),
            policies: vec![LoadedPolicy { name: policy.clone(), rules: Vec::new() }],
            volumes: (1..=self.volumes).map(volume).collect(),
        }
    }
}
