//! The one way a request is answered: polled once on the FUSE thread, spawned only if it has to wait.
//!
//! What memory or a cache can answer costs no thread switch, and what has to wait blocks nobody.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fuser::{Errno, INodeNo, Notifier};
use tokio::runtime::Handle;

use super::callers::{Name, command};
use super::errno::errno;
use super::interrupt::doomed;
use super::locks::{Lock, Locks};
use super::replies::Answer;
use crate::crash;
use crate::tree::outcomes::{Outcome, Where};
use crate::tree::table::Caller;
use crate::tree::{Done, Error, Kind, Result, Tree};

/// What a request is about, for its outcome.
pub struct Op {
    /// `write`, `mkdir` ...
    pub name: &'static str,
    /// The file, or the directory.
    pub ino: u64,
    /// The name in the directory.
    pub child: Option<Arc<[u8]>>,
    /// The directory and the name that a rename leads to.
    pub to: Option<(u64, Arc<[u8]>)>,
    /// Session and program of a caller that dies before its outcome is known, and cannot be looked at then.
    pub left: Option<(u32, Name)>,
}

/// Answers the requests of a mount.
pub struct Answers {
    /// The tree that knows the answers.
    pub tree: Arc<Tree>,
    runtime: Handle,
    /// The locks that processes hold.
    pub locks: Locks,
    notifier: OnceLock<Notifier>,
    waiting: AtomicUsize,
}

impl Answers {
    /// Answers from this tree; what has to wait waits on this runtime.
    pub fn new(tree: Arc<Tree>, runtime: Handle) -> Answers {
        Answers {
            tree,
            runtime,
            locks: Locks::default(),
            notifier: OnceLock::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Tells the kernel through this what it should not remember.
    pub fn set_notifier(&self, notifier: Notifier) {
        let _ = self.notifier.set(notifier);
    }

    /// Waits until no request is being worked on, so long at most.
    pub async fn drain(&self, most: Duration) {
        let until = Instant::now() + most;
        while self.waiting.load(Ordering::Acquire) > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Answers a request that changes nothing: its refusal is an outcome, its success is none.
    pub fn answer<T: Send + 'static>(
        self: &Arc<Self>,
        op: Op,
        caller: Caller,
        reply: impl Answer<T>,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) {
        let mut work = guarded(work);
        if let Poll::Ready(answer) = self.poll(&mut work) {
            return self.now(op, caller, reply, answer);
        }
        let answers = self.clone();
        self.wait(async move {
            tokio::select! {
                biased;
                answer = &mut work => answers.now(op, caller, reply, answer),
                () = doomed(caller.pid) => reply.refuse(Errno::EINTR),
            }
        });
    }

    /// Answers a request for a change: what came of it is an outcome, unless there was nothing to do.
    pub fn change<T: Send + 'static>(
        self: &Arc<Self>,
        op: Op,
        caller: Caller,
        reply: impl Answer<T>,
        work: impl Future<Output = Result<(T, Done)>> + Send + 'static,
    ) {
        let begun = Instant::now();
        let mut work = guarded(work);
        if let Poll::Ready(outcome) = self.poll(&mut work) {
            return self.done(op, caller, reply, begun, outcome);
        }
        let answers = self.clone();
        self.wait(async move {
            tokio::select! {
                biased;
                outcome = &mut work => answers.done(op, caller, reply, begun, outcome),
                () = doomed(caller.pid) => {
                    // Nobody waits any more, but what was begun goes on, and what comes of it is kept.
                    let op = Op { left: Some((caller.session(), command(caller.pid))), ..op };
                    reply.refuse(Errno::EINTR);
                    let _ = answers.came_of(op, caller, begun, work.await);
                }
            }
        });
    }

    /// Answers a request for a lock. A caller that is gone when it comes gets none.
    pub fn lock(self: &Arc<Self>, op: Op, caller: Caller, reply: impl Answer<()>, lock: Lock, waits: bool) {
        let (answers, begun, ino) = (self.clone(), Instant::now(), op.ino);
        let mut work = guarded(async move {
            let done = answers.locks.take(&answers.tree, ino, lock, waits, &caller).await?;
            Ok(((), done))
        });
        if let Poll::Ready(outcome) = self.poll(&mut work) {
            return self.done(op, caller, reply, begun, outcome);
        }
        let answers = self.clone();
        self.wait(async move {
            tokio::select! {
                biased;
                outcome = &mut work => answers.done(op, caller, reply, begun, outcome),
                () = doomed(caller.pid) => {
                    reply.refuse(Errno::EINTR);
                    if work.await.is_ok() {
                        let _ = answers.locks.free(&answers.tree, ino, lock.owner, lock.start, lock.end).await;
                    }
                }
            }
        });
    }

    /// What the tree knows without asking the storage. A panic there is no answer: the request goes on as one that
    /// asks.
    pub fn known<T>(&self, look: impl FnOnce(&Tree) -> Option<T>) -> Option<T> {
        catch_unwind(AssertUnwindSafe(|| look(&self.tree))).ok().flatten()
    }

    /// Answers a request that nobody has to wait for.
    pub fn now<T>(&self, op: Op, caller: Caller, reply: impl Answer<T>, answer: Result<T>) {
        match answer {
            Ok(answer) => reply.answer(answer),
            Err(error) => self.refuse(op, caller, reply, &error),
        }
    }

    /// Refuses at once.
    pub fn refuse<T>(&self, op: Op, caller: Caller, reply: impl Answer<T>, error: &Error) {
        reply.refuse(self.refused(op, caller, None, error));
    }

    /// What comes of work at once, if anything does.
    fn poll<T>(&self, work: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
        let _entered = self.runtime.enter();
        Pin::new(work).poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Waits with what has to.
    fn wait(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let answers = self.clone();
        self.runtime.spawn(async move {
            work.await;
            answers.waiting.fetch_sub(1, Ordering::AcqRel);
        });
    }

    /// Answers with what came of a change.
    fn done<T>(
        &self,
        op: Op,
        caller: Caller,
        reply: impl Answer<T>,
        begun: Instant,
        outcome: Result<(T, Done)>,
    ) {
        let name = op.name;
        let answer = self.came_of(op, caller, begun, outcome);
        crash::point("before-reply", name);
        match answer {
            Ok(answer) => reply.answer(answer),
            Err(errno) => reply.refuse(errno),
        }
    }

    /// Keeps what came of a change.
    fn came_of<T>(
        &self,
        op: Op,
        caller: Caller,
        begun: Instant,
        outcome: Result<(T, Done)>,
    ) -> std::result::Result<T, Errno> {
        let (answer, done) = match outcome {
            Ok(done) => done,
            Err(error) => return Err(self.refused(op, caller, Some(begun.elapsed()), &error)),
        };
        match (done.changed, op.name) {
            _ if done.scratch => {}
            (true, _) => self.changed(op, caller, begun.elapsed(), &done),
            // Every close comes here, also the one right after a refused write; and locks are taken to wait.
            (false, "close" | "release" | "lock" | "unlock") => {}
            (false, _) => self.tree.shared.outcomes.succeeded(&caller, op.left.unzip().0),
        }
        Ok(answer)
    }

    fn changed(&self, op: Op, caller: Caller, took: Duration, done: &Done) {
        for ino in &done.stale {
            // Only attributes: an entry could be locked by the very caller that waits for this answer.
            if let Some(notifier) = self.notifier.get() {
                let _ = notifier.inval_inode(INodeNo(*ino), -1, 0);
            }
        }
        self.record(op, caller, Some(took), None);
    }

    fn refused(&self, op: Op, caller: Caller, took: Option<Duration>, error: &Error) -> Errno {
        let (code, name) = errno(error.kind());
        // A lookup of a missing name is no refusal.
        if !(op.name == "lookup" && error.kind() == Kind::NotFound) {
            self.record(op, caller, took, Some((name, error)));
        }
        Errno::from_i32(code)
    }

    fn record(
        &self,
        op: Op,
        caller: Caller,
        took: Option<Duration>,
        refusal: Option<(&'static str, &Error)>,
    ) {
        let (session, program) = op.left.unzip();
        let at = |ino, child| Where { node: self.tree.inodes.get(ino).ok(), child };
        self.tree.shared.outcomes.record(Outcome {
            op: op.name,
            at: at(op.ino, op.child),
            to: op.to.map(|(ino, child)| at(ino, Some(child))),
            session,
            command: program.or_else(|| took.map(|_| command(caller.pid))).unwrap_or_default(),
            change: took,
            refusal: refusal.map(|(errno, error)| (errno, error.clone())),
            caller,
        });
    }
}

/// A panic is our own bug: the caller is told so, and the mount lives on. In a box of its own, or it would be copied
/// into whatever waits with it.
fn guarded<T>(work: impl Future<Output = Result<T>>) -> impl Future<Output = Result<T>> + Unpin {
    let mut work = Box::pin(work);
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(polled) => polled,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Poll::Ready(Err(Error::new(Kind::Bug, "filerfs failed; please report this").source(text)))
        }
    })
}
