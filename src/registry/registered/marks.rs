//! Protection and comments of volumes, where the storage has no place for them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use super::Registered;
use crate::backend::names::encoded;
use crate::backend::{Error, Identity, Kind, Result, Sent, Settings, Volume, VolumeName};
use crate::registry::{Marks, MarksChange, Subject};

/// Marks that were seen.
#[derive(Default)]
pub struct Last {
    pub marks: HashMap<Identity, Marks>,
    /// Those of all volumes were: who is not here has none.
    pub all: bool,
}

impl Last {
    pub fn of(&self, volume: Identity) -> Option<Marks> {
        self.marks.get(&volume).cloned().or_else(|| self.all.then(Marks::default))
    }
}

impl Registered {
    pub(super) fn keeps_marks(&self) -> bool {
        !self.own.protect || !self.own.comments
    }

    /// The record with what the registry keeps for it; what is not known is not there. Without any marks it is the
    /// record of the back-end itself, shared.
    pub(super) fn marked(&self, mut volume: Arc<Volume>, marks: Option<&Marks>) -> Arc<Volume> {
        if marks == Some(&Marks::default()) {
            return volume;
        }
        let settings = &mut Arc::make_mut(&mut volume).settings;
        if !self.own.protect {
            settings.protect = marks.map(|marks| marks.protect);
        }
        if !self.own.comments {
            settings.comment = marks.map(|marks| marks.comment.clone());
        }
        volume
    }

    pub(super) fn keeps(&self, settings: &Settings) -> bool {
        !self.own.protect && settings.protect.is_some() || !self.own.comments && settings.comment.is_some()
    }

    /// Takes from the settings what the registry keeps.
    pub(super) fn split(&self, settings: &Settings) -> (Settings, Settings) {
        let (mut theirs, mut ours) = (settings.clone(), Settings::default());
        if !self.own.protect {
            ours.protect = theirs.protect.take();
        }
        if !self.own.comments {
            ours.comment = theirs.comment.take();
        }
        (theirs, ours)
    }

    pub(super) async fn keep(&self, volume: Identity, ours: Settings) -> Result<()> {
        if ours.is_empty() {
            return Ok(());
        }
        let change = MarksChange { protect: ours.protect, comment: ours.comment };
        self.registry.change_marks(&self.subject(volume), &change).await?;
        let mut last = self.last.lock();
        if let Some(marks) = last.of(volume) {
            last.marks.insert(volume, marks.with(&change));
        }
        Ok(())
    }

    /// A change of which the registry keeps a part. In a box: most changes are of none, and need not be as large.
    pub(super) fn patch_marks<'a>(
        &'a self,
        volume: &'a VolumeName,
        settings: &'a Settings,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
        let (theirs, ours) = self.split(settings);
        Box::pin(self.guarded(volume, async move |of: &Subject| {
            if theirs.is_empty() {
                return self.keep(of.volume, ours).await;
            }
            self.backend.patch_volume(volume, &theirs).await?;
            self.keep(of.volume, ours).await.map_err(|error| half_made(error, volume, "changed"))
        }))
    }

    /// Refuses to remove a protected volume. As it is kept now: what was seen last is good enough to read, not to
    /// remove by.
    pub(super) async fn check_unprotected(&self, volume: &VolumeName, of: &Subject) -> Result<()> {
        if self.own.protect {
            return Ok(());
        }
        let marks =
            self.registry.marks(of).await.map_err(|error| error.context(format!("volume {volume}")))?;
        if !marks.protect {
            return Ok(());
        }
        let error = Error::new(Kind::NotPermitted, format!("volume {volume} is protected"));
        Err(error.hint(format!("to allow it: echo 0 > volumes/{}/protect", encoded(volume.as_str()))))
    }

    /// Refuses to make a volume whose marks could not be kept: it would be there without its protection.
    pub(super) async fn check_keeps(&self, ours: &Settings) -> Result<()> {
        if ours.is_empty() { Ok(()) } else { self.registry.check().await }
    }

    pub(super) async fn created(&self, volume: Arc<Volume>, ours: Settings) -> Result<Arc<Volume>> {
        let kept = self.keep(volume.identity, ours).await;
        kept.map_err(|error| half_made(error, &volume.name, "created"))?;
        self.with_marks(volume).await
    }

    pub(super) async fn with_marks(&self, volume: Arc<Volume>) -> Result<Arc<Volume>> {
        if !self.keeps_marks() {
            return Ok(volume);
        }
        let marks = match self.registry.marks(&self.subject(volume.identity)).await {
            Ok(marks) => {
                let mut last = self.last.lock();
                if last.of(volume.identity).as_ref() != Some(&marks) {
                    last.marks.insert(volume.identity, marks.clone());
                }
                Some(marks)
            }
            Err(error) if cannot_be_asked(&error) => self.last.lock().of(volume.identity),
            Err(error) => return Err(error),
        };
        Ok(self.marked(volume, marks.as_ref()))
    }
}

/// The storage has done its part, and the registry fails: that is no refusal any more.
pub fn half_made(error: Error, volume: &VolumeName, done: &str) -> Error {
    error.context(format!("volume {volume} was {done}, but its marks were not kept")).sent(Sent::Unknown)
}

fn cannot_be_asked(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unreachable | Kind::TimedOut)
}
