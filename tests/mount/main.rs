//! Real mounts, used by real shells and tools.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[path = "../common/mod.rs"]
mod common;

mod apart;
mod callers;
mod execs;
mod hostile;
mod nothing;
mod panics;
mod refusals;
mod rows;
mod rules;
mod storm;
mod table;
mod writers;

/// The answer of a back-end in memory, which is there at once.
pub fn now<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("memory has to wait"),
    }
}
