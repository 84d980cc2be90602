//! What the tests share: a counting back-end, trees without FUSE, real mounts and real shells.
#![allow(dead_code, reason = "each test crate uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod counting;
pub mod mounted;
pub mod shell;
#[cfg(feature = "simulator")]
pub mod zapi;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use filerfs::backend::{HostName, NewVolume, StorageBackend};
use filerfs::backends::memory::{Content, Memory};
use filerfs::logging::Silent;
use filerfs::registry::{MemoryRegistry, Registered};
use filerfs::tree::Tree;
use filerfs::tree::access::{Access, AccessRule};
use filerfs::tree::claims::Claims;
use filerfs::tree::endpoint::Endpoint;
use filerfs::tree::limits::{LEASE, SCRATCH_TTL, TRIPWIRE};
use filerfs::tree::outcomes::Outcomes;
use filerfs::tree::shared::{Options, Shared};
use filerfs::tree::table::{Caller, Unseen};

use counting::Counting;

/// Two volumes, two policies, a few snapshots: enough for most tests.
pub const SMALL: &str = r#"{
  "policies": [{"name": "default", "rules": []}, {"name": "nfs", "rules": ["10.0.0.1", "10.0.0.2", "@hosts"]}],
  "volumes": [
    {"name": "db1", "size_total": 10737418240, "size_used": 1048576, "junction_path": "/db1",
     "active_policy_name": "default", "creation_time": "2025-01-01T00:00:00Z",
     "snapshots": [{"name": "s1", "creation_time": "2025-01-02T00:00:00Z", "size_kbytes": 100},
                   {"name": "s2", "creation_time": "2025-01-03T00:00:00Z", "size_kbytes": 200}]},
    {"name": "db2", "size_total": 21474836480, "size_used": 2097152, "active_policy_name": "nfs",
     "creation_time": "2025-02-01T00:00:00Z"}
  ]
}"#;

/// Root, in a session of its own.
pub const ROOT: Caller = Caller { uid: 0, gid: 0, pid: 1, processes: &Unseen };

/// The answer of a back-end in memory, which is there at once.
pub fn now<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("memory has to wait"),
    }
}

/// A memory back-end with this content.
pub fn memory(content: &str) -> Memory {
    let content: Content = serde_json::from_str(content).unwrap();
    Memory::with(content).unwrap()
}

/// How a test's mount behaves.
pub fn options() -> Options {
    Options {
        host: HostName::new("admin1").unwrap(),
        cache_ttl: Duration::from_secs(2),
        protect_new: false,
        quiet: false,
        scratch_ttl: SCRATCH_TTL,
        tripwire: TRIPWIRE,
        lease: LEASE,
        hide_ctl: false,
    }
}

/// A tree with one endpoint `dummy`, over a back-end that counts.
pub fn tree_of(backend: Arc<Counting>) -> Arc<Tree> {
    tree_with(backend, options(), Vec::new())
}

/// The same, with these options and access rules.
pub fn tree_with(backend: Arc<dyn StorageBackend>, options: Options, rules: Vec<AccessRule>) -> Arc<Tree> {
    tree_over(vec![Arc::new(Endpoint::new("dummy", backend, NewVolume::default()))], options, rules)
}

/// A tree of these endpoints.
pub fn tree_over(endpoints: Vec<Arc<Endpoint>>, options: Options, rules: Vec<AccessRule>) -> Arc<Tree> {
    Arc::new(Tree::new(Arc::new(Shared {
        options,
        endpoints,
        access: Access { uid: nix::unistd::geteuid().as_raw(), gid: nix::unistd::getegid().as_raw(), rules },
        claims: Claims::default(),
        outcomes: Outcomes::default(),
        started: SystemTime::now(),
        log_level: Box::new(Silent),
    })))
}

/// A memory back-end with this content and a registry, counting.
pub fn counting(content: &str) -> Arc<Counting> {
    Counting::new(registered(Arc::new(memory(content))))
}

/// A back-end together with a registry in memory, as `compose` makes it.
pub fn registered(backend: Arc<dyn StorageBackend>) -> Arc<dyn StorageBackend> {
    Arc::new(Registered::new("dummy", options().host, backend, Arc::new(MemoryRegistry::default())))
}
