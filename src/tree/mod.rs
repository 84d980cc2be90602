//! The namespace as a table of rows, and file operations on it. No FUSE type, no back-end by name.
//!
//! One operation is a straight line: inode number to row and object, row to what it can do, one call of the
//! back-end. Names are in `table`, objects in `place`, kinds of directories in `nodes/`.

pub mod access;
pub mod claims;
pub mod describe;
mod dirs;
pub mod elsewhere;
pub mod endpoint;
mod files;
pub mod handles;
pub mod inodes;
pub mod limits;
pub mod listing;
pub mod nodes;
pub mod outcomes;
pub mod place;
pub mod scratch;
pub mod shared;
pub mod table;
mod tripwire;
pub mod values;
mod watched;
pub mod writes;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use crate::backend::{Error, Kind, Result};
pub use files::{Closing, Opening};
use handles::Handles;
use inodes::{Inodes, Node};
use listing::LastList;
use place::{Object, Place, Stat};
use scratch::Scratch;
use shared::Shared;
use table::{Caller, Node as Is, Row};
use tripwire::Tripwire;
pub use watched::Print;

/// The inode number of the root.
pub const ROOT: u64 = 1;

/// The tree of one mount.
pub struct Tree {
    /// What every node can reach.
    pub shared: Arc<Shared>,
    /// The nodes that the kernel knows.
    pub inodes: Inodes,
    handles: Handles,
    last_list: LastList,
    scratch: Scratch,
    tripwire: Tripwire,
}

/// The attributes of a node.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// Inode number.
    pub ino: u64,
    /// Whether it is a directory, a file or a link.
    pub kind: FileKind,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Exact size.
    pub size: u64,
    /// Bytes in use.
    pub used: u64,
    /// All its times.
    pub time: SystemTime,
    /// How long its name may be remembered.
    pub name_ttl: Duration,
    /// How long its attributes may be remembered.
    pub ttl: Duration,
}

/// Kinds of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A directory.
    Dir,
    /// An interface file.
    File,
    /// A symbolic link.
    Link,
}

impl FileKind {
    /// What a row stands for.
    pub fn of(row: &Row) -> FileKind {
        match &row.node {
            Is::Dir { .. } => FileKind::Dir,
            Is::File(_) | Is::Scratch => FileKind::File,
            Is::Link(_) => FileKind::Link,
        }
    }
}

/// What an operation that was asked for a change did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Whether there was anything to do.
    pub changed: bool,
    /// Only a scratch file changed: that is nobody's business, and no outcome.
    pub scratch: bool,
    /// Directories whose remembered attributes are no longer true.
    pub stale: Vec<u64>,
}

impl Done {
    /// What was done here, and that something was there.
    pub fn and(self, other: &Done) -> Done {
        Done { changed: self.changed || other.changed, ..self }
    }

    fn scratch() -> Done {
        Done { scratch: true, ..Done::default() }
    }
}

impl Tree {
    /// The tree of these endpoints.
    pub fn new(shared: Arc<Shared>) -> Tree {
        let root = Node::new(Place::root(&shared), nodes::root());
        Tree {
            shared,
            inodes: Inodes::new(root),
            handles: Handles::default(),
            last_list: LastList::default(),
            scratch: Scratch::default(),
            tripwire: Tripwire::default(),
        }
    }

    /// The attributes of a node.
    pub async fn getattr(&self, ino: u64, caller: &Caller) -> Result<Attributes> {
        let node = self.inodes.get(ino)?;
        let stat = self.stat(&node, caller).await?;
        Ok(self.attributes(&node, stat))
    }

    /// The attributes of a node, if they are known without asking the storage: what most requests want, without a
    /// future.
    pub fn known_attributes(&self, ino: u64) -> Option<Attributes> {
        let node = self.inodes.get(ino).ok()?;
        let stat = node.known_stat()?;
        Some(self.attributes(&node, stat))
    }

    /// chmod, chown, utimens; truncation is not an operation.
    pub async fn setattr(&self, ino: u64, asked: Asked, caller: &Caller) -> Result<Attributes> {
        let node = self.inodes.get(ino)?;
        if let Object::Scratch(item) = &node.place.object {
            return self.set_scratch(&node, item, asked);
        }
        let attributes = self.getattr(ino, caller).await?;
        let differs = asked.mode.is_some_and(|mode| mode & 0o7777 != attributes.mode)
            || asked.uid.is_some_and(|uid| uid != attributes.uid)
            || asked.gid.is_some_and(|gid| gid != attributes.gid);
        if differs && !self.shared.options.quiet {
            let error = Error::new(Kind::NotPermitted, "owner and mode come from the configuration");
            return Err(error.hint("set them with [[access]], or mount with -o quiet to have this ignored"));
        }
        if let (Some(0), Some(handle)) = (asked.size, asked.handle) {
            self.handles.file(handle, || self.inodes.get(ino))?.writing.lock().await.truncate();
        }
        Ok(attributes)
    }

    /// Size and use of the file system that a node is on: a volume's own, inside a volume.
    pub async fn statfs(&self, ino: u64) -> Result<(u64, u64)> {
        let node = self.inodes.get(ino)?;
        match &node.place.object {
            Object::Volume(..) | Object::Snapshot(..) => {
                let volume = node.place.volume().await?;
                Ok((volume.settings.size_total.unwrap_or(0), volume.size_used))
            }
            _ => Ok((0, 0)),
        }
    }

    /// The target of a link.
    pub async fn readlink(&self, ino: u64, caller: &Caller) -> Result<String> {
        let node = self.inodes.get(ino)?;
        match &node.row.node {
            Is::Link(link) => link.show(&node.place, caller).await?.ok_or_else(gone),
            _ => Err(Error::new(Kind::Invalid, "this is not a symbolic link")),
        }
    }

    /// Size of a node, if it is there.
    async fn stat(&self, node: &Node, caller: &Caller) -> Result<Stat> {
        let text = match &node.row.node {
            Is::Dir { .. } if node.row.path.is_empty() => return node.place.stat().await,
            Is::Dir { .. } => return node.place.stat().await.map(|_| Stat::default()),
            Is::File(file) => file.show(&node.place, caller).await?,
            Is::Link(link) => link.show(&node.place, caller).await?,
            Is::Scratch => return node.place.stat().await,
        };
        text.map(|text| Stat { size: text.len() as u64, used: 0 }).ok_or_else(gone)
    }

    /// The attributes of a node of this size.
    pub fn attributes(&self, node: &Node, stat: Stat) -> Attributes {
        if let Object::Scratch(_) = &node.place.object {
            return self.scratch_attributes(node);
        }
        let owner = self.shared.access.of(node.row, || node.path());
        let ttl = self.shared.options.cache_ttl;
        let kind = FileKind::of(node.row);
        // A staged volume becomes another object when it is moved to `volumes/`.
        let moves = matches!(node.place.object, Object::Staged(..));
        if kind == FileKind::Dir {
            node.tell(stat.size);
        }
        Attributes {
            ino: node.ino,
            kind,
            uid: owner.uid,
            gid: owner.gid,
            mode: owner.mode,
            size: stat.size,
            used: stat.used,
            time: node.place.time(),
            name_ttl: if moves { Duration::ZERO } else { ttl },
            ttl: if moves || kind == FileKind::File { Duration::ZERO } else { ttl },
        }
    }

    /// The attributes of the root.
    pub fn root_attributes(&self) -> Attributes {
        self.attributes(&Node::new(Place::root(&self.shared), nodes::root()), Stat::default())
    }

    /// What the kernel remembers of the tree that a change through this row made untrue.
    fn stale(&self, place: &Place, row: &Row) -> Vec<u64> {
        let endpoint = place.endpoint().map(|endpoint| endpoint.name.as_str()).unwrap_or_default();
        let junction = |of: &Place| matches!(&of.object, Object::Junction(e, ..) if e.name == endpoint);
        match (&place.object, row.name) {
            (Object::Mount, "refresh") => self.inodes.numbers(|_| true),
            (Object::Endpoint(_), "volumes") => self.inodes.numbers(junction),
            (Object::Volume(_, volume), "rollback") => self.inodes.numbers(|of| match &of.object {
                Object::Volume(e, known) | Object::Snapshot(e, known, _) => {
                    e.name == endpoint && known.identity == volume.identity
                }
                _ => false,
            }),
            (Object::Volume(..), "junction_path" | "config") => {
                let mut stale = self.inodes.numbers(junction);
                stale.extend(self.moved(place));
                stale
            }
            (Object::Volume(..), _) => self.moved(place).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

impl Node {
    /// Size of a node, if it is known without asking the storage.
    fn known_stat(&self) -> Option<Stat> {
        match &self.row.node {
            Is::Dir { .. } if self.row.path.is_empty() => self.place.known_stat(),
            Is::Dir { .. } => self.place.known_stat().map(|_| Stat::default()),
            Is::File(file) => Some(Stat { size: file.known(&self.place)?.len() as u64, used: 0 }),
            Is::Link(_) | Is::Scratch => None,
        }
    }
}

impl Tree {
    /// The directory of a volume, if the kernel remembers another size of it than it has now, as far as that is
    /// known: what a volume uses follows from its settings and its snapshots.
    fn moved(&self, place: &Place) -> Option<u64> {
        let Object::Volume(endpoint, volume) = &place.object else { return None };
        let node = self.inodes.get(place.ino(nodes::volume::row())).ok()?;
        let size = endpoint.backend.known_volume(&volume.name).flatten().map(|volume| volume.size_used);
        node.told_other(size).then_some(node.ino)
    }
}

/// What setattr asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// chmod.
    pub mode: Option<u32>,
    /// chown.
    pub uid: Option<u32>,
    /// chgrp.
    pub gid: Option<u32>,
    /// truncate, ftruncate.
    pub size: Option<u64>,
    /// The open file, if it came through one.
    pub handle: Option<u64>,
}

fn gone() -> Error {
    Error::not_found("this object has no such value")
}

/// The row of the root, for descriptions and access rules.
pub fn table() -> &'static Row {
    nodes::root()
}
