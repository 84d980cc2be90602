//! Whether a change was made, by what the storage shows.

use super::change::Change;
use crate::backend::{
    HostName, Kind, NewLock, Result, Rule, SnapshotName, StorageBackend, Unlock, VolumeName,
};

/// What the storage shows of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is as the change would have left it.
    Made,
    /// It is not.
    NotMade,
    /// Nothing that can be read says so.
    Unknown,
    /// The lock was taken, and nobody was told.
    Untold,
}

/// Looks for a change.
pub async fn look(backend: &dyn StorageBackend, change: &Change) -> Result<Found> {
    match seen(backend, change).await {
        // What it was made on is gone.
        Err(error) if error.kind() == Kind::NotFound => Ok(Found::Unknown),
        found => found,
    }
}

async fn seen(backend: &dyn StorageBackend, change: &Change) -> Result<Found> {
    Ok(match change {
        Change::CreateVolume { volume, .. } | Change::CloneVolume { volume, .. } => {
            made(is_there(backend.get_volume(volume).await)?)
        }
        Change::RestrictVolume { volume } => made(!is_there(backend.get_volume(volume).await)?),
        Change::PatchVolume { volume, settings } => {
            made(backend.get_volume(volume).await?.settings.fulfil(settings))
        }
        Change::RollbackVolume { .. } => Found::Unknown,
        Change::CreateSnapshot { volume, snapshot } => {
            let kept = backend.get_snapshots(volume).await?;
            made(kept.iter().any(|kept| kept.name == *snapshot))
        }
        Change::DeleteSnapshot { volume, snapshot } => {
            let kept = backend.get_snapshots(volume).await?;
            made(!kept.iter().any(|kept| kept.name == *snapshot))
        }
        Change::RenameSnapshot { volume, from, to } => {
            let kept = backend.get_snapshots(volume).await?;
            let has = |name: &SnapshotName| kept.iter().any(|kept| kept.name == *name);
            either(has(to) && !has(from), has(from) && !has(to))
        }
        Change::CreateLock { volume, host, request, held, .. } => {
            taken(backend, volume, host, request, *held).await?
        }
        Change::RemoveLock { volume, host, request } => {
            let lock = Unlock { request: request.clone(), ..host.clone().into() };
            made(backend.locks(volume).await?.is_none_or(|kept| !lock.frees(&kept.taken)))
        }
        Change::BreakNfsLocks { volume, client } => {
            made(!backend.nfs_locks(volume).await?.iter().any(|kept| kept == client))
        }
        Change::CreatePolicy { policy, rules } => match backend.get_policy(policy).await {
            Err(error) if error.kind() == Kind::NotFound => Found::NotMade,
            kept => {
                let kept = kept?;
                let same = kept.rules.iter().all(|rule| rules.contains(rule));
                either(same && rules.iter().all(|rule| kept.rules.contains(rule)), false)
            }
        },
        Change::RemovePolicy { policy } => made(!is_there(backend.get_policy(policy).await)?),
        Change::SetPolicy { volume, policy } => {
            made(backend.get_volume(volume).await?.settings.active_policy_name.as_ref() == Some(policy))
        }
        Change::EnsurePolicyRulesPresent { policy, rules } => {
            let kept = &backend.get_policy(policy).await?.rules;
            let has = |rule: &Rule| kept.contains(rule);
            either(rules.iter().all(has), !rules.iter().any(has))
        }
        Change::EnsurePolicyRulesAbsent { policy, rules } => {
            let kept = &backend.get_policy(policy).await?.rules;
            let has = |rule: &Rule| kept.contains(rule);
            either(!rules.iter().any(has), rules.iter().all(has))
        }
        Change::OrderPolicyRules { policy, order } => {
            let place = |rule: &Rule| order.iter().position(|named| named == rule).unwrap_or(order.len());
            made(backend.get_policy(policy).await?.rules.is_sorted_by_key(place))
        }
    })
}

/// A lock that carries the request was taken by it, and nobody was told. What the host held before it keeps.
async fn taken(
    backend: &dyn StorageBackend,
    volume: &VolumeName,
    host: &HostName,
    request: &str,
    held: bool,
) -> Result<Found> {
    let lock = backend.locks(volume).await?.filter(|lock| lock.holder() == host);
    Ok(match lock.map(|lock| lock.taken) {
        None => Found::NotMade,
        Some(NewLock { request: its, .. }) if its != request => Found::Unknown,
        Some(_) if held => Found::Made,
        Some(_) => Found::Untold,
    })
}

fn is_there<T>(found: Result<T>) -> Result<bool> {
    match found {
        Err(error) if error.kind() == Kind::NotFound => Ok(false),
        found => found.map(|_| true),
    }
}

fn made(is: bool) -> Found {
    if is { Found::Made } else { Found::NotMade }
}

/// A change of more than one step may be half made.
fn either(made: bool, not_made: bool) -> Found {
    match (made, not_made) {
        (true, _) => Found::Made,
        (false, true) => Found::NotMade,
        (false, false) => Found::Unknown,
    }
}
