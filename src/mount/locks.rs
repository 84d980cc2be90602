//! flock(2) and fcntl(2) locks, as the kernel hands them over: arbitrated among the processes of this host here,
//! and on `lock` also among hosts, through the tree.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::interrupt::signalled;
use crate::tree::table::Caller;
use crate::tree::{Done, Error, Kind, Result, Tree};

/// How long a process may wait for a lock. One that is killed, or that a signal reaches, waits no longer.
const PATIENCE: Duration = Duration::from_secs(3600);
/// And one that cannot be seen from here, and so cannot be let go.
const BLIND: Duration = Duration::from_secs(60);
/// How often a lock that another host holds is asked for.
const AGAIN: Duration = Duration::from_millis(500);
/// As many may wait.
const WAITING: usize = 4096;

/// A part of a file, and how it is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Who holds it: an open file for flock, a process for fcntl.
    pub owner: u64,
    /// The first byte.
    pub start: u64,
    /// The last byte.
    pub end: u64,
    /// Nobody else may hold any.
    pub exclusive: bool,
    /// The process, for whoever asks.
    pub pid: u32,
}

/// Stands for the last holder until the other hosts can see that it is gone.
const LEAVING: u64 = u64::MAX;

/// The locks of a mount.
#[derive(Default)]
pub struct Locks {
    files: Mutex<Files>,
    freed: Notify,
}

#[derive(Default)]
struct Files {
    held: HashMap<u64, Vec<Lock>>,
    waiting: usize,
}

impl Locks {
    /// Whether an owner holds any on a file.
    pub fn holds(&self, ino: u64, owner: u64) -> bool {
        self.files.lock().of(ino, owner).next().is_some()
    }

    /// The first lock that keeps this one from being taken.
    pub fn conflict(&self, ino: u64, wanted: &Lock) -> Option<Lock> {
        self.files.lock().conflict(ino, wanted)
    }

    /// Takes a lock, or waits for it if the caller wants to.
    pub async fn take(
        &self,
        tree: &Tree,
        ino: u64,
        wanted: Lock,
        waits: bool,
        caller: &Caller,
    ) -> Result<Done> {
        if !waits {
            return self.try_take(tree, ino, wanted, caller).await;
        }
        let _waiter = Waiter::new(self)?;
        let until = Instant::now() + if caller.pid == 0 { BLIND } else { PATIENCE };
        let mut signalled = Box::pin(signalled(caller.pid));
        loop {
            let freed = self.freed.notified();
            let refusal = match self.try_take(tree, ino, wanted, caller).await {
                Err(error) if error.kind() == Kind::Contended && Instant::now() < until => error,
                done => return done,
            };
            tokio::select! {
                biased;
                () = &mut signalled => return Err(Error::new(Kind::Interrupted, format!("a signal came: {refusal}"))),
                () = freed => {}
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    async fn try_take(&self, tree: &Tree, ino: u64, wanted: Lock, caller: &Caller) -> Result<Done> {
        let before = self.files.lock().set(ino, wanted)?;
        let mut grant = Grant { locks: self, ino, owner: wanted.owner, before: Some(before) };
        let claimed = tree.claim(ino, caller).await?;
        grant.before = None;
        let Some(claimed) = claimed else { return Ok(Done::default()) };
        let kept = {
            let files = self.files.lock();
            if files.is_locked(ino) { Ok(tree.keep(ino, claimed)) } else { Err(claimed) }
        };
        match kept {
            Ok(done) => Ok(done),
            // Who was killed meanwhile has closed the file, and there was nothing to give back then.
            Err(claimed) => tree.give_back(claimed).await.map(|()| Done::default()),
        }
    }

    /// Frees a part of a file; the last lock on it is gone for everybody when this ends.
    pub async fn free(&self, tree: &Tree, ino: u64, owner: u64, start: u64, end: u64) -> Result<Done> {
        let leaves = {
            let mut files = self.files.lock();
            let leaves = files.cut(ino, owner, start, end) && !files.held.contains_key(&ino);
            if leaves {
                let leaving = Lock { owner: LEAVING, start: 0, end: u64::MAX, exclusive: true, pid: 0 };
                files.held.insert(ino, vec![leaving]);
            }
            leaves
        };
        let unclaimed = if leaves { tree.unclaim(ino).await } else { Ok(Done::default()) };
        if leaves {
            self.files.lock().cut(ino, LEAVING, 0, u64::MAX);
        }
        self.freed.notify_waiters();
        unclaimed
    }
}

impl Files {
    fn conflict(&self, ino: u64, wanted: &Lock) -> Option<Lock> {
        let conflicts = |held: &&Lock| {
            held.owner != wanted.owner
                && held.start <= wanted.end
                && wanted.start <= held.end
                && (held.exclusive || wanted.exclusive)
        };
        self.held.get(&ino)?.iter().find(conflicts).copied()
    }

    /// Sets a lock, in place of what its owner held there. Returns what the owner held before.
    fn set(&mut self, ino: u64, wanted: Lock) -> Result<Vec<Lock>> {
        if let Some(held) = self.conflict(ino, &wanted) {
            let message = match held.owner {
                LEAVING => "the lock is being freed".to_owned(),
                _ => format!("process {} of this host holds the lock", held.pid),
            };
            return Err(Error::new(Kind::Contended, message));
        }
        let before = self.of(ino, wanted.owner).collect();
        self.cut(ino, wanted.owner, wanted.start, wanted.end);
        self.held.entry(ino).or_default().push(wanted);
        Ok(before)
    }

    /// Whether any process holds a lock on a file.
    fn is_locked(&self, ino: u64) -> bool {
        self.held.get(&ino).into_iter().flatten().any(|held| held.owner != LEAVING)
    }

    fn of(&self, ino: u64, owner: u64) -> impl Iterator<Item = Lock> {
        self.held.get(&ino).into_iter().flatten().filter(move |held| held.owner == owner).copied()
    }

    /// Takes a part of a file from an owner: what is left of its locks stays. Whether there was anything.
    fn cut(&mut self, ino: u64, owner: u64, start: u64, end: u64) -> bool {
        let Some(held) = self.held.get_mut(&ino) else { return false };
        let touches = |lock: &Lock| lock.owner == owner && lock.start <= end && start <= lock.end;
        let cut: Vec<Lock> = held.iter().filter(|lock| touches(lock)).copied().collect();
        held.retain(|lock| !touches(lock));
        for lock in &cut {
            if lock.start < start {
                held.push(Lock { end: start - 1, ..*lock });
            }
            if lock.end > end {
                held.push(Lock { start: end + 1, ..*lock });
            }
        }
        if held.is_empty() {
            self.held.remove(&ino);
        }
        !cut.is_empty()
    }
}

/// A lock that the other hosts have not agreed to yet: given back unless they do.
struct Grant<'a> {
    locks: &'a Locks,
    ino: u64,
    owner: u64,
    before: Option<Vec<Lock>>,
}

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            let mut files = self.locks.files.lock();
            // Nothing is given back to one that has closed the file meanwhile.
            if files.cut(self.ino, self.owner, 0, u64::MAX) && !before.is_empty() {
                files.held.entry(self.ino).or_default().extend(before);
            }
            // Nobody is told: the one that gives it back would hear it first, and who else waits asks again soon.
        }
    }
}

/// One that waits.
struct Waiter<'a>(&'a Locks);

impl<'a> Waiter<'a> {
    fn new(locks: &'a Locks) -> Result<Waiter<'a>> {
        let mut files = locks.files.lock();
        if files.waiting == WAITING {
            return Err(Error::new(Kind::Contended, format!("{WAITING} processes wait for locks already")));
        }
        files.waiting += 1;
        Ok(Waiter(locks))
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.files.lock().waiting -= 1;
    }
}
