//! Every tool that people use on files works on the tree, or is refused without harm: docs/tools.md.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../daemon/process.rs"]
mod process;
#[path = "../common/signal.rs"]
mod signal;

mod ansible;
mod case;
mod cfengine;
mod copies_in;
mod destruction;
mod editors;
mod events;
mod locks;
mod make;
mod objects;
mod puppet;
mod reading;
mod rename;
mod renamed;
mod restore;
mod runs;
mod scratch;
mod tripwire;
mod users;
mod writers;
mod xattrs;
