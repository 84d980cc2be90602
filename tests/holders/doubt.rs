//! A take of which its host was told that nobody knows whether it was made.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use filerfs::backend::{HostName, Identity, Kind, NewLock};
use filerfs::registry::{Cluster, EtcdRegistry, Registry, Subject};
use filerfs::tls::Trust;

use crate::etcd::Etcd;
use crate::process::until;
use crate::proxy::{Proxy, Way};
use crate::{Shared, read, write};

/// After this, what is in doubt has been settled.
const SETTLED: Duration = Duration::from_secs(5);

/// It is undone as soon as the cluster answers, unless its host was told meanwhile that it holds the volume.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_its_host_was_told_of_meanwhile_stays() {
    let etcd = Etcd::start(1);
    let proxy = Proxy::before(&etcd.endpoint(0));
    let cluster = Cluster {
        endpoints: vec![proxy.endpoint()],
        prefix: "/filerfs".to_owned(),
        trust: Trust::System,
        identity: None,
        timeout: Duration::from_secs(1),
        fresh: Duration::from_secs(2),
    };
    let registry = Arc::new(EtcdRegistry::new(&cluster).unwrap());
    let shared = Shared::Etcd(etcd);
    let host = shared.host("host1");
    for (way, again) in [(Way::Deaf, "host1"), (Way::Cut, "host1 ttl=60")] {
        let of = subject(&shared, &host);
        proxy.is(way);
        let new = NewLock::of(HostName::new("host1").unwrap());
        assert_eq!(registry.take(&of, &new).await.unwrap_err().kind(), Kind::TimedOut);
        assert_eq!(read(&host, "lock"), "host1\n");
        write(&host, "lock", again).unwrap();
        proxy.is(Way::Open);
        sleep(SETTLED);
        assert_eq!(read(&host, "lock"), "host1\n", "{again}");
        write(&host, "lock", "").unwrap();
        until("the end of the lock", || read(&host, "lock").is_empty());
    }
}

/// The first volume, as the registry knows it.
fn subject(shared: &Shared, host: &crate::process::Daemon) -> Subject {
    let Shared::Etcd(etcd) = shared else { unreachable!("it is in etcd") };
    write(host, "lock", "host1").unwrap();
    let keys = etcd.ctl(&["get", "--prefix", "/filerfs/locks/dummy/", "--keys-only"], b"");
    write(host, "lock", "").unwrap();
    let volume = keys.trim().rsplit('/').next().unwrap();
    Subject { endpoint: "dummy".into(), volume: Identity(u64::from_str_radix(volume, 16).unwrap()) }
}
