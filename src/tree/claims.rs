//! Volumes whose lock a process of this host holds by flock(2) or fcntl(2), for as long as it lives.
//!
//! Among the processes of this host the mount decides; here is what the other hosts see of it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::place::{Object, Place};
use super::shared::Options;
use super::table::Caller;
use super::{Done, Error, Kind, Result, Tree, nodes};
use crate::backend::{By, Lock, NewLock, StorageBackend, VolumeName};
use crate::clock::since_boot;

/// So many locks are prolonged, or freed, at a time.
const AT_ONCE: usize = 16;

/// What processes hold.
#[derive(Default)]
pub struct Claims {
    held: Mutex<HashMap<Volume, Claim>>,
    turns: Mutex<HashMap<Volume, Weak<Turn>>>,
}

/// A volume, by the inode number of its `lock`: the kernel may forget the file before what it asked for has come.
type Volume = u64;

/// What is held of a volume is taken, prolonged and ended one after another: a request that another has overtaken
/// would prolong and free nothing, and a prolonging that came after the end would make the lock anew.
type Turn = tokio::sync::Mutex<()>;

#[derive(Clone)]
struct Claim {
    /// The volume.
    at: Place,
    /// The first process that took it.
    pid: u32,
    /// What was asked for: it is prolonged while processes hold it, and freed after the last.
    new: NewLock,
    /// Of the lock that came of it.
    token: u64,
    /// It does not lapse by itself before, since boot.
    lapses: Duration,
    /// The lock goes with the processes: nobody has written it.
    made: bool,
    /// The lock was broken, or is another host's now.
    lost: bool,
    turn: Arc<Turn>,
}

impl Claims {
    /// The process that holds a volume.
    pub fn holder(&self, at: &Place) -> Option<u32> {
        self.held.lock().get(&key(at)?).map(|claim| claim.pid)
    }

    /// The host's lock is as somebody has written it: it does not go with the processes any more.
    pub fn disown(&self, at: &Place) {
        self.change(at, |claim| claim.made = false);
    }

    /// Nothing is prolonged any more when this ends: the lock may be broken.
    pub async fn give_up(&self, at: &Place) {
        self.lose(at);
        let turn = key(at).and_then(|key| Some(self.held.lock().get(&key)?.turn.clone()));
        if let Some(turn) = turn {
            drop(turn.lock().await);
        }
    }

    /// Waits for what is under way with the lock of a volume; nothing else is until this is dropped.
    pub async fn turn(&self, at: &Place) -> Option<OwnedMutexGuard<()>> {
        Some(self.turn_of(key(at)?).lock_owned().await)
    }

    fn turn_of(&self, volume: Volume) -> Arc<Turn> {
        let (held, mut turns) = (self.held.lock().len(), self.turns.lock());
        if turns.len() > 2 * held + AT_ONCE {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = turns.get(&volume).and_then(Weak::upgrade).unwrap_or_default();
        turns.insert(volume, Arc::downgrade(&turn));
        turn
    }

    fn lose(&self, at: &Place) {
        self.change(at, Claim::lose);
    }

    fn change(&self, at: &Place, change: impl FnOnce(&mut Claim)) {
        if let Some(key) = key(at)
            && let Some(claim) = self.held.lock().get_mut(&key)
        {
            change(claim);
        }
    }

    /// Changes this very claim, if it has not ended.
    fn change_this(&self, claim: &Claim, change: impl FnOnce(&mut Claim)) {
        self.change(&claim.at, |now| {
            if now.new.request == claim.new.request {
                change(now);
            }
        });
    }

    /// Whether this very claim has not ended, and is not lost.
    fn has(&self, claim: &Claim) -> bool {
        let claims = self.held.lock();
        let now = key(&claim.at).and_then(|key| claims.get(&key));
        now.is_some_and(|now| now.new.request == claim.new.request && !now.lost)
    }

    fn all(&self) -> Vec<Claim> {
        self.held.lock().values().cloned().collect()
    }
}

impl Claim {
    fn lose(&mut self) {
        (self.made, self.lost) = (false, true);
    }

    async fn end(&self) -> Result<()> {
        let _turn = self.turn.lock().await;
        self.free().await
    }

    async fn free(&self) -> Result<()> {
        self.at.backend()?.remove_lock(self.at.volume_name()?, &self.new.unlock()).await
    }
}

/// A volume's lock that was taken for a process, and that nobody prolongs or frees yet. Until it is kept or given
/// back, nothing else is under way with it.
pub struct Claimed {
    claim: Claim,
    _turn: OwnedMutexGuard<()>,
}

impl Tree {
    /// A process takes a lock on a file. On `lock` that is the lock of the volume, under the name of this host; none
    /// if it is held for a process already.
    pub async fn claim(&self, ino: u64, caller: &Caller) -> Result<Option<Claimed>> {
        let node = self.inodes.get(ino)?;
        if key(&node.place) != Some(ino) {
            return Ok(None);
        }
        self.check_may_write(&node, caller)?;
        let (claims, turn) = (&self.shared.claims, self.shared.claims.turn_of(ino));
        let is_held = || claims.held.lock().contains_key(&ino);
        // Nobody waits for what is prolonged.
        if is_held() {
            return Ok(None);
        }
        let _turn = turn.clone().lock_owned().await;
        if is_held() {
            return Ok(None);
        }
        let (volume, backend) = (node.place.volume().await?, node.place.backend()?);
        let Options { host, lease, .. } = &self.shared.options;
        // Who waits for another host asks often, and writes nothing.
        if let Some(holder) = backend.locks(&volume.name).await?.map(|lock| lock.taken.host)
            && holder != *host
        {
            let message = format!("{holder} holds the lock of volume {}", volume.name);
            let hint = format!("wait for it, or break it: echo -{holder} > lock");
            return Err(Error::new(Kind::Contended, message).hint(hint));
        }
        let (uid, process) = (caller.uid, caller.program());
        let new = NewLock { ttl: Some(*lease), uid, process, by: By::Process, ..NewLock::of(host.clone()) };
        let begun = since_boot();
        let taken = backend.create_lock(&volume.name, &new).await;
        let lock = taken.map_err(|error| match error.kind() {
            Kind::Locked => Error::new(Kind::Contended, error.to_string()),
            _ => error,
        })?;
        let (made, token, lapses) =
            (lock.taken.request == new.request, lock.token, lapses(&lock, &new, begun));
        let (at, pid) = (node.place.clone(), caller.pid);
        let claim = Claim { at, pid, new, token, lapses, made, lost: false, turn };
        Ok(Some(Claimed { claim, _turn }))
    }

    /// The process is there to hold it.
    pub fn keep(&self, ino: u64, claimed: Claimed) -> Done {
        let done = Done { changed: claimed.claim.made, ..Done::default() };
        self.shared.claims.held.lock().insert(ino, claimed.claim);
        done
    }

    /// The process has gone meanwhile.
    pub async fn give_back(&self, claimed: Claimed) -> Result<()> {
        claimed.claim.free().await
    }

    /// No process holds a lock on this file any more.
    pub async fn unclaim(&self, ino: u64) -> Result<Done> {
        let claim = self.shared.claims.held.lock().remove(&ino);
        let Some(claim) = claim else { return Ok(Done::default()) };
        match claim.end().await {
            // The volume is gone, and its lock with it.
            Err(error) if error.kind() == Kind::NotFound => Ok(Done::default()),
            ended => ended.map(|()| Done { changed: claim.made, ..Done::default() }),
        }
    }

    /// The mount ends, and with it what processes hold through it.
    pub async fn unclaim_all(&self) {
        let claims = std::mem::take(&mut *self.shared.claims.held.lock());
        let end = async |claim: Claim| {
            if let Err(error) = claim.end().await {
                tracing::warn!(%error, "a lock that a process held cannot be freed, and lapses");
            }
        };
        stream::iter(claims.into_values()).for_each_concurrent(AT_ONCE, end).await;
    }

    /// Prolongs what processes hold, for as long as they live: if this daemon dies, their locks lapse.
    pub async fn prolong_claims(&self) {
        let prolong = async |claim: Claim| {
            if let Ok(backend) = claim.at.backend()
                && let Ok(volume) = claim.at.volume_name()
            {
                self.prolong(&claim, &*backend, volume).await;
            }
        };
        stream::iter(self.shared.claims.all()).for_each_concurrent(AT_ONCE, prolong).await;
    }

    async fn prolong(&self, claim: &Claim, backend: &dyn StorageBackend, volume: &VolumeName) {
        let claims = &self.shared.claims;
        // Who has the turn ends it.
        let Some(_turn) = claim.turn.try_lock().ok().filter(|_| claims.has(claim)) else { return };
        let begun = since_boot();
        let new = NewLock { by: By::Prolonging { late: begun >= claim.lapses }, ..claim.new.clone() };
        match backend.create_lock(volume, &new).await {
            Ok(lock) => {
                if lock.token != claim.token {
                    tracing::error!(%volume, "the lock that a process holds had lapsed, and is taken again");
                }
                let lapses = lapses(&lock, &new, begun);
                claims.change_this(claim, |now| (now.token, now.lapses) = (lock.token, lapses));
            }
            Err(error) => {
                let broken = error.kind() == Kind::NotHeld && since_boot() < claim.lapses;
                if broken || error.kind() == Kind::Locked {
                    tracing::error!(%volume, %error, "the lock that a process holds is lost");
                    claims.change_this(claim, Claim::lose);
                } else {
                    // The next try may come in time.
                    tracing::warn!(%volume, %error, "a lock cannot be prolonged");
                }
            }
        }
    }
}

/// Until when a lock cannot lapse by itself, if it was asked for at that time, since boot.
fn lapses(lock: &Lock, new: &NewLock, begun: Duration) -> Duration {
    match lock.taken.ttl {
        None => Duration::MAX,
        Some(ttl) if lock.taken.request == new.request => begun + ttl,
        // Somebody has written it, nobody here knows when.
        Some(_) => Duration::ZERO,
    }
}

fn key(at: &Place) -> Option<Volume> {
    let is_volume = matches!(at.object, Object::Volume(..));
    nodes::volume::row().child("lock").filter(|_| is_volume).map(|row| at.ino(row))
}
