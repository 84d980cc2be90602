//! The mount: FUSE callbacks to tree operations, failures to errno, start and stop.
//! The only place that names `fuser`.

mod adapter;
mod answer;
mod callers;
pub mod errno;
mod interrupt;
mod locks;
mod mountpoint;
mod proc;
mod replies;
mod session;
mod watches;

pub use mountpoint::MountError;
pub use session::Mounted;
