//! Texts to values and back, for any input: file names, names, what is written, rules.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod names;
mod rules;
mod written;

use filerfs::backend::names::unprintable;
use filerfs::backend::{Kind, Result};

/// The result is a refusal of this kind, whose sentence a terminal can show, and which points into the input.
#[track_caller]
fn refused<T: std::fmt::Debug>(kind: Kind, result: Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(!error.message.is_empty() && !error.message.contains(unprintable), "{:?}", error.message);
    if let Some(input) = &error.input {
        assert!(input.text.is_char_boundary(input.at), "{} is not in {:?}", input.at, input.text);
    }
}
