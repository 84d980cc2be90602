//! Files that take one value or keyed lines: what a whole value written to one must do.

use filerfs::backend::Kind;

use crate::state::{HOST, Outcome, Refusal, Settings, State, refused};
use crate::values::{self, AGGREGATE, KEYS, encoded, lines, plain, trimmed};

/// A file that can be written, of which object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    Attribute(String, &'static str),
    Config(String),
    Lock(String),
    Rollback(String),
    Clone(String, String),
    Staged(String, &'static str),
    Origin(String),
    Rules(String),
    Defaults,
    Refresh,
}

impl File {
    pub fn path(&self) -> String {
        let volume = |volume: &str, file: &str| format!("dummy/volumes/{}/{file}", encoded(volume));
        let staged = |name: &str, file: &str| format!("dummy/staging/{}/{file}", encoded(name));
        match self {
            File::Attribute(name, key) => volume(name, key),
            File::Config(name) => volume(name, "config"),
            File::Lock(name) => volume(name, "lock"),
            File::Rollback(name) => volume(name, "rollback"),
            File::Clone(name, snapshot) => volume(name, &format!("snapshots/{}/clone", encoded(snapshot))),
            File::Staged(name, key) => staged(name, key),
            File::Origin(name) => staged(name, "origin"),
            File::Rules(policy) => format!("dummy/policies/{}/rules", encoded(policy)),
            File::Defaults => "dummy/defaults".into(),
            File::Refresh => ".ctl/refresh".into(),
        }
    }

    /// Whether it takes one value an open.
    pub fn scalar(&self) -> bool {
        !matches!(self, File::Config(_) | File::Defaults | File::Rules(_))
    }
}

impl State {
    /// The number of the object that a file belongs to, if it is there; 0 for what is always there.
    pub fn id(&self, file: &File) -> Option<u64> {
        match file {
            File::Attribute(name, _) | File::Config(name) | File::Lock(name) | File::Rollback(name) => {
                self.volumes.get(name).map(|volume| volume.id)
            }
            File::Clone(name, snapshot) => {
                let at = self.snapshot(name, snapshot).ok()?;
                Some(self.volumes[name].snapshots[at].id)
            }
            File::Staged(name, _) | File::Origin(name) => self.staging.get(name).map(|staged| staged.id),
            File::Rules(name) => self.policies.get(name).map(|policy| policy.id),
            File::Defaults | File::Refresh => Some(0),
        }
    }

    /// A whole value, as it was written.
    pub fn write(&mut self, file: &File, text: &str) -> Outcome {
        let mut after = self.clone();
        let calls = after.apply(file, text)?;
        *self = after;
        Ok(calls)
    }

    fn apply(&mut self, file: &File, text: &str) -> Outcome {
        let value = trimmed(text);
        if text.contains('\0') || (file.scalar() && value.contains('\n')) {
            return Err(refused(Kind::Invalid));
        }
        match file {
            File::Attribute(volume, key) => self.set(volume, &[(key, value)]),
            File::Config(volume) => self.set(volume, &pairs(text, &[])?),
            File::Lock(volume) => self.lock(volume, value),
            File::Rollback(volume) => {
                self.volume(volume)?;
                let name = value.strip_suffix(" discard-newer");
                let target = name.map_or(value, str::trim_end);
                values::name(target).map_err(refused)?;
                self.roll_back(volume, target, name.is_some())
            }
            File::Clone(volume, snapshot) => {
                plain(value, ":/_.-").map_err(refused)?;
                let made = self.clone_volume(value, volume, snapshot, Settings::new());
                // Whether the name is free is known before the storage is asked.
                made.map_err(|refusal| Refusal { calls: 0, ..refusal })
            }
            File::Staged(name, key) => self.prepare(name, key, value),
            File::Origin(name) => self.set_origin(name, value),
            File::Defaults => {
                for (key, value) in pairs(text, &[AGGREGATE])? {
                    set_default(&mut self.defaults, key, value)?;
                }
                Ok(0)
            }
            File::Refresh if value.split('/').find(|part| !part.is_empty()).is_none_or(|e| e == "dummy") => {
                Ok(0)
            }
            File::Refresh => Err(refused(Kind::NotFound)),
            File::Rules(_) => unreachable!("a list is written line by line"),
        }
    }

    /// All of these, in one change, or none.
    fn set(&mut self, name: &str, pairs: &[(&'static str, &str)]) -> Outcome {
        let current = self.volume(name)?.settings.clone();
        let mut patch = Settings::new();
        let mut kinds = Vec::new();
        for (key, text) in pairs {
            if text.is_empty() && current[key].is_empty() {
                continue;
            }
            match values::parse(key, text) {
                Ok(value) if value == current[key] => {}
                Ok(value) if *key == "policy" && !self.policies.contains_key(&value) => {
                    kinds.push(Kind::Invalid)
                }
                Ok(value) => drop(patch.insert(key, value)),
                Err(kind) => kinds.push(kind),
            }
        }
        if !kinds.is_empty() {
            return Err(Refusal { kinds, calls: 0 });
        }
        if patch.is_empty() {
            return Ok(0);
        }
        self.guard(name)?;
        self.acceptable(name, &patch)?;
        self.volumes.get_mut(name).unwrap().settings.extend(patch);
        Ok(1)
    }

    fn lock(&mut self, name: &str, value: &str) -> Outcome {
        let breaks = value.strip_prefix('-');
        let host = if value.is_empty() { HOST } else { breaks.unwrap_or(value) };
        plain(host, "._-").map_err(refused)?;
        let frees = value.is_empty() || breaks.is_some();
        self.volume(name)?;
        let lock = &mut self.volumes.get_mut(name).unwrap().lock;
        let holds = lock.as_deref() == Some(host);
        match (&lock, frees) {
            (Some(_), true) if holds => *lock = None,
            (None, false) => *lock = Some(host.to_owned()),
            // Asked for again.
            (Some(_), false) if holds => {}
            (None, true) => return Ok(0),
            (Some(_), _) if breaks.is_some() => return Ok(0),
            (Some(_), _) => return Err(refused(Kind::Locked)),
        }
        Ok(1)
    }

    fn prepare(&mut self, name: &str, key: &'static str, value: &str) -> Outcome {
        let policies: Vec<_> = self.policies.keys().cloned().collect();
        let staged = self.staging.get_mut(name).ok_or(refused(Kind::NotFound))?;
        let before = staged.settings.get(key).cloned();
        set_default(&mut staged.settings, key, value)?;
        let after = staged.settings.get(key);
        if key == "policy" && after != before.as_ref() && after.is_some_and(|after| !policies.contains(after))
        {
            return Err(refused(Kind::Invalid));
        }
        Ok(0)
    }

    fn set_origin(&mut self, name: &str, value: &str) -> Outcome {
        let origin = match value.split_once('@') {
            None if value.is_empty() => None,
            None => return Err(refused(Kind::Invalid)),
            Some((volume, snapshot)) => {
                plain(volume, ":/_.-").and(values::name(snapshot)).map_err(refused)?;
                self.snapshot(volume, snapshot)?;
                Some((volume.to_owned(), snapshot.to_owned()))
            }
        };
        self.staging.get_mut(name).ok_or(refused(Kind::NotFound))?.origin = origin;
        Ok(0)
    }
}

/// An empty value drops the key.
fn set_default(settings: &mut Settings, key: &'static str, value: &str) -> Result<(), Refusal> {
    match value {
        "" => drop(settings.remove(key)),
        value => drop(settings.insert(key, values::parse(key, value).map_err(refused)?)),
    }
    Ok(())
}

/// Keys, each once, with their values.
fn pairs<'a>(text: &'a str, more: &[&'static str]) -> Result<Vec<(&'static str, &'a str)>, Refusal> {
    let mut pairs: Vec<(&'static str, &str)> = Vec::new();
    for line in lines(text) {
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let known = KEYS.iter().chain(more).find(|known| **known == key);
        let twice = pairs.iter().any(|(other, _)| *other == key);
        let key = known.filter(|_| !twice).ok_or(refused(Kind::Invalid))?;
        pairs.push((*key, value.trim_matches([' ', '\t'])));
    }
    Ok(pairs)
}
