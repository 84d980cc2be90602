//! The generated filer that both benchmarks work on.

use std::sync::Arc;

use filerfs::compose::compose;
use filerfs::config::Config;
use filerfs::logging::Silent;
use filerfs::tree::Tree;

/// As many as an administrator may see in one `ls`.
pub const VOLUMES: usize = 10_000;

/// Snapshots of each volume.
pub const SNAPSHOTS: usize = 3;

/// The configuration of an endpoint `dummy` with this many volumes, each with this many snapshots.
pub fn config(volumes: usize, snapshots: usize) -> String {
    format!(
        "[[endpoint]]\nname = \"dummy\"\nkind = \"memory\"\n\
         generate = {{ volumes = {volumes}, snapshots = {snapshots} }}\n"
    )
}

/// The tree, composed as the command composes it.
pub fn tree() -> Arc<Tree> {
    let config: Config = toml::from_str(&config(VOLUMES, SNAPSHOTS)).unwrap();
    Arc::new(compose(&config, &[], Box::new(Silent)).unwrap())
}
