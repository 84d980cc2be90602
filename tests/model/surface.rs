//! The ways in which a tree is used: its own functions, or system calls on a mount.

use std::collections::BTreeMap;

use filerfs::backend::Kind;
use filerfs::mount::errno::errno;
use filerfs::tree::FileKind;

/// How an operation was refused.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    Kind(Kind),
    Errno(i32),
}

impl Refused {
    /// Whether it was refused in one of these ways.
    pub fn is(self, kinds: &[Kind]) -> bool {
        match self {
            Refused::Kind(kind) => kinds.contains(&kind),
            Refused::Errno(code) => kinds.iter().any(|kind| errno(*kind).0 == code),
        }
    }
}

pub type Answer<T> = Result<T, Refused>;

/// A node as it is seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub kind: FileKind,
    pub ino: u64,
    pub mode: u32,
    pub size: u64,
    /// The text of a file, the target of a link.
    pub text: String,
}

/// One way to use a tree. Paths begin at its root.
pub trait Surface {
    /// An open file.
    type Open;
    /// A directory that is read in pieces.
    type Part;

    /// Everything that is listed, looked up, and read. Listing, lookup and size must agree.
    fn walk(&self) -> BTreeMap<String, Seen>;
    fn lookup(&self, dir: &str, name: &[u8]) -> Answer<u64>;
    fn mkdir(&self, dir: &str, name: &[u8]) -> Answer<()>;
    fn rmdir(&self, dir: &str, name: &str) -> Answer<()>;
    fn rename(&self, dir: &str, name: &str, to: &str, new: &str) -> Answer<()>;
    fn unlink(&self, dir: &str, name: &str) -> Answer<()>;
    fn create(&self, dir: &str, name: &str) -> Answer<()>;
    fn chmod(&self, path: &str, mode: u32) -> Answer<()>;
    fn touch(&self, path: &str) -> Answer<()>;
    /// The size of the file system, in KiB.
    fn statfs(&self, path: &str) -> Answer<u64>;

    fn open(&self, path: &str, append: bool, truncate: bool) -> Answer<Self::Open>;
    fn read(&self, open: &Self::Open) -> Answer<String>;
    fn write(&self, open: &Self::Open, offset: u64, data: &[u8]) -> Answer<()>;
    fn truncate(&self, open: &Self::Open) -> Answer<()>;
    /// Closes another descriptor of the same open file.
    fn flush(&self, open: &Self::Open) -> Answer<()>;
    fn close(&self, open: Self::Open) -> Answer<()>;

    /// The first names of a directory.
    fn list_some(&self, dir: &str, most: usize) -> Answer<(Vec<String>, Self::Part)>;
    /// The names after those, perhaps from a daemon that knows nothing of the first ones.
    fn list_rest(&self, part: Self::Part, restarted: bool) -> Answer<Vec<String>>;

    /// Somebody else changed the storage: it is to be seen now.
    fn refresh(&self);
}
