//! A take of which its host was told that nobody knows whether it was made.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use filerfs::backend::{HostName, Identity, Kind, NewLock};
use filerfs::registry::{Cluster, EtcdRegistry, Registry, Subject};
use filerfs::tls::Trust;

use crate::etcd::Etcd;
use crate::process::{Daemon, until};
use crate::proxy::{Proxy, Way};
use crate::{Shared, read, write};

/// After this, what is in doubt has been settled.
const SETTLED: Duration = Duration::from_secs(5);

/// How a host asks again.
type Again = fn(&Daemon) -> Option<Child>;

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
    let again: [(Way, Again); 3] = [
        (Way::Deaf, |host| written(host, "host1")),
        (Way::Cut, |host| written(host, "host1 ttl=60")),
        (Way::Cut, |host| Some(hold(host))),
    ];
    for (way, again) in again {
        let of = subject(&shared, &host);
        proxy.is(way);
        let new = NewLock::of(HostName::new("host1").unwrap());
        assert_eq!(registry.take(&of, &new).await.unwrap_err().kind(), Kind::TimedOut);
        assert_eq!(read(&host, "lock"), "host1\n");
        let holder = again(&host);
        let token = token(&host);
        proxy.is(Way::Open);
        sleep(SETTLED);
        assert_eq!(self::token(&host), token);
        if let Some(mut holder) = holder {
            drop(holder.stdin.take());
            holder.wait().unwrap();
        }
        write(&host, "lock", "").unwrap();
        until("the end of the lock", || read(&host, "lock").is_empty());
    }
}

/// The first volume, as the registry knows it.
fn subject(shared: &Shared, host: &Daemon) -> Subject {
    write(host, "lock", "host1").unwrap();
    let keys = shared.etcd().ctl(&["get", "--prefix", "/filerfs/locks/dummy/", "--keys-only"], b"");
    write(host, "lock", "").unwrap();
    let volume = keys.trim().rsplit('/').next().unwrap();
    Subject { endpoint: "dummy".into(), volume: Identity(u64::from_str_radix(volume, 16).unwrap()) }
}

/// Another for every time that the lock is taken.
fn token(host: &Daemon) -> String {
    read(host, "lock.info").lines().find(|line| line.starts_with("token ")).unwrap().to_owned()
}

fn written(host: &Daemon, line: &str) -> Option<Child> {
    write(host, "lock", line).unwrap();
    None
}

/// A process that has been told that it holds the volume.
fn hold(host: &Daemon) -> Child {
    let mut command = Command::new("flock");
    command.args(["lock", "sh", "-c", "echo held; exec cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = command.current_dir(host.path("dummy/volumes/vol00001")).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    holder
}
