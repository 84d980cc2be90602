//! What the system tells of the process behind a request.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use fuser::Request;
use nix::unistd::{Pid, getsid};
use parking_lot::Mutex;

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

/// The names of programs. The files that tell them stay open for a while: they are those of the processes
/// themselves, not of their numbers, and say nothing once the process is gone.
#[derive(Default)]
pub struct Commands(Mutex<VecDeque<(u32, File)>>);

/// As many are kept open.
const COMMANDS: usize = 16;

impl Commands {
    /// The name of a process, as `ps` shows it, filled up with zeros.
    pub fn of(&self, pid: u32) -> [u8; 16] {
        let mut name = [0; 16];
        let mut open = self.0.lock();
        if let Some(at) = open.iter().position(|(known, _)| *known == pid) {
            if open[at].1.read_at(&mut name, 0).is_ok_and(|read| read > 0) {
                return name;
            }
            open.remove(at);
        }
        if let Ok(file) = File::open(format!("/proc/{pid}/comm")) {
            let _ = file.read_at(&mut name, 0);
            open.truncate(COMMANDS - 1);
            open.push_front((pid, file));
        }
        name
    }
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
