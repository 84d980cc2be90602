//! The limits of the tree, shown in `.ctl/limits/`.

use std::time::Duration;

pub use crate::backend::names::NAME_BYTES;

/// The most bytes of one value.
pub const VALUE_BYTES: usize = 4096;
/// The most bytes of one list or keyed text. One write(2) must be shorter than this, so that it arrives whole.
pub const LIST_BYTES: usize = 1 << 20;
/// Kept results of callers for `.ctl/last_error`.
pub const CALLERS: usize = 1024;
/// Lines of `.ctl/errors`.
pub const ERRORS: usize = 64;
/// Lines of `.ctl/audit`.
pub const AUDIT: usize = 1024;
/// Lines of `.ctl/events` that it is cut back to when there are twice as many.
pub const EVENTS: usize = 256;
/// The most bytes of a scratch file.
pub const SCRATCH_BYTES: usize = 64 << 10;
/// Scratch files in one directory and in the scratch directories below it.
pub const SCRATCH_FILES: usize = 32;
/// Scratch files of a mount.
pub const SCRATCH_ALL: usize = 1024;
/// A scratch file is gone so long after its last use.
pub const SCRATCH_TTL: Duration = Duration::from_secs(600);
/// A recursive delete is refused so long after the unlink that gave it away.
pub const TRIPWIRE: Duration = Duration::from_secs(60);
/// A lock that a process holds is gone so long after its daemon has died.
pub const LEASE: Duration = Duration::from_secs(30);
