//! File operations on scratch files.

use std::sync::Arc;
use std::time::Duration;

use super::names::is_tool_shaped;
use super::{Item, New};
use crate::tree::dirs::too_long;
use crate::tree::files::Opening;
use crate::tree::inodes::Node;
use crate::tree::limits::NAME_BYTES;
use crate::tree::listing::Entry;
use crate::tree::place::Object;
use crate::tree::table::Caller;
use crate::tree::{Asked, Attributes, Done, Error, FileKind, Kind, Result, Tree};

impl Tree {
    /// Whether scratch files of this name may be in a directory: in one with fixed files of which some are
    /// written, those with the name of a tool's; in a scratch directory all. Never in a collection, where
    /// mkdir means create.
    fn takes_scratch(&self, dir: &Node, name: &str) -> bool {
        match &dir.place.object {
            Object::Scratch(_) => true,
            _ if dir.row.members().is_some() => false,
            _ => dir.row.rows().iter().any(|row| row.writable()) && is_tool_shaped(name, dir.row),
        }
    }

    fn scratch_ttl(&self) -> Duration {
        self.shared.options.scratch_ttl
    }

    /// The scratch file of this name.
    pub(in crate::tree) fn scratch(&self, dir: &Node, name: &str) -> Option<Arc<Item>> {
        self.scratch.find(dir.ino, name, self.scratch_ttl())
    }

    /// Those in a directory.
    pub(in crate::tree) fn scratch_entries(&self, dir: &Node) -> Vec<Entry> {
        let items = self.scratch.all(dir.ino, self.scratch_ttl());
        items
            .into_iter()
            .map(|item| Entry { name: item.at().name, stat: item.stat(), node: item.node() })
            .collect()
    }

    /// The kernel is told of one.
    pub(in crate::tree) fn found_scratch(&self, item: &Arc<Item>) -> Attributes {
        item.touch();
        let node = item.node();
        self.inodes.remember(&node);
        self.scratch_attributes(&node)
    }

    /// Its attributes. Nothing of it is remembered: it may become another file by rename(2).
    pub(in crate::tree) fn scratch_attributes(&self, node: &Node) -> Attributes {
        let Object::Scratch(item) = &node.place.object else { return self.root_attributes() };
        let stat = item.stat();
        Attributes {
            ino: node.ino,
            kind: FileKind::of(node.row),
            uid: item.owner.0,
            gid: item.owner.1,
            mode: item.mode(),
            size: stat.size,
            used: stat.used,
            time: item.time(),
            name_ttl: Duration::ZERO,
            ttl: Duration::ZERO,
        }
    }

    /// open(2) that creates: a scratch file.
    pub fn create(&self, dir: u64, name: &[u8], new: New, opener: Caller) -> Result<(Attributes, u64)> {
        let attributes = self.make_scratch(&self.inodes.get(dir)?, name, new)?;
        let mode = Opening { writes: true, ..Opening::default() };
        Ok((attributes.clone(), self.open_node(self.inodes.get(attributes.ino)?, opener, mode)?))
    }

    /// mkdir or mknod of a name that a tool gives.
    pub(in crate::tree) fn make_scratch(&self, dir: &Arc<Node>, name: &[u8], new: New) -> Result<Attributes> {
        let name = std::str::from_utf8(name).map_err(|_| self.not_created(dir, name))?;
        if name.len() > NAME_BYTES {
            return Err(too_long(name));
        }
        if !self.takes_scratch(dir, name) {
            return Err(self.not_created(dir, name.as_bytes()));
        }
        Ok(self.found_scratch(&self.scratch.make(dir, name, new, self.scratch_ttl())?))
    }

    /// unlink or rmdir of one.
    pub(in crate::tree) fn remove_scratch(&self, item: &Arc<Item>) -> Result<Done> {
        self.check_is_empty(item)?;
        self.scratch.remove(item);
        Ok(Done::scratch())
    }

    fn check_is_empty(&self, item: &Arc<Item>) -> Result<()> {
        if item.is_dir && !self.scratch.all(item.node().ino, self.scratch_ttl()).is_empty() {
            return Err(Error::new(Kind::NotEmpty, "this scratch directory is not empty"));
        }
        Ok(())
    }

    /// rename(2) of one: onto an interface file it is a write of its whole content, elsewhere another name.
    pub(in crate::tree) async fn rename_scratch(
        &self,
        item: Arc<Item>,
        to: &Arc<Node>,
        new: &str,
        caller: &Caller,
    ) -> Result<Done> {
        if let Some(row) = to.row.child(new) {
            if item.is_dir || row.is_dir() {
                let error = Error::new(Kind::NotPermitted, format!("{new} is a part of the tree and stays"));
                return Err(error.hint("only a file can take the place of a file, as its new value"));
            }
            let target = Node::new(to.place.clone(), row);
            // The kernel has asked for the directory only.
            self.check_may_write(&target, caller)?;
            let done = self.write_all(&target, &item.content(), caller).await?;
            self.scratch.remove(&item);
            return Ok(done);
        }
        let taken = self.scratch(to, new);
        let fits = taken.as_ref().is_none_or(|taken| taken.is_dir == item.is_dir);
        if !fits || !self.takes_scratch(to, new) {
            let error =
                Error::new(Kind::NotPermitted, format!("a scratch file cannot be renamed to {new:?}"));
            return Err(error.hint("only to a file of its directory, as that one's new value"));
        }
        if let Some(taken) = taken {
            self.check_is_empty(&taken)?;
        }
        self.scratch.rename(&item, to, new)?;
        item.touch();
        Ok(Done::scratch())
    }

    /// chmod, truncate. Nobody but its owner gets at it whatever is asked, and times are its own.
    pub(in crate::tree) fn set_scratch(&self, node: &Node, item: &Item, asked: Asked) -> Result<Attributes> {
        if let Some(size) = asked.size {
            item.resize(size)?;
        }
        if let Some(mode) = asked.mode {
            item.set_mode(mode);
        }
        item.touch();
        Ok(self.scratch_attributes(node))
    }
}
