//! Files of a registry: each is replaced whole, so that a reader and a crash see the old one or the new one.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, open, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, fsync, geteuid, unlinkat};

/// A directory that nobody but its owner gets at. Nothing in it is reached through a link.
pub struct Dir(OwnedFd);

/// What tells one edition of a file from another.
pub type Edition = (u64, i64, i64);

const DIR: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
const FILE: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_CLOEXEC).union(OFlag::O_NONBLOCK);

impl Dir {
    /// Opens a directory, made if it is not there; its parent must be.
    pub fn open(path: &Path) -> Result<Dir, String> {
        let shown = path.display();
        match nix::unistd::mkdir(path, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(format!("{shown} cannot be created: {}", error.desc())),
        }
        let dir = open(path, DIR, Mode::empty()).map_err(|error| match error {
            Errno::ELOOP | Errno::ENOTDIR => format!("{shown} is not a directory, or is a link to one"),
            error => format!("{shown}: {}", error.desc()),
        })?;
        let stat = fstat(&dir).map_err(|error| format!("{shown}: {}", error.desc()))?;
        let (mode, us) = (stat.st_mode & 0o777, geteuid().as_raw());
        if stat.st_uid != us {
            return Err(format!("{shown} belongs to user {}; accepted: user {us}", stat.st_uid));
        }
        if mode & 0o077 != 0 {
            return Err(format!(
                "{shown} has mode {mode:04o}; accepted: 0700, so that nobody else gets at it"
            ));
        }
        Ok(Dir(dir))
    }

    /// A directory in this one, made if it is not there.
    pub fn dir(&self, name: &str) -> nix::Result<Dir> {
        match mkdirat(&self.0, name, Mode::S_IRWXU) {
            Ok(()) => fsync(&self.0)?,
            Err(Errno::EEXIST) => {}
            Err(error) => return Err(error),
        }
        openat(&self.0, name, DIR, Mode::empty()).map(Dir)
    }

    /// The content of a file, if there is one. What is no file is refused.
    pub fn read(&self, name: &str) -> nix::Result<Option<Vec<u8>>> {
        let file = match openat(&self.0, name, FILE | OFlag::O_RDONLY, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(error),
        };
        if SFlag::from_bits_truncate(fstat(&file)?.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            return Err(Errno::EINVAL);
        }
        let mut content = Vec::new();
        std::fs::File::from(file).read_to_end(&mut content).map_err(errno)?;
        Ok(Some(content))
    }

    /// Puts a file in the place of another of its name. When this returns it is there, whatever happens.
    pub fn replace(&self, name: &str, content: &[u8]) -> nix::Result<()> {
        let new = format!(".{name}.new");
        let flags = FILE | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
        let mut file =
            std::fs::File::from(openat(&self.0, new.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
        file.write_all(content).map_err(errno)?;
        file.sync_all().map_err(errno)?;
        renameat(&self.0, new.as_str(), &self.0, name)?;
        fsync(&self.0)
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, name: &str) -> nix::Result<()> {
        match unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => fsync(&self.0),
            Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Which edition of a file there is.
    pub fn edition(&self, name: &str) -> nix::Result<Option<Edition>> {
        match fstatat(self.0.as_fd(), name, nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some((stat.st_ino, stat.st_ctime, stat.st_ctime_nsec))),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A file to lock; it is never written to.
    pub fn lock_file(&self, name: &str) -> nix::Result<OwnedFd> {
        openat(&self.0, name, FILE | OFlag::O_RDWR | OFlag::O_CREAT, Mode::S_IRUSR | Mode::S_IWUSR)
    }

    /// Nobody else who asks for this has it until it is dropped.
    pub fn alone(&self) -> nix::Result<Flock<OwnedFd>> {
        let dir = openat(&self.0, ".", DIR, Mode::empty())?;
        Flock::lock(dir, FlockArg::LockExclusive).map_err(|(_, error)| error)
    }

    /// Whether nothing is in it yet, but for what a crash has left of its first file.
    pub fn is_empty(&self) -> nix::Result<bool> {
        let dir = openat(&self.0, ".", DIR, Mode::empty())?;
        let mut dir = nix::dir::Dir::from_fd(dir)?;
        let mut names = dir.iter().filter_map(Result::ok);
        let nothing = [c".", c"..", c".format.new"];
        Ok(!names.any(|entry| !nothing.contains(&entry.file_name())))
    }
}

fn errno(error: std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
