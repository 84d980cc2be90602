//! A real mount, in this process, for as long as the value lives.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use filerfs::mount::Mounted;
use filerfs::tree::Tree;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::counting::Counting;
use super::{SMALL, counting, tree_of};

/// A mount with one endpoint `dummy`.
pub struct Mount {
    pub backend: Arc<Counting>,
    pub tree: Arc<Tree>,
    dir: TempDir,
    served: Option<(Runtime, Mounted)>,
    /// What the back-end speaks to.
    kept: Option<Box<dyn Any + Send + Sync>>,
}

impl Mount {
    /// Mounts the small content.
    pub fn small() -> Mount {
        Mount::of(counting(SMALL))
    }

    /// Mounts this back-end.
    pub fn of(backend: Arc<Counting>) -> Mount {
        let tree = tree_of(backend.clone());
        Mount::tree(backend, tree, false)
    }

    /// Mounts this tree, which is over this back-end.
    pub fn tree(backend: Arc<Counting>, tree: Arc<Tree>, read_only: bool) -> Mount {
        let dir = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mounted = Mounted::new(tree.clone(), dir.path(), read_only, runtime.handle()).unwrap();
        Mount { backend, tree, dir, served: Some((runtime, mounted)), kept: None }
    }

    /// Keeps this alive as long as the mount.
    pub fn keeping(mut self, what: impl Any + Send + Sync) -> Mount {
        self.kept = Some(Box::new(what));
        self
    }

    /// The root of the mount.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A path in the mount.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// What is read from a path in the mount.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Some((runtime, mounted)) = self.served.take() {
            let _ = runtime.block_on(mounted.unmount());
            runtime.shutdown_background();
        }
    }
}
