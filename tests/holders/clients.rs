//! Clients of locks: what they ask for, and what they are told.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::linear::{Call, Came, Name, Op};

/// Each mount has as many volumes.
pub const VOLUMES: usize = 4;
/// A lock that a process holds lapses after so long if its daemon does not prolong it.
const LEASE: Duration = Duration::from_secs(2);
/// Hosts are numbers from this one on; below are the names that clients write.
const HOSTS: usize = 1000;

/// What clients were told.
#[derive(Default, Debug)]
pub struct Told {
    pub done: AtomicUsize,
    pub busy: AtomicUsize,
    /// Nothing was done.
    pub refused: AtomicUsize,
    pub unknown: AtomicUsize,
}

/// A client: its name, its mount, what it holds, and numbers that look like chance.
pub struct Client<'a> {
    name: Name,
    mount: PathBuf,
    begun: Instant,
    /// Of what it writes.
    ttl: Option<Duration>,
    way: Way,
    holds: Option<usize>,
    /// What it asked for without being told.
    doubts: Option<usize>,
    chance: u64,
    told: &'a Told,
}

/// How a client holds a lock: as a name that it writes, or as a process.
enum Way {
    Written,
    Flock(HashMap<PathBuf, Flock<File>>),
    Fcntl(Python),
}

impl<'a> Client<'a> {
    /// The client of a number, on one of the mounts: `host1`, `host2`, ...
    pub fn new(
        number: usize,
        seed: u64,
        begun: Instant,
        mounts: &[PathBuf],
        ttl: Option<u64>,
        told: &'a Told,
    ) -> Client<'a> {
        let host = number % mounts.len();
        let as_process = Name { shown: HOSTS + host, process: Some(number) };
        let (name, way) = match number / mounts.len() % 3 {
            0 => (Name { shown: number, process: None }, Way::Written),
            1 => (as_process, Way::Flock(HashMap::new())),
            _ => (as_process, Way::Fcntl(Python::start())),
        };
        let (mount, ttl) = (mounts[host].clone(), ttl.map(Duration::from_secs));
        Client { name, mount, begun, ttl, way, holds: None, doubts: None, chance: seed, told }
    }

    pub fn chance(&mut self, of: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.chance >> 33) % of
    }

    /// What to ask of which volume: who holds one frees it soon, asks again, or looks; who was not told asks until it is.
    fn choose(&mut self) -> (usize, Call) {
        let any = self.chance(VOLUMES as u64) as usize;
        let writes = matches!(self.way, Way::Written);
        let ttl = if writes { self.ttl.filter(|_| self.chance(4) > 0) } else { Some(LEASE) };
        match (self.holds, self.chance(10)) {
            _ if let Some(volume) = self.doubts => (volume, Call::Take { ttl }),
            (Some(held), 0..4) => (held, Call::Release),
            (Some(held), 4 | 5) if writes => (held, Call::Take { ttl }),
            (Some(held), 4..8) => (held, Call::Read),
            (None, 6) if writes => (any, Call::Release),
            (None, 0..=6) => (any, Call::Take { ttl }),
            (_, 8) if writes => (any, Call::Take { ttl }),
            _ => (any, Call::Read),
        }
    }

    /// One operation on the lock of some volume; none if nothing was done.
    pub fn act(&mut self) -> Option<(usize, Op)> {
        let (volume, call) = self.choose();
        let lock = self.mount.join(format!("dummy/volumes/vol{:05}/lock", volume + 1));
        let (name, from) = (self.name, self.begun.elapsed());
        let came = match call {
            Call::Take { ttl } => self.way.take(&lock, name, ttl).map(|()| Came::Done),
            Call::Release => self.way.release(&lock, name).map(|()| Came::Done),
            Call::Read => fs::read_to_string(&lock).map(|text| Came::Seen(shown(&text))),
        };
        let to = self.begun.elapsed();
        let came = match (call, came.map_err(errno)) {
            (_, Ok(came)) => Some(came),
            (Call::Take { .. }, Err(Errno::EBUSY | Errno::EAGAIN)) => Some(Came::Busy),
            // It holds nothing any more; the lock lapses if it is not free yet.
            (Call::Release, Err(Errno::EHOSTDOWN)) if name.process.is_some() => Some(Came::Unknown),
            // If it was taken, it is freed as soon as the cluster can be asked.
            (Call::Take { .. } | Call::Release, Err(Errno::ETIMEDOUT)) => Some(Came::Unknown),
            (_, Err(Errno::EHOSTDOWN | Errno::ETIMEDOUT)) => None,
            (_, Err(error)) => panic!("{call:?} of {name:?}: {error}"),
        };
        match (call, came) {
            (Call::Take { .. }, Some(Came::Done)) => (self.holds, self.doubts) = (Some(volume), None),
            (Call::Take { .. }, Some(Came::Unknown)) => self.doubts = Some(volume),
            (Call::Take { .. }, Some(Came::Busy)) => self.doubts = None,
            (Call::Release, Some(Came::Done)) => self.holds = self.holds.filter(|held| *held != volume),
            (Call::Release, _) if name.process.is_some() => self.holds = None,
            _ => {}
        }
        let count = match came {
            None => &self.told.refused,
            Some(Came::Unknown) => &self.told.unknown,
            Some(Came::Busy) => &self.told.busy,
            Some(Came::Done | Came::Seen(_)) => &self.told.done,
        };
        count.fetch_add(1, Ordering::Relaxed);
        Some((volume, Op { name, call, came: came?, from, to }))
    }
}

impl Way {
    fn take(&mut self, lock: &Path, name: Name, ttl: Option<Duration>) -> io::Result<()> {
        match self {
            Way::Written => {
                let ttl = ttl.map(|ttl| format!(" ttl={}", ttl.as_secs())).unwrap_or_default();
                fs::write(lock, format!("name{}{ttl}\n", name.shown))
            }
            Way::Flock(held) => {
                let flock = Flock::lock(File::open(lock)?, FlockArg::LockExclusiveNonblock);
                held.insert(lock.to_owned(), flock.map_err(|(_, error)| error)?);
                Ok(())
            }
            Way::Fcntl(python) => python.ask("lock", lock),
        }
    }

    fn release(&mut self, lock: &Path, name: Name) -> io::Result<()> {
        match self {
            Way::Written => fs::write(lock, format!("-name{}\n", name.shown)),
            Way::Flock(held) => {
                let unlocked = held.remove(lock).unwrap().unlock();
                Ok(unlocked.map(drop).map_err(|(_, error)| error)?)
            }
            Way::Fcntl(python) => python.ask("unlock", lock),
        }
    }
}

/// Who is shown to hold a lock, if anybody.
pub fn shown(lock: &str) -> Option<usize> {
    let number = |text: &str| text.trim_end().parse::<usize>().unwrap();
    match lock.strip_prefix("name") {
        _ if lock.is_empty() => None,
        Some(name) => Some(number(name)),
        None => Some(HOSTS + number(lock.strip_prefix("host").unwrap()) - 1),
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap())
}

/// fcntl(2) tells processes apart, not threads.
struct Python {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

const LOCKS: &str = r#"
import fcntl, sys
held = {}
for line in sys.stdin:
    what, path = line.split()
    try:
        # Once: to close any file of a path frees the lock.
        file = held[path] = held.get(path) or open(path, "r+")
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB if what == "lock" else fcntl.LOCK_UN)
        print(0, flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"#;

impl Python {
    fn start() -> Python {
        let mut command = Command::new("python3");
        let mut child =
            command.args(["-c", LOCKS]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Python { child, to, from }
    }

    fn ask(&mut self, what: &str, lock: &Path) -> io::Result<()> {
        writeln!(self.to, "{what} {}", lock.display())?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        match line.trim_end().parse().unwrap() {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
