//! What the tests begin with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use filerfs::backend::{HostName, Identity, Kind, Lock, NewLock, Result};
use filerfs::registry::{Cluster, EtcdRegistry, FileRegistry, MemoryRegistry, Registry, Subject};
use filerfs::tls::Trust;

pub use crate::etcd::Etcd;

/// Two registries of one store, as two mounts have them.
pub type Two = [Arc<dyn Registry>; 2];

/// The deadline of an operation, where nobody waits for it.
pub const LONG: Duration = Duration::from_secs(10);

pub fn memory() -> Two {
    let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::default());
    [registry.clone(), registry]
}

/// In a directory of the build: a registry does not keep it alive.
pub fn file() -> Two {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep().join("registry");
    [(); 2].map(|()| Arc::new(FileRegistry::open(&dir).unwrap()) as _)
}

/// In one node for all tests, each with keys of its own.
pub fn shared_etcd() -> Two {
    static ETCD: LazyLock<Etcd> = LazyLock::new(|| Etcd::start(1));
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let prefix = format!("/test{}", NEXT.fetch_add(1, Ordering::Relaxed));
    [(); 2].map(|()| {
        Arc::new(opened(&Cluster { prefix: prefix.clone(), ..cluster(ETCD.endpoints(), LONG) })) as _
    })
}

pub fn cluster(endpoints: Vec<String>, timeout: Duration) -> Cluster {
    Cluster {
        endpoints,
        prefix: "/filerfs".to_owned(),
        trust: Trust::System,
        identity: None,
        timeout,
        fresh: Duration::from_secs(2),
    }
}

pub fn opened(cluster: &Cluster) -> EtcdRegistry {
    EtcdRegistry::new(cluster).unwrap()
}

/// A registry at these nodes.
pub fn at(endpoints: Vec<String>, timeout: Duration) -> Arc<EtcdRegistry> {
    Arc::new(opened(&cluster(endpoints, timeout)))
}

pub fn subject(volume: u64) -> Subject {
    Subject { endpoint: "e".into(), volume: Identity(volume) }
}

/// Where the lock of a subject is kept.
pub fn key(kind: &str, volume: u64) -> String {
    format!("/filerfs/{kind}/e/{volume:016x}")
}

pub fn host(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

pub fn new(name: &str) -> NewLock {
    NewLock::of(host(name))
}

pub fn lapsing(name: &str, ttl: Duration) -> NewLock {
    NewLock { ttl: Some(ttl), ..new(name) }
}

pub fn refused<T: std::fmt::Debug>(kind: Kind, result: Result<T>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

/// It fails because the registry cannot be asked.
pub fn unavailable<T: std::fmt::Debug>(result: Result<T>) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreachable | Kind::TimedOut), "{error}");
}

pub async fn held(registry: &dyn Registry, of: &Subject) -> Option<Lock> {
    registry.lock(of).await.unwrap()
}

/// Waits until nobody holds a lock; how long that took.
pub async fn freed(registry: &dyn Registry, of: &Subject) -> Duration {
    let begun = Instant::now();
    while !matches!(registry.lock(of).await, Ok(None)) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is not freed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    begun.elapsed()
}
