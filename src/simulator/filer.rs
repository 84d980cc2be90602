//! The filer behind the wire: the memory model, and beside it only what ONTAP alone knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::Ontap;
use super::zapi::arguments::blocks;
use super::zapi::call::Refusal;
use super::zapi::volumes::create::without_reserve;
use crate::backend::{AggregateName, Identity, PolicyName, Result, Settings, VolumeName};
use crate::backends::memory::{Absent, Aggregate, Content, Held, Model};

/// Free space of the aggregates of a filer that starts with nothing.
const FRESH_AGGREGATE: u64 = 100 << 40;

/// A cluster with one SVM for data.
pub(crate) struct Filer {
    pub svm: String,
    pub ontap: Ontap,
    pub model: Model,
    /// By the identity of the volume.
    pub details: HashMap<Identity, Detail>,
    pub exports: BTreeMap<PolicyName, Export>,
    pub locks: Vec<Lock>,
    pub jobs: BTreeMap<u64, Job>,
    policy_ids: u64,
}

/// What ONTAP knows of a volume beside the model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detail {
    /// Bytes, with the snapshot reserve, which `size_total` of the model is without.
    pub size: Option<u64>,
    /// Of a clone: the volume and the snapshot that it rests on.
    pub origin: Option<(Identity, Identity)>,
    pub snapshot_policy: Option<String>,
    pub permissions: Option<String>,
    pub thin: bool,
    /// Autosize may shrink the volume, too.
    pub shrinks: bool,
    /// Efficiency was enabled once and is switched off.
    pub efficiency_disabled: bool,
}

/// The rules of an export policy by index; the model keeps its name and where it is in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Export {
    pub id: u64,
    pub rules: BTreeMap<u32, ExportRule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExportRule {
    pub client_match: String,
    pub ro: Vec<String>,
    pub rw: Vec<String>,
    pub superuser: Vec<String>,
    pub protocol: Vec<String>,
    pub anonymous: String,
    pub set_uid: bool,
    pub devices: bool,
    pub chown_mode: String,
    pub ntfs_security: String,
}

/// A lock that an NFS client holds.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    pub volume: Identity,
    pub client: String,
    pub path: String,
    pub id: String,
}

/// Work that went on after its call was answered.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub name: String,
    /// Times that it is still seen running.
    pub looks: u32,
}

impl Filer {
    pub fn new(svm: &str, ontap: Ontap, content: Content) -> Result<Filer> {
        let rules = content.rules();
        let fresh = content.has_no_aggregates();
        let absent =
            Absent { settings: Settings::default(), filer_address: String::new(), foreign_policies: true };
        let mut model = content.into_state(&absent)?;
        if fresh {
            model.aggregates = vec![fresh_aggregate("aggr1")?, fresh_aggregate("aggr2")?];
        }
        place_aggregates(&mut model);
        let mut filer = Filer {
            svm: svm.to_owned(),
            ontap,
            model,
            details: HashMap::new(),
            exports: BTreeMap::new(),
            locks: Vec::new(),
            jobs: BTreeMap::new(),
            policy_ids: 4 << 32,
        };
        filer.create_default_policy()?;
        for (policy, clients) in rules {
            let export = filer.export(&policy);
            export.rules = (1..).zip(clients.iter().map(|client| ExportRule::of(client))).collect();
        }
        filer.create_root_volume()?;
        filer.describe_volumes();
        Ok(filer)
    }

    /// The policy `default` is there from the start.
    fn create_default_policy(&mut self) -> Result<()> {
        let default = PolicyName::new("default")?;
        if !self.model.policies.contains_key(&default) {
            self.model.add_policy(&default, &[])?;
        }
        let names: Vec<_> = self.model.policies.keys().cloned().collect();
        for name in names {
            self.export(&name);
        }
        Ok(())
    }

    /// The root of the SVM's namespace, unless the content has one.
    fn create_root_volume(&mut self) -> Result<()> {
        if self.model.junctions.contains_key("/") {
            return Ok(());
        }
        let name: String =
            self.svm.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let name = VolumeName::new(&format!("{name}_root"))?;
        let aggregate = self.model.choose_aggregate(None)?;
        let settings = Settings {
            size_total: Some(blocks((1 << 30) * 95 / 100)),
            percentage_snapshot_reserve: Some(5),
            caching_policy: Some("Standard".into()),
            autosize_enabled: Some(false),
            max_autosize: Some(blocks((1 << 30) * 6 / 5)),
            junction_path: Some("/".into()),
            active_policy_name: Some(PolicyName::new("default")?),
            ..Settings::default()
        };
        self.model.check_free(&name)?;
        self.model.add_volume(&name, settings, aggregate, 1 << 20)?;
        if let Some(held) = self.model.volumes.get_mut(&name) {
            Arc::make_mut(&mut held.record).filer_address.clear();
        }
        Ok(())
    }

    fn describe_volumes(&mut self) {
        for held in self.model.volumes.values_mut() {
            let settings = &held.record.settings;
            let reserve = settings.percentage_snapshot_reserve.unwrap_or(0);
            let size = settings.size_total.map(|total| with_reserve(total, reserve));
            self.details.insert(held.record.identity, Detail { size, ..Detail::default() });
            let name = held.record.aggregate_name.as_ref();
            let node = name.and_then(|name| node_of(&self.model.aggregates, name));
            let record = Arc::make_mut(&mut held.record);
            if record.filer_address.is_empty() {
                record.filer_address = node.unwrap_or_default();
            }
        }
    }

    /// The names of the nodes.
    pub fn nodes(&self) -> BTreeSet<&str> {
        self.model.aggregates.iter().filter_map(|aggregate| aggregate.node.as_deref()).collect()
    }

    pub fn node_of(&self, aggregate: &AggregateName) -> Option<String> {
        node_of(&self.model.aggregates, aggregate)
    }

    /// What is beside the model of a policy; made when first asked for.
    pub fn export(&mut self, policy: &PolicyName) -> &mut Export {
        let next = self.policy_ids + 1;
        let export =
            self.exports.entry(policy.clone()).or_insert_with(|| Export { id: next, ..Export::default() });
        self.policy_ids = self.policy_ids.max(export.id);
        export
    }

    pub fn held(&self, name: &str) -> std::result::Result<&Held, Refusal> {
        let found = VolumeName::new(name).ok().and_then(|name| self.model.volumes.get(&name));
        found.ok_or_else(|| Refusal::no_volume(name))
    }

    pub fn held_mut(&mut self, name: &str) -> std::result::Result<&mut Held, Refusal> {
        let found = VolumeName::new(name).ok().and_then(|name| self.model.volumes.get_mut(&name));
        found.ok_or_else(|| Refusal::no_volume(name))
    }

    /// A volume that is online.
    pub fn online(&self, name: &str) -> std::result::Result<&Held, Refusal> {
        let held = self.held(name)?;
        match is_online(held) {
            true => Ok(held),
            false => Err(Refusal::new(13042, format!("Volume \"{name}\" is not online."))),
        }
    }

    pub fn detail(&self, held: &Held) -> Detail {
        self.details.get(&held.record.identity).cloned().unwrap_or_default()
    }

    pub fn by_identity(&self, identity: Identity) -> Option<&Held> {
        self.model.volumes.values().find(|held| held.record.identity == identity)
    }

    /// The snapshots that clones rest on.
    pub fn busy(&self) -> BTreeSet<(Identity, Identity)> {
        self.details.values().filter_map(|detail| detail.origin).collect()
    }

    /// An NFS client takes a lock.
    pub fn lock(&mut self, volume: &str, client: &str) -> std::result::Result<(), Refusal> {
        let volume = self.held(volume)?.record.clone();
        let path = format!("/vol/{}/file{}", volume.name, self.locks.len());
        let id = Uuid::new_v4().to_string();
        self.locks.push(Lock { volume: volume.identity, client: client.to_owned(), path, id });
        Ok(())
    }
}

impl ExportRule {
    /// As the storage API makes them.
    pub fn of(client_match: &str) -> ExportRule {
        let sys = || vec!["sys".to_owned()];
        ExportRule {
            client_match: client_match.to_owned(),
            ro: sys(),
            rw: sys(),
            superuser: sys(),
            protocol: vec!["nfs".to_owned()],
            anonymous: "0".to_owned(),
            ..ExportRule::default()
        }
    }
}

impl Default for ExportRule {
    fn default() -> ExportRule {
        ExportRule {
            client_match: String::new(),
            ro: Vec::new(),
            rw: Vec::new(),
            superuser: vec!["none".to_owned()],
            protocol: vec!["any".to_owned()],
            anonymous: "65534".to_owned(),
            set_uid: true,
            devices: true,
            chown_mode: "restricted".to_owned(),
            ntfs_security: "fail".to_owned(),
        }
    }
}

pub(crate) fn is_online(held: &Held) -> bool {
    held.record.state.as_deref() == Some("online")
}

/// The smallest size in whole blocks of which this much is left for data.
fn with_reserve(total: u64, reserve: u64) -> u64 {
    let size = u128::from(total) * 100 / u128::from(100 - reserve.min(90));
    let size = u64::try_from(size).unwrap_or(u64::MAX) / 4096 * 4096;
    if without_reserve(size, reserve.min(90)) < total { blocks(size + 1) } else { size }
}

fn fresh_aggregate(name: &str) -> Result<Aggregate> {
    let name = AggregateName::new(name)?;
    Ok(Aggregate { name, size_available: FRESH_AGGREGATE, size_total: Some(FRESH_AGGREGATE), node: None })
}

/// Two nodes own the aggregates in turn, where the content does not say which.
fn place_aggregates(model: &mut Model) {
    for (at, aggregate) in model.aggregates.iter_mut().enumerate() {
        aggregate.node.get_or_insert_with(|| format!("node{}", at % 2 + 1));
    }
    model.aggregates.sort_by(|a, b| a.name.cmp(&b.name));
}

fn node_of(aggregates: &[Aggregate], name: &AggregateName) -> Option<String> {
    aggregates.iter().find(|aggregate| aggregate.name == *name).and_then(|aggregate| aggregate.node.clone())
}
