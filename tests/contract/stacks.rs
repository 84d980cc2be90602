//! The back-ends that the rules are checked on, each fresh and empty, put together as the mount does.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use filerfs::backend::StorageBackend;
use filerfs::backends::memory::Memory;
use filerfs::backends::ontap::zapi::Zapi;
use filerfs::backends::ontap::{Http, Secret, Server, Trust};
use filerfs::cache::Cache;
use filerfs::gate::{Gate, Limits};
use filerfs::registry::{Cluster, EtcdRegistry, FileRegistry, MemoryRegistry, Registered};
use filerfs::simulator::{Running, Settings, Simulator};
use tempfile::TempDir;

use crate::etcd::Etcd;
use crate::given::host;

/// Longer than any rule: what a change should have made the cache forget would be seen.
const TTL: Duration = Duration::from_secs(600);

/// A back-end, with the filer that it speaks to.
#[derive(Clone)]
pub struct Backend {
    pub storage: Arc<dyn StorageBackend>,
    filer: Option<Arc<Running>>,
    /// Where its registry is.
    dir: Option<Arc<TempDir>>,
}

impl Deref for Backend {
    type Target = dyn StorageBackend;
    fn deref(&self) -> &Self::Target {
        &*self.storage
    }
}

impl Backend {
    /// One that needs nothing else.
    pub fn of(storage: impl StorageBackend + 'static) -> Backend {
        Backend { storage: Arc::new(storage), filer: None, dir: None }
    }

    /// The same filer behind another layer.
    fn behind<S: StorageBackend + 'static>(
        self,
        layer: impl FnOnce(Arc<dyn StorageBackend>) -> S,
    ) -> Backend {
        Backend { storage: Arc::new(layer(self.storage)), filer: self.filer, dir: self.dir }
    }

    /// An NFS client takes a lock on a file of a volume, where there are such clients.
    pub fn client_takes_lock(&self, volume: &str, client: &str) {
        let filer = self.filer.as_ref().expect("who tells of NFS locks has a filer");
        filer.lock(volume, client).unwrap();
        // What others do is seen at once only after a refresh.
        self.refresh();
    }
}

pub fn memory() -> Backend {
    Backend::of(Memory::new())
}

pub fn registered() -> Backend {
    memory().behind(kept_by_registry)
}

pub fn cached() -> Backend {
    memory().behind(gated).behind(remembered)
}

/// Through the wire.
pub fn zapi() -> Backend {
    let settings = Settings { strict: true, ..Settings::default() };
    let (svm, user, password) = (settings.svm.clone(), settings.user.clone(), settings.password.clone());
    let filer = Simulator::start(settings).unwrap();
    let server = Server {
        host: filer.address().ip().to_string(),
        port: filer.address().port(),
        user,
        password: Secret::new(password),
        trust: Trust::Authorities(filer.certificate_pem().into()),
        timeout: Duration::from_secs(60),
    };
    let storage = Zapi::new(Http::new(server).unwrap(), Some(svm));
    Backend { storage: Arc::new(storage), filer: Some(Arc::new(filer)), dir: None }
}

/// All of it, as an endpoint of kind `ontap`.
pub fn zapi_cached() -> Backend {
    zapi().behind(gated).behind(remembered).behind(kept_by_registry)
}

fn gated(storage: Arc<dyn StorageBackend>) -> Gate {
    let timeout = Duration::from_secs(60);
    Gate::new(storage, Limits { read_timeout: timeout, change_timeout: timeout, max_calls: 16 })
}

fn remembered(storage: Arc<dyn StorageBackend>) -> Cache {
    Cache::new(storage, TTL)
}

/// With a registry in files.
pub fn registered_in_files() -> Backend {
    let dir = tempfile::tempdir().unwrap();
    let registry = FileRegistry::open(&dir.path().join("registry")).unwrap();
    let backend =
        memory().behind(|storage| Registered::new("contract", host("a"), storage, Arc::new(registry)));
    Backend { dir: Some(Arc::new(dir)), ..backend }
}

/// With a registry in one etcd for all rules, each with keys of its own.
pub fn registered_in_etcd() -> Backend {
    static ETCD: LazyLock<Etcd> = LazyLock::new(|| Etcd::start(1));
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let registry = EtcdRegistry::new(&Cluster {
        endpoints: ETCD.endpoints(),
        prefix: format!("/contract{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        trust: Trust::System,
        identity: None,
        timeout: Duration::from_secs(60),
        fresh: Duration::ZERO,
    });
    memory().behind(|storage| Registered::new("contract", host("a"), storage, Arc::new(registry.unwrap())))
}

fn kept_by_registry(storage: Arc<dyn StorageBackend>) -> Registered {
    Registered::new("contract", host("a"), storage, Arc::new(MemoryRegistry::default()))
}
