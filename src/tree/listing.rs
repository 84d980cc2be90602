//! A directory as it was when reading it began. Offsets are inode numbers, so that a listing made anew goes
//! on where another stopped.

use std::sync::Arc;

use parking_lot::Mutex;

use super::inodes::Node;
use super::place::Stat;
use super::table::{Edition, Member};

/// One name in a directory.
pub struct Entry {
    /// Its file name.
    pub name: String,
    /// What it stands for.
    pub node: Arc<Node>,
    /// Its size.
    pub stat: Stat,
}

/// The names of a directory, by inode number.
pub struct Listing {
    ino: u64,
    entries: Vec<Entry>,
    /// The directory itself, and the one above: the entries before all others.
    pub dots: [(u64, &'static str); 2],
}

/// Offsets below this are the dots.
const DOTS: u64 = 2;

impl Listing {
    /// A listing of these entries and members. The nodes of members are made in the order in which they are read:
    /// a long listing is then read through in memory, too.
    pub fn new(ino: u64, mut entries: Vec<Entry>, members: Vec<Member>) -> Listing {
        let mut members: Vec<_> =
            members.into_iter().map(|member| (member.place.ino(member.row), member)).collect();
        members.sort_unstable_by_key(|(ino, _)| *ino);
        entries.extend(members.into_iter().map(|(ino, member)| Entry {
            name: member.place.file_name().into_owned(),
            node: Node::numbered(member.place, member.row, ino),
            stat: member.stat,
        }));
        entries.sort_by_key(|entry| entry.node.ino);
        Listing { ino, entries, dots: [(ino, "."), (ino, "..")] }
    }

    /// The dots after this offset, with the offset to go on from.
    pub fn dots_after(&self, offset: u64) -> impl Iterator<Item = (u64, u64, &'static str)> {
        let left = self.dots.iter().enumerate().skip(offset.min(DOTS) as usize);
        left.map(|(at, (ino, name))| (at as u64 + 1, *ino, *name))
    }

    /// The entries after this offset; each one's inode number is the offset to go on from.
    pub fn after(&self, offset: u64) -> &[Entry] {
        let from = self.entries.partition_point(|entry| entry.node.ino <= offset);
        &self.entries[from..]
    }
}

/// The last large listing: while the list that it was made of is the same, so is the listing.
#[derive(Default)]
pub struct LastList(Mutex<Option<(Edition, Arc<Listing>)>>);

impl LastList {
    /// The listing of this directory, if it was made of this list.
    pub fn get(&self, ino: u64, edition: &Edition) -> Option<Arc<Listing>> {
        let last = self.0.lock();
        let (of, listing) = last.as_ref()?;
        (listing.ino == ino && Arc::ptr_eq(of, edition)).then(|| listing.clone())
    }

    /// Keeps a listing, and the list with it: no other can come to its address.
    pub fn keep(&self, edition: Edition, listing: Arc<Listing>) {
        *self.0.lock() = Some((edition, listing));
    }
}
