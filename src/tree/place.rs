//! Where in the tree: the object that a node belongs to, by name and identity.

use std::borrow::Cow;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::SystemTime;

use siphasher::sip::SipHasher13;

use super::endpoint::Endpoint;
use super::scratch::Item;
use super::shared::Shared;
use super::table::Row;
use crate::backend::names::encoded;
use crate::backend::{
    Error, Identity, Kind, Lock, Policy, PolicyName, Result, Snapshot, SnapshotName, StorageBackend, Volume,
    VolumeName, check_held,
};

/// An object of the tree, with all that its files need.
#[derive(Clone)]
pub struct Place {
    /// The mount.
    pub shared: Arc<Shared>,
    /// The object.
    pub object: Object,
}

/// The object that a directory stands for.
#[derive(Clone)]
pub enum Object {
    /// The mount itself.
    Mount,
    /// One back-end.
    Endpoint(Arc<Endpoint>),
    /// A volume.
    Volume(Arc<Endpoint>, Known<VolumeName>),
    /// A snapshot of a volume.
    Snapshot(Arc<Endpoint>, Known<VolumeName>, Known<SnapshotName>),
    /// An export policy.
    Policy(Arc<Endpoint>, Known<PolicyName>),
    /// A volume being prepared.
    Staged(Arc<Endpoint>, Known<VolumeName>),
    /// A junction path, and the volume mounted there.
    Junction(Arc<Endpoint>, Arc<str>, VolumeName),
    /// A scratch file or directory.
    Scratch(Arc<Item>),
}

/// An object as it was found: a later one of the same name is another object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known<N> {
    /// Its name.
    pub name: N,
    /// What tells it from its namesakes.
    pub identity: Identity,
    /// When it was created.
    pub created: Option<SystemTime>,
}

/// Size of a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// `st_size`.
    pub size: u64,
    /// `st_blocks`, in bytes.
    pub used: u64,
}

impl Place {
    /// The mount itself.
    pub fn root(shared: &Arc<Shared>) -> Place {
        Place { shared: shared.clone(), object: Object::Mount }
    }

    /// Another object of the same mount.
    pub fn at(&self, object: Object) -> Place {
        Place { shared: self.shared.clone(), object }
    }

    /// The back-end that this place belongs to.
    pub fn endpoint(&self) -> Result<&Arc<Endpoint>> {
        match &self.object {
            Object::Mount | Object::Scratch(_) => Err(wrong_row()),
            Object::Endpoint(endpoint)
            | Object::Volume(endpoint, ..)
            | Object::Snapshot(endpoint, ..)
            | Object::Policy(endpoint, ..)
            | Object::Staged(endpoint, ..)
            | Object::Junction(endpoint, ..) => Ok(endpoint),
        }
    }

    /// The storage that this place belongs to.
    pub fn backend(&self) -> Result<Arc<dyn StorageBackend>> {
        Ok(self.endpoint()?.backend.clone())
    }

    /// The name of the volume that this place is in.
    pub fn volume_name(&self) -> Result<&VolumeName> {
        self.known().map(|volume| &volume.name)
    }

    /// The volume that this place is in, as it was found.
    fn known(&self) -> Result<&Known<VolumeName>> {
        match &self.object {
            Object::Volume(_, volume) | Object::Snapshot(_, volume, _) | Object::Staged(_, volume) => {
                Ok(volume)
            }
            _ => Err(wrong_row()),
        }
    }

    /// The volume that this place is in: the very one, not a later one of its name.
    pub async fn volume(&self) -> Result<Arc<Volume>> {
        let (Object::Volume(endpoint, known) | Object::Snapshot(endpoint, known, _)) = &self.object else {
            return Err(wrong_row());
        };
        let volume = match endpoint.backend.known_volume(&known.name).flatten() {
            Some(volume) => volume,
            None => endpoint.backend.get_volume(&known.name).await?,
        };
        same(known, volume.identity, "volume").map(|()| volume)
    }

    /// Refuses what the lock of another host forbids, as far as a look can tell.
    pub async fn check_lock(&self) -> Result<()> {
        let (volume, backend, host) = (self.known()?, self.backend()?, &self.shared.options.host);
        let lock = backend.locks(&volume.name).await?;
        if let Some(holder) = lock.as_ref().map(Lock::holder).filter(|holder| *holder != host) {
            let error =
                Error::new(Kind::Locked, format!("{holder} holds the lock of volume {}", volume.name));
            return Err(error.hint(format!("to break it: echo -{holder} > lock")));
        }
        let counted = backend.counted_token(volume.identity);
        check_held(&volume.name, host, counted, lock.map(|lock| lock.token))
    }

    /// The same, if it is known without asking the storage.
    pub fn known_volume(&self) -> Option<Arc<Volume>> {
        let Object::Volume(endpoint, known) = &self.object else { return None };
        let volume = endpoint.backend.known_volume(&known.name).flatten();
        volume.filter(|volume| volume.identity == known.identity)
    }

    /// The snapshot that this place is in.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let Object::Snapshot(endpoint, volume, known) = &self.object else { return Err(wrong_row()) };
        let snapshot = endpoint.backend.get_snapshot(&volume.name, &known.name).await?;
        same(known, snapshot.identity, "snapshot").map(|()| snapshot)
    }

    /// The export policy that this place is in.
    pub async fn policy(&self) -> Result<Arc<Policy>> {
        let Object::Policy(endpoint, known) = &self.object else { return Err(wrong_row()) };
        let policy = endpoint.backend.get_policy(&known.name).await?;
        same(known, policy.identity, "policy").map(|()| policy)
    }

    /// The size of this place's own directory, if it is still there.
    pub async fn stat(&self) -> Result<Stat> {
        match &self.object {
            Object::Mount | Object::Endpoint(_) | Object::Junction(..) => Ok(Stat::default()),
            Object::Volume(..) => Ok(Stat::of_volume(&*self.volume().await?)),
            Object::Snapshot(..) => Ok(Stat::of_snapshot(&*self.snapshot().await?)),
            Object::Policy(..) => self.policy().await.map(|_| Stat::default()),
            Object::Staged(endpoint, known) => endpoint.staged(known).map(|_| Stat::default()),
            Object::Scratch(item) => Ok(item.stat()),
        }
    }

    /// The same, if it is known without asking the storage.
    pub fn known_stat(&self) -> Option<Stat> {
        match &self.object {
            Object::Mount | Object::Endpoint(_) => Some(Stat::default()),
            Object::Volume(..) => self.known_volume().map(|volume| Stat::of_volume(&volume)),
            _ => None,
        }
    }

    /// Its creation, or that of the mount.
    pub fn time(&self) -> SystemTime {
        let created = match &self.object {
            Object::Mount | Object::Endpoint(_) | Object::Junction(..) => None,
            Object::Volume(_, volume) | Object::Staged(_, volume) => volume.created,
            Object::Snapshot(_, _, snapshot) => snapshot.created,
            Object::Policy(_, policy) => policy.created,
            Object::Scratch(item) => Some(item.time()),
        };
        created.unwrap_or(self.shared.started)
    }

    /// The inode number of a row of this object: the same in every run, and never that of another object.
    pub fn ino(&self, row: &Row) -> u64 {
        const RESERVED: u64 = 16;
        if let (Object::Mount, "") = (&self.object, row.path) {
            return super::ROOT;
        }
        let mut hasher = SipHasher13::new();
        let (kind, endpoint, identity) = match &self.object {
            Object::Mount => (0, None, 0),
            Object::Endpoint(endpoint) => (1, Some(endpoint), 0),
            Object::Volume(endpoint, volume) => (2, Some(endpoint), volume.identity.0),
            Object::Snapshot(endpoint, volume, snapshot) => {
                hasher.write_u64(volume.identity.0);
                (3, Some(endpoint), snapshot.identity.0)
            }
            Object::Policy(endpoint, policy) => (4, Some(endpoint), policy.identity.0),
            Object::Staged(endpoint, staged) => (5, Some(endpoint), staged.identity.0),
            Object::Junction(endpoint, path, _) => (6, Some(endpoint), Identity::of(&[path]).0),
            Object::Scratch(item) => (7, None, item.identity.0),
        };
        hasher.write_u8(kind);
        hasher.write(endpoint.map(|endpoint| endpoint.name.as_bytes()).unwrap_or_default());
        hasher.write_u8(0);
        hasher.write_u64(identity);
        hasher.write(row.path.as_bytes());
        // Readdir offsets are inode numbers, and offsets are positive.
        (hasher.finish() >> 1).max(RESERVED)
    }

    /// The name of a member in its collection; no other object has one by itself.
    pub fn file_name(&self) -> Cow<'_, str> {
        match &self.object {
            Object::Mount | Object::Scratch(_) => "".into(),
            Object::Endpoint(endpoint) => (&*endpoint.name).into(),
            Object::Volume(_, known) | Object::Staged(_, known) => encoded(known.name.as_str()),
            Object::Snapshot(_, _, known) => encoded(known.name.as_str()),
            Object::Policy(_, known) => encoded(known.name.as_str()),
            Object::Junction(_, path, _) => encoded(path),
        }
    }

    /// The path of a row of this object, from the root of the mount.
    pub fn path(&self, row: &Row) -> String {
        let own = match &self.object {
            Object::Mount => String::new(),
            Object::Endpoint(endpoint) => endpoint.name.clone(),
            Object::Volume(endpoint, _) => format!("{}/volumes/{}", endpoint.name, self.file_name()),
            Object::Snapshot(endpoint, volume, _) => {
                let volume = encoded(volume.name.as_str());
                format!("{}/volumes/{volume}/snapshots/{}", endpoint.name, self.file_name())
            }
            Object::Policy(endpoint, _) => format!("{}/policies/{}", endpoint.name, self.file_name()),
            Object::Staged(endpoint, _) => format!("{}/staging/{}", endpoint.name, self.file_name()),
            Object::Junction(endpoint, ..) => format!("{}/junctions/{}", endpoint.name, self.file_name()),
            Object::Scratch(item) => item.path(),
        };
        match (own.is_empty(), row.path.is_empty()) {
            (true, _) => row.path.to_owned(),
            (_, true) => own,
            _ => format!("{own}/{}", row.path),
        }
    }
}

impl Stat {
    /// A volume is as large as what it uses, for `ls -l` and `du`.
    pub fn of_volume(volume: &Volume) -> Stat {
        Stat { size: volume.size_used, used: volume.size_used }
    }

    /// A snapshot shows its size, but `du` counts its volume only once.
    pub fn of_snapshot(snapshot: &Snapshot) -> Stat {
        Stat { size: snapshot.size_kbytes.unwrap_or(0).saturating_mul(1024), used: 0 }
    }
}

impl From<&Volume> for Known<VolumeName> {
    fn from(volume: &Volume) -> Self {
        Known { name: volume.name.clone(), identity: volume.identity, created: volume.creation_time }
    }
}

impl From<&Snapshot> for Known<SnapshotName> {
    fn from(snapshot: &Snapshot) -> Self {
        Known { name: snapshot.name.clone(), identity: snapshot.identity, created: snapshot.creation_time }
    }
}

impl From<&Policy> for Known<PolicyName> {
    fn from(policy: &Policy) -> Self {
        Known { name: policy.name.clone(), identity: policy.identity, created: None }
    }
}

fn same<N: std::fmt::Display>(known: &Known<N>, found: Identity, what: &str) -> Result<()> {
    if known.identity == found {
        return Ok(());
    }
    let message = format!("{what} {} was deleted, and another now has its name", known.name);
    Err(Error::new(Kind::Replaced, message).hint("open the path again to work on the new one"))
}

/// A row asked for an object that its directory does not have.
fn wrong_row() -> Error {
    Error::new(Kind::Bug, "a row of the table is in the wrong directory")
}
