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
/// blocked, ignored or caught.
fn is_doomed(thread: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{thread}/stat")) else { return true };
    // The program's name may hold anything, but ends at the last parenthesis.
    let fields: Vec<u64> = match stat.rsplit_once(')') {
        Some((_, rest)) => rest.split_ascii_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect(),
        None => return false,
    };
    // From field 4 on: flags are 9, pending 31, blocked 32, ignored 33, caught 34.
    let field = |number: usize| fields.get(number - 4).copied().unwrap_or(0);
    let has = |set: u64, signal: i32| set & (1 << (signal - 1)) != 0;
    if field(9) & EXITING != 0 || has(field(31), libc::SIGKILL) {
        return true;
    }
    let pending = field(31) & !field(32) & !field(33) & !field(34);
    DUMPING.iter().any(|signal| has(pending, *signal)) && !traced(thread)
}

/// A debugger may take a signal away.
fn traced(thread: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
}
