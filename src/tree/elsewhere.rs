//! What others changed on a filer: told by each list of volumes that differs from the one before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::nodes::attributes::keys;
use super::place::{Object, Place};
use super::{Result, Tree};
use crate::backend::names::encoded;
use crate::backend::{Volume, VolumeName, Volumes};

/// The last list of an endpoint, and what this mount has changed since.
#[derive(Default)]
pub struct Elsewhere(Mutex<Last>);

#[derive(Default)]
struct Last {
    volumes: Option<Volumes>,
    own: HashSet<VolumeName>,
}

/// A change: its kind, and the path below the endpoint.
type Change = (&'static str, String);

impl Elsewhere {
    /// This mount changes a volume: the next list differs for that reason.
    pub fn own(&self, volume: &VolumeName) {
        let mut last = self.0.lock();
        if last.volumes.is_some() && !last.own.contains(volume) {
            last.own.insert(volume.clone());
        }
    }

    /// What is other than in the last list, and not by this mount.
    fn compare(&self, now: &Volumes) -> Vec<Change> {
        let mut last = self.0.lock();
        let Some(before) = last.volumes.replace(now.clone()).filter(|before| !Arc::ptr_eq(before, now))
        else {
            return Vec::new();
        };
        let own = std::mem::take(&mut last.own);
        drop(last);
        let mut before: HashMap<&VolumeName, &Arc<Volume>> =
            before.iter().map(|volume| (&volume.name, volume)).collect();
        let mut changes = Vec::new();
        for volume in now.iter() {
            let old = before.remove(&volume.name);
            if own.contains(&volume.name) || old.is_some_and(|old| Arc::ptr_eq(old, volume)) {
                continue;
            }
            match old.filter(|old| old.identity == volume.identity) {
                Some(old) => changes.extend(modified(old, volume)),
                None => changes.push(("create", path(volume))),
            }
        }
        let gone = before.into_values().filter(|old| !own.contains(&old.name));
        changes.extend(gone.map(|old| ("delete", path(old))));
        changes
    }
}

fn path(volume: &Volume) -> String {
    format!("volumes/{}", encoded(volume.name.as_str()))
}

/// What is set to another value. What is measured changes all the time, and is no event.
fn modified(old: &Volume, new: &Volume) -> Vec<Change> {
    let differs =
        |key: &&super::nodes::attributes::Attribute| key.shown(&old.settings) != key.shown(&new.settings);
    let dir = path(new);
    keys().filter(differs).map(|key| ("modify", format!("{dir}/{}", key.name))).collect()
}

impl Place {
    /// Every volume of this endpoint; what others have changed since the last time becomes an event.
    pub async fn volumes(&self) -> Result<Volumes> {
        let endpoint = self.endpoint()?;
        let volumes = endpoint.backend.volumes().await?;
        for (kind, path) in endpoint.elsewhere.compare(&volumes) {
            self.shared.outcomes.elsewhere(kind, format!("{}/{path}", endpoint.name));
        }
        Ok(volumes)
    }

    /// This mount changes the volume that this place is in.
    pub(super) fn own(&self) {
        if let (Ok(endpoint), Ok(volume)) = (self.endpoint(), self.volume_name()) {
            endpoint.elsewhere.own(volume);
        }
    }
}

impl Tree {
    /// This mount makes, removes or renames an object of a collection.
    pub(super) fn own_member(&self, collection: &Place, name: &str) {
        match &collection.object {
            Object::Endpoint(endpoint) => {
                if let Ok(volume) = super::nodes::volume::new_name(name) {
                    endpoint.elsewhere.own(&volume);
                }
            }
            _ => collection.own(),
        }
    }
}
