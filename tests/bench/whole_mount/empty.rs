//! An empty file system of the same shape: same names, same times to live, same flags, one thread, and every
//! answer at once from numbers. What it costs is the floor: the kernel, fuser, and nothing else.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyWrite, Request, WriteFlags,
};

use crate::filer::VOLUMES;

const TTL: Duration = Duration::from_secs(2);
const TEXT: &[u8] = b"10737418240\n";

const ROOT: u64 = 1;
const DUMMY: u64 = 2;
const COLLECTION: u64 = 3;
/// Numbers of a volume, all of them multiples of this; what is in a volume follows its number.
const STEP: u64 = 16;
const SIZE_USED: u64 = 1;
const SIZE_TOTAL: u64 = 2;
const SNAPSHOTS: u64 = 3;
const SNAPSHOT: u64 = 4;

/// The file system.
pub struct Empty {
    names: Vec<String>,
    /// The volumes that have a snapshot now.
    snapshots: Mutex<HashSet<u64>>,
}

impl Empty {
    /// With as many volumes as the filer has.
    pub fn new() -> Empty {
        let names = (1..=VOLUMES).map(|i| format!("vol{i:05}")).collect();
        Empty { names, snapshots: Mutex::default() }
    }

    fn find(&self, dir: u64, name: &OsStr) -> Option<u64> {
        let name = name.to_str()?;
        match (dir, name) {
            (ROOT, "dummy") => Some(DUMMY),
            (DUMMY, "volumes") => Some(COLLECTION),
            (COLLECTION, _) => name.strip_prefix("vol")?.parse::<u64>().ok().map(|volume| volume * STEP),
            (_, "size_used") => Some(dir + SIZE_USED),
            (_, "size_total") => Some(dir + SIZE_TOTAL),
            (_, "snapshots") => Some(dir + SNAPSHOTS),
            _ => self.snapshots.lock().unwrap().get(&(dir - SNAPSHOTS + SNAPSHOT)).copied(),
        }
    }
}

fn is_file(ino: u64) -> bool {
    ino >= STEP && matches!(ino % STEP, SIZE_USED | SIZE_TOTAL)
}

fn ttl(ino: u64) -> Duration {
    if is_file(ino) { Duration::ZERO } else { TTL }
}

fn attr(ino: u64) -> FileAttr {
    let (kind, perm) =
        if is_file(ino) { (FileType::RegularFile, 0o644) } else { (FileType::Directory, 0o755) };
    FileAttr {
        ino: INodeNo(ino),
        size: if is_file(ino) { TEXT.len() as u64 } else { 0 },
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

impl Filesystem for Empty {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let wanted = InitFlags::FUSE_ATOMIC_O_TRUNC
            | InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_READDIRPLUS_AUTO;
        let _ = config.add_capabilities(wanted & config.capabilities());
        let _ = config.set_max_write(1 << 20);
        Ok(())
    }

    fn lookup(&self, _: &Request, dir: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.find(dir.0, name) {
            Some(ino) => reply.entry_with_ttls(&ttl(ino), &TTL, &attr(ino), Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&ttl(ino.0), &attr(ino.0));
    }

    fn mkdir(&self, _: &Request, dir: INodeNo, _: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let ino = dir.0 - SNAPSHOTS + SNAPSHOT;
        self.snapshots.lock().unwrap().insert(ino);
        reply.entry(&TTL, &attr(ino), Generation(0));
    }

    fn rmdir(&self, _: &Request, dir: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        self.snapshots.lock().unwrap().remove(&(dir.0 - SNAPSHOTS + SNAPSHOT));
        reply.ok();
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        _: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        reply.data(if offset == 0 { TEXT } else { b"" });
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        reply.written(data.len() as u32);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn readdir(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        for (i, name) in self.names.iter().enumerate().skip(offset as usize) {
            let next = i as u64 + 1;
            if reply.add(INodeNo(next * STEP), next, FileType::Directory, name) {
                break;
            }
        }
        reply.ok();
    }

    fn readdirplus(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        for (i, name) in self.names.iter().enumerate().skip(offset as usize) {
            let next = i as u64 + 1;
            let attr = attr(next * STEP);
            if reply.add(attr.ino, next, name, &TTL, &attr, Generation(0)) {
                break;
            }
        }
        reply.ok();
    }
}
