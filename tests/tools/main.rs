//! Every tool that people use on files works on the tree, or is refused without harm: docs/tools.md.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod case;
mod editors;
mod rename;
mod renamed;
mod scratch;
mod writers;
