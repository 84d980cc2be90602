//! The same small content on an ONTAP filer, through the wire: as an endpoint of kind `ontap`.

use std::sync::Arc;
use std::time::Duration;

use filerfs::backends::ontap::zapi::Zapi;
use filerfs::backends::ontap::{Http, Secret, Server, Trust};
use filerfs::cache::Cache;
use filerfs::gate::{Gate, Limits};
use filerfs::simulator::{Running, Settings, Simulator};
use filerfs::tree::shared::Options;
use serde_json::{Value, json};

use super::counting::Counting;
use super::mounted::Mount;
use super::{SMALL, options, registered, tree_with};

/// Mounts it.
pub fn small() -> Mount {
    small_with(options())
}

/// The same, on a mount that behaves so.
pub fn small_with(options: Options) -> Mount {
    small_and_filer(options).0
}

/// The same, with the filer, which counts what it is called. Nothing that is remembered of it grows old.
pub fn small_and_filer(options: Options) -> (Mount, Arc<Running>) {
    // What memory has by itself, a filer has only if it is said.
    let mut content: Value = serde_json::from_str(SMALL).unwrap();
    let own = json!({
        "percentage_snapshot_reserve": 0, "compression_enabled": false, "inline_compression": false,
        "caching_policy": "none", "autosize_enabled": false, "max_autosize": 0,
    });
    for volume in content["volumes"].as_array_mut().unwrap() {
        let volume = volume.as_object_mut().unwrap();
        own.as_object().unwrap().iter().for_each(|(key, value)| {
            volume.entry(key.clone()).or_insert(value.clone());
        });
    }
    let content = serde_json::from_value(content).unwrap();
    let settings = Settings { strict: true, content, ..Settings::default() };
    let (svm, user, password) = (settings.svm.clone(), settings.user.clone(), settings.password.clone());
    let filer = Arc::new(Simulator::start(settings).unwrap());
    let server = Server {
        host: filer.address().ip().to_string(),
        port: filer.address().port(),
        user,
        password: Secret::new(password),
        trust: Trust::Authorities(filer.certificate_pem().into()),
        timeout: Duration::from_secs(60),
    };
    let timeout = Duration::from_secs(60);
    let limits = Limits { read_timeout: timeout, change_timeout: timeout, max_calls: 16 };
    let gate = Gate::new(Arc::new(Zapi::new(Http::new(server).unwrap(), Some(svm))), limits);
    let cache = Cache::new(Arc::new(gate), Duration::from_secs(600));
    let backend = Counting::new(registered(Arc::new(cache)));
    let tree = tree_with(backend.clone(), options, Vec::new());
    (Mount::tree(backend, tree, false).keeping(filer.clone()), filer)
}
