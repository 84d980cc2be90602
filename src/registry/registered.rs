//! A back-end together with what the registry keeps for it.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::counted::Counted;
use super::{Marks, MarksChange, Registry, Subject};
use crate::backend::names::encoded;
use crate::backend::{
    By, ByVolume, CallCount, Capabilities, Error, Health, HostName, Identity, Kind, Lock, NewLock, NewVolume,
    Newer, Policy, PolicyName, Result, Rule, Sent, Settings, Snapshot, SnapshotName, StorageBackend, Unlock,
    Volume, VolumeName, Volumes, check_held,
};

/// Answers for locks and marks where the back-end declares that it lacks them; the rest goes through.
pub struct Registered {
    endpoint: Arc<str>,
    host: HostName,
    /// This daemon, to the others of the host.
    daemon: HostName,
    backend: Arc<dyn StorageBackend>,
    registry: Arc<dyn Registry>,
    own: Capabilities,
    /// Which volumes there are by name, and since when that is known: a change of a volume makes it no other one.
    identities: Mutex<HashMap<VolumeName, (Identity, Instant)>>,
    counted: Counted,
    /// Marks as they were seen last: reading goes on while the registry cannot be asked.
    last: Mutex<Last>,
}

/// Marks that were seen.
#[derive(Default)]
struct Last {
    marks: HashMap<Identity, Marks>,
    /// Those of all volumes were: who is not here has none.
    all: bool,
}

impl Last {
    fn of(&self, volume: Identity) -> Option<Marks> {
        self.marks.get(&volume).cloned().or_else(|| self.all.then(Marks::default))
    }
}

/// So many volumes are changed at a time, at most.
const KEPT: usize = 64;

/// A volume that somebody else has put in the place of another is noticed after so long.
const FRESH: Duration = Duration::from_secs(2);

fn cannot_be_asked(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unreachable | Kind::TimedOut)
}

/// The storage has done its part, and the registry fails: that is no refusal any more.
fn half_made(error: Error, volume: &VolumeName, done: &str) -> Error {
    error.context(format!("volume {volume} was {done}, but its marks were not kept")).sent(Sent::Unknown)
}

impl Registered {
    /// The back-end of this endpoint, with this registry. Changes are made in the name of this host.
    pub fn new(
        endpoint: &str,
        host: HostName,
        backend: Arc<dyn StorageBackend>,
        registry: Arc<dyn Registry>,
    ) -> Registered {
        Registered {
            endpoint: endpoint.into(),
            host,
            daemon: HostName::unique(),
            own: backend.capabilities(),
            backend,
            registry,
            identities: Mutex::default(),
            counted: Counted::default(),
            last: Mutex::default(),
        }
    }

    fn subject(&self, volume: Identity) -> Subject {
        Subject { endpoint: self.endpoint.clone(), volume }
    }

    async fn find(&self, volume: &VolumeName) -> Result<Subject> {
        Ok(self.subject(self.found(volume).await?.identity))
    }

    async fn found(&self, name: &VolumeName) -> Result<Arc<Volume>> {
        let volume = self.backend.get_volume(name).await?;
        let mut identities = self.identities.lock();
        if identities.len() == KEPT {
            identities.clear();
        }
        identities.insert(name.clone(), (volume.identity, Instant::now()));
        Ok(volume)
    }

    /// The volume that a change is about: asking for it would be a call more.
    async fn known(&self, volume: &VolumeName) -> Result<Subject> {
        if let Some(volume) = self.backend.known_volume(volume).flatten() {
            return Ok(self.subject(volume.identity));
        }
        let known = self.identities.lock().get(volume).filter(|(_, since)| since.elapsed() < FRESH).copied();
        match known {
            Some((identity, _)) => Ok(self.subject(identity)),
            None => self.find(volume).await,
        }
    }

    fn keeps_marks(&self) -> bool {
        !self.own.protect || !self.own.comments
    }

    /// The record with what the registry keeps for it; what is not known is not there. Without any marks it is the
    /// record of the back-end itself, shared.
    fn marked(&self, mut volume: Arc<Volume>, marks: Option<&Marks>) -> Arc<Volume> {
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

    fn keeps(&self, settings: &Settings) -> bool {
        !self.own.protect && settings.protect.is_some() || !self.own.comments && settings.comment.is_some()
    }

    /// Takes from the settings what the registry keeps.
    fn split(&self, settings: &Settings) -> (Settings, Settings) {
        let (mut theirs, mut ours) = (settings.clone(), Settings::default());
        if !self.own.protect {
            ours.protect = theirs.protect.take();
        }
        if !self.own.comments {
            ours.comment = theirs.comment.take();
        }
        (theirs, ours)
    }

    async fn keep(&self, volume: Identity, ours: Settings) -> Result<()> {
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

    /// A change that no other host's lock forbids: asked before it is sent, and again after. The storage knows
    /// nothing of our locks, so a lock that is lost meanwhile can only be told of.
    async fn guarded<T>(
        &self,
        volume: &VolumeName,
        change: impl AsyncFnOnce(&Subject) -> Result<T>,
    ) -> Result<T> {
        let of = self.known(volume).await?;
        if self.own.locks {
            return change(&of).await;
        }
        let guard = || self.registry.guard(&of, &self.host);
        let before = guard().await.map_err(|error| error.context(format!("volume {volume}")))?;
        check_held(volume, &self.host, self.counted.token(of.volume), before)?;
        let changed = change(&of).await?;
        let lost = |why: String| {
            let message = format!("the change was made, but the lock of volume {volume} was lost meanwhile");
            Err(Error::new(Kind::LockLost, message)
                .source(why)
                .hint("look whether another host has changed it, too"))
        };
        match guard().await {
            Ok(after) if before.is_none() || before == after => Ok(changed),
            Ok(_) => lost("it was freed".to_owned()),
            Err(error) => lost(error.to_string()),
        }
    }

    /// A change of which the registry keeps a part. In a box: most changes are of none, and need not be as large.
    fn patch_marks<'a>(
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

    /// To the registry all processes of a host are that host; so daemons of one host that share it hold a lock among
    /// themselves first.
    async fn take_among_processes(&self, of: &Subject, new: &NewLock) -> Result<()> {
        let of = of.among_processes(&new.host);
        let taken = self.registry.take(&of, &NewLock { host: self.daemon.clone(), ..new.clone() }).await;
        taken.map(drop).map_err(|error| match error.kind() {
            Kind::Locked => {
                let message = format!("a process of {} holds the lock through another mount", new.host);
                Error::new(Kind::Locked, message).hint("wait until it ends, or is seen to have ended")
            }
            _ => error,
        })
    }

    async fn free_among_processes(&self, of: &Subject, host: &HostName, request: &str) -> Result<()> {
        let lock = Unlock { request: Some(request.to_owned()), ..self.daemon.clone().into() };
        self.registry.release(&of.among_processes(host), &lock).await
    }

    /// Refuses to make a volume whose marks could not be kept: it would be there without its protection.
    async fn check_keeps(&self, ours: &Settings) -> Result<()> {
        if ours.is_empty() { Ok(()) } else { self.registry.check().await }
    }

    async fn created(&self, volume: Arc<Volume>, ours: Settings) -> Result<Arc<Volume>> {
        let kept = self.keep(volume.identity, ours).await;
        kept.map_err(|error| half_made(error, &volume.name, "created"))?;
        self.with_marks(volume).await
    }

    async fn with_marks(&self, volume: Arc<Volume>) -> Result<Arc<Volume>> {
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

#[async_trait]
impl StorageBackend for Registered {
    fn capabilities(&self) -> Capabilities {
        Capabilities { locks: true, protect: true, comments: true, ..self.own }
    }

    fn health(&self) -> Health {
        self.backend.health()
    }

    fn calls(&self) -> Vec<CallCount> {
        self.backend.calls()
    }

    fn known_volume(&self, volume: &VolumeName) -> Option<Option<Arc<Volume>>> {
        let Some(volume) = self.backend.known_volume(volume)? else { return Some(None) };
        if !self.keeps_marks() {
            return Some(Some(volume));
        }
        let marks = self.registry.known_marks(&self.subject(volume.identity))?;
        Some(Some(self.marked(volume, Some(&marks))))
    }

    fn known_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Option<Option<Arc<Snapshot>>> {
        self.backend.known_snapshot(volume, snapshot)
    }

    fn counted_token(&self, volume: Identity) -> Option<u64> {
        self.counted.token(volume)
    }

    fn refresh(&self) {
        self.backend.refresh();
    }

    async fn identify(&self) -> Result<String> {
        self.backend.identify().await
    }

    async fn volumes(&self) -> Result<Volumes> {
        let volumes = self.backend.volumes().await?;
        if !self.keeps_marks() {
            return Ok(volumes);
        }
        // Whatever is wrong with the marks of one, all volumes are there; who reads that one is told what it is.
        let marks = self.registry.all_marks(&self.endpoint).await.ok();
        let mut last = self.last.lock();
        if let Some(marks) = marks {
            *last = Last { marks, all: true };
        }
        // The same list is the same listing to the tree.
        if last.all && last.marks.is_empty() {
            return Ok(volumes);
        }
        let marked = |volume: &Arc<Volume>| self.marked(volume.clone(), last.of(volume.identity).as_ref());
        Ok(Arc::new(volumes.iter().map(marked).collect()))
    }

    async fn get_volume(&self, volume: &VolumeName) -> Result<Arc<Volume>> {
        self.with_marks(self.found(volume).await?).await
    }

    async fn create_volume(&self, volume: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        let (settings, ours) = self.split(&new.settings);
        let new = NewVolume { settings, aggregate_name: new.aggregate_name.clone() };
        self.check_keeps(&ours).await?;
        self.created(self.backend.create_volume(volume, &new).await?, ours).await
    }

    async fn restrict_volume(&self, volume: &VolumeName) -> Result<()> {
        let restricted = self.guarded(volume, async |of: &Subject| {
            // As it is kept now: what was seen last is good enough to read, not to remove by.
            if !self.own.protect && self.registry.marks(of).await?.protect {
                let error = Error::new(Kind::NotPermitted, format!("volume {volume} is protected"));
                return Err(
                    error.hint(format!("to allow it: echo 0 > volumes/{}/protect", encoded(volume.as_str())))
                );
            }
            self.backend.restrict_volume(volume).await?;
            Ok(of.clone())
        });
        let of = restricted.await?;
        self.identities.lock().remove(volume);
        self.counted.forget(of.volume);
        if let Err(error) = self.registry.forget(&of).await {
            tracing::warn!(%volume, %error, "what the registry keeps of a volume that is gone stays there");
        }
        Ok(())
    }

    async fn patch_volume(&self, volume: &VolumeName, settings: &Settings) -> Result<()> {
        if self.keeps(settings) {
            return self.patch_marks(volume, settings).await;
        }
        self.guarded(volume, async |_: &Subject| self.backend.patch_volume(volume, settings).await).await
    }

    async fn clone_volume(
        &self,
        new: &VolumeName,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        settings: &Settings,
    ) -> Result<()> {
        let (theirs, ours) = self.split(settings);
        self.check_keeps(&ours).await?;
        self.backend.clone_volume(new, volume, snapshot, &theirs).await?;
        if ours.is_empty() {
            return Ok(());
        }
        self.created(self.backend.get_volume(new).await?, ours).await.map(drop)
    }

    async fn rollback_volume(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
        newer: Newer,
    ) -> Result<()> {
        self.guarded(volume, async |_: &Subject| self.backend.rollback_volume(volume, snapshot, newer).await)
            .await
    }

    async fn get_snapshots(&self, volume: &VolumeName) -> Result<Vec<Arc<Snapshot>>> {
        self.backend.get_snapshots(volume).await
    }

    async fn all_snapshots(&self) -> Result<ByVolume<Arc<Snapshot>>> {
        self.backend.all_snapshots().await
    }

    async fn get_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<Arc<Snapshot>> {
        self.backend.get_snapshot(volume, snapshot).await
    }

    async fn create_snapshot(
        &self,
        volume: &VolumeName,
        snapshot: &SnapshotName,
    ) -> Result<Option<Arc<Snapshot>>> {
        self.backend.create_snapshot(volume, snapshot).await
    }

    async fn delete_snapshot(&self, volume: &VolumeName, snapshot: &SnapshotName) -> Result<()> {
        self.guarded(volume, async |_: &Subject| self.backend.delete_snapshot(volume, snapshot).await).await
    }

    async fn rename_snapshot(
        &self,
        volume: &VolumeName,
        from: &SnapshotName,
        to: &SnapshotName,
    ) -> Result<()> {
        self.guarded(volume, async |_: &Subject| self.backend.rename_snapshot(volume, from, to).await).await
    }

    async fn locks(&self, volume: &VolumeName) -> Result<Option<Lock>> {
        if self.own.locks {
            return self.backend.locks(volume).await;
        }
        self.registry.lock(&self.find(volume).await?).await
    }

    async fn create_lock(&self, volume: &VolumeName, new: &NewLock) -> Result<Lock> {
        if self.own.locks {
            return self.backend.create_lock(volume, new).await;
        }
        let of = self.find(volume).await?;
        if new.by != By::Writing {
            self.take_among_processes(&of, new).await?;
        }
        let taken = self.registry.take(&of, new).await;
        if taken.is_err() && new.by == By::Process {
            // If it cannot be freed it lapses.
            let _ = self.free_among_processes(&of, &new.host, &new.request).await;
        }
        let lock = taken.map_err(|e| e.context(format!("volume {volume}")))?;
        if new.host == self.host {
            self.counted.taken(of.volume, new, &lock);
        }
        Ok(lock)
    }

    async fn remove_lock(&self, volume: &VolumeName, lock: &Unlock) -> Result<()> {
        if self.own.locks {
            return self.backend.remove_lock(volume, lock).await;
        }
        let of = self.find(volume).await?;
        let Some(request) = &lock.request else {
            self.registry.release(&of, lock).await?;
            if lock.host == self.host {
                self.counted.freed(of.volume, lock);
            }
            return Ok(());
        };
        // A process that has ended counts on nothing, whatever comes of this.
        self.counted.freed(of.volume, lock);
        self.registry.release(&of, lock).await?;
        self.free_among_processes(&of, &lock.host, request).await
    }

    async fn nfs_locks(&self, volume: &VolumeName) -> Result<Vec<String>> {
        self.backend.nfs_locks(volume).await
    }

    async fn all_nfs_locks(&self) -> Result<ByVolume<String>> {
        self.backend.all_nfs_locks().await
    }

    async fn break_nfs_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        self.guarded(volume, async |_: &Subject| self.backend.break_nfs_locks(volume, client).await).await
    }

    async fn policies(&self) -> Result<Vec<Arc<Policy>>> {
        self.backend.policies().await
    }

    async fn get_policy(&self, policy: &PolicyName) -> Result<Arc<Policy>> {
        self.backend.get_policy(policy).await
    }

    async fn create_policy(&self, policy: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        self.backend.create_policy(policy, rules).await
    }

    async fn remove_policy(&self, policy: &PolicyName) -> Result<()> {
        self.backend.remove_policy(policy).await
    }

    async fn set_policy(&self, volume: &VolumeName, policy: &PolicyName) -> Result<()> {
        self.guarded(volume, async |_: &Subject| self.backend.set_policy(volume, policy).await).await
    }

    async fn ensure_policy_rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        self.backend.ensure_policy_rules_present(policy, rules).await
    }

    async fn ensure_policy_rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        self.backend.ensure_policy_rules_absent(policy, rules).await
    }

    async fn order_policy_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()> {
        self.backend.order_policy_rules(policy, order).await
    }
}
