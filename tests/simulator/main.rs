//! The ONTAP simulator: real recorded traffic, and short messages of the same shapes for every rule.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod arbitrary;
mod client;
mod clones;
mod command;
mod faults;
mod lists;
mod load;
mod message;
mod policies;
mod recordings;
mod scopes;
mod snapshots;
mod strict;
mod volumes;
mod wire;
