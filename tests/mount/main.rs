//! Real mounts, used by real shells and tools.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod apart;
mod callers;
mod execs;
mod hostile;
mod killed;
mod mortals;
mod nothing;
mod panics;
mod refusals;
mod rows;
mod rules;
mod staged;
mod storm;
mod table;
mod writers;
