//! Who holds a volume, when several daemons share a registry: in files of this machine, and in etcd.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clients;
#[path = "../common/mod.rs"]
mod common;
mod cut;
mod doubt;
#[path = "../common/etcd.rs"]
mod etcd;
#[path = "../ontap/filer.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod filer;
mod histories;
mod judged;
mod life;
mod linear;
mod memory;
mod mounts;
mod net;
#[path = "../daemon/process.rs"]
mod process;
#[path = "../registry/proxy.rs"]
mod proxy;
#[path = "../common/signal.rs"]
mod signal;
mod stale;
mod tools;

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use etcd::Etcd;
use net::Network;
use process::Daemon;

/// A registry that several daemons share.
enum Shared {
    File(TempDir),
    Etcd(Etcd),
    /// The same, and each host has a network of its own.
    Apart(Network),
}

impl Shared {
    /// One of each kind.
    fn all() -> [Shared; 2] {
        [Shared::File(tempfile::tempdir().unwrap()), Shared::Etcd(Etcd::start(1))]
    }

    /// The cluster.
    fn etcd(&self) -> &Etcd {
        match self {
            Shared::File(_) => unreachable!("it has no nodes"),
            Shared::Etcd(etcd) | Shared::Apart(Network { etcd, .. }) => etcd,
        }
    }

    fn toml(&self) -> String {
        match self {
            Shared::File(dir) => {
                format!("[registry]\nkind = \"file\"\npath = \"{}/registry\"\n", dir.path().display())
            }
            Shared::Etcd(_) | Shared::Apart(_) => {
                let endpoints = self.etcd().endpoints();
                format!("[registry]\nkind = \"etcd\"\nendpoints = {endpoints:?}\ntimeout = \"2s\"\n")
            }
        }
    }

    /// A daemon that works in the name of this host. What it makes up is the same in each: so are the locks.
    fn host(&self, name: &str) -> Daemon {
        self.host_with(name, |command| command)
    }

    /// The same; the command may be changed before it starts.
    fn host_with(&self, name: &str, change: impl FnOnce(&mut Command) -> &mut Command + Send) -> Daemon {
        let config = format!(
            "[mount]\nhost = \"{name}\"\nlease = \"2s\"\n{}[[endpoint]]\nname = \"dummy\"\nkind = \"memory\"\n\
             generate = {{ volumes = 4, snapshots = 1 }}\n",
            self.toml()
        );
        match self {
            Shared::Apart(network) => network.host(name, &config, change),
            _ => Daemon::spawn(&config, change, &[]).ready(),
        }
    }
}

/// A file of the first volume.
fn read(daemon: &Daemon, file: &str) -> String {
    fs::read_to_string(daemon.path("dummy/volumes/vol00001").join(file)).unwrap()
}

/// Writes a line to a file of the first volume.
fn write(daemon: &Daemon, file: &str, line: &str) -> std::io::Result<()> {
    fs::write(daemon.path("dummy/volumes/vol00001").join(file), format!("{line}\n"))
}
