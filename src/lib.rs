//! filerfs makes a filer a directory tree.
//!
//! The map of the code, from the kernel to the filer; every arrow is a `use` (`docs/architecture.md`):
//!
//! - [`mount`]: FUSE callbacks to tree operations, failures to errno. The only place that names `fuser`.
//! - [`tree`]: the namespace as a table of rows, and file operations on it.
//! - [`backend`]: what a storage back-end can do.
//! - [`backends`]: say it to one kind of storage.
//! - [`journal`]: every change in a file of this host, before it is sent and after it was answered.
//! - [`registry`]: locks and protection, where the storage has no place for them.
//! - `simulator`: an ONTAP filer on the wire, to test against (feature `simulator`).
//! - [`tls`]: whom those who speak over the network believe, and as whom they speak.
//! - [`config`], [`compose`], [`cli`]: from a file to ready endpoints to a command.

pub mod backend;
pub mod backends;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod compose;
pub mod config;
pub mod crash;
pub mod gate;
pub mod journal;
pub mod logging;
pub mod mount;
pub mod registry;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod tls;
pub mod tree;
