//! What a storage back-end can do: [`StorageBackend`], its names, values and failures.
//!
//! Every method works as one operation of the storage: it happens whole or not at all, and a refusal says why.
//! The rules are functions in `tests/contract/`, run on every back-end.

pub mod error;
pub mod lock;
pub mod model;
pub mod names;
pub mod rule;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

pub use error::{Error, Kind, Result, Sent, causes};
pub use lock::{By, Lock, NewLock, Scope, Unlock, check_held, held_by};
pub use model::{Api, CallCount, Capabilities, Health, NewVolume, Newer, Policy, Settings, Snapshot, Volume};
pub use names::{AggregateName, HostName, Identity, PolicyName, SnapshotName, VolumeName};
pub use rule::Rule;

/// A list of volumes. Two lists at one address are the same list.
pub type Volumes = Arc<Vec<Arc<Volume>>>;

/// A list for each volume. Those with an empty one may be left out, those that are not shown may be in it.
pub type ByVolume<T> = HashMap<VolumeName, Vec<T>>;

/// One filer, or whatever else holds volumes.
#[async_trait]
pub trait StorageBackend: Send + Sync {
    /// What it can do beyond what every back-end owes. What it declares as lacking answers `Unsupported`.
    fn capabilities(&self) -> Capabilities;

    /// How it does. Answers at once, whatever the storage does.
    fn health(&self) -> Health;

    /// How many calls were made, and what came of them. Answers at once.
    fn calls(&self) -> Vec<CallCount>;

    /// A volume, if it is known without asking the storage; `Some(None)` if it is known that there is none.
    fn known_volume(&self, volume: &VolumeName) -> Option<Option<Arc<Volume>>>;

    /// A snapshot, if it is known without asking the storage; `Some(None)` if it is known that there is none.
    fn known_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Option<Option<Arc<Snapshot>>>;

    /// The token of the lock of a volume that was taken through here and not let go since, be it lost or not.
    fn counted_token(&self, volume: Identity) -> Option<u64>;

    /// Forgets what it remembers of the storage; the next read asks again.
    fn refresh(&self);

    /// What the storage says that it is, in a few words, if it lets us in.
    async fn identify(&self) -> Result<String>;

    /// Every active, usable volume, by name. Restricted, root and node volumes are not among them.
    async fn volumes(&self) -> Result<Volumes>;

    /// One volume. `NotFound` also for those that [`volumes`](Self::volumes) leaves out.
    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>>;

    /// Creates a volume. `Exists`, `Invalid` (a bad or missing field, which the message names).
    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>>;

    /// The closest thing to a delete that the storage has: afterwards the volume is not listed and not found.
    /// `NotPermitted` while its `protect` mark is set.
    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()>;

    /// Changes the given settings, all or none. `NotFound`, `Invalid`.
    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()>;

    /// A new volume from a snapshot, with these settings in place of the source's. The source is checked first:
    /// `NotFound` (volume or snapshot), then `Exists` (the new name).
    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()>;

    /// The volume becomes what the snapshot holds. `InUse` if newer snapshots would be lost and are to be kept.
    async fn rollback_volume(&self, volume: &VolumeName, snapshot: &SnapshotName, newer: Newer)
    -> Result<()>;

    /// The snapshots of a volume, oldest first.
    async fn get_snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>>;

    /// The same of all volumes at once.
    async fn all_snapshots(&self) -> Result<ByVolume<Arc<Snapshot>>>;

    /// One snapshot.
    async fn get_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<Arc<Snapshot>>;

    /// Keeps the state of now; answers the snapshot if the storage tells it at once. `NotFound`, `Exists`, `Invalid`, `TooManySnapshots`.
    async fn create_snapshot(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
    ) -> Result<Option<Arc<Snapshot>>>;

    /// Deletes a snapshot. `NotFound`, `InUse`.
    async fn delete_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<()>;

    /// Gives a snapshot another name. `NotFound`, `Exists`.
    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()>;

    /// The lock of the volume, if any host holds it.
    async fn locks(&self, volume: &VolumeName) -> Result<Option<Lock>>;

    /// Takes the volume for a host; again by the same host is a success, and makes the lock lapse as asked for last.
    /// `NotFound`, `Locked` by another. While another host holds it, what takes away or replaces what the volume
    /// has is refused (`Locked`).
    async fn create_lock(&self, volume: &VolumeName, new: &NewLock) -> Result<Lock>;

    /// Frees the volume if this is its lock; otherwise does nothing, successfully.
    async fn remove_lock(&self, volume: &VolumeName, lock: &Unlock) -> Result<()>;

    /// The clients that hold NFS locks on files of the volume, each once.
    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>>;

    /// The same of all volumes at once.
    async fn all_nfs_locks(&self) -> Result<ByVolume<String>>;

    /// Breaks all NFS locks of a client on files of the volume.
    async fn break_nfs_locks(&self, volume: &VolumeName, client: &str) -> Result<()>;

    /// Every export policy, by name.
    async fn policies(&self) -> Result<Vec<Arc<Policy>>>;

    /// One export policy. One without rules is not the same as none.
    async fn get_policy(&self, policy: &PolicyName) -> Result<Arc<Policy>>;

    /// Creates a policy with these rules. `Exists`.
    async fn create_policy(&self, policy: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>>;

    /// Removes a policy; its name is free again. `NotFound`, `InUse` by a volume.
    async fn remove_policy(&self, policy: &PolicyName) -> Result<()>;

    /// Puts a policy in force on a volume. `NotFound` (volume), `Invalid` (policy).
    async fn set_policy(&self, volume: &VolumeName, policy: &PolicyName) -> Result<()>;

    /// Adds the rules that the policy does not have, at the end. `NotFound` (policy). Each is a change of its own:
    /// what was done before a failure stays, and the failure says so.
    async fn ensure_policy_rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()>;

    /// Removes the rules that the policy has. As above.
    async fn ensure_policy_rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()>;

    /// Puts the rules of a policy in this order; those not named keep their order, at the end. `NotFound` (policy).
    async fn order_policy_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()>;
}
