//! Real mounts, used by real shells and tools.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod rows;
mod table;
