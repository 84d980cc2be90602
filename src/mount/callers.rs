//! What the system tells of the process behind a request.

use std::fs;

use fuser::Request;
use nix::unistd::{Pid, getsid};

use crate::tree::table::Caller;

/// Who asks. The session is what a shell prompt, a cron job or an Ansible run have in common.
pub fn caller(request: &Request) -> Caller {
    let pid = request.pid();
    let session =
        i32::try_from(pid).ok().filter(|pid| *pid > 0).and_then(|pid| getsid(Some(Pid::from_raw(pid))).ok());
    let session = session.map_or(0, |session| session.as_raw().unsigned_abs());
    Caller { uid: request.uid(), gid: request.gid(), pid, session }
}

/// The name of the program, as `ps` shows it.
pub fn command(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// Whether a process has a file of this path below some mount point open. Reading these links asks the
/// kernel alone, never the mount.
pub fn has_open(pid: u32, path: &str) -> bool {
    // Who cannot be seen from here may hold it: the list then waits for its release.
    if pid == 0 {
        return true;
    }
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let path = format!("/{path}");
    descriptors
        .filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok())
        .any(|target| target.to_str().is_some_and(|target| target.ends_with(&path)))
}
