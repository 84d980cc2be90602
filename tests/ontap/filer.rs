//! A strict simulator, and the client of it: bare, or as `compose` makes it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{PolicyName, Rule, SnapshotName, StorageBackend, VolumeName};
use filerfs::backends::ontap::zapi::Zapi;
use filerfs::backends::ontap::{Http, Secret, Server, Trust};
use filerfs::compose::compose;
use filerfs::config::Config;
use filerfs::logging::Silent;
use filerfs::simulator::{Running, Settings, Simulator};
use filerfs::tree::Tree;
use tempfile::TempDir;

/// The account's password. It shows up nowhere.
pub const PASSWORD: &str = "canary-kX3v9";

/// Two volumes, two policies, snapshots.
pub const SMALL: &str = r#"{
  "aggregates": [{"name": "aggr1", "size_total": 1099511627776, "size_available": 1099511627776, "node": "node1"}],
  "policies": [{"name": "default"}, {"name": "nfs", "rules": ["10.0.0.1", "10.0.0.2", "@hosts"]}],
  "volumes": [
    {"name": "db1", "size_total": 10737418240, "size_used": 1048576, "junction_path": "/db1",
     "active_policy_name": "default", "creation_time": "2025-01-01T00:00:00Z",
     "percentage_snapshot_reserve": 0, "autosize_enabled": false, "max_autosize": 12884901888,
     "snapshots": [{"name": "s1", "creation_time": "2025-01-02T00:00:00Z", "size_kbytes": 100},
                   {"name": "s2", "creation_time": "2025-01-03T00:00:00Z", "size_kbytes": 200}]},
    {"name": "db2", "size_total": 21474836480, "size_used": 2097152, "junction_path": "/db2",
     "active_policy_name": "nfs", "creation_time": "2025-02-01T00:00:00Z"}
  ]
}"#;

/// A simulator, with files for who is configured to speak to it.
pub struct Filer {
    pub running: Running,
    dir: TempDir,
}

/// How to speak to a filer at this address.
pub fn server(address: SocketAddr, trust: Trust) -> Server {
    Server {
        host: address.ip().to_string(),
        port: address.port(),
        user: "filerfs".to_owned(),
        password: Secret::new(PASSWORD.to_owned()),
        trust,
        timeout: Duration::from_secs(30),
    }
}

impl Filer {
    /// With the small content.
    pub fn small() -> Filer {
        Filer::with(SMALL)
    }

    /// With this content.
    pub fn with(content: &str) -> Filer {
        let content = serde_json::from_str(content).unwrap();
        Filer::start(Settings { content, ..Settings::default() })
    }

    /// With these settings, but strict, and with our password.
    pub fn start(settings: Settings) -> Filer {
        let settings = Settings { strict: true, password: PASSWORD.to_owned(), ..settings };
        let (running, dir) = (Simulator::start(settings).unwrap(), tempfile::tempdir().unwrap());
        let secret = dir.path().join("secret");
        fs::write(&secret, format!("{PASSWORD}\n")).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(dir.path().join("filer.pem"), running.certificate_pem()).unwrap();
        Filer { running, dir }
    }

    /// The bare client.
    pub fn zapi(&self) -> Zapi {
        Zapi::new(Http::new(self.server()).unwrap(), Some("vs1".to_owned()))
    }

    /// How to speak to it.
    pub fn server(&self) -> Server {
        let pem = self.running.certificate_pem().as_bytes().to_vec();
        server(self.running.address(), Trust::Authorities(pem))
    }

    /// A configuration for it, with these lines added to the endpoint.
    pub fn toml(&self, lines: &str) -> String {
        let trust = if lines.contains("certificate_sha256") || lines.contains("insecure") {
            ""
        } else {
            "ca_file = \"filer.pem\""
        };
        let address = self.running.address();
        let user = if lines.contains("user =") { "" } else { "user = \"filerfs\"" };
        let secret = if lines.contains("password_") { "" } else { "password_file = \"secret\"" };
        let svm = if lines.contains("svm =") { "" } else { "svm = \"vs1\"" };
        format!(
            "[[endpoint]]\nname = \"netapp\"\nkind = \"ontap\"\nhost = \"{}\"\nport = {}\n{svm}\n{user}\n\
             {secret}\n{trust}\n{lines}\n",
            address.ip(),
            address.port()
        )
    }

    /// A file with this text, beside the configuration.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The tree of this configuration.
    pub fn tree(&self, toml: &str) -> Tree {
        let config = Config::read(&self.file("filerfs.toml", toml)).unwrap();
        compose(&config, &[], Box::new(Silent)).unwrap()
    }

    /// The endpoint as `compose` makes it, with these lines in its configuration.
    pub fn endpoint(&self, lines: &str) -> Arc<dyn StorageBackend> {
        self.tree(&self.toml(lines)).shared.endpoints[0].backend.clone()
    }

    /// How often this was called since the start or the last `forget_calls`.
    pub fn count(&self, call: &str) -> u64 {
        self.running.calls().get(call).copied().unwrap_or(0)
    }

    /// The calls since the last time this was asked, as `name 3, other 1`.
    pub fn take_calls(&self) -> String {
        let calls: Vec<String> =
            self.running.calls().iter().map(|(call, count)| format!("{call} {count}")).collect();
        self.running.forget_calls();
        calls.join(", ")
    }
}

pub fn v(name: &str) -> VolumeName {
    VolumeName::new(name).unwrap()
}

pub fn s(name: &str) -> SnapshotName {
    SnapshotName::new(name).unwrap()
}

pub fn p(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

pub fn r(rule: &str) -> Rule {
    Rule::new(rule).unwrap()
}
