//! Reading the tree with real tools: sizes, listings, inode numbers, freshness, growth.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../daemon/process.rs"]
mod process;
#[path = "../common/signal.rs"]
mod signal;

mod copies;
mod crawls;
mod freshness;
mod growth;
mod known;
mod listings;
mod numbers;
mod outside;
