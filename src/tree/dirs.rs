//! Directories: look up, list, make, remove, rename.

use std::sync::Arc;
use std::time::Duration;

use super::inodes::Node;
use super::listing::{Entry, Listing};
use super::place::{Object, Place, Stat};
use super::scratch::New;
use super::table::{Caller, Listed, Member, Members, Row};
use super::{Attributes, Done, Tree, gone};
use crate::backend::names::NAME_BYTES;
use crate::backend::{Error, Kind, Result};

impl Tree {
    /// A name in a directory. The kernel remembers what it is told here.
    pub async fn lookup(&self, dir: u64, name: &[u8], caller: &Caller) -> Result<Attributes> {
        let dir = self.inodes.get(dir)?;
        let name =
            std::str::from_utf8(name).map_err(|_| Error::not_found("no name here is other than UTF-8"))?;
        if name.len() > NAME_BYTES {
            return Err(too_long(name));
        }
        if let Some(row) = dir.row.child(name) {
            let node = Node::new(dir.place.clone(), row);
            let stat = self.stat(&node, caller).await?;
            self.inodes.remember(&node);
            return Ok(self.attributes(&node, stat));
        }
        if let Some(item) = self.scratch(&dir, name) {
            return Ok(self.found_scratch(&item));
        }
        let members = dir.row.members().ok_or_else(gone)?;
        Ok(self.found(members.find(&dir.place, name).await?))
    }

    /// A name in a directory, if it is known without asking the storage; `Some(None)` if it is known that nothing
    /// has it.
    pub fn known_lookup(&self, dir: u64, name: &[u8]) -> Option<Option<Attributes>> {
        let dir = self.inodes.get(dir).ok()?;
        let name = std::str::from_utf8(name).ok().filter(|name| name.len() <= NAME_BYTES)?;
        if let Some(row) = dir.row.child(name) {
            let node = Node::new(dir.place.clone(), row);
            let stat = node.known_stat()?;
            self.inodes.remember(&node);
            return Some(Some(self.attributes(&node, stat)));
        }
        let members = dir.row.members()?;
        Some(members.known(&dir.place, name)?.map(|member| self.found(member)))
    }

    /// A number to read a directory with.
    pub fn opendir(&self, dir: u64) -> Result<u64> {
        self.inodes.get(dir).map(|_| self.handles.number())
    }

    /// The directory as it was when its beginning was read through this handle.
    pub async fn listing(&self, dir: u64, handle: u64, offset: u64, caller: &Caller) -> Result<Arc<Listing>> {
        if let Some(listing) = self.handles.listing(handle).filter(|_| offset > 0) {
            return Ok(listing);
        }
        let dir = self.inodes.get(dir)?;
        if dir.row.members().is_none() {
            self.tripwire.listed(caller, &dir.path(), self.shared.options.tripwire);
        }
        let listing = self.list(&dir, caller).await?;
        self.handles.set_listing(handle, listing.clone());
        Ok(listing)
    }

    /// Done with a directory.
    pub fn releasedir(&self, handle: u64) {
        self.handles.close_dir(handle);
    }

    async fn list(&self, dir: &Node, caller: &Caller) -> Result<Arc<Listing>> {
        let mut entries = Vec::new();
        for row in dir.row.rows().iter().filter(|row| !(self.shared.options.hide_ctl && row.name == ".ctl")) {
            let node = Node::new(dir.place.clone(), row);
            // What an object does not have is not listed.
            match self.stat(&node, caller).await {
                Ok(stat) => entries.push(Entry { name: row.name.to_owned(), node, stat }),
                Err(error) if error.kind() == Kind::NotFound => {}
                // What is known is listed while the lock cannot be asked for. Nobody takes it for free: the kernel
                // asks for the size of a file each time.
                Err(error) if matches!(error.kind(), Kind::Unreachable | Kind::TimedOut) && !row.is_dir() => {
                    entries.push(Entry { name: row.name.to_owned(), node, stat: Stat::default() });
                }
                Err(error) => return Err(error),
            }
        }
        let Some(members) = dir.row.members() else {
            dir.place.stat().await?;
            entries.extend(self.scratch_entries(dir));
            return Ok(Arc::new(Listing::new(dir.ino, entries, Vec::new())));
        };
        match members.list(&dir.place).await? {
            Listed::Members(members) => Ok(Arc::new(Listing::new(dir.ino, entries, members))),
            Listed::Of(edition, members) => {
                if let Some(listing) = self.last_list.get(dir.ino, &edition) {
                    return Ok(listing);
                }
                let listing = Arc::new(Listing::new(dir.ino, entries, members()?));
                self.last_list.keep(edition, listing.clone());
                Ok(listing)
            }
        }
    }

    /// mkdir: the one way to create an object. In a directory with fixed files, a scratch directory.
    pub async fn mkdir(&self, dir: u64, name: &[u8], new: New) -> Result<(Attributes, Done)> {
        let dir = self.inodes.get(dir)?;
        if dir.row.members().is_none() {
            return Ok((self.make_scratch(&dir, name, new)?, Done::scratch()));
        }
        let name = new_name(name)?;
        let members = collection(&dir, name, "created")?;
        let member = members.make(&dir.place, name).await?;
        Ok((self.found(member), self.changed(&dir, name)))
    }

    /// rmdir: the one way to remove an object.
    pub async fn rmdir(&self, dir: u64, name: &[u8], caller: &Caller) -> Result<Done> {
        let dir = self.inodes.get(dir)?;
        let name = std::str::from_utf8(name).map_err(|_| gone())?;
        if let Some(item) = self.scratch(&dir, name) {
            return self.remove_scratch(&item);
        }
        let (path, lasts) = (|| format!("{}/{name}", dir.path()), self.shared.options.tripwire);
        self.tripwire.check(caller, path, lasts)?;
        if dir.row.child(name).is_some() {
            self.tripwire.trip(caller, path(), lasts);
            let error =
                Error::new(Kind::NotPermitted, format!("{name} is a part of the tree and cannot be removed"));
            return Err(error.hint("rmdir takes volumes, snapshots, policies and staged volumes"));
        }
        let members = collection(&dir, name, "removed")?;
        members.remove(&dir.place, name).await?;
        Ok(self.changed(&dir, name))
    }

    /// rename(2): of a snapshot in its volume, of a staged volume into `volumes/`, and of a scratch file.
    pub async fn rename(&self, dir: u64, name: &[u8], to: u64, new: &[u8], caller: &Caller) -> Result<Done> {
        let (dir, to) = (self.inodes.get(dir)?, self.inodes.get(to)?);
        let name = std::str::from_utf8(name).map_err(|_| gone())?;
        if let Some(item) = self.scratch(&dir, name) {
            let new = std::str::from_utf8(new).map_err(|_| self.not_created(&to, new))?;
            return self.rename_scratch(item, &to, new, caller).await;
        }
        let new = new_name(new)?;
        if dir.row.child(name).is_some() {
            let error =
                Error::new(Kind::NotPermitted, format!("{name} is a part of the tree and cannot be renamed"));
            return Err(error.hint("to change a value, write it to its file"));
        }
        let members = collection(&dir, name, "renamed")?;
        members.rename(&dir.place, name, &to.place, to.row, new).await?;
        self.renamed_snapshot(&dir.place, name, new);
        Ok(self.changed(&dir, new))
    }

    fn changed(&self, dir: &Node, name: &str) -> Done {
        self.own_member(&dir.place, name);
        Done { changed: true, scratch: false, stale: self.stale(&dir.place, dir.row) }
    }

    /// unlink: of a scratch file. Of any other never, so that `rm -rf` does nothing; and who tries goes on to
    /// no rmdir.
    pub fn unlink(&self, dir: u64, name: &[u8], caller: &Caller) -> Result<()> {
        let node = self.inodes.get(dir)?;
        if let Ok(text) = std::str::from_utf8(name)
            && let Some(item) = self.scratch(&node, text)
        {
            return self.remove_scratch(&item).map(drop);
        }
        self.tripwire.trip(caller, node.path(), self.shared.options.tripwire);
        Err(self.not_unlinked(&node, name))
    }

    fn not_unlinked(&self, dir: &Node, name: &[u8]) -> Error {
        let name = String::from_utf8_lossy(name);
        let error = Error::new(
            Kind::NotPermitted,
            format!("{name} cannot be unlinked: files are parts of their object"),
        );
        // Tools that replace a file begin with its unlink: they are told how to write it instead.
        let write = format!("write it: cp NEW {name}, tar x --overwrite");
        let hint = match (&*name, &dir.place.object) {
            ("lock", _) => {
                "to take or free a lock, write it: echo HOST > lock, echo > lock (our own), echo -HOST > lock"
                    .into()
            }
            ("rules", _) => format!("to change the list, {write}; to empty it: echo none > rules"),
            _ if dir.row.name == "junctions" => "to unmount a volume: echo > volumes/V/junction_path".into(),
            (_, Object::Volume(..)) => {
                format!("to change a value, {write}; to restrict the volume: rmdir volumes/V")
            }
            (_, Object::Snapshot(..)) => "to delete a snapshot: rmdir snapshots/S".into(),
            _ if dir.row.child(&name).is_some_and(Row::writable) => format!("to change a value, {write}"),
            _ => "to remove an object: rmdir".into(),
        };
        error.hint(hint)
    }

    /// mknod, symlink, link: nothing but interface files and scratch files lives here.
    pub fn refuse_create(&self, dir: u64, name: &[u8]) -> Error {
        self.inodes.get(dir).map_or_else(|error| error, |dir| self.not_created(&dir, name))
    }

    pub(super) fn not_created(&self, dir: &Node, name: &[u8]) -> Error {
        let name = String::from_utf8_lossy(name);
        let error = Error::new(
            Kind::NotPermitted,
            format!("{name:?} cannot be created: files here are parts of their object"),
        );
        match dir.row.members() {
            Some(_) => error.hint(format!("objects are created with mkdir: mkdir {name}")),
            None => error.hint("ls shows the files; objects live in volumes/ staging/ snapshots/ policies/"),
        }
    }

    fn found(&self, member: Member) -> Attributes {
        let node = Node::new(member.place, member.row);
        self.inodes.remember(&node);
        let attributes = self.attributes(&node, member.stat);
        match member.unseen {
            true => Attributes { name_ttl: Duration::ZERO, ttl: Duration::ZERO, ..attributes },
            false => attributes,
        }
    }

    fn renamed_snapshot(&self, place: &Place, name: &str, new: &str) {
        if let Object::Volume(_, volume) = &place.object
            && let (Some(from), Some(to)) =
                (super::nodes::snapshot::named(name), super::nodes::snapshot::named(new))
        {
            self.inodes.rename_snapshot(volume.identity, &from, &to);
        }
    }
}

/// The members of a directory in which names can be given and taken.
fn collection<'a>(dir: &'a Node, name: &str, what: &str) -> Result<&'a dyn Members> {
    dir.row.members().ok_or_else(|| {
        let error = Error::new(
            Kind::NotPermitted,
            format!("{name:?} cannot be {what}: this directory has fixed files"),
        );
        error.hint("objects live in volumes/ staging/ snapshots/ policies/")
    })
}

/// A name that shall be given: checked as far as every collection wants it.
fn new_name(name: &[u8]) -> Result<&str> {
    let text = std::str::from_utf8(name).map_err(|e| {
        Error::invalid("the name is not UTF-8", &String::from_utf8_lossy(name), e.valid_up_to())
    })?;
    if text.len() > NAME_BYTES {
        return Err(too_long(text));
    }
    if text.starts_with('.') {
        let error = Error::invalid("a name that begins with . looks like a tool's own file", text, 0);
        return Err(error.hint("write %2E for a leading . that is meant"));
    }
    Ok(text)
}

pub(super) fn too_long(name: &str) -> Error {
    let error = Error::new(Kind::NameTooLong, format!("the name is {} bytes long", name.len()));
    error.hint(format!("accepted: up to {NAME_BYTES} bytes as a file name"))
}

/// Whether a row's directory is the one of this row.
pub(super) fn is_row(row: &'static Row, other: &'static Row) -> bool {
    std::ptr::eq(row, other)
}
