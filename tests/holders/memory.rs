//! Two mounts of one process, with one registry in its memory.

use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::HostName;
use filerfs::backends::memory::{Generate, Memory};
use filerfs::registry::{MemoryRegistry, Registered};
use filerfs::tree::shared::Options;

use crate::common::counting::Counting;
use crate::common::mounted::Mount;
use crate::common::{options, tree_with};
use crate::histories::histories_on;

/// Mounts that work in the name of these hosts.
pub fn mounts(names: [&str; 2]) -> [Mount; 2] {
    let storage = Arc::new(Memory::with(Generate { volumes: 4, snapshots: 1 }.content()).unwrap());
    let registry = Arc::new(MemoryRegistry::default());
    names.map(|name| {
        let host = HostName::new(name).unwrap();
        let registered = Registered::new("dummy", host.clone(), storage.clone(), registry.clone());
        let backend = Counting::new(Arc::new(registered));
        let tree = tree_with(backend.clone(), Options { host, ..options() }, Vec::new());
        Mount::tree(backend, tree, false)
    })
}

#[test]
fn histories_are_possible_in_memory_of_one_process() {
    let mounts = mounts(["host1", "host2"]);
    let roots = mounts.each_ref().map(|mount| mount.root().to_owned());
    let told = histories_on(&roots, Some(1), Duration::from_secs(2), || {});
    assert_eq!((told.refused.into_inner(), told.unknown.into_inner()), (0, 0));
}
