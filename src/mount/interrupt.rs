//! Ctrl-C and kill while a request waits.
//!
//! fuser answers FUSE_INTERRUPT with ENOSYS, and then the kernel never sends it again. So the thread behind a
//! request is looked at instead: if it is about to die whatever happens, it is let go. Never for any other
//! pending signal: Python would try again for ever, and bash would fail.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::proc;

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
    until(thread, FIRST, is_doomed).await;
}

/// Ends when a signal reaches this thread, one that it handles or that ends it: flock(2) and fcntl(2) wait no
/// longer then, and `flock -w` counts on it. Whoever asks again has handled the signal meanwhile.
pub async fn signalled(thread: u32) {
    until(thread, AGAIN, is_signalled).await;
}

async fn until(thread: u32, first: Duration, is: fn(u32) -> bool) {
    if thread == 0 {
        return std::future::pending().await;
    }
    tokio::time::sleep(first).await;
    // A thread in execve(2) lets nobody look, and may itself be waiting for us with a file that it closes: whoever
    // looks waits on a thread of its own.
    while tokio::task::spawn_blocking(move || is(thread)).await.ok() != Some(true) {
        tokio::time::sleep(AGAIN).await;
    }
}

fn is_signalled(thread: u32) -> bool {
    let Some(signals) = Signals::of(thread) else { return is_gone(thread) };
    signals.pending() & !(signals.blocked | signals.ignored) != 0
}

/// The kernel gives SIGKILL to the thread itself for every fatal signal, after all checks whether it is
/// blocked, ignored or caught; but one that dumps core waits, as sent, for the whole process.
fn is_doomed(thread: u32) -> bool {
    let Some(signals) = Signals::of(thread) else { return is_gone(thread) };
    let has = |set: u64, signal: i32| set & (1 << (signal - 1)) != 0;
    if has(signals.own, libc::SIGKILL) || is_exiting(thread) {
        return true;
    }
    let fatal = signals.pending() & !(signals.blocked | signals.ignored | signals.caught);
    // A debugger may take a signal away.
    DUMPING.iter().any(|signal| has(fatal, *signal)) && !signals.traced
}

/// The signals of a thread, as sets of bits.
struct Signals {
    own: u64,
    of_process: u64,
    blocked: u64,
    ignored: u64,
    caught: u64,
    traced: bool,
}

impl Signals {
    /// None if they cannot be seen: there may be no such thread, it may be hidden, or there may be no descriptor.
    fn of(thread: u32) -> Option<Signals> {
        let status = proc::status(thread)?;
        let signals = |name: &str| u64::from_str_radix(proc::field(&status, name), 16).unwrap_or(0);
        Some(Signals {
            own: signals("SigPnd:"),
            of_process: signals("ShdPnd:"),
            blocked: signals("SigBlk:"),
            ignored: signals("SigIgn:"),
            caught: signals("SigCgt:"),
            traced: proc::field(&status, "TracerPid:") != "0",
        })
    }

    fn pending(&self) -> u64 {
        self.own | self.of_process
    }
}

/// Whether there is no such thread.
fn is_gone(thread: u32) -> bool {
    let thread = i32::try_from(thread).map(Pid::from_raw);
    thread.is_ok_and(|thread| kill(thread, None) == Err(Errno::ESRCH))
}

/// Whether the thread is on its way out, and closes its files.
fn is_exiting(thread: u32) -> bool {
    const FLAGS: usize = 6;
    proc::stat(thread, FLAGS).is_some_and(|flags| flags & EXITING != 0)
}
