//! ONTAP over ZAPI: what the client makes of answers, what it sends, and how often.
//!
//! Most tests speak through the wire to a strict simulator; answers that no filer should give come from a
//! server that plays what it is told (`played`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod check;
mod connections;
mod credentials;
mod element;
mod faults;
mod filer;
mod hostile;
mod log;
mod mounted;
mod played;
mod recordings;
mod records;
mod requests;
mod rules;
mod settled;
mod trust;
