//! Clones of volumes.

use super::errors::no_policy;
use super::snapshots::of_snapshot;
use super::volumes::{check_marks, check_name, missing, possible};
use super::xml::Element;
use super::{Zapi, after};
use crate::backend::{Kind, Result, Settings, SnapshotName, VolumeName};

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
        check_marks(settings)?;
        // What could be refused after the clone is there is looked at before.
        if let Some(policy) = &settings.active_policy_name {
            self.policy_record(policy).await.map_err(|error| match error.kind() {
                Kind::NotFound => no_policy(policy),
                _ => error,
            })?;
        }
        let path = settings.junction_path.clone().unwrap_or_else(|| format!("/{new}"));
        let clone = Element::new()
            .text("volume", new)
            .text("parent-volume", volume)
            .text("parent-snapshot", snapshot)
            .maybe("junction-path", Some(path).filter(|path| !path.is_empty()));
        match self.tell("volume-clone-create", clone).await {
            // Filers look at the new name first; here the source comes first.
            Err(error) if error.kind() == Kind::Exists => {
                self.snapshot(volume, snapshot).await?;
                return Err(error);
            }
            made => made.map_err(|error| of_snapshot(error, volume, snapshot))?,
        }
        let rest = Settings { junction_path: None, ..settings.clone() };
        if rest.is_empty() {
            return Ok(());
        }
        self.patch(new, &rest).await.map_err(|error| after(&["the clone"], error))
    }
}
