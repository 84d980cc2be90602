//! Named points at which a test has the process killed. Without the feature `crash-points` there are none.

/// Kills the process if `FILERFS_CRASH` names this point, and `FILERFS_CRASH_OP`, if it is set, this operation.
#[cfg(feature = "crash-points")]
pub fn point(name: &str, op: &str) {
    use nix::sys::signal::{Signal, kill};
    let is = |variable: &str, value: &str| std::env::var_os(variable).map(|asked| asked == value);
    if is("FILERFS_CRASH", name) == Some(true) && is("FILERFS_CRASH_OP", op) != Some(false) {
        // Nothing is tidied up, and nothing that waits is written: as when the kernel ends it.
        let _ = kill(nix::unistd::Pid::this(), Signal::SIGKILL);
    }
}

/// Nothing.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn point(_name: &str, _op: &str) {}
