//! What there is, and what of it each operation changes or is refused: written from the contract alone.

use std::collections::BTreeMap;

use filerfs::backend::Kind;

use crate::values::{AGGREGATE, KEYS, canonical, unset};

/// The name that the mount takes locks under.
pub const HOST: &str = "admin1";

/// Values by key, as they are read.
pub type Settings = BTreeMap<&'static str, String>;

/// Everything that the tree shows.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub volumes: BTreeMap<String, Volume>,
    pub policies: BTreeMap<String, Policy>,
    pub staging: BTreeMap<String, Staged>,
    pub defaults: Settings,
    born: u64,
}

/// A volume. Its number is never another's.
#[derive(Clone, Debug)]
pub struct Volume {
    pub id: u64,
    pub settings: Settings,
    pub lock: Option<String>,
    /// Oldest first.
    pub snapshots: Vec<Snapshot>,
}

#[derive(Clone, Debug)]
pub struct Snapshot {
    pub id: u64,
    pub name: String,
}

#[derive(Clone, Debug)]
pub struct Policy {
    pub id: u64,
    /// As they were given.
    pub rules: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Staged {
    pub id: u64,
    /// Those that are set, the aggregate among them.
    pub settings: Settings,
    pub origin: Option<(String, String)>,
}

/// Why an operation must be refused, and how many changes the storage is asked for before it refuses itself.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub kinds: Vec<Kind>,
    pub calls: usize,
}

/// What an operation must do: so many changes of the storage, or a refusal.
pub type Outcome = Result<usize, Refusal>;

/// Refused by the tree itself: the storage is not asked for any change.
pub fn refused(kind: Kind) -> Refusal {
    Refusal { kinds: vec![kind], calls: 0 }
}

/// Refused by the storage.
pub fn by_storage(kind: Kind) -> Refusal {
    Refusal { kinds: vec![kind], calls: 1 }
}

impl State {
    pub fn number(&mut self) -> u64 {
        self.born += 1;
        self.born
    }

    pub fn volume(&self, name: &str) -> Result<&Volume, Refusal> {
        self.volumes.get(name).ok_or(refused(Kind::NotFound))
    }

    /// mkdir volumes/V
    pub fn make_volume(&mut self, name: &str) -> Outcome {
        self.create(name, Settings::new())
    }

    fn create(&mut self, name: &str, over: Settings) -> Outcome {
        let mut settings = self.defaults.clone();
        settings.extend(over);
        for key in ["junction_path", "comment"] {
            if let Some(text) = settings.get_mut(key) {
                *text = text.replace("{name}", name);
            }
        }
        let aggregate = settings.remove(AGGREGATE);
        if self.volumes.contains_key(name) {
            return Err(by_storage(Kind::Exists));
        }
        if aggregate.is_some_and(|aggregate| aggregate != "aggr1") {
            return Err(by_storage(Kind::Invalid));
        }
        self.add_volume(name, settings)
    }

    /// A new volume: these settings, and nothing else.
    pub fn add_volume(&mut self, name: &str, over: Settings) -> Outcome {
        self.acceptable(name, &over)?;
        let mut settings: Settings = KEYS.iter().map(|key| (*key, unset(key).to_owned())).collect();
        settings.extend(over);
        let volume = Volume { id: self.number(), settings, lock: None, snapshots: Vec::new() };
        self.volumes.insert(name.to_owned(), volume);
        Ok(1)
    }

    /// What the storage itself checks: the policy exists, no other volume has the junction path.
    pub fn acceptable(&self, name: &str, settings: &Settings) -> Result<(), Refusal> {
        let policy = settings.get("policy").filter(|policy| !policy.is_empty());
        let path = settings.get("junction_path").filter(|path| !path.is_empty());
        let taken = |path: &String| {
            self.volumes
                .iter()
                .any(|(other, volume)| other != name && volume.settings["junction_path"] == *path)
        };
        if policy.is_some_and(|policy| !self.policies.contains_key(policy)) || path.is_some_and(taken) {
            return Err(by_storage(Kind::Invalid));
        }
        Ok(())
    }

    /// What the lock of another host forbids.
    pub fn guard(&self, volume: &str) -> Result<(), Refusal> {
        match &self.volume(volume)?.lock {
            Some(holder) if holder != HOST => Err(by_storage(Kind::Locked)),
            _ => Ok(()),
        }
    }

    /// Where a snapshot is that shall be changed. Of a missing one the kernel tells by itself, on a mount.
    fn guarded_snapshot(&self, volume: &str, name: &str) -> Result<usize, Refusal> {
        match (self.guard(volume), self.snapshot(volume, name)) {
            (Ok(()), found) => found.map_err(|_| by_storage(Kind::NotFound)),
            (Err(mut locked), Err(_)) => {
                locked.kinds.push(Kind::NotFound);
                Err(locked)
            }
            (Err(locked), Ok(_)) => Err(locked),
        }
    }

    /// rmdir volumes/V
    pub fn remove_volume(&mut self, name: &str) -> Outcome {
        let volume = self.volume(name)?;
        let mut kinds = Vec::new();
        if volume.settings["protect"] == "1" {
            kinds.push(Kind::NotPermitted);
        }
        if volume.lock.as_deref().is_some_and(|holder| holder != HOST) {
            kinds.push(Kind::Locked);
        }
        if !kinds.is_empty() {
            return Err(Refusal { kinds, calls: 1 });
        }
        self.volumes.remove(name);
        Ok(1)
    }

    /// mkdir snapshots/S
    pub fn make_snapshot(&mut self, volume: &str, name: &str) -> Outcome {
        self.volume(volume)?;
        if self.snapshot(volume, name).is_ok() {
            return Err(by_storage(Kind::Exists));
        }
        let snapshot = Snapshot { id: self.number(), name: name.to_owned() };
        self.volumes.get_mut(volume).unwrap().snapshots.push(snapshot);
        Ok(1)
    }

    /// Where a snapshot is among those of its volume.
    pub fn snapshot(&self, volume: &str, name: &str) -> Result<usize, Refusal> {
        let at = self.volume(volume)?.snapshots.iter().position(|snapshot| snapshot.name == name);
        at.ok_or(refused(Kind::NotFound))
    }

    /// rmdir snapshots/S
    pub fn remove_snapshot(&mut self, volume: &str, name: &str) -> Outcome {
        let at = self.guarded_snapshot(volume, name)?;
        self.volumes.get_mut(volume).unwrap().snapshots.remove(at);
        Ok(1)
    }

    /// mv snapshots/S snapshots/T
    pub fn rename_snapshot(&mut self, volume: &str, name: &str, new: &str) -> Outcome {
        let at = self.guarded_snapshot(volume, name)?;
        if self.snapshot(volume, new).is_ok() {
            return Err(by_storage(Kind::Exists));
        }
        self.volumes.get_mut(volume).unwrap().snapshots[at].name = new.to_owned();
        Ok(1)
    }

    /// The volume becomes what the snapshot holds: newer snapshots are gone.
    pub fn roll_back(&mut self, volume: &str, name: &str, discard: bool) -> Outcome {
        let at = self.snapshot(volume, name)?;
        if at + 1 < self.volume(volume)?.snapshots.len() && !discard {
            return Err(refused(Kind::InUse));
        }
        self.guard(volume)?;
        self.volumes.get_mut(volume).unwrap().snapshots.truncate(at + 1);
        Ok(1)
    }

    /// A clone has what its source has, but is not mounted, not protected and not locked.
    pub fn clone_volume(&mut self, new: &str, volume: &str, snapshot: &str, over: Settings) -> Outcome {
        self.snapshot(volume, snapshot).map_err(|_| by_storage(Kind::NotFound))?;
        if self.volumes.contains_key(new) {
            return Err(by_storage(Kind::Exists));
        }
        let mut settings = self.volume(volume)?.settings.clone();
        settings.insert("junction_path", String::new());
        settings.insert("protect", "0".into());
        settings.extend(over);
        self.add_volume(new, settings)
    }

    /// mkdir policies/P
    pub fn make_policy(&mut self, name: &str) -> Outcome {
        if self.policies.contains_key(name) {
            return Err(by_storage(Kind::Exists));
        }
        let policy = Policy { id: self.number(), rules: Vec::new() };
        self.policies.insert(name.to_owned(), policy);
        Ok(1)
    }

    /// rmdir policies/P
    pub fn remove_policy(&mut self, name: &str) -> Outcome {
        if self.used_by(name).next().is_some() {
            return Err(by_storage(Kind::InUse));
        }
        self.policies.remove(name).map(|_| 1).ok_or(by_storage(Kind::NotFound))
    }

    /// The volumes that a policy is in force on.
    pub fn used_by(&self, policy: &str) -> impl Iterator<Item = &String> {
        self.volumes
            .iter()
            .filter(move |(_, volume)| volume.settings["policy"] == policy)
            .map(|(name, _)| name)
    }

    /// Adds or removes one rule.
    pub fn rule(&mut self, policy: &str, rule: &str, present: bool) -> Outcome {
        let rules = &mut self.policies.get_mut(policy).ok_or(refused(Kind::NotFound))?.rules;
        let at = rules.iter().position(|kept| canonical(kept) == canonical(rule));
        match (at, present) {
            (None, true) => rules.push(rule.to_owned()),
            (Some(at), false) => drop(rules.remove(at)),
            _ => return Ok(0),
        }
        Ok(1)
    }

    /// mkdir staging/V
    pub fn stage(&mut self, name: &str) -> Outcome {
        if self.volumes.contains_key(name) || self.staging.contains_key(name) {
            return Err(refused(Kind::Exists));
        }
        let staged = Staged { id: self.number(), settings: Settings::new(), origin: None };
        self.staging.insert(name.to_owned(), staged);
        Ok(0)
    }

    /// rmdir staging/V
    pub fn unstage(&mut self, name: &str) -> Outcome {
        self.staging.remove(name).map(|_| 0).ok_or(refused(Kind::NotFound))
    }

    /// mv staging/V volumes/NEW: refused, it stays for another try.
    pub fn promote(&mut self, name: &str, new: &str) -> Outcome {
        let staged = self.staging.get(name).ok_or(refused(Kind::NotFound))?.clone();
        let calls = match &staged.origin {
            None => self.create(new, staged.settings)?,
            Some(_) if staged.settings.contains_key(AGGREGATE) => return Err(refused(Kind::Invalid)),
            Some((volume, snapshot)) => self.clone_volume(new, volume, snapshot, staged.settings)?,
        };
        self.staging.remove(name);
        Ok(calls)
    }
}
