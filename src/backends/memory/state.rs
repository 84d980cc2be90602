//! What the filer holds, and how its sizes follow from it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::by_name::ByName;
use crate::backend::{
    AggregateName, Error, Identity, Policy, PolicyName, Result, Snapshot, Volume, VolumeName,
};

/// The largest number that is shown: what can be read can be written back.
pub(super) const LARGEST: u64 = i64::MAX as u64;

/// Everything on the filer.
pub(crate) struct State {
    pub volumes: ByName,
    pub policies: BTreeMap<PolicyName, Arc<Policy>>,
    /// Which volume is mounted at a junction path.
    pub junctions: FxHashMap<String, VolumeName>,
    /// Where new volumes go, by free space.
    pub aggregates: Vec<Aggregate>,
    /// Told apart by run and number: an identity is never used again.
    run: Option<Uuid>,
    born: u64,
}

/// Disks that hold volumes.
pub(crate) struct Aggregate {
    pub name: AggregateName,
    pub size_available: u64,
    /// The simulator tells these; nothing here depends on them.
    #[cfg_attr(not(feature = "simulator"), expect(dead_code, reason = "told by the simulator alone"))]
    pub size_total: Option<u64>,
    #[cfg_attr(not(feature = "simulator"), expect(dead_code, reason = "told by the simulator alone"))]
    pub node: Option<String>,
}

/// A volume and its snapshots, oldest first.
pub(crate) struct Held {
    pub record: Arc<Volume>,
    pub snapshots: Vec<Kept>,
    /// Bytes of live data. The sizes in the records follow from these.
    pub data: u64,
    /// Restricted volumes and those of the node are kept, but neither listed nor found.
    pub usable: bool,
}

/// A snapshot and what it keeps.
pub(crate) struct Kept {
    pub record: Arc<Snapshot>,
    /// Bytes of data the volume held when it was taken.
    pub data: u64,
    /// KiB of its own, whatever the volume does.
    pub own_kbytes: u64,
}

impl Default for State {
    fn default() -> State {
        let name = AggregateName::new("aggr1").expect("a good name");
        State {
            volumes: ByName::default(),
            policies: BTreeMap::new(),
            junctions: FxHashMap::default(),
            aggregates: vec![Aggregate { name, size_available: LARGEST, size_total: None, node: None }],
            run: Some(Uuid::new_v4()),
            born: 0,
        }
    }
}

impl State {
    /// While content is loaded, identities depend on it alone, so that inode numbers survive a restart.
    pub fn loading() -> State {
        State { run: None, ..State::default() }
    }

    /// From now on, new objects are new in every run.
    pub fn loaded(mut self) -> State {
        self.run = Some(Uuid::new_v4());
        self
    }

    /// A uuid for a new object of this kind and name.
    pub fn new_uuid(&mut self, kind: &str, name: &str) -> Uuid {
        match self.run {
            Some(_) => Uuid::new_v4(),
            None => Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{kind}/{name}").as_bytes()),
        }
    }

    /// An identity for a new object of this kind and name.
    pub fn new_identity(&mut self, kind: &str, name: fmt::Arguments<'_>) -> Identity {
        self.born += 1;
        match self.run {
            Some(run) => Identity(run.as_u64_pair().0.wrapping_add(self.born)),
            None => Identity::of(&[kind, &name.to_string()]),
        }
    }
}

impl Held {
    /// Brings the sizes in the records in line with the data.
    ///
    /// A snapshot holds what has changed since, and its own bookkeeping; what does not fit into the snapshot
    /// reserve counts as used space of the volume.
    pub fn settle(&mut self) {
        for kept in &mut self.snapshots {
            let size = kept.own_kbytes.saturating_add(kept.data.abs_diff(self.data) / 1024).min(LARGEST);
            if kept.record.size_kbytes != Some(size) {
                Arc::make_mut(&mut kept.record).size_kbytes = Some(size);
            }
        }
        let (used, reserve_used) = (self.data.saturating_add(self.spill()).min(LARGEST), self.reserve_used());
        // Who has seen the record makes its change a copy.
        if (self.record.size_used, self.record.percentage_snapshot_reserve_used) != (used, Some(reserve_used))
        {
            let record = Arc::make_mut(&mut self.record);
            record.size_used = used;
            record.percentage_snapshot_reserve_used = Some(reserve_used);
        }
    }

    /// Bytes of snapshots beyond the reserve.
    pub fn spill(&self) -> u64 {
        self.snapshot_bytes().saturating_sub(self.reserve())
    }

    fn snapshot_bytes(&self) -> u64 {
        let kbytes = self.snapshots.iter().filter_map(|kept| kept.record.size_kbytes);
        kbytes.fold(0, u64::saturating_add).saturating_mul(1024)
    }

    fn reserve(&self) -> u64 {
        let settings = &self.record.settings;
        let share = settings.percentage_snapshot_reserve.unwrap_or(0);
        part(settings.size_total.unwrap_or(0), share, 100)
    }

    fn reserve_used(&self) -> u64 {
        let reserve = self.reserve();
        if reserve == 0 { 0 } else { part(self.snapshot_bytes(), 100, reserve).min(LARGEST) }
    }
}

/// `of * times / by`, or as much as can be shown.
fn part(of: u64, times: u64, by: u64) -> u64 {
    match of.checked_mul(times) {
        Some(product) => product / by,
        None => u64::try_from(u128::from(of) * u128::from(times) / u128::from(by)).unwrap_or(u64::MAX),
    }
}

/// This filer takes the grammar of volume names for all objects.
pub(super) fn check_name(name: &str) -> Result<()> {
    match name.find(|c: char| !c.is_ascii_alphanumeric() && !":_.-".contains(c)) {
        Some(at) => {
            let message = "this filer takes only letters, digits and : _ . - in names";
            Err(Error::invalid(message, name, at))
        }
        None => Ok(()),
    }
}
