//! What the system tells of the process behind a request.

use std::fs;
use std::io::Read;

use fuser::Request;
use nix::unistd::{Pid, getsid};

use crate::tree::table::Caller;

/// Who asks.
pub fn caller(request: &Request) -> Caller {
    Caller { uid: request.uid(), gid: request.gid(), pid: request.pid(), session_of: session }
}

/// What a shell prompt, a cron job or an Ansible run have in common; 0 if it cannot be seen from here.
fn session(pid: u32) -> u32 {
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0).map(Pid::from_raw);
    pid.and_then(|pid| getsid(Some(pid)).ok()).map_or(0, |session| session.as_raw().unsigned_abs())
}

/// The name of the program, as `ps` shows it.
pub fn command(pid: u32) -> [u8; 16] {
    let mut name = [0; 16];
    if let Ok(mut file) = fs::File::open(format!("/proc/{pid}/comm")) {
        let _ = file.read(&mut name);
    }
    name
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
