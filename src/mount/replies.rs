//! How each kind of answer is put to the kernel.

use std::sync::Arc;
use std::time::Duration;

use fuser::{
    Errno, FileAttr, FileHandle, FileType, FopenFlags, Generation, INodeNo, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen,
    ReplyStatfs, ReplyWrite,
};

use crate::tree::limits::NAME_BYTES;
use crate::tree::listing::Listing;
use crate::tree::{Attributes, FileKind, Tree};

/// A reply that takes a `T`, exactly once.
pub trait Answer<T>: Send + 'static {
    /// Success.
    fn answer(self, answer: T);
    /// Refusal.
    fn refuse(self, errno: Errno);
}

/// An open file or directory.
pub enum Opened {
    /// A file: the page cache would hide what a write was answered with.
    File(u64),
    /// A directory.
    Dir(u64),
}

/// A listing, from an offset on.
pub struct Listed {
    /// Where the attributes come from.
    pub tree: Arc<Tree>,
    /// The names.
    pub listing: Arc<Listing>,
    /// Names after this offset are wanted.
    pub offset: u64,
}

macro_rules! answer {
    ($reply:ty, $answer:ty, |$r:ident, $a:ident| $body:expr) => {
        impl Answer<$answer> for $reply {
            fn answer(self, $a: $answer) {
                let $r = self;
                $body
            }
            fn refuse(self, errno: Errno) {
                self.error(errno);
            }
        }
    };
}

answer!(ReplyEntry, Attributes, |reply, a| {
    reply.entry_with_ttls(&a.ttl, &a.name_ttl, &attr(&a), Generation(0))
});
answer!(ReplyAttr, Attributes, |reply, a| reply.attr(&a.ttl, &attr(&a)));
answer!(ReplyData, Vec<u8>, |reply, data| reply.data(&data));
answer!(ReplyData, String, |reply, text| reply.data(text.as_bytes()));
answer!(ReplyWrite, u32, |reply, written| reply.written(written));
answer!(ReplyEmpty, (), |reply, _a| reply.ok());
answer!(ReplyLseek, Option<i64>, |reply, offset| match offset {
    Some(offset) => reply.offset(offset),
    None => reply.error(Errno::ENXIO),
});
answer!(ReplyCreate, (Attributes, u64), |reply, created| {
    let (a, handle) = created;
    let handle = FileHandle(handle);
    reply.created(&a.name_ttl, &attr(&a), Generation(0), handle, FopenFlags::FOPEN_DIRECT_IO)
});
answer!(ReplyOpen, Opened, |reply, opened| match opened {
    Opened::File(handle) => reply.opened(FileHandle(handle), FopenFlags::FOPEN_DIRECT_IO),
    Opened::Dir(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
});
answer!(ReplyStatfs, (u64, u64), |reply, sizes| {
    let (total, free) = (sizes.0.div_ceil(BLOCK), sizes.0.saturating_sub(sizes.1) / BLOCK);
    reply.statfs(total, free, free, 0, 0, BLOCK as u32, NAME_BYTES as u32, BLOCK as u32)
});
answer!(ReplyDirectory, Listed, |reply, listed| {
    let mut reply = reply;
    let dots = listed.listing.dots_after(listed.offset);
    let mut full = dots.fold(false, |full, (next, ino, name)| {
        full || reply.add(INodeNo(ino), next, FileType::Directory, name)
    });
    for entry in listed.listing.after(listed.offset) {
        full = full
            || reply.add(
                INodeNo(entry.node.ino),
                entry.node.ino,
                file_type(FileKind::of(entry.node.row)),
                &entry.name,
            );
        if full {
            break;
        }
    }
    reply.ok()
});
answer!(ReplyDirectoryPlus, Listed, |reply, listed| {
    let mut reply = reply;
    let mut full = false;
    // The kernel looks at nothing but the name of these two.
    let dot = listed.tree.root_attributes();
    for (next, ino, name) in listed.listing.dots_after(listed.offset) {
        full = full || reply.add(INodeNo(ino), next, name, &Duration::ZERO, &attr(&dot), Generation(0));
    }
    let entries = listed.listing.after(listed.offset);
    let told = entries.iter().take_while(|entry| {
        let a = listed.tree.attributes(&entry.node, entry.stat);
        let ttl = a.ttl.min(a.name_ttl);
        full = full || reply.add(INodeNo(a.ino), a.ino, &entry.name, &ttl, &attr(&a), Generation(0));
        !full
    });
    let told = told.count();
    listed.tree.inodes.remember_all(entries[..told].iter().map(|entry| &entry.node));
    reply.ok()
});

/// Bytes of a block in `df`.
const BLOCK: u64 = 1024;

fn attr(a: &Attributes) -> FileAttr {
    FileAttr {
        ino: INodeNo(a.ino),
        size: a.size,
        blocks: a.used.div_ceil(512),
        atime: a.time,
        mtime: a.time,
        ctime: a.time,
        crtime: a.time,
        kind: file_type(a.kind),
        perm: a.mode as u16,
        // One link says that nothing follows from the number of links: find(1) then looks at every entry.
        nlink: 1,
        uid: a.uid,
        gid: a.gid,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn file_type(kind: FileKind) -> FileType {
    match kind {
        FileKind::Dir => FileType::Directory,
        FileKind::File => FileType::RegularFile,
        FileKind::Link => FileType::Symlink,
    }
}
