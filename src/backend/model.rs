//! The values that back-ends and the tree exchange.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::names::{AggregateName, Identity, PolicyName, SnapshotName, VolumeName};
use super::rule::Rule;

/// Storages round sizes up to whole blocks.
const BLOCK: u64 = 4096;

/// What of a volume can be changed. As a patch, `None` leaves a field alone; in a [`Volume`], `None` means
/// that the back-end does not have it. An empty text is an unset one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Size in bytes.
    pub size_total: Option<u64>,
    /// Share of the size set aside for snapshots, in percent.
    pub percentage_snapshot_reserve: Option<u64>,
    /// Whether the data is compressed in the background.
    pub compression_enabled: Option<bool>,
    /// Whether the data is compressed while it is written.
    pub inline_compression: Option<bool>,
    /// Name of the caching policy; empty: none.
    pub caching_policy: Option<String>,
    /// Whether the volume grows by itself.
    pub autosize_enabled: Option<bool>,
    /// Size in bytes up to which it grows by itself.
    pub max_autosize: Option<u64>,
    /// Where clients see it; empty: not mounted in the filer's namespace.
    pub junction_path: Option<String>,
    /// Free text.
    pub comment: Option<String>,
    /// Whether `rmdir` of the volume is refused. A back-end that has no place for it says no.
    pub protect: Option<bool>,
    /// The export policy in force.
    pub active_policy_name: Option<PolicyName>,
}

/// Does the same for each setting.
macro_rules! each {
    ($act:ident) => {
        $act!(size_total);
        $act!(percentage_snapshot_reserve);
        $act!(compression_enabled);
        $act!(inline_compression);
        $act!(caching_policy);
        $act!(autosize_enabled);
        $act!(max_autosize);
        $act!(junction_path);
        $act!(comment);
        $act!(protect);
        $act!(active_policy_name);
    };
}

impl Settings {
    /// These settings, with those of `over` in their place where it has any.
    pub fn overlaid(mut self, over: &Settings) -> Settings {
        macro_rules! take {
            ($field:ident) => {
                if over.$field.is_some() {
                    self.$field.clone_from(&over.$field);
                }
            };
        }
        each!(take);
        self
    }

    /// Of these settings, those that are not so in `others`.
    pub fn differing(mut self, others: &Settings) -> Settings {
        macro_rules! drop_equal {
            ($field:ident) => {
                if self.$field == others.$field {
                    self.$field = None;
                }
            };
        }
        each!(drop_equal);
        self
    }

    /// Of these settings, those that `others` names.
    pub fn named_in(mut self, others: &Settings) -> Settings {
        macro_rules! drop_unnamed {
            ($field:ident) => {
                if others.$field.is_none() {
                    self.$field = None;
                }
            };
        }
        each!(drop_unnamed);
        self
    }

    /// Whether a volume that has these has what was asked for.
    pub fn fulfil(&self, asked: &Settings) -> bool {
        let mut expected = self.clone().overlaid(asked);
        let rounded = |now: Option<u64>, asked: &mut Option<u64>| {
            if let (Some(size), Some(wanted)) = (now, *asked)
                && (wanted..wanted.saturating_add(BLOCK)).contains(&size)
            {
                *asked = now;
            }
        };
        rounded(self.size_total, &mut expected.size_total);
        rounded(self.max_autosize, &mut expected.max_autosize);
        expected == *self
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Settings::default()
    }
}

/// What a volume is created with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewVolume {
    /// Its settings; the back-end chooses what is not given, or refuses if it must be.
    pub settings: Settings,
    /// The aggregate that holds it; the back-end chooses if not given.
    pub aggregate_name: Option<AggregateName>,
}

/// A volume as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Unique on its back-end.
    pub name: VolumeName,
    /// The storage's own identifier; never used again.
    pub uuid: String,
    /// Derived from `uuid`.
    pub identity: Identity,
    /// `online` and the like.
    pub state: Option<String>,
    /// What can be changed.
    pub settings: Settings,
    /// Bytes in use.
    pub size_used: u64,
    /// Share of the snapshot reserve in use, in percent; may exceed 100.
    pub percentage_snapshot_reserve_used: Option<u64>,
    /// The address that clients mount from.
    pub filer_address: String,
    /// The aggregate that holds it.
    pub aggregate_name: Option<AggregateName>,
    /// When it was created.
    pub creation_time: Option<SystemTime>,
    /// Fields that only this back-end knows.
    pub extra: Map<String, Value>,
}

/// A snapshot as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Unique in its volume.
    pub name: SnapshotName,
    /// Tells it from any other of its name.
    pub identity: Identity,
    /// When it was created.
    pub creation_time: Option<SystemTime>,
    /// KiB that only the snapshot holds.
    pub size_kbytes: Option<u64>,
    /// Fields that only this back-end knows.
    pub extra: Map<String, Value>,
}

/// An export policy with its rules, in the order in which they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Unique on its back-end.
    pub name: PolicyName,
    /// Tells it from any other of its name.
    pub identity: Identity,
    /// Who may mount.
    pub rules: Vec<Rule>,
}

/// What a rollback does with the snapshots newer than its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newer {
    /// Refuse if there are any.
    Keep,
    /// Destroy them.
    Discard,
}

/// What a back-end can do beyond the operations that every one owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It keeps admin locks itself.
    pub locks: bool,
    /// It keeps the `protect` mark itself.
    pub protect: bool,
    /// It keeps comments itself.
    pub comments: bool,
    /// It knows which NFS clients hold locks.
    pub nfs_locks: bool,
    /// A volume can be named by where it is mounted, as `NODE:/junction/path`.
    pub junction_names: bool,
}

/// How an endpoint does, known without asking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it answers.
    pub api: Api,
    /// How long its last answer took.
    pub latency: Option<Duration>,
    /// How old the oldest remembered answer is.
    pub cache_age: Option<Duration>,
}

/// Whether an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// It does.
    Ok,
    /// Some calls fail.
    Degraded,
    /// It does not.
    Down,
}

/// Calls of a storage, for `.ctl/metrics`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallCount {
    /// The operation.
    pub call: &'static str,
    /// `ok`, or the kind of failure.
    pub result: &'static str,
    /// How many.
    pub count: u64,
    /// How long they took together.
    pub seconds: f64,
}
