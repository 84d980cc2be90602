//! Whether a directory can be mounted on, and why not.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, umount2};

/// Type of our mounts in `/proc/mounts`.
pub const TYPE: &str = "fuse.filerfs";

/// Why there is no mount. One sentence each, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// Not there.
    #[error("mount point {0} does not exist; create it with: mkdir -p {0}")]
    Missing(PathBuf),
    /// A file or so.
    #[error("mount point {0} is not a directory")]
    NotADirectory(PathBuf),
    /// It would hide something.
    #[error("mount point {0} is not empty; what is in it would be hidden")]
    NotEmpty(PathBuf),
    /// Another daemon serves it.
    #[error("filerfs is mounted on {0} already; unmount it first with: umount {0}")]
    Busy(PathBuf),
    /// Another file system's dead mount.
    #[error("mount point {0} holds a dead mount of type {1}; unmount it first with: umount -l {0}")]
    Stale(PathBuf, String),
    /// No FUSE in the kernel or the container.
    #[error("there is no /dev/fuse; load it with: modprobe fuse, or give the container the device")]
    NoFuse,
    /// No access to FUSE.
    #[error("/dev/fuse cannot be opened: {0}; run as root, or as a user that may use FUSE")]
    FuseDenied(io::Error),
    /// A user needs the set-uid helper.
    #[error("fusermount3 is missing, and only root can mount without it; install it with: apt install fuse3")]
    NoFusermount,
    /// FUSE is there, but mounting is not allowed.
    #[error(
        "mounting on {0} is not permitted: {1}; root needs CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN), \
         a user needs fusermount3 and a directory of their own"
    )]
    NotPermitted(PathBuf, String),
    /// Whatever else the system says.
    #[error("{0} cannot be mounted on: {1}")]
    System(PathBuf, io::Error),
}

impl MountError {
    /// Why mounting failed, of which the helper tells only in words.
    pub fn refused(path: &Path, error: io::Error) -> MountError {
        let words = error.to_string();
        let denied = ["Operation not permitted", "Permission denied", "no write access", "not owned"];
        match denied.iter().any(|denial| words.contains(denial)) {
            true => MountError::NotPermitted(path.into(), words.trim().into()),
            false => MountError::System(path.into(), error),
        }
    }
}

/// A directory that nobody else mounts on as long as this lives.
#[derive(Debug)]
pub struct MountPoint {
    /// Its absolute path.
    pub path: PathBuf,
    _claim: Option<Flock<File>>,
}

impl MountPoint {
    /// Checks a directory, and takes a dead mount of ours off it.
    pub fn claim(path: &Path) -> Result<MountPoint, MountError> {
        let path = std::path::absolute(path).map_err(|e| MountError::System(path.into(), e))?;
        if is_dead(&path) {
            detach_dead(&path)?;
        }
        let system = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => MountError::Missing(path.clone()),
            _ => MountError::System(path.clone(), e),
        };
        let path = fs::canonicalize(&path).map_err(system)?;
        let free = || match mounted(&path) {
            Some(kind) if kind == TYPE => Err(MountError::Busy(path.clone())),
            _ => Ok(()),
        };
        free()?;
        if !fs::metadata(&path).map_err(system)?.is_dir() {
            return Err(MountError::NotADirectory(path));
        }
        // Of two daemons that start at one moment, the second is refused here, or finds the mount of the first.
        let claim = match File::open(&path).map(|dir| Flock::lock(dir, FlockArg::LockExclusiveNonblock)) {
            Ok(Ok(claim)) => Some(claim),
            Ok(Err((_, nix::errno::Errno::EWOULDBLOCK))) => return Err(MountError::Busy(path)),
            _ => None,
        };
        free()?;
        if fs::read_dir(&path).map_err(system)?.next().is_some() {
            return Err(MountError::NotEmpty(path));
        }
        Ok(MountPoint { path, _claim: claim })
    }

    /// Whether this process may use FUSE.
    pub fn check_fuse(&self, root: bool) -> Result<(), MountError> {
        match OpenOptions::new().read(true).write(true).open("/dev/fuse") {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(MountError::NoFuse),
            Err(e) => return Err(MountError::FuseDenied(e)),
        }
        let helper = || std::process::Command::new("fusermount3").arg("-V").output().is_ok();
        if root || helper() { Ok(()) } else { Err(MountError::NoFusermount) }
    }
}

/// A mount whose daemon is gone answers ENOTCONN. Not to a stat: the kernel remembers attributes for a while.
fn is_dead(path: &Path) -> bool {
    File::open(path).is_err_and(|e| e.raw_os_error() == Some(libc::ENOTCONN))
}

/// Takes a dead mount off, if it is ours; another's is not touched.
fn detach_dead(path: &Path) -> Result<(), MountError> {
    // Of two that find it dead at one moment, the second must not take off what the first mounts next.
    let parent = File::open(path.parent().unwrap_or(path)).ok();
    let _turn = parent.and_then(|parent| Flock::lock(parent, FlockArg::LockExclusive).ok());
    if !is_dead(path) {
        return Ok(());
    }
    let point = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    match mounted(&point) {
        Some(kind) if kind == TYPE => detach(&point).map_err(|e| MountError::System(path.into(), e)),
        kind => Err(MountError::Stale(path.into(), kind.unwrap_or_else(|| "unknown".into()))),
    }
}

/// Takes a mount off at once, for whoever comes after; who has something open there keeps it.
pub fn detach(path: &Path) -> io::Result<()> {
    match umount2(path, MntFlags::MNT_DETACH) {
        Ok(()) => Ok(()),
        Err(nix::errno::Errno::EPERM) => {
            let done = std::process::Command::new("fusermount3")
                .args(["-u", "-z", "-q", "--"])
                .arg(path)
                .status()?;
            if done.success() { Ok(()) } else { Err(io::Error::other("fusermount3 -u -z failed")) }
        }
        Err(e) => Err(e.into()),
    }
}

/// The type of the mount on a path, if it is one.
pub fn mounted(path: &Path) -> Option<String> {
    let (_, kind) = mount_on(path)?;
    Some(kind)
}

/// The number of the device that is mounted on a path, as the kernel keeps it: not asked of the mount itself.
pub fn device(path: &Path) -> Option<u64> {
    const MINOR_BITS: u32 = 20;
    let (device, _) = mount_on(path)?;
    let (major, minor) = device.split_once(':')?;
    Some(major.parse::<u64>().ok()? << MINOR_BITS | minor.parse::<u64>().ok()?)
}

/// Device and type of the mount on a path.
fn mount_on(path: &Path) -> Option<(String, String)> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let of_line = |line: &str| {
        let (mount, kind) = line.split_once(" - ")?;
        let fields: Vec<&str> = mount.split(' ').collect();
        let point = unescape(fields.get(4)?);
        (Path::new(&point) == path)
            .then(|| Some(((*fields.get(2)?).to_owned(), kind.split(' ').next()?.to_owned())))?
    };
    // The last one is on top.
    table.lines().rev().find_map(of_line)
}

/// The kernel writes blanks, tabs, newlines and backslashes in octal.
fn unescape(path: &str) -> String {
    path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}
