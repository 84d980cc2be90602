//! Clones of volumes.

use super::volumes::{check_name, missing, possible};
use super::xml::Element;
use super::{Zapi, after};
use crate::backend::{Result, Settings, SnapshotName, VolumeName};

impl Zapi {
    /// The clone, mounted where the settings say or under its own name; then what else they ask for.
    pub(super) async fn new_clone(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        if !possible(volume) {
            return Err(missing(volume));
        }
        check_name(new)?;
        let path = settings.junction_path.clone().unwrap_or_else(|| format!("/{new}"));
        let clone = Element::new()
            .text("volume", new)
            .text("parent-volume", volume)
            .text("parent-snapshot", snapshot)
            .maybe("junction-path", Some(path).filter(|path| !path.is_empty()));
        self.tell("volume-clone-create", clone).await?;
        let rest = Settings { junction_path: None, ..settings.clone() };
        if rest.is_empty() {
            return Ok(());
        }
        self.patch(new, &rest).await.map_err(|error| after(&["the clone"], error))
    }
}
