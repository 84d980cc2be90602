//! The two file systems, each in a process of its own: this benchmark, started again. It serves until its
//! standard input ends, so that it is gone when the one that started it is.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use filerfs::mount::Mounted;
use fuser::{Config, MountOption, Session, SessionACL};
use tempfile::TempDir;

use crate::empty::Empty;
use crate::filer;

/// The first argument of a server.
pub const SERVE: &str = "serve";

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Filerfs,
    Empty,
}

/// A mount that another process serves.
pub struct Server {
    child: Child,
    /// Kept open, as the server may still write to it.
    _stdout: BufReader<ChildStdout>,
    dir: TempDir,
}

impl Server {
    /// Starts a server and waits until it is mounted.
    pub fn start(kind: Kind) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([SERVE, &format!("{kind:?}")])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the {kind:?} server did not start");
        Server { child, _stdout: stdout, dir }
    }

    /// The directory of the volumes.
    pub fn volumes(&self) -> PathBuf {
        self.dir.path().join("dummy/volumes")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves one of the two on a directory.
pub fn serve(kind: &str, dir: &Path) {
    match kind {
        "Empty" => {
            let session = Session::new(Empty::new(), dir, &options()).unwrap().spawn().unwrap();
            wait();
            session.umount_and_join().unwrap();
        }
        _ => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let mounted = Mounted::new(filer::tree(), dir, false, runtime.handle()).unwrap();
            wait();
            runtime.block_on(mounted.unmount()).unwrap();
        }
    }
}

/// Says that the mount is there, and waits until nobody needs it any more.
fn wait() {
    println!("ready");
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

/// As filerfs mounts.
fn options() -> Config {
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName("empty".into()),
        MountOption::DefaultPermissions,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoExec,
        MountOption::NoAtime,
    ];
    config.acl = SessionACL::All;
    config
}
