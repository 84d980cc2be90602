//! What stands in a journal that is opened again.

use std::path::Path;

use super::file::OpenError;
use super::line::{Intent, Line, VERSION};

/// What was found.
pub struct Found {
    /// The end of the last whole line.
    pub end: u64,
    /// What was begun and has no outcome.
    pub open: Vec<Intent>,
}

/// Reads a journal. Of a line that the end of a process has torn nothing is left: its change was not sent, or its
/// outcome not told. Anything else that is not as it was written is refused.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Found, OpenError> {
    let damaged = |line: usize| OpenError::Damaged(path.into(), line + 1);
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let begins = |header: String| header.as_bytes().starts_with(bytes);
    if end == 0 && !(Line::Journal { version: VERSION }).text().is_ok_and(begins) {
        return Err(damaged(0));
    }
    let mut open: Vec<Intent> = Vec::new();
    let lines = bytes[..end].split_inclusive(|byte| *byte == b'\n');
    for (at, line) in lines.enumerate() {
        match serde_json::from_slice(line).map_err(|_| damaged(at))? {
            Line::Journal { version: VERSION } if at == 0 => {}
            Line::Journal { version } if at == 0 => return Err(OpenError::Version(path.into(), version)),
            Line::Intent(intent) if at > 0 => open.push(intent),
            Line::Outcome(outcome) if at > 0 => open.retain(|intent| intent.id != outcome.id),
            _ => return Err(damaged(at)),
        }
    }
    Ok(Found { end: end as u64, open })
}
