//! What the system tells of the process behind a request.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use fuser::Request;
use nix::unistd::{Pid, getsid};
use parking_lot::Mutex;

use super::proc;
use crate::tree::Closing;
use crate::tree::table::{Caller, Process, Processes};

/// Who asks.
pub fn caller(request: &Request) -> Caller {
    Caller { uid: request.uid(), gid: request.gid(), pid: request.pid(), processes: &Proc }
}

/// The name of a program, as `ps` shows it, filled up with zeros.
pub fn command(pid: u32) -> Name {
    COMMANDS.lock().lately(pid).unwrap_or_default()
}

/// `/proc`. A process that cannot be seen from here is 0.
#[derive(Debug)]
pub struct Proc;

impl Processes for Proc {
    fn session(&self, thread: u32) -> u32 {
        let pid = i32::try_from(thread).ok().filter(|pid| *pid > 0).map(Pid::from_raw);
        pid.and_then(|pid| getsid(Some(pid)).ok()).map_or(0, |session| session.as_raw().unsigned_abs())
    }

    fn process_id(&self, thread: u32) -> u32 {
        let status = proc::status(thread).unwrap_or_default();
        proc::field(&status, "Tgid:").parse().unwrap_or(0)
    }

    /// Numbers of processes are used again: hence the time of its start.
    fn process(&self, thread: u32) -> Process {
        const STARTED: usize = 19;
        let group = self.process_id(thread);
        (group, proc::stat(group, STARTED).unwrap_or(0))
    }

    fn command(&self, thread: u32) -> String {
        let name = command(thread);
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        String::from_utf8_lossy(&name[..end]).trim_end().to_owned()
    }

    fn groups(&self, thread: u32) -> Vec<u32> {
        let status = proc::status(thread).unwrap_or_default();
        let groups = proc::field(&status, "Groups:").split_ascii_whitespace();
        groups.filter_map(|group| group.parse().ok()).collect()
    }

    fn removes_unseen(&self, thread: u32) -> bool {
        let mut commands = COMMANDS.lock();
        let Some(command) = commands.of(thread) else { return false };
        *command.removes_unseen.get_or_insert_with(|| is_known(thread) || is_go(thread))
    }
}

/// Programs asked for lately. The files that tell their names stay open for a while: they are those of the
/// processes themselves, not of their numbers, and say nothing once the process is gone.
static COMMANDS: Mutex<Commands> = Mutex::new(Commands(VecDeque::new()));

struct Commands(VecDeque<Command>);

struct Command {
    pid: u32,
    comm: File,
    name: Name,
    /// When the name was read.
    since: Instant,
    /// Known once it was asked for, until another program has the process.
    removes_unseen: Option<bool>,
}

/// The name of a program.
pub type Name = [u8; 16];

/// As many are kept open.
const KEPT: usize = 16;

/// For the audit, a name read so lately is that of the program that asks.
const LATELY: Duration = Duration::from_micros(500);

impl Commands {
    /// The name, without reading it twice for one request.
    fn lately(&mut self, pid: u32) -> Option<Name> {
        let known = self.0.iter().find(|known| known.pid == pid && known.since.elapsed() < LATELY);
        known.map(|known| known.name).or_else(|| self.of(pid).map(|command| command.name))
    }

    fn of(&mut self, pid: u32) -> Option<&mut Command> {
        let mut name = Name::default();
        if let Some(at) = self.0.iter().position(|known| known.pid == pid) {
            if self.0[at].comm.read_at(&mut name, 0).is_ok_and(|read| read > 0) {
                let known = &mut self.0[at];
                known.since = Instant::now();
                if known.name != name {
                    (known.name, known.removes_unseen) = (name, None);
                }
                return Some(known);
            }
            self.0.remove(at);
        }
        let comm = File::open(format!("/proc/{pid}/comm")).ok()?;
        let _ = comm.read_at(&mut name, 0);
        self.0.truncate(KEPT - 1);
        self.0.push_front(Command { pid, comm, name, since: Instant::now(), removes_unseen: None });
        self.0.front_mut()
    }
}

/// Programs that take the rmdir of a directory with something in it for a question, which an ordinary file system
/// answers with ENOTEMPTY: Node's `fs.rm` and Tcl's `file delete -force` then look inside; mv and the archivers
/// make way for what they bring; git and gio mean a directory that should be empty.
const UNSEEN: [&str; 10] =
    ["node", "nodejs", "mv", "tar", "bsdtar", "cpio", "bsdcpio", "git", "gio", "nautilus"];

/// The same, whose names go on with a version.
const UNSEEN_VERSIONS: [&str; 3] = ["tclsh", "wish", "expect"];

/// Whether a process runs one of them.
fn is_known(pid: u32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    UNSEEN.contains(&name)
        || UNSEEN_VERSIONS.iter().any(|known| {
            name.strip_prefix(known).is_some_and(|version| !version.contains(char::is_alphabetic))
        })
}

/// Whether a process runs a program written in Go, whose `os.RemoveAll` begins with rmdir. The linker leaves a
/// note near the beginning of each: its type, 4, and its owner, `Go`.
fn is_go(pid: u32) -> bool {
    const NOTE: &[u8] = b"\x04\0\0\0Go\0\0";
    let mut beginning = Vec::new();
    let program = File::open(format!("/proc/{pid}/exe"));
    let _ = program.and_then(|program| program.take(16 << 10).read_to_end(&mut beginning));
    beginning.windows(NOTE.len()).any(|window| window == NOTE)
}

impl Closing for Proc {
    /// Below some mount point. Reading these links asks the kernel alone, never the mount; but a process that is about
    /// to run another program lets nobody look until its files are closed, which may be what it waits for here. Then
    /// it is said to have the file open.
    async fn has_open(&self, processes: [u32; 2], path: String) -> bool {
        let look = move || processes.iter().any(|process| one_has_open(*process, &path));
        proc::look(look).await.unwrap_or(true)
    }

    /// The status is there before the kernel closes the files, and as long as nobody has waited for the process.
    async fn was_killed(&self, process: u32) -> bool {
        const STATUS: usize = 49;
        const SIGNAL: u64 = 0x7f;
        let status = proc::look(move || proc::stat(process, STATUS)).await.flatten();
        status.is_some_and(|status| status & SIGNAL != 0)
    }
}

fn one_has_open(pid: u32, path: &str) -> bool {
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
