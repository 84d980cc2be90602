//! What `/proc` tells of a process or thread.

use std::fs;

/// The text of `/proc/N/status`; none if it cannot be seen from here.
pub fn status(thread: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{thread}/status")).ok()
}

/// A field of such a text.
pub fn field<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

/// A number of `/proc/N/stat`, the state of the process being number 0.
pub fn stat(thread: u32, nth: usize) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{thread}/stat")).ok()?;
    // The name of a program may hold anything, but ends at the last parenthesis.
    text.rsplit_once(')')?.1.split_ascii_whitespace().nth(nth)?.parse().ok()
}
