//! One configured back-end, with what the tree itself keeps for it: defaults and volumes being prepared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::elsewhere::Elsewhere;
use super::place::Known;
use crate::backend::{Error, Identity, Kind, NewVolume, Result, SnapshotName, StorageBackend, VolumeName};

/// A directory at the top of the tree.
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// Its storage.
    pub backend: Arc<dyn StorageBackend>,
    /// What `mkdir volumes/V` creates with. `{name}` stands for the volume's name.
    pub defaults: Mutex<NewVolume>,
    /// What others change.
    pub elsewhere: Elsewhere,
    staging: Mutex<Staging>,
    stagings: AtomicU64,
}

/// A volume being prepared.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Itself.
    pub known: Known<VolumeName>,
    /// What is set so far.
    pub new: NewVolume,
    /// The snapshot that it shall be a clone of.
    pub origin: Option<(VolumeName, SnapshotName)>,
}

impl Endpoint {
    /// A back-end under this name.
    pub fn new(name: &str, backend: Arc<dyn StorageBackend>, defaults: NewVolume) -> Endpoint {
        Endpoint {
            name: name.to_owned(),
            backend,
            defaults: Mutex::new(defaults),
            elsewhere: Elsewhere::default(),
            staging: Mutex::default(),
            stagings: AtomicU64::new(0),
        }
    }

    /// What a new volume of this name gets: the defaults, with these settings over them.
    pub fn filled(&self, name: &VolumeName, new: &NewVolume) -> NewVolume {
        let defaults = self.defaults.lock().clone();
        let mut settings = defaults.settings.overlaid(&new.settings);
        for text in [&mut settings.junction_path, &mut settings.comment].into_iter().flatten() {
            *text = text.replace("{name}", name.as_str());
        }
        NewVolume { settings, aggregate_name: new.aggregate_name.clone().or(defaults.aggregate_name) }
    }

    /// Every volume being prepared.
    pub fn all_staged(&self) -> Vec<Staged> {
        self.staging.lock().values().cloned().collect()
    }

    /// The volume of this name that is being prepared.
    pub fn find_staged(&self, name: &VolumeName) -> Result<Staged> {
        let missing = || Error::not_found(format!("no volume {name} is being prepared"));
        self.staging.lock().get(name).cloned().ok_or_else(missing)
    }

    /// The volume being prepared: the very one.
    pub fn staged(&self, known: &Known<VolumeName>) -> Result<Staged> {
        let mut staging = self.staging.lock();
        the_very_one(&mut staging, known).cloned().ok_or_else(|| anew(known))
    }

    /// Begins to prepare a volume.
    pub fn stage(&self, name: &VolumeName) -> Result<Staged> {
        let mut staging = self.staging.lock();
        if staging.contains_key(name) {
            return Err(Error::new(Kind::Exists, format!("volume {name} is being prepared already")));
        }
        let created = SystemTime::now();
        let count = self.stagings.fetch_add(1, Ordering::Relaxed).to_string();
        let started = humantime::format_rfc3339_nanos(created).to_string();
        let known =
            Known { name: name.clone(), identity: Identity::of(&[&started, &count]), created: Some(created) };
        let staged = Staged { known, new: NewVolume::default(), origin: None };
        staging.insert(name.clone(), staged.clone());
        Ok(staged)
    }

    /// Changes a volume being prepared, as it is now: somebody else may set another of its fields meanwhile.
    pub fn restage(
        &self,
        known: &Known<VolumeName>,
        change: impl FnOnce(&mut Staged) -> Result<()>,
    ) -> Result<()> {
        let mut staging = self.staging.lock();
        change(the_very_one(&mut staging, known).ok_or_else(|| anew(known))?)
    }

    /// Forgets a volume being prepared, unless that is over already.
    pub fn unstage(&self, known: &Known<VolumeName>) {
        let mut staging = self.staging.lock();
        if the_very_one(&mut staging, known).is_some() {
            staging.remove(&known.name);
        }
    }
}

type Staging = BTreeMap<VolumeName, Staged>;

/// Not one that was begun since under the same name.
fn the_very_one<'a>(staging: &'a mut Staging, known: &Known<VolumeName>) -> Option<&'a mut Staged> {
    staging.get_mut(&known.name).filter(|staged| staged.known.identity == known.identity)
}

fn anew(known: &Known<VolumeName>) -> Error {
    Error::not_found(format!("volume {} is not being prepared any more, or anew", known.name))
}
