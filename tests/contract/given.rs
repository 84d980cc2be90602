//! What the rules start from: names, objects, and how a refusal looks.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use filerfs::backend::{
    HostName, Kind, NewVolume, PolicyName, Result, Rule, Settings, Snapshot, SnapshotName, Volume, VolumeName,
};

pub use crate::stacks::*;

pub const GIB: u64 = 1 << 30;

pub fn vol(name: &str) -> VolumeName {
    VolumeName::new(name).unwrap()
}

pub fn snap(name: &str) -> SnapshotName {
    SnapshotName::new(name).unwrap()
}

pub fn pol(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

pub fn host(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

pub fn rules(texts: &[&str]) -> Vec<Rule> {
    texts.iter().map(|text| Rule::new(text).unwrap()).collect()
}

/// What any back-end takes for a new volume.
pub fn plain(name: &str) -> NewVolume {
    let settings =
        Settings { size_total: Some(GIB), junction_path: Some(format!("/{name}")), ..Settings::default() };
    NewVolume { settings, aggregate_name: None }
}

pub fn only_size(bytes: u64) -> Settings {
    Settings { size_total: Some(bytes), ..Settings::default() }
}

pub fn only_policy(name: &str) -> Settings {
    Settings { active_policy_name: Some(pol(name)), ..Settings::default() }
}

pub fn only_junction(path: &str) -> Settings {
    Settings { junction_path: Some(path.to_owned()), ..Settings::default() }
}

/// A volume of this name.
pub async fn volume(b: &Backend, name: &str) -> Arc<Volume> {
    b.create_volume(&vol(name), &plain(name)).await.unwrap()
}

/// Snapshots of this volume, in this order.
pub async fn snapshots(b: &Backend, volume: &str, names: &[&str]) -> Vec<Arc<Snapshot>> {
    let mut made = Vec::new();
    for name in names {
        made.push(snapshot(b, volume, name).await.unwrap());
    }
    made
}

/// A snapshot of this volume, as it is found afterwards.
pub async fn snapshot(b: &Backend, volume: &str, name: &str) -> Result<Arc<Snapshot>> {
    let told = b.create_snapshot(&vol(volume), &snap(name)).await?;
    let found = b.get_snapshot(&vol(volume), &snap(name)).await?;
    assert!(told.is_none_or(|told| told.identity == found.identity && told.name == found.name));
    Ok(found)
}

/// A clone of a snapshot, as it is found afterwards.
pub async fn clone(
    b: &Backend,
    new: &str,
    (volume, snapshot): (&str, &str),
    settings: &Settings,
) -> Arc<Volume> {
    b.clone_volume(&vol(new), &vol(volume), &snap(snapshot), settings).await.unwrap();
    found(b, new).await
}

/// A policy with these rules.
pub async fn policy(b: &Backend, name: &str, texts: &[&str]) {
    b.create_policy(&pol(name), &rules(texts)).await.unwrap();
}

pub async fn found(b: &Backend, name: &str) -> Arc<Volume> {
    b.get_volume(&vol(name)).await.unwrap()
}

pub async fn all_volumes(b: &Backend) -> Vec<Arc<Volume>> {
    b.volumes().await.unwrap().to_vec()
}

pub async fn listed(b: &Backend) -> Vec<String> {
    all_volumes(b).await.iter().map(|volume| volume.name.to_string()).collect()
}

/// The policies, but for `default`: a filer may have it from the start.
pub async fn listed_policies(b: &Backend) -> Vec<String> {
    let all = b.policies().await.unwrap().into_iter().map(|policy| policy.name.to_string());
    all.filter(|name| name != "default").collect()
}

/// What the settings are after a patch: what it names, the rest as before; and, as they are `now`, those that
/// may follow. A reserve may be taken out of the size, and how far a volume may grow depend on its size.
pub fn patched(before: &Settings, patch: &Settings, now: &Settings) -> Settings {
    let follow = Settings {
        size_total: now.size_total.filter(|_| patch.percentage_snapshot_reserve.is_some()),
        max_autosize: now.max_autosize.filter(|_| patch.size_total.is_some() && patch.max_autosize.is_none()),
        ..Settings::default()
    };
    before.clone().overlaid(patch).overlaid(&follow)
}

pub async fn listed_snapshots(b: &Backend, volume: &str) -> Vec<String> {
    let snapshots = b.get_snapshots(&vol(volume)).await.unwrap();
    snapshots.iter().map(|snapshot| snapshot.name.to_string()).collect()
}

/// The rules of a policy as they are kept.
pub async fn kept_rules(b: &Backend, policy: &str) -> Vec<String> {
    let policy = b.get_policy(&pol(policy)).await.unwrap();
    policy.rules.iter().map(|rule| rule.as_str().to_owned()).collect()
}

/// The result is a refusal of this kind, and says why. Answers its sentence.
#[track_caller]
pub fn refused<T>(kind: Kind, result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("done, but {kind:?} was due"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.message.is_empty());
            error.to_string()
        }
    }
}

/// Whether a time that the storage gave, maybe in whole seconds, lies between `from` and now.
pub fn since(from: SystemTime, time: Option<SystemTime>) -> bool {
    let second = Duration::from_secs(1);
    time.is_some_and(|time| from - second <= time && time <= SystemTime::now() + second)
}

/// Of these results exactly one is a success; the others are refusals of this kind. Answers its place.
#[track_caller]
pub fn one_winner<T>(kind: Kind, results: Vec<Result<T>>) -> usize {
    let won: Vec<_> = (0..results.len()).filter(|i| results[*i].is_ok()).collect();
    assert_eq!(won.len(), 1, "{} of {} won", won.len(), results.len());
    for result in results {
        assert!(result.err().is_none_or(|error| error.kind() == kind));
    }
    won[0]
}

/// Runs this for 0 to 7, all at once.
pub async fn at_once<F, T>(b: &Backend, act: impl Fn(Backend, usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let (start, act) = (start.clone(), act(b.clone(), i));
            tokio::spawn(async move {
                start.wait().await;
                act.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
