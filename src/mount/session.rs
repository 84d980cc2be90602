//! The life of a mount: mounted, served, drained, unmounted.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fuser::{Config, MountOption, Session, SessionACL};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::adapter::Adapter;
use super::answer::Answers;
use super::mountpoint::{MountError, MountPoint, TYPE, detach, mounted};
use super::watches;
use crate::tree::Tree;

/// How long requests may take to end when the mount does.
const DRAIN: Duration = Duration::from_secs(10);

/// A mount that is being served.
pub struct Mounted {
    point: MountPoint,
    answers: Arc<Answers>,
    ended: oneshot::Receiver<io::Result<()>>,
    tasks: [AbortHandle; 2],
}

impl Mounted {
    /// Mounts a tree and begins to serve it.
    pub fn new(
        tree: Arc<Tree>,
        path: &Path,
        read_only: bool,
        runtime: &Handle,
    ) -> Result<Mounted, MountError> {
        let root = nix::unistd::geteuid().is_root();
        let point = MountPoint::claim(path)?;
        point.check_fuse(root)?;
        let answers = Arc::new(Answers::new(tree, runtime.clone()));
        let adapter = Adapter(answers.clone());
        let session = Session::new(adapter, &point.path, &config(read_only, root));
        let session = session.map_err(|e| MountError::refused(&point.path, e))?;
        answers.set_notifier(session.notifier());
        let system = |e| MountError::System(point.path.clone(), e);
        let mut background = session.spawn().map_err(system)?;
        // fuser would unmount the path once more when the session has ended, and with it whatever somebody has
        // mounted there since. So its own hold on the mount is never dropped, and only its thread is kept.
        let serving = std::mem::replace(&mut background.guard, std::thread::spawn(|| Ok(())));
        std::mem::forget(background);
        let (tell, ended) = oneshot::channel();
        let wait = move || drop(serving.join().map(|result| tell.send(result)));
        std::thread::Builder::new().name("fuse-end".into()).spawn(wait).map_err(system)?;
        let announce = runtime.spawn(watches::announce(answers.tree.clone(), point.path.clone()));
        let prolong = runtime.spawn(prolong(answers.tree.clone()));
        let tasks = [announce.abort_handle(), prolong.abort_handle()];
        Ok(Mounted { point, answers, ended, tasks })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.point.path
    }

    /// Waits until somebody else unmounts it.
    pub async fn ended(&mut self) -> io::Result<()> {
        (&mut self.ended).await.unwrap_or_else(|_| Err(io::Error::other("the FUSE thread failed")))
    }

    /// Lets what is under way end, and unmounts; a busy mount is detached.
    pub async fn unmount(mut self) -> io::Result<()> {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.answers.drain(DRAIN).await;
        let _ = tokio::time::timeout(DRAIN, self.answers.tree.unclaim_all()).await;
        if mounted(&self.point.path).as_deref() == Some(TYPE) {
            detach(&self.point.path)?;
        }
        // Who still has a file open keeps the session alive; the process ends all the same.
        let _ = tokio::time::timeout(Duration::from_millis(500), &mut self.ended).await;
        Ok(())
    }
}

/// Prolongs the locks that processes hold, three times in the time that they last.
async fn prolong(tree: Arc<Tree>) {
    loop {
        tokio::time::sleep(tree.shared.options.lease / 3).await;
        tree.prolong_claims().await;
    }
}

fn config(read_only: bool, root: bool) -> Config {
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName("filerfs".into()),
        // As the kernel takes it: fuser's own Subtype is lost when root mounts without the helper.
        MountOption::CUSTOM("subtype=filerfs".into()),
        MountOption::DefaultPermissions,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoExec,
        MountOption::NoAtime,
    ];
    config.mount_options.push(if read_only { MountOption::RO } else { MountOption::RW });
    // A user's own mount is for that user; root's is for whom the modes let in.
    config.acl = if root { SessionACL::All } else { SessionACL::Owner };
    config
}
