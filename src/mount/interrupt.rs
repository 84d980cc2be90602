//! Ctrl-C and kill while a request waits.
//!
//! fuser answers FUSE_INTERRUPT with ENOSYS, and then the kernel never sends it again. So the thread behind a
//! request is looked at instead: if it is about to die whatever happens, it is let go. Never for any other
//! pending signal: Python would try again for ever, and bash would fail.

use std::fs;
use std::time::Duration;

/// A request that has waited so long is looked after.
const FIRST: Duration = Duration::from_millis(200);
/// And then this often.
const AGAIN: Duration = Duration::from_millis(100);
/// `PF_EXITING` in the flags of a task.
const EXITING: u64 = 0x4;
/// Signals whose default action dumps core: the kernel does not turn them into SIGKILL before delivery.
const DUMPING: [i32; 10] = [
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGSYS,
];

/// Ends when this thread is about to die. A thread that cannot be seen from here (0) never does.
pub async fn doomed(thread: u32) {
    if thread == 0 {
        return std::future::pending().await;
    }
    tokio::time::sleep(FIRST).await;
    while !is_doomed(thread) {
        tokio::time::sleep(AGAIN).await;
    }
}

/// The kernel gives SIGKILL to the thread itself for every fatal signal, after all checks whether it is
/// blocked, ignored or caught; but one that dumps core waits, as sent, for the whole process.
fn is_doomed(thread: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{thread}/status")) else { return true };
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let signals = |name: &str| u64::from_str_radix(field(name), 16).unwrap_or(0);
    let has = |set: u64, signal: i32| set & (1 << (signal - 1)) != 0;
    if has(signals("SigPnd:"), libc::SIGKILL) || is_exiting(thread) {
        return true;
    }
    let kept = signals("SigBlk:") | signals("SigIgn:") | signals("SigCgt:");
    let fatal = (signals("SigPnd:") | signals("ShdPnd:")) & !kept;
    // A debugger may take a signal away.
    DUMPING.iter().any(|signal| has(fatal, *signal)) && field("TracerPid:") == "0"
}

/// Whether the thread is on its way out, and closes its files.
fn is_exiting(thread: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
    // The program's name may hold anything, but ends at the last parenthesis; the flags are the 7th behind it.
    let flags =
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(6)?.parse().ok());
    flags.is_some_and(|flags: u64| flags & EXITING != 0)
}
