//! The filer behind the wire: the memory model, and beside it only what ONTAP alone knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::Ontap;
use super::zapi::call::Refusal;
use crate::backend::{AggregateName, Identity, PolicyName, VolumeName};
use crate::backends::memory::{Held, Model};

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
    pub policy_ids: u64,
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
    /// The names of the nodes.
    pub fn nodes(&self) -> BTreeSet<&str> {
        self.model.aggregates.iter().filter_map(|aggregate| aggregate.node.as_deref()).collect()
    }

    pub fn node_of(&self, aggregate: &AggregateName) -> Option<String> {
        let found = self.model.aggregates.iter().find(|known| known.name == *aggregate);
        found.and_then(|aggregate| aggregate.node.clone())
    }

    /// What is beside the model of a policy; made when first asked for.
    pub fn export(&mut self, policy: &PolicyName) -> &mut Export {
        let next = self.policy_ids + 1;
        let export =
            self.exports.entry(policy.clone()).or_insert_with(|| Export { id: next, ..Export::default() });
        self.policy_ids = self.policy_ids.max(export.id);
        export
    }

    pub fn held(&self, name: &str) -> Result<&Held, Refusal> {
        let found = VolumeName::new(name).ok().and_then(|name| self.model.volumes.get(&name));
        found.ok_or_else(|| Refusal::no_volume(name))
    }

    pub fn held_mut(&mut self, name: &str) -> Result<&mut Held, Refusal> {
        let found = VolumeName::new(name).ok().and_then(|name| self.model.volumes.get_mut(&name));
        found.ok_or_else(|| Refusal::no_volume(name))
    }

    /// A volume that is online.
    pub fn online(&self, name: &str) -> Result<&Held, Refusal> {
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
    pub fn lock(&mut self, volume: &str, client: &str) -> Result<(), Refusal> {
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
