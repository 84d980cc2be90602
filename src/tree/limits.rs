//! The limits of the tree, shown in `.ctl/limits/`.

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
/// Lines of `.ctl/events`.
pub const EVENTS: usize = 256;
