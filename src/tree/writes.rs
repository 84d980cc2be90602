//! What is written through one open file, gathered by offset, and when it is complete. No I/O here.
//!
//! Newline is Enter: a write after which the text ends in a newline is applied before it returns. Without
//! one, the text is checked at once and applied when the file is closed. Truncation is never an operation.

use super::limits::LIST_BYTES;
use crate::backend::{Error, Kind, Result};

/// How a file takes its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The most bytes of one value, or of one list.
    pub limit: usize,
    /// One value an open, or lines one after another.
    pub one_value: bool,
    /// The offsets of an append mean nothing: they depend on the size that the kernel last saw.
    pub append: bool,
}

/// One open file that is written to.
#[derive(Debug, Default)]
pub struct Writing {
    /// Bytes before the pending ones, all of them applied.
    applied: u64,
    /// Bytes that wait for their newline.
    pending: Vec<u8>,
    /// The open, or a later ftruncate, emptied the file: a list is replaced at close.
    pub truncated: bool,
    /// Something was refused: a list is not replaced at close.
    pub failed: bool,
    /// The lines of a list that came.
    pub named: Vec<String>,
    /// Lines came that no close has brought the list down to yet.
    pub owed: bool,
    /// What waited was refused when another process closed its copy: who has written hears of it at its own close.
    pub untold: Option<Error>,
}

/// The text as it would be after a write.
#[derive(Debug, PartialEq, Eq)]
pub struct Staged {
    /// All bytes since the last newline that was applied.
    pub text: Vec<u8>,
    /// A rewrite from the beginning: whatever was applied before is over.
    pub restarts: bool,
}

impl Writing {
    /// A file just opened.
    pub fn new(truncated: bool) -> Writing {
        Writing { truncated, ..Writing::default() }
    }

    /// Where a write would lead. Changes nothing: the write may still be refused.
    pub fn stage(&self, form: Form, offset: u64, data: &[u8]) -> Result<Staged> {
        let offset = if form.append { self.applied + self.pending.len() as u64 } else { offset };
        let restarts = offset == 0 && self.applied > 0;
        let (applied, pending) = if restarts { (0, &[][..]) } else { (self.applied, &self.pending[..]) };
        if form.one_value && applied > 0 {
            let error =
                Error::new(Kind::Invalid, "this file takes one value; the first was applied and stays");
            return Err(error
                .input(&String::from_utf8_lossy(data), 0)
                .hint("open the file again to write another"));
        }
        let at = offset.checked_sub(applied).and_then(|at| usize::try_from(at).ok());
        let at = at.filter(|at| *at <= pending.len()).ok_or_else(|| hole(offset))?;
        let size = applied as usize + at + data.len() - usize::from(data.ends_with(b"\n"));
        if size > form.limit {
            let error = Error::new(Kind::TooBig, format!("{size} bytes are more than this file takes"));
            return Err(error.hint(format!("accepted: up to {} bytes", form.limit)));
        }
        if data.len() > ONE_WRITE {
            let message = format!("{} bytes are more than this file takes in one write", data.len());
            let error = Error::new(Kind::TooBig, message);
            return Err(error.hint(format!("accepted: up to {ONE_WRITE} bytes in one write")));
        }
        // Offset 0 starts over; elsewhere in the pending text, what was behind it is written anew.
        let mut text = pending[..at].to_vec();
        text.extend_from_slice(data);
        Ok(Staged { text, restarts })
    }

    /// The write was taken: its last `rest` bytes wait for their newline, the others are applied.
    pub fn take(&mut self, staged: Staged, rest: usize) {
        let done = staged.text.len() - rest;
        self.applied = if staged.restarts { 0 } else { self.applied } + done as u64;
        self.pending = staged.text[done..].to_vec();
    }

    /// The write was refused. What waited was the beginning of it, and must not be applied without its end.
    pub fn refuse(&mut self) {
        self.failed = true;
        self.pending.clear();
        self.untold = None;
    }

    /// Whether anything waits for a close.
    pub fn owes(&self) -> bool {
        !self.pending.is_empty() || self.replacement().is_some() || self.untold.is_some()
    }

    /// What waits to be applied at close. It is tried once: a later close has nothing to do.
    pub fn close(&mut self) -> Vec<u8> {
        let pending = std::mem::take(&mut self.pending);
        self.applied += pending.len() as u64;
        pending
    }

    /// The file was emptied by ftruncate(2): what comes next is written from the beginning.
    pub fn truncate(&mut self) {
        self.truncated = true;
        self.pending.clear();
    }

    /// The lines to bring a list down to at close, if it is to be replaced and that is not done yet.
    pub fn replacement(&self) -> Option<&[String]> {
        let replaces = self.truncated || self.named.iter().any(|line| line == NONE);
        (replaces && self.owed && !self.failed).then_some(&self.named)
    }
}

/// The most bytes of one write(2). The kernel splits longer ones into pieces of 1 MiB, less up to a page where
/// the caller's memory begins inside one: what is no longer than this has arrived whole.
const ONE_WRITE: usize = LIST_BYTES - 4096;

/// The line that empties a list.
pub const NONE: &str = "none";

fn hole(offset: u64) -> Error {
    let message = format!("a write at offset {offset} would leave a hole or change what was applied");
    Error::new(Kind::Invalid, message).hint("write the value from the beginning of the file")
}
