//! A registry in one directory of this host, for all its daemons: it outlives them and the host's crashes.
//!
//! `format` says what is in it. `locks/ENDPOINT/VOLUME` keeps the token and the lock of a volume, `marks/ENDPOINT`
//! the marks of all volumes. Who changes anything holds a flock on `mutex`; who reads needs none, as files are
//! replaced whole.

mod store;

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::record::{LockRecord, MarksRecord, read, text};
use super::{Marks, MarksChange, Registry, Subject, held_by_process, not_there};
use crate::backend::{Error, HostName, Identity, Kind, Lock, NewLock, Result, Scope, Unlock, held_by};
use crate::clock::{boot_id, since_boot};
use store::{Dir, Edition};

const FORMAT: &str = "filerfs registry 1\n";

/// How long a daemon waits for another that changes something.
const PATIENCE: Duration = Duration::from_secs(5);

/// In one directory.
pub struct FileRegistry(Arc<Directory>);

struct Directory {
    root: Dir,
    locks: Dir,
    marks: Dir,
    /// The threads of this daemon come one after another; among daemons the flock decides.
    mutex: Mutex<()>,
    known: Mutex<HashMap<String, Known>>,
}

/// The marks of an endpoint, as of this edition of their file.
type Known = (Option<Edition>, Arc<HashMap<Identity, Marks>>);

/// What is kept of a volume.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The last that was given.
    token: u64,
    lock: Option<LockRecord>,
    lapses: Option<Lapse>,
}

/// When a lock lapses: so long after this boot of this host.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lapse {
    boot_id: String,
    after_ms: u64,
    ttl_ms: u64,
}

impl FileRegistry {
    /// Opens the registry in a directory; one that is empty or not there becomes one.
    pub fn open(path: &Path) -> std::result::Result<FileRegistry, String> {
        let shown = path.display();
        let failed = |error: Errno| format!("{shown}: {}", error.desc());
        let root = Dir::open(path)?;
        // Of daemons that start at once the first makes it.
        let _alone = root.alone().map_err(failed)?;
        match root.read("format").map_err(failed)? {
            Some(format) if format == FORMAT.as_bytes() => {}
            Some(format) => {
                let format = String::from_utf8_lossy(&format);
                let (format, ours) = (format.trim_end(), FORMAT.trim_end());
                return Err(format!("{shown} is of format {format:?}; this filerfs knows {ours:?} alone"));
            }
            None if root.is_empty().map_err(failed)? => {
                root.replace("format", FORMAT.as_bytes()).map_err(failed)?
            }
            None => {
                return Err(format!(
                    "{shown} has something in it and is no registry; accepted: an empty directory"
                ));
            }
        }
        let (locks, marks) = (root.dir("locks").map_err(failed)?, root.dir("marks").map_err(failed)?);
        Ok(FileRegistry(Arc::new(Directory {
            root,
            locks,
            marks,
            mutex: Mutex::default(),
            known: Mutex::default(),
        })))
    }

    /// The disk is asked on a thread of its own: it may be slow.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Directory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let directory = self.0.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&directory)).await;
        asked.unwrap_or_else(|error| Err(Error::new(Kind::Bug, "the registry failed").source(error)))
    }
}

impl Directory {
    fn kept(&self, of: &Subject) -> Result<Kept> {
        let dir = self.locks.dir(&of.endpoint).map_err(failed)?;
        let Some(bytes) = dir.read(&name(of)).map_err(failed)? else { return Ok(Kept::default()) };
        let kept: Kept = read(&bytes, &format!("the lock locks/{}/{}", of.endpoint, name(of)))?;
        Ok(if kept.has_lapsed() { Kept { token: kept.token, ..Kept::default() } } else { kept })
    }

    /// Keeps something else, decided by what is kept. Nothing is written if it says so.
    fn change<T>(&self, of: &Subject, decide: impl FnOnce(Kept) -> Result<(Option<Kept>, T)>) -> Result<T> {
        let _alone = self.alone()?;
        let (new, answer) = decide(self.kept(of)?)?;
        if let Some(new) = new {
            let dir = self.locks.dir(&of.endpoint).map_err(failed)?;
            dir.replace(&name(of), text(&new)?.as_bytes()).map_err(failed)?;
        }
        Ok(answer)
    }

    /// Nobody else changes anything until this is dropped. A daemon that hangs does not make others hang, and of
    /// those that wait for it none waits longer because there are others.
    fn alone(&self) -> Result<Alone<'_>> {
        let until = Instant::now() + PATIENCE;
        let busy = || {
            let message = "another daemon has not let go of the registry; nothing was changed";
            Error::new(Kind::Unreachable, message)
        };
        let thread = self.mutex.try_lock_until(until).ok_or_else(busy)?;
        let mut file: OwnedFd = self.root.lock_file("mutex").map_err(failed)?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(flock) => return Ok(Alone { _flock: flock, _thread: thread }),
                Err((back, Errno::EWOULDBLOCK)) if Instant::now() < until => file = back,
                Err((_, Errno::EWOULDBLOCK)) => return Err(busy()),
                Err((_, error)) => return Err(failed(error)),
            }
            sleep(Duration::from_millis(2));
        }
    }

    fn marks(&self, endpoint: &str) -> Result<Arc<HashMap<Identity, Marks>>> {
        let edition = self.marks.edition(endpoint).map_err(failed)?;
        if let Some((known, marks)) = self.known.lock().get(endpoint)
            && *known == edition
        {
            return Ok(marks.clone());
        }
        let marks: BTreeMap<String, MarksRecord> = match self.marks.read(endpoint).map_err(failed)? {
            Some(bytes) => read(&bytes, &format!("the file marks/{endpoint}"))?,
            None => BTreeMap::new(),
        };
        let read = |(volume, marks): (String, MarksRecord)| {
            u64::from_str_radix(&volume, 16).ok().map(|volume| (Identity(volume), marks.into()))
        };
        let marks: Arc<HashMap<_, _>> = Arc::new(marks.into_iter().filter_map(read).collect());
        self.known.lock().insert(endpoint.to_owned(), (edition, marks.clone()));
        Ok(marks)
    }

    fn set_marks(&self, of: &Subject, change: impl FnOnce(Marks) -> Marks) -> Result<()> {
        let _alone = self.alone()?;
        let all = self.marks(&of.endpoint)?;
        let before = all.get(&of.volume).cloned().unwrap_or_default();
        let after = change(before.clone());
        if after == before {
            return Ok(());
        }
        let mut all = (*all).clone();
        all.insert(of.volume, after);
        all.retain(|_, marks| *marks != Marks::default());
        let records: BTreeMap<String, MarksRecord> =
            all.into_iter().map(|(volume, marks)| (hex(volume), marks.into())).collect();
        self.marks.replace(&of.endpoint, text(&records)?.as_bytes()).map_err(failed)
    }
}

/// The right to change something.
struct Alone<'a> {
    _flock: Flock<OwnedFd>,
    _thread: parking_lot::MutexGuard<'a, ()>,
}

impl Kept {
    /// By the time since boot, which nobody sets. Of a lock from before a boot nobody knows how long that took.
    fn has_lapsed(&self) -> bool {
        self.lapses.as_ref().is_some_and(|lapse| {
            let after = if lapse.boot_id == boot_id() { lapse.after_ms } else { lapse.ttl_ms };
            since_boot() >= Duration::from_millis(after)
        })
    }
}

impl Lapse {
    fn after(ttl: Option<Duration>) -> Option<Lapse> {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        ttl.map(|ttl| Lapse {
            boot_id: boot_id().to_owned(),
            after_ms: milliseconds(since_boot() + ttl),
            ttl_ms: milliseconds(ttl),
        })
    }
}

#[async_trait]
impl Registry for FileRegistry {
    async fn lock(&self, of: &Subject) -> Result<Option<Lock>> {
        let of = of.clone();
        self.ask(move |registry| {
            let Kept { token, lock, .. } = registry.kept(&of)?;
            Ok(lock.map(|lock| lock.lock(token, Scope::Host, "file")))
        })
        .await
    }

    async fn take(&self, of: &Subject, new: &NewLock) -> Result<Lock> {
        let (of, new) = (of.clone(), new.clone());
        self.ask(move |registry| {
            registry.change(&of, |kept| {
                let (record, token, lapses) = match kept.lock {
                    Some(lock) if *lock.holder() != new.host => return Err(held_by(lock.holder())),
                    Some(lock) if new.renews(&lock.taken()) => {
                        (lock.again(&new), kept.token, Lapse::after(new.ttl))
                    }
                    Some(lock) => (lock.again(&new), kept.token, kept.lapses),
                    None if !new.makes() => return Err(not_there()),
                    None => (LockRecord::new(&new), kept.token + 1, Lapse::after(new.ttl)),
                };
                let lock = record.clone().lock(token, Scope::Host, "file");
                Ok((Some(Kept { token, lock: Some(record), lapses }), lock))
            })
        })
        .await
    }

    async fn release(&self, of: &Subject, lock: &Unlock) -> Result<()> {
        let (of, lock) = (of.clone(), lock.clone());
        self.ask(move |registry| {
            registry.change(&of, |kept| {
                let it_is = kept.lock.as_ref().is_some_and(|held| lock.frees(&held.taken()));
                if let Some(process) = of.process_beside(&lock).filter(|_| it_is)
                    && registry.kept(&process)?.lock.is_some()
                {
                    return Err(held_by_process(&lock.host));
                }
                Ok((it_is.then(|| Kept { token: kept.token, ..Kept::default() }), ()))
            })
        })
        .await
    }

    async fn guard(&self, of: &Subject, host: &HostName) -> Result<Option<u64>> {
        let (of, host) = (of.clone(), host.clone());
        self.ask(move |registry| {
            let kept = registry.kept(&of)?;
            match kept.lock {
                Some(lock) if *lock.holder() != host => Err(held_by(lock.holder())),
                lock => Ok(lock.map(|_| kept.token)),
            }
        })
        .await
    }

    fn known_marks(&self, of: &Subject) -> Option<Marks> {
        let marks = self.0.marks(&of.endpoint).ok()?;
        Some(marks.get(&of.volume).cloned().unwrap_or_default())
    }

    async fn marks(&self, of: &Subject) -> Result<Marks> {
        let of = of.clone();
        self.ask(move |registry| {
            Ok(registry.marks(&of.endpoint)?.get(&of.volume).cloned().unwrap_or_default())
        })
        .await
    }

    async fn all_marks(&self, endpoint: &str) -> Result<HashMap<Identity, Marks>> {
        let endpoint = endpoint.to_owned();
        self.ask(move |registry| Ok((*registry.marks(&endpoint)?).clone())).await
    }

    async fn change_marks(&self, of: &Subject, change: &MarksChange) -> Result<()> {
        let (of, change) = (of.clone(), change.clone());
        self.ask(move |registry| registry.set_marks(&of, |marks| marks.with(&change))).await
    }

    async fn forget(&self, of: &Subject) -> Result<()> {
        let of = of.clone();
        self.ask(move |registry| {
            registry.set_marks(&of, |_| Marks::default())?;
            let _alone = registry.alone()?;
            registry.locks.dir(&of.endpoint).and_then(|dir| dir.remove(&name(&of))).map_err(failed)
        })
        .await
    }
}

fn name(of: &Subject) -> String {
    hex(of.volume)
}

fn hex(volume: Identity) -> String {
    format!("{:016x}", volume.0)
}

/// The disk refuses. Of a change that got so far nobody knows whether it would survive a crash.
fn failed(error: Errno) -> Error {
    let kind = match error {
        Errno::ENOSPC | Errno::EDQUOT => Kind::NoSpace,
        _ => Kind::Remote,
    };
    Error::new(kind, "the registry's directory cannot be used").source(error.desc())
}
