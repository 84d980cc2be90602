//! `rollback`: the volume becomes what a snapshot holds.

use async_trait::async_trait;

use crate::backend::{Error, Kind, Newer, Result, SnapshotName};
use crate::tree::place::Place;
use crate::tree::table::{Caller, Change, Show, Write, change};
use crate::tree::values::near;

const DISCARD: &str = " discard-newer";

/// Takes `SNAPSHOT`, or `SNAPSHOT discard-newer`.
pub struct Rollback;

#[async_trait]
impl Show for Rollback {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        at.volume().await.map(|_| Some(String::new()))
    }
}

#[async_trait]
impl Write for Rollback {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let volume = at.volume().await?;
        let (name, newer) = match text.strip_suffix(DISCARD) {
            Some(name) => (name.trim_end(), Newer::Discard),
            None => (text, Newer::Keep),
        };
        let target = SnapshotName::new(name)?;
        let backend = at.backend()?;
        let snapshots = backend.get_snapshots(&volume.name).await?;
        let Some(position) = snapshots.iter().position(|snapshot| snapshot.name == target) else {
            let error =
                Error::not_found(format!("volume {} has no snapshot {target}", volume.name)).input(text, 0);
            return Err(error.hint(near(name, snapshots.iter().map(|snapshot| snapshot.name.as_str()))));
        };
        let lost: Vec<_> = snapshots[position + 1..].iter().map(|snapshot| snapshot.name.as_str()).collect();
        if newer == Newer::Keep && !lost.is_empty() {
            let message =
                format!("a rollback to {target} would destroy the newer snapshots {}", lost.join(", "));
            let hint = format!("to destroy them: echo '{target}{DISCARD}' > rollback");
            return Err(Error::new(Kind::InUse, message).input(text, 0).hint(hint));
        }
        change(async move { backend.rollback_volume(&volume.name, &target, newer).await })
    }
}
