//! The program `filerfs` as it is run: its life as a daemon, its commands, and what it says when it cannot.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
mod process;
#[path = "../common/signal.rs"]
mod signal;

mod access;
mod commands;
mod faults;
mod life;
mod logs;
mod options;
mod refusals;
