//! FUSE callbacks: each owns its arguments and hands the operation, with its reply, to [`Answers`].

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use fuser::{
    BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, Filesystem, INodeNo, InitFlags, IoctlFlags,
    KernelConfig, LockOwner, OpenAccMode, OpenFlags, PollEvents, PollFlags, PollNotifier, RenameFlags,
    ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry,
    ReplyIoctl, ReplyLock, ReplyLseek, ReplyOpen, ReplyPoll, ReplyStatfs, ReplyWrite, ReplyXattr, Request,
    TimeOrNow, WriteFlags,
};

use super::answer::{Answers, Op};
use super::callers::{Proc, caller};
use super::locks::Lock;
use super::replies::{Answer, Listed, Opened};
use crate::tree::limits::LIST_BYTES;
use crate::tree::scratch::New;
use crate::tree::{Asked, Done, Error, Kind, Opening};

/// The file system that fuser calls.
pub struct Adapter(pub Arc<Answers>);

fn at(name: &'static str, ino: INodeNo) -> Op {
    Op { name, ino: ino.0, child: None, to: None, left: None }
}

/// The operation, and the name for whoever works on it: one copy for both.
fn named(name: &'static str, dir: INodeNo, child: &OsStr) -> (Op, Arc<[u8]>) {
    let child: Arc<[u8]> = child.as_bytes().into();
    (Op { name, ino: dir.0, child: Some(child.clone()), to: None, left: None }, child)
}

impl Filesystem for Adapter {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let wanted = InitFlags::FUSE_ATOMIC_O_TRUNC
            | InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_READDIRPLUS_AUTO
            | InitFlags::FUSE_POSIX_LOCKS
            | InitFlags::FUSE_FLOCK_LOCKS;
        // A kernel without one of these is slower, or asks in more steps; nothing else changes.
        let _ = config.add_capabilities(wanted & config.capabilities());
        // A whole list arrives in one request.
        let _ = config.set_max_write(LIST_BYTES as u32);
        Ok(())
    }

    fn lookup(&self, request: &Request, dir: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.0.known(|tree| tree.known_lookup(dir.0, name.as_bytes())) {
            Some(Some(known)) => return reply.answer(known),
            Some(None) => return reply.error(Errno::ENOENT),
            None => {}
        }
        let (tree, caller, (op, name)) = (self.0.tree.clone(), caller(request), named("lookup", dir, name));
        self.0.answer(op, caller, reply, async move { tree.lookup(dir.0, &name, &caller).await });
    }

    fn forget(&self, _: &Request, ino: INodeNo, times: u64) {
        self.0.tree.inodes.forget(ino.0, times);
    }

    fn getattr(&self, request: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        if let Some(known) = self.0.known(|tree| tree.known_attributes(ino.0)) {
            return reply.answer(known);
        }
        let (tree, caller) = (self.0.tree.clone(), caller(request));
        self.0.answer(at("getattr", ino), caller, reply, async move { tree.getattr(ino.0, &caller).await });
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let (tree, caller) = (self.0.tree.clone(), caller(request));
        let asked = Asked { mode, uid, gid, size, handle: handle.map(|handle| handle.0) };
        self.0.answer(
            at("setattr", ino),
            caller,
            reply,
            async move { tree.setattr(ino.0, asked, &caller).await },
        );
    }

    fn readlink(&self, request: &Request, ino: INodeNo, reply: ReplyData) {
        let (tree, caller) = (self.0.tree.clone(), caller(request));
        self.0.answer(at("readlink", ino), caller, reply, async move { tree.readlink(ino.0, &caller).await });
    }

    fn mkdir(&self, request: &Request, dir: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        let (tree, (op, name)) = (self.0.tree.clone(), named("mkdir", dir, name));
        let new = New { is_dir: true, owner: (request.uid(), request.gid()), mode };
        self.0.change(op, caller(request), reply, async move { tree.mkdir(dir.0, &name, new).await });
    }

    fn rmdir(&self, request: &Request, dir: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (tree, caller, (op, name)) = (self.0.tree.clone(), caller(request), named("rmdir", dir, name));
        let work = async move { Ok(((), tree.rmdir(dir.0, &name, &caller).await?)) };
        self.0.change(op, caller, reply, work);
    }

    fn rename(
        &self,
        request: &Request,
        dir: INodeNo,
        name: &OsStr,
        to: INodeNo,
        new: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let ((op, name), new) = (named("rename", dir, name), Arc::<[u8]>::from(new.as_bytes()));
        let op = Op { to: Some((to.0, new.clone())), ..op };
        if flags.contains(RenameFlags::RENAME_EXCHANGE) {
            let error = Error::new(Kind::Invalid, "two names cannot be exchanged here");
            return self.0.refuse(op, caller(request), reply, &error);
        }
        let (tree, caller) = (self.0.tree.clone(), caller(request));
        let work = async move { Ok(((), tree.rename(dir.0, &name, to.0, &new, &caller).await?)) };
        self.0.change(op, caller, reply, work);
    }

    fn unlink(&self, request: &Request, dir: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let caller = caller(request);
        let unlinked = self.0.tree.unlink(dir.0, name.as_bytes(), &caller);
        self.0.now(named("unlink", dir, name).0, caller, reply, unlinked);
    }

    fn mknod(
        &self,
        request: &Request,
        dir: INodeNo,
        name: &OsStr,
        _: u32,
        _: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let error = self.0.tree.refuse_create(dir.0, name.as_bytes());
        self.0.refuse(named("mknod", dir, name).0, caller(request), reply, &error);
    }

    fn symlink(&self, request: &Request, dir: INodeNo, name: &OsStr, _: &Path, reply: ReplyEntry) {
        let error = self.0.tree.refuse_create(dir.0, name.as_bytes());
        self.0.refuse(named("symlink", dir, name).0, caller(request), reply, &error);
    }

    fn link(&self, request: &Request, _: INodeNo, dir: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let error = self.0.tree.refuse_create(dir.0, name.as_bytes());
        self.0.refuse(named("link", dir, name).0, caller(request), reply, &error);
    }

    fn create(
        &self,
        request: &Request,
        dir: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let new = New { is_dir: false, owner: (request.uid(), request.gid()), mode };
        let caller = caller(request);
        let created = self.0.tree.create(dir.0, name.as_bytes(), new, caller);
        self.0.now(named("create", dir, name).0, caller, reply, created);
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let (tree, caller) = (&self.0.tree, caller(request));
        let has = |flag| flags.0 & flag != 0;
        let mode = Opening {
            writes: flags.acc_mode() != OpenAccMode::O_RDONLY,
            append: has(libc::O_APPEND),
            truncates: has(libc::O_TRUNC),
        };
        let opened = tree.open(ino.0, mode, &caller).map(Opened::File);
        self.0.now(at("open", ino), caller, reply, opened);
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let (tree, caller) = (self.0.tree.clone(), caller(request));
        let work = async move { tree.read(ino.0, handle.0, offset, size, &caller).await };
        self.0.answer(at("read", ino), caller, reply, work);
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let (tree, data, caller) = (self.0.tree.clone(), data.to_vec(), caller(request));
        let work = async move {
            let done = tree.write(ino.0, handle.0, offset, &data, &caller).await?;
            Ok((data.len() as u32, done))
        };
        self.0.change(at("write", ino), caller, reply, work);
    }

    /// Of a process that closes any of its descriptors of a file the fcntl locks on it end.
    fn flush(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        let (owes, locked) = (self.0.tree.owes(handle.0), self.0.locks.holds(ino.0, owner.0));
        if !owes && !locked {
            return reply.ok();
        }
        let (answers, caller) = (self.0.clone(), caller(request));
        let work = async move {
            let flushed = match owes {
                true => answers.tree.flush(ino.0, handle.0, &caller, Proc).await,
                false => Ok(Done::default()),
            };
            let freed = answers.locks.free(&answers.tree, ino.0, owner.0, 0, u64::MAX).await;
            Ok(((), flushed?.and(&freed?)))
        };
        self.0.change(at("close", ino), caller, reply, work);
    }

    /// With the last descriptor of an open file its flock ends.
    fn release(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        owner: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        let (answers, owes) = (self.0.clone(), self.0.tree.owes(handle.0));
        let owner = owner.filter(|owner| answers.locks.holds(ino.0, owner.0));
        if !owes {
            answers.tree.close(handle.0);
        }
        if !owes && owner.is_none() {
            return reply.ok();
        }
        let work = async move {
            let released = if owes { answers.tree.release(handle.0).await } else { Ok(Done::default()) };
            // Also if that failed.
            let freed = match owner {
                Some(owner) => answers.locks.free(&answers.tree, ino.0, owner.0, 0, u64::MAX).await,
                None => Ok(Done::default()),
            };
            Ok(((), released?.and(&freed?)))
        };
        self.0.change(at("release", ino), caller(request), reply, work);
    }

    fn getlk(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        owner: LockOwner,
        start: u64,
        end: u64,
        kind: i32,
        pid: u32,
        reply: ReplyLock,
    ) {
        let wanted = Lock { owner: owner.0, start, end, exclusive: kind == libc::F_WRLCK, pid };
        match self.0.locks.conflict(ino.0, &wanted) {
            Some(held) => {
                let kind = if held.exclusive { libc::F_WRLCK } else { libc::F_RDLCK };
                reply.locked(held.start, held.end, kind, held.pid);
            }
            None => reply.locked(start, end, libc::F_UNLCK, pid),
        }
    }

    fn setlk(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        owner: LockOwner,
        start: u64,
        end: u64,
        kind: i32,
        pid: u32,
        waits: bool,
        reply: ReplyEmpty,
    ) {
        let caller = caller(request);
        if kind != libc::F_UNLCK {
            let lock = Lock { owner: owner.0, start, end, exclusive: kind == libc::F_WRLCK, pid };
            return self.0.lock(at("lock", ino), caller, reply, lock, waits);
        }
        let answers = self.0.clone();
        let work =
            async move { Ok(((), answers.locks.free(&answers.tree, ino.0, owner.0, start, end).await?)) };
        self.0.change(at("unlock", ino), caller, reply, work);
    }

    /// Nothing is ever in between: what was applied is applied.
    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn opendir(&self, request: &Request, dir: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let opened = self.0.tree.opendir(dir.0).map(Opened::Dir);
        self.0.now(at("opendir", dir), caller(request), reply, opened);
    }

    fn readdir(
        &self,
        request: &Request,
        dir: INodeNo,
        handle: FileHandle,
        offset: u64,
        reply: ReplyDirectory,
    ) {
        let (tree, caller) = (self.0.tree.clone(), caller(request));
        let work = async move {
            let listing = tree.listing(dir.0, handle.0, offset, &caller).await?;
            Ok(Listed { tree, listing, offset })
        };
        self.0.answer(at("readdir", dir), caller, reply, work);
    }

    fn readdirplus(
        &self,
        request: &Request,
        dir: INodeNo,
        handle: FileHandle,
        offset: u64,
        reply: ReplyDirectoryPlus,
    ) {
        let (tree, caller) = (self.0.tree.clone(), caller(request));
        let work = async move {
            let listing = tree.listing(dir.0, handle.0, offset, &caller).await?;
            Ok(Listed { tree, listing, offset })
        };
        self.0.answer(at("readdir", dir), caller, reply, work);
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.0.tree.releasedir(handle.0);
        reply.ok();
    }

    fn statfs(&self, request: &Request, ino: INodeNo, reply: ReplyStatfs) {
        let tree = self.0.tree.clone();
        self.0.answer(at("statfs", ino), caller(request), reply, async move { tree.statfs(ino.0).await });
    }

    /// `SEEK_DATA` and `SEEK_HOLE`: there are no holes.
    fn lseek(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let (tree, caller) = (self.0.tree.clone(), caller(request));
        let work = async move {
            let size = i64::try_from(tree.getattr(ino.0, &caller).await?.size).unwrap_or(i64::MAX);
            let found = if whence == libc::SEEK_DATA { offset } else { size };
            Ok((offset < size).then_some(found))
        };
        self.0.answer(at("lseek", ino), caller, reply, work);
    }

    /// Whoever polls may read and write at any time. The kernel asks for errors and a hang-up, too: there are none.
    fn poll(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: PollNotifier,
        events: PollEvents,
        _: PollFlags,
        reply: ReplyPoll,
    ) {
        let ready =
            PollEvents::POLLIN | PollEvents::POLLRDNORM | PollEvents::POLLOUT | PollEvents::POLLWRNORM;
        reply.poll(events & ready);
    }

    fn ioctl(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: IoctlFlags,
        _: u32,
        _: &[u8],
        _: u32,
        reply: ReplyIoctl,
    ) {
        reply.error(Errno::ENOTTY);
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: u64,
        _: u64,
        _: i32,
        reply: ReplyEmpty,
    ) {
        let error = Error::unsupported("set space aside for a value");
        self.0.refuse(at("fallocate", ino), caller(request), reply, &error);
    }

    /// The kernel then copies by reading and writing.
    fn copy_file_range(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: u64,
        _: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        reply.error(Errno::EOPNOTSUPP);
    }

    // There are no extended attributes. ENOSYS, said once, keeps `ls -l` from asking for one per entry.

    fn setxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: &[u8], _: i32, _: u32, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn listxattr(&self, _: &Request, _: INodeNo, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn removexattr(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }
}
