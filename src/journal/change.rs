//! A change, as the journal keeps it: with all that is needed to look for it later.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::backend::{
    AggregateName, HostName, NewLock, NewVolume, Newer, PolicyName, Rule, Settings, SnapshotName, VolumeName,
};

/// One of the changes of [`StorageBackend`](crate::backend::StorageBackend), and its arguments.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", content = "arguments", rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is the operation of its name, and has its arguments")]
pub enum Change {
    CreateVolume {
        volume: VolumeName,
        #[serde(serialize_with = "what_is_set")]
        settings: Settings,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        aggregate_name: Option<AggregateName>,
    },
    RestrictVolume {
        volume: VolumeName,
    },
    PatchVolume {
        volume: VolumeName,
        #[serde(serialize_with = "what_is_set")]
        settings: Settings,
    },
    CloneVolume {
        volume: VolumeName,
        origin: VolumeName,
        snapshot: SnapshotName,
        #[serde(serialize_with = "what_is_set")]
        settings: Settings,
    },
    RollbackVolume {
        volume: VolumeName,
        snapshot: SnapshotName,
        discard_newer: bool,
    },
    CreateSnapshot {
        volume: VolumeName,
        snapshot: SnapshotName,
    },
    DeleteSnapshot {
        volume: VolumeName,
        snapshot: SnapshotName,
    },
    RenameSnapshot {
        volume: VolumeName,
        from: SnapshotName,
        to: SnapshotName,
    },
    CreateLock {
        volume: VolumeName,
        host: HostName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
        uid: u32,
        process: String,
        request: String,
        /// The host held the lock before, and keeps it whatever comes of this request.
        held: bool,
    },
    RemoveLock {
        volume: VolumeName,
        host: HostName,
        /// Only what this request has taken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<String>,
    },
    BreakNfsLocks {
        volume: VolumeName,
        client: String,
    },
    CreatePolicy {
        policy: PolicyName,
        rules: Vec<Rule>,
    },
    RemovePolicy {
        policy: PolicyName,
    },
    SetPolicy {
        volume: VolumeName,
        policy: PolicyName,
    },
    EnsurePolicyRulesPresent {
        policy: PolicyName,
        rules: Vec<Rule>,
    },
    EnsurePolicyRulesAbsent {
        policy: PolicyName,
        rules: Vec<Rule>,
    },
    OrderPolicyRules {
        policy: PolicyName,
        order: Vec<Rule>,
    },
}

impl Change {
    /// A volume that is created.
    pub fn create_volume(volume: &VolumeName, new: &NewVolume) -> Change {
        let NewVolume { settings, aggregate_name } = new.clone();
        Change::CreateVolume { volume: volume.clone(), settings, aggregate_name }
    }

    /// A volume that becomes what a snapshot holds.
    pub fn rollback(volume: &VolumeName, snapshot: &SnapshotName, newer: Newer) -> Change {
        let (volume, snapshot) = (volume.clone(), snapshot.clone());
        Change::RollbackVolume { volume, snapshot, discard_newer: newer == Newer::Discard }
    }

    /// A lock that is taken; `held` if its host holds it already.
    pub fn create_lock(volume: &VolumeName, new: &NewLock, held: bool) -> Change {
        let NewLock { host, ttl, uid, process, request, .. } = new.clone();
        let ttl_ms = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        Change::CreateLock { volume: volume.clone(), host, ttl_ms, uid, process, request, held }
    }

    /// The name of the operation.
    pub fn op(&self) -> &'static str {
        match self {
            Change::CreateVolume { .. } => "create_volume",
            Change::RestrictVolume { .. } => "restrict_volume",
            Change::PatchVolume { .. } => "patch_volume",
            Change::CloneVolume { .. } => "clone_volume",
            Change::RollbackVolume { .. } => "rollback_volume",
            Change::CreateSnapshot { .. } => "create_snapshot",
            Change::DeleteSnapshot { .. } => "delete_snapshot",
            Change::RenameSnapshot { .. } => "rename_snapshot",
            Change::CreateLock { .. } => "create_lock",
            Change::RemoveLock { .. } => "remove_lock",
            Change::BreakNfsLocks { .. } => "break_nfs_locks",
            Change::CreatePolicy { .. } => "create_policy",
            Change::RemovePolicy { .. } => "remove_policy",
            Change::SetPolicy { .. } => "set_policy",
            Change::EnsurePolicyRulesPresent { .. } => "ensure_policy_rules_present",
            Change::EnsurePolicyRulesAbsent { .. } => "ensure_policy_rules_absent",
            Change::OrderPolicyRules { .. } => "order_policy_rules",
        }
    }

    /// What it is about: a volume or a policy.
    pub fn subject(&self) -> &str {
        match self {
            Change::CreateVolume { volume, .. }
            | Change::RestrictVolume { volume }
            | Change::PatchVolume { volume, .. }
            | Change::CloneVolume { volume, .. }
            | Change::RollbackVolume { volume, .. }
            | Change::CreateSnapshot { volume, .. }
            | Change::DeleteSnapshot { volume, .. }
            | Change::RenameSnapshot { volume, .. }
            | Change::CreateLock { volume, .. }
            | Change::RemoveLock { volume, .. }
            | Change::BreakNfsLocks { volume, .. }
            | Change::SetPolicy { volume, .. } => volume.as_str(),
            Change::CreatePolicy { policy, .. }
            | Change::RemovePolicy { policy }
            | Change::EnsurePolicyRulesPresent { policy, .. }
            | Change::EnsurePolicyRulesAbsent { policy, .. }
            | Change::OrderPolicyRules { policy, .. } => policy.as_str(),
        }
    }
}

/// Settings without those that are left alone.
fn what_is_set<S: Serializer>(settings: &Settings, to: S) -> Result<S::Ok, S::Error> {
    let mut settings = serde_json::to_value(settings).map_err(serde::ser::Error::custom)?;
    if let Value::Object(fields) = &mut settings {
        fields.retain(|_, value| !value.is_null());
    }
    settings.serialize(to)
}
