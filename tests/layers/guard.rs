//! The registry around changes: the lock is asked for before one is sent, and again after; and the marks.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use filerfs::backend::{
    By, Error, HostName, Identity, Kind, Lock, NewLock, NewVolume, Result, Sent, Settings, StorageBackend,
    Unlock,
};
use filerfs::registry::{Marks, MarksChange, MemoryRegistry, Registered, Registry, Subject};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::changes::{OneChange, all};
use super::{begun, next, p, s, v};
use crate::common::counting::{Counting, Fault};
use crate::common::{SMALL, memory};

/// What the lock of a volume guards, of what the memory back-end can do.
const GUARDED: [&str; 6] = [
    "restrict_volume",
    "patch_volume",
    "rollback_volume",
    "delete_snapshot",
    "rename_snapshot",
    "set_policy",
];

fn h(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

/// A registry in memory that cannot be asked for a while.
#[derive(Default)]
struct Sometimes {
    memory: MemoryRegistry,
    /// What happens to the next questions of the guard: an answer, or none.
    guards: Mutex<Vec<bool>>,
    /// These operations fail.
    failing: Mutex<&'static [&'static str]>,
}

impl Sometimes {
    fn answers(&self, operation: &str) -> Result<()> {
        match self.failing.lock().contains(&operation) {
            true => Err(no_answer()),
            false => Ok(()),
        }
    }
}

fn no_answer() -> Error {
    Error::new(Kind::TimedOut, "the registry does not answer")
}

#[async_trait]
impl Registry for Sometimes {
    async fn lock(&self, of: &Subject) -> Result<Option<Lock>> {
        self.memory.lock(of).await
    }
    async fn take(&self, of: &Subject, new: &NewLock) -> Result<Lock> {
        self.memory.take(of, new).await
    }
    async fn release(&self, of: &Subject, lock: &Unlock) -> Result<()> {
        self.memory.release(of, lock).await
    }
    async fn guard(&self, of: &Subject, host: &HostName) -> Result<Option<u64>> {
        let answers = self.guards.lock().pop().unwrap_or(true);
        match answers {
            true => self.memory.guard(of, host).await,
            false => Err(no_answer()),
        }
    }
    fn known_marks(&self, of: &Subject) -> Option<Marks> {
        self.memory.known_marks(of)
    }
    async fn marks(&self, of: &Subject) -> Result<Marks> {
        self.answers("marks")?;
        self.memory.marks(of).await
    }
    async fn all_marks(&self, endpoint: &str) -> Result<HashMap<Identity, Marks>> {
        self.answers("all_marks")?;
        self.memory.all_marks(endpoint).await
    }
    async fn change_marks(&self, of: &Subject, change: &MarksChange) -> Result<()> {
        self.answers("change_marks")?;
        self.memory.change_marks(of, change).await
    }
    async fn forget(&self, of: &Subject) -> Result<()> {
        self.answers("forget")?;
        self.memory.forget(of).await
    }
}

/// The small content, used in the name of `host1`, and the registry and the storage beneath.
struct Stack {
    storage: Arc<Counting>,
    registry: Arc<Sometimes>,
    here: Registered,
    there: Registered,
}

fn stack() -> Stack {
    let (storage, registry) = (Counting::new(Arc::new(memory(SMALL))), Arc::new(Sometimes::default()));
    let of = |host| Registered::new("dummy", h(host), storage.clone(), registry.clone());
    Stack { here: of("host1"), there: of("host2"), storage, registry }
}

/// The volume that a change is about, as far as a lock guards it.
async fn taken(by: &Registered, host: &str) {
    take(by, &h(host).into()).await;
}

async fn take(by: &Registered, new: &NewLock) {
    for volume in ["db1", "db2"] {
        by.create_lock(&v(volume), new).await.unwrap();
    }
}

async fn free(by: &Registered, lock: Unlock) {
    for volume in ["db1", "db2"] {
        by.remove_lock(&v(volume), &lock).await.unwrap();
    }
}

fn guarded() -> impl Iterator<Item = OneChange> {
    all().into_iter().filter(|change| GUARDED.contains(&change.name))
}

#[tokio::test]
async fn what_another_host_holds_is_not_changed_and_the_storage_is_not_asked() {
    for change in all() {
        let stack = stack();
        stack.storage.create_policy(&p("unused"), &[]).await.unwrap();
        stack.storage.take_changes();
        taken(&stack.there, "host2").await;
        let made = (change.make)(&stack.here).await;
        let sent = stack.storage.take_changes();
        if GUARDED.contains(&change.name) {
            assert_eq!((made.unwrap_err().kind(), sent), (Kind::Locked, Vec::new()), "{}", change.name);
        } else if !change.name.ends_with("_lock") {
            made.unwrap();
            assert!(!sent.is_empty(), "{}", change.name);
        }
    }
}

#[tokio::test]
async fn who_holds_the_volume_or_finds_it_free_may_change_it() {
    for held in [true, false] {
        for change in guarded() {
            let stack = stack();
            if held {
                taken(&stack.here, "host1").await;
            }
            (change.make)(&stack.here).await.unwrap();
            assert_eq!(stack.storage.take_changes().len(), 1, "{}", change.name);
        }
    }
}

/// A change waits at the storage, and meanwhile this happens.
async fn meanwhile(change: &OneChange, stack: &Stack, happens: impl AsyncFnOnce(&Stack)) -> Result<()> {
    let until = Arc::new(Semaphore::new(0));
    // The volume is known: the change is the next call.
    for volume in ["db1", "db2"] {
        stack.here.get_volume(&v(volume)).await.unwrap();
    }
    next(&stack.storage, Fault::Wait(until.clone()));
    let mut made = (change.make)(&stack.here);
    begun(&mut made).await;
    happens(stack).await;
    until.add_permits(1);
    made.await
}

#[tokio::test]
async fn a_lock_that_is_lost_during_a_change_is_told_and_the_change_was_made() {
    for change in guarded() {
        let stack = stack();
        taken(&stack.here, "host1").await;
        let made = meanwhile(&change, &stack, async |stack: &Stack| {
            stack.there.remove_lock(&v("db1"), &h("host1").into()).await.unwrap();
            stack.there.create_lock(&v("db1"), &h("host2").into()).await.unwrap();
        });
        let error = made.await.unwrap_err();
        assert_eq!(error.kind(), Kind::LockLost, "{}: {error}", change.name);
        assert!(error.to_string().contains("was made") && error.to_string().contains("host2"), "{error}");
        assert_eq!(stack.storage.take_changes().len(), 1, "{}", change.name);
    }
}

/// The host has the lock again, but was not alone.
#[tokio::test]
async fn a_lock_that_was_freed_and_taken_again_during_a_change_is_another() {
    for change in guarded() {
        let stack = stack();
        taken(&stack.here, "host1").await;
        let made = meanwhile(&change, &stack, async |stack: &Stack| {
            for host in ["host1", "host2"] {
                stack.there.remove_lock(&v("db1"), &h(host).into()).await.unwrap();
                stack.there.create_lock(&v("db1"), &h("host2").into()).await.unwrap();
            }
            stack.there.remove_lock(&v("db1"), &h("host2").into()).await.unwrap();
            stack.here.create_lock(&v("db1"), &h("host1").into()).await.unwrap();
        });
        assert_eq!(made.await.unwrap_err().kind(), Kind::LockLost, "{}", change.name);
    }
}

/// Another host had the volumes meanwhile, and nobody has them now.
async fn lost(stack: &Stack) {
    free(&stack.there, Unlock { breaks: true, ..h("host1").into() }).await;
    taken(&stack.there, "host2").await;
    free(&stack.there, h("host2").into()).await;
}

async fn refused(change: &OneChange, stack: &Stack) {
    stack.storage.take_changes();
    for _ in 0..2 {
        let error = (change.make)(&stack.here).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotHeld, "{}: {error}", change.name);
        assert_eq!(stack.storage.take_changes(), Vec::<String>::new(), "{}", change.name);
    }
}

#[tokio::test]
async fn a_host_that_lost_its_lock_changes_nothing_until_it_takes_it_again_or_lets_it_go() {
    for again in [true, false] {
        for change in guarded() {
            let stack = stack();
            taken(&stack.here, "host1").await;
            lost(&stack).await;
            refused(&change, &stack).await;
            match again {
                true => taken(&stack.here, "host1").await,
                false => free(&stack.here, h("host1").into()).await,
            }
            (change.make)(&stack.here).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_a_process_lost_is_not_changed_until_it_lets_go() {
    for change in guarded() {
        let stack = stack();
        let process = NewLock { by: By::Process, ..NewLock::of(h("host1")) };
        let prolongs = NewLock { by: By::Prolonging { late: true }, ..process.clone() };
        take(&stack.here, &process).await;
        lost(&stack).await;
        // To the other hosts it has the lock again, but it was not alone.
        take(&stack.here, &prolongs).await;
        refused(&change, &stack).await;
        free(&stack.here, process.unlock()).await;
        (change.make)(&stack.here).await.unwrap();
    }
}

/// The filer does not answer when the process ends: nothing can be freed, and the lock lapses.
#[tokio::test]
async fn who_has_ended_counts_on_nothing_though_nothing_could_be_freed() {
    for change in guarded() {
        let stack = stack();
        let process = NewLock { by: By::Process, ..NewLock::of(h("host1")) };
        take(&stack.here, &process).await;
        *stack.storage.refusal.lock() = Some(Kind::Unreachable);
        let error = stack.here.remove_lock(&v("db1"), &process.unlock()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable);
        *stack.storage.refusal.lock() = None;
        lost(&stack).await;
        (change.make)(&stack.here).await.unwrap();
    }
}

#[tokio::test]
async fn a_registry_that_cannot_be_asked_lets_nothing_be_changed() {
    for change in guarded() {
        let stack = stack();
        stack.registry.guards.lock().push(false);
        let error = (change.make)(&stack.here).await.unwrap_err();
        assert_eq!(error.kind(), Kind::TimedOut, "{}", change.name);
        assert_eq!(stack.storage.take_changes(), Vec::<String>::new(), "{}", change.name);
    }
}

#[tokio::test]
async fn a_registry_that_cannot_be_asked_after_a_change_makes_it_a_doubtful_one() {
    for change in guarded() {
        let stack = stack();
        taken(&stack.here, "host1").await;
        stack.registry.guards.lock().extend([false, true]);
        let error = (change.make)(&stack.here).await.unwrap_err();
        assert_eq!(error.kind(), Kind::LockLost, "{}", change.name);
        assert!(error.to_string().contains("does not answer"), "{error}");
        assert_eq!(stack.storage.take_changes().len(), 1, "{}", change.name);
    }
}

#[tokio::test]
async fn protection_that_was_not_there_when_it_was_last_seen_keeps_a_volume() {
    let stack = stack();
    let protect = |on| Settings { protect: Some(on), ..Settings::default() };
    assert_eq!(stack.here.get_volume(&v("db1")).await.unwrap().settings.protect, Some(false));
    stack.there.patch_volume(&v("db1"), &protect(true)).await.unwrap();
    stack.storage.take_changes();
    let cases: [(&[_], _, _); 2] = [(&["marks"], false, Kind::TimedOut), (&[], true, Kind::NotPermitted)];
    for (failing, seen, refused) in cases {
        *stack.registry.failing.lock() = failing;
        let shown = stack.here.get_volume(&v("db1")).await.unwrap().settings.protect;
        assert_eq!(shown, Some(seen), "what was seen last is shown while nobody can tell");
        let error = stack.here.restrict_volume(&v("db1")).await.unwrap_err();
        assert_eq!((error.kind(), stack.storage.take_changes()), (refused, Vec::new()), "{error}");
    }
    stack.there.patch_volume(&v("db1"), &protect(false)).await.unwrap();
    stack.here.restrict_volume(&v("db1")).await.unwrap();
}

/// A volume with its marks, by three ways; each is one change of the storage.
async fn with_marks(b: &Registered) -> [(Result<()>, &'static str); 3] {
    let settings = Settings { size_total: Some(1 << 30), protect: Some(true), ..Settings::default() };
    let new = NewVolume { settings: settings.clone(), aggregate_name: None };
    [
        (b.create_volume(&v("new"), &new).await.map(drop), "volume new was created"),
        (b.clone_volume(&v("copy"), &v("db1"), &s("s1"), &settings).await, "volume copy was created"),
        (b.patch_volume(&v("db1"), &settings).await, "volume db1 was changed"),
    ]
}

#[tokio::test]
async fn no_volume_is_made_without_the_marks_that_it_shall_have() {
    let stack = stack();
    *stack.registry.failing.lock() = &["marks", "all_marks", "change_marks"];
    stack.registry.guards.lock().push(false);
    for (made, _) in with_marks(&stack.here).await {
        assert_eq!(made.unwrap_err().kind(), Kind::TimedOut);
    }
    assert_eq!(stack.storage.take_changes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_registry_that_fails_when_the_storage_has_done_its_part_makes_it_a_doubtful_one() {
    let stack = stack();
    *stack.registry.failing.lock() = &["change_marks"];
    for (made, said) in with_marks(&stack.here).await {
        let error = made.unwrap_err();
        assert_eq!((error.kind(), error.sent), (Kind::TimedOut, Sent::Unknown));
        assert!(error.to_string().contains(said), "{error}");
    }
    assert_eq!(stack.storage.take_changes().len(), 3);
    // With marks alone nothing was done.
    let protect = Settings { protect: Some(true), ..Settings::default() };
    assert_eq!(stack.here.patch_volume(&v("db1"), &protect).await.unwrap_err().sent, Sent::No);
    // What is kept of a volume that is gone harms nobody.
    *stack.registry.failing.lock() = &["forget"];
    stack.here.restrict_volume(&v("db1")).await.unwrap();
}
