//! What a ZAPI errno means. `docs/errors.md` has the same table; a test compares them.

use super::volumes::missing;
use crate::backend::{Error, Kind, PolicyName, Sent, VolumeName};

/// The errnos that are known, and the kind of failure that each is. Any other is the filer's own failure.
pub const ERRNOS: [(&str, Kind); 71] = [
    ("1", Kind::Denied),
    ("2", Kind::NotFound),
    ("13", Kind::Denied),
    ("16", Kind::InUse),
    ("17", Kind::Exists),
    ("22", Kind::Invalid),
    ("28", Kind::NoSpace),
    ("35", Kind::InUse),
    ("60", Kind::TimedOut),
    ("63", Kind::NameTooLong),
    ("69", Kind::Quota),
    ("134", Kind::NoSpace),
    ("135", Kind::TooManySnapshots),
    ("144", Kind::OutOfRange),
    ("145", Kind::OutOfRange),
    ("159", Kind::NoSpace),
    ("160", Kind::Unsupported),
    ("13001", Kind::Remote),
    ("13002", Kind::Credentials),
    ("13003", Kind::Denied),
    ("13004", Kind::Remote),
    ("13005", Kind::Unsupported),
    ("13006", Kind::Invalid),
    ("13007", Kind::Unsupported),
    ("13008", Kind::Unsupported),
    ("13010", Kind::Unsupported),
    ("13011", Kind::Remote),
    ("13019", Kind::TooManySnapshots),
    ("13020", Kind::Exists),
    ("13021", Kind::NotFound),
    ("13022", Kind::TooManySnapshots),
    ("13023", Kind::InUse),
    ("13024", Kind::InUse),
    ("13025", Kind::NoSpace),
    ("13040", Kind::NotFound),
    ("13041", Kind::InUse),
    ("13042", Kind::InUse),
    ("13043", Kind::ReadOnly),
    ("13044", Kind::Invalid),
    ("13058", Kind::InUse),
    ("13059", Kind::InUse),
    ("13060", Kind::InUse),
    ("13061", Kind::InUse),
    ("13062", Kind::NoSpace),
    ("13063", Kind::NoSpace),
    ("13114", Kind::Remote),
    ("13115", Kind::Invalid),
    ("13130", Kind::Exists),
    ("13156", Kind::InUse),
    ("13157", Kind::InUse),
    ("13158", Kind::InUse),
    ("13160", Kind::InUse),
    ("13170", Kind::Invalid),
    ("13171", Kind::Invalid),
    ("13705", Kind::InUse),
    ("14004", Kind::Exists),
    ("14005", Kind::NotFound),
    ("14420", Kind::Invalid),
    ("14713", Kind::Invalid),
    ("14714", Kind::Invalid),
    ("14715", Kind::Invalid),
    ("14716", Kind::Invalid),
    ("14717", Kind::InUse),
    ("15661", Kind::NotFound),
    ("15698", Kind::Remote),
    ("15704", Kind::InUse),
    ("15801", Kind::InUse),
    ("15894", Kind::InUse),
    ("16025", Kind::Invalid),
    ("17159", Kind::Exists),
    ("61253", Kind::Unsupported),
];

/// The refusals that mean that a volume, found by name, is not in use: there is none, or it is restricted or
/// offline.
const NOT_SHOWN: [&str; 3] = ["13040", "13042", "13061"];

/// Whether the filer refused with this number.
pub fn refused_with(error: &Error, errno: &str) -> bool {
    error.source.as_deref() == Some(&*format!("ZAPI errno {errno}"))
}

/// A refusal because of the volume itself is said as everywhere: there is none.
pub fn of_volume(error: Error, volume: &VolumeName) -> Error {
    match NOT_SHOWN.iter().any(|errno| refused_with(&error, errno)) {
        true => missing(volume).sent(Sent::Answered).source(error),
        false => error,
    }
}

/// The refusal of a call that named this export policy, and found no such entry.
pub fn of_policy(error: Error, policy: Option<&PolicyName>) -> Error {
    match policy.filter(|_| refused_with(&error, "15661")) {
        Some(policy) => no_policy(policy).sent(Sent::Answered),
        None => error,
    }
}

/// A volume cannot be given a policy that is not there.
pub fn no_policy(policy: &PolicyName) -> Error {
    Error::invalid(format!("there is no export policy {policy}"), policy.as_str(), 0)
}

/// The refusal of a call, in the filer's own words.
pub fn refusal(api: &str, errno: &str, reason: &str) -> Error {
    let kind = ERRNOS.iter().find(|(number, _)| *number == errno).map_or(Kind::Remote, |(_, kind)| *kind);
    let error =
        Error::new(kind, format!("{api}: {}", reason.trim().trim_end_matches('.'))).sent(Sent::Answered);
    let error = error.source(format!("ZAPI errno {errno}"));
    // A busy filer; the request was not begun.
    if matches!(errno, "35" | "13041" | "13158" | "13160" | "15801") { error.transient() } else { error }
}
