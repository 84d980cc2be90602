//! What `/proc` tells of a process or thread.

use std::fs;
use std::time::Duration;

/// How long anybody waits for a look.
const PATIENCE: Duration = Duration::from_millis(200);

/// Looks at `/proc` where it may take long: a process in execve(2) lets nobody read `stat`, `wchan` and where its
/// links lead (`fd/N`, `exe`), and may itself be waiting for us, with a file that it closes. `status`, `comm` and
/// getsid(2) never wait. None if it took too long.
pub async fn look<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let looked = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(look)).await;
    looked.ok().and_then(Result::ok)
}

/// The text of `/proc/N/status`; none if it cannot be seen from here.
pub fn status(thread: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{thread}/status")).ok()
}

/// A field of such a text.
pub fn field<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

/// A number of `/proc/N/stat`, the state of the process being number 0. Waits while the process is in execve(2).
pub fn stat(thread: u32, nth: usize) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{thread}/stat")).ok()?;
    // The name of a program may hold anything, but ends at the last parenthesis.
    text.rsplit_once(')')?.1.split_ascii_whitespace().nth(nth)?.parse().ok()
}
