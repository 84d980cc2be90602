//! One kind, one errno, one place. `docs/errors.md` has the same table; a test compares them.

use crate::tree::Kind;

/// The errno of a kind of failure, and its name.
pub fn errno(kind: Kind) -> (i32, &'static str) {
    macro_rules! e {
        ($name:ident) => {
            (libc::$name, stringify!($name))
        };
    }
    match kind {
        Kind::NotFound => e!(ENOENT),
        // The kernel looks the path up again by itself when it sees this one.
        Kind::Replaced => e!(ESTALE),
        Kind::Exists => e!(EEXIST),
        Kind::Invalid => e!(EINVAL),
        Kind::OutOfRange => e!(ERANGE),
        Kind::TooBig => e!(E2BIG),
        Kind::NameTooLong => e!(ENAMETOOLONG),
        Kind::Locked | Kind::InUse => e!(EBUSY),
        // Whoever counts on a lock must know that it was not alone.
        Kind::LockLost | Kind::NotHeld => e!(ENOLCK),
        Kind::Contended => e!(EAGAIN),
        Kind::NotEmpty | Kind::RecursiveDelete => e!(ENOTEMPTY),
        Kind::TooManySnapshots => e!(EMLINK),
        Kind::NoSpace => e!(ENOSPC),
        Kind::Quota => e!(EDQUOT),
        Kind::Denied => e!(EACCES),
        Kind::NotPermitted => e!(EPERM),
        Kind::ReadOnly => e!(EROFS),
        Kind::Unsupported => e!(EOPNOTSUPP),
        Kind::Credentials => e!(EKEYEXPIRED),
        Kind::TimedOut => e!(ETIMEDOUT),
        Kind::Unreachable => e!(EHOSTDOWN),
        Kind::Remote => e!(EREMOTEIO),
        Kind::Interrupted => e!(EINTR),
        Kind::Bug => e!(EIO),
    }
}
