//! `volumes/V/`: a volume.

use std::borrow::Cow;
use std::sync::LazyLock;

use async_trait::async_trait;

use super::attributes::{POLICY, PolicyInForce};
use super::config::Config;
use super::info::VolumeInfo;
use super::lock::{Lock, LockInfo};
use super::nfs_locks::NfsLocks;
use super::rollback::Rollback;
use super::snapshot::Snapshots;
use crate::backend::names::decoded;
use crate::backend::{Error, Kind, NewVolume, Result, StorageBackend, Volume, VolumeName};
use crate::tree::place::{Object, Place, Stat};
use crate::tree::table::{Caller, File, Listed, Member, Members, Row, Show, none};
use crate::tree::values::{line, show_time};

/// The directory of a volume.
pub fn row() -> &'static Row {
    static ROW: LazyLock<Row> = LazyLock::new(|| {
        Row::dir(
            "V",
            "",
            "a volume; its size in `ls -l` and `du` is what it uses, its time that of its creation",
            rows,
            None,
        )
        .guarded()
    });
    &ROW
}

fn rows() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> =
        LazyLock::new(|| super::attributes::rows().chain(shown()).chain(tasks()).collect());
    &ROWS
}

/// What is only read.
fn shown() -> [Row; 7] {
    let row = |name, help, show| Row::read_only(name, help, Field(show));
    [
        row("size_used", "bytes in use", |v| Some(v.size_used.to_string())),
        row(
            "percentage_snapshot_reserve_used",
            "share of the snapshot reserve in use, in percent; may exceed 100",
            |v| Some(v.percentage_snapshot_reserve_used?.to_string()),
        ),
        row("state", "`online` and the like", |v| v.state.clone()),
        row("uuid", "the storage's own identifier", |v| Some(v.uuid.clone())),
        row("filer_address", "address that clients mount from", |v| Some(v.filer_address.clone())),
        row("aggregate_name", "the aggregate that holds the volume", |v| {
            Some(v.aggregate_name.as_ref()?.to_string())
        }),
        row("creation_time", "when it was created, UTC", |v| v.creation_time.map(show_time)),
    ]
}

/// What is done by writing.
fn tasks() -> [Row; 8] {
    [
        Row::scalar("policy", POLICY.help, PolicyInForce).guarded(),
        Row::scalar(
            "lock",
            "the host that holds the volume, or empty; `HOST` takes it (`HOST ttl=300`: for 300 s, unless written again), \
             an empty line frees our own, `-HOST` breaks another's",
            Lock,
        ),
        Row::read_only("lock.info", "who took the lock, when, where and how; empty if it is free", LockInfo),
        Row::file(
            "nfs_locks",
            "clients that hold NFS locks on it, one a line; `-CLIENT` breaks theirs",
            File::List(Box::new(NfsLocks)),
        )
        .guarded(),
        Row::scalar(
            "rollback",
            "takes a snapshot's name; with ` discard-newer` newer snapshots are destroyed; reads as empty",
            Rollback,
        )
        .guarded(),
        Row::keyed(
            "config",
            "all attributes and `policy` as `KEY VALUE` lines; one write is one change",
            Config,
        )
        .guarded(),
        Row::read_only("info.json", "everything, in one consistent read", VolumeInfo),
        Row::dir(
            "snapshots",
            "snapshots",
            "mkdir keeps the state of now, rmdir deletes, mv renames",
            none,
            Some(Box::new(Snapshots)),
        ),
    ]
}

/// A value of the volume.
struct Field(fn(&Volume) -> Option<String>);

#[async_trait]
impl Show for Field {
    fn known(&self, at: &Place) -> Option<String> {
        (self.0)(&*at.known_volume()?).map(|value| line(&value))
    }

    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok((self.0)(&*at.volume().await?).map(|value| line(&value)))
    }
}

/// `volumes/`.
pub struct Volumes;

#[async_trait]
impl Members for Volumes {
    fn row(&self) -> &'static Row {
        row()
    }

    fn known(&self, at: &Place, name: &str) -> Option<Option<Member>> {
        let Some(name) = named(name) else { return Some(None) };
        let found = at.endpoint().ok()?.backend.known_volume(&name)?;
        found.map(|volume| member(at, &volume)).transpose().ok()
    }

    async fn find(&self, at: &Place, name: &str) -> Result<Member> {
        let volume = named(name).ok_or_else(|| Error::not_found(format!("there is no volume {name:?}")))?;
        if let Some(path) = junction_name(at, &volume)? {
            return super::junction::find_named(at, path).await;
        }
        member(at, &*at.endpoint()?.backend.get_volume(&volume).await?)
    }

    async fn list(&self, at: &Place) -> Result<Listed> {
        let (volumes, at) = (at.volumes().await?, at.clone());
        let edition = volumes.clone();
        let members = move || volumes.iter().map(|volume| member(&at, volume)).collect();
        Ok(Listed::Of(edition, Box::new(members)))
    }

    async fn make(&self, at: &Place, name: &str) -> Result<Member> {
        let volume = new_name(name)?;
        if let Some(path) = junction_name(at, &volume)? {
            let error = Error::invalid("a new volume needs a name of its own", volume.as_str(), 0);
            let hint = format!(
                "mkdir staging/NAME, echo {path} > staging/NAME/junction_path, mv staging/NAME volumes/NAME"
            );
            return Err(error.hint(hint));
        }
        create(at, &volume, &NewVolume::default()).await
    }

    async fn remove(&self, at: &Place, name: &str) -> Result<()> {
        let found = self.find(at, name).await?.place;
        at.backend()?.restrict_volume(found.volume_name()?).await
    }

    async fn rename(&self, _: &Place, name: &str, _: &Place, _: &'static Row, _: &str) -> Result<()> {
        let error = Error::new(Kind::NotPermitted, format!("volume {name} cannot be renamed or moved"));
        Err(error.hint("a copy under another name: echo NEW > snapshots/S/clone"))
    }
}

/// Where there is a place for the mark, a volume without one is one that nobody knows it of.
pub fn check_protection_is_known(volume: &Volume, backend: &dyn StorageBackend) -> Result<()> {
    if volume.settings.protect.is_some() || !backend.capabilities().protect {
        return Ok(());
    }
    let message = format!("it is not known whether volume {} is protected", volume.name);
    Err(Error::new(Kind::Unreachable, message).hint("its registry cannot be asked"))
}

/// Creates a volume with the endpoint's defaults for what is not given.
pub async fn create(at: &Place, name: &VolumeName, new: &NewVolume) -> Result<Member> {
    let endpoint = at.endpoint()?;
    let mut new = endpoint.filled(name, new);
    protect_new(at, &mut new);
    let volume = endpoint.backend.create_volume(name, &new).await?;
    member(at, &volume)
}

/// New volumes are protected if the configuration says so.
pub fn protect_new(at: &Place, new: &mut NewVolume) {
    if at.shared.options.protect_new {
        new.settings.protect.get_or_insert(true);
    }
}

/// The junction path in a name of the form `NODE:/junction/path`, on back-ends that know such names.
fn junction_name<'a>(at: &Place, name: &'a VolumeName) -> Result<Option<&'a str>> {
    let knows = at.endpoint()?.backend.capabilities().junction_names;
    let (_, path) = name.as_str().split_once(':').unwrap_or_default();
    Ok(Some(path).filter(|path| knows && path.starts_with('/')))
}

/// The volume that a new file name in `volumes/` or `staging/` stands for.
pub fn new_name(name: &str) -> Result<VolumeName> {
    VolumeName::new(&new_object_name(name)?)
}

/// The volume that a file name stands for.
fn named(name: &str) -> Option<VolumeName> {
    decoded(name).and_then(|name| VolumeName::new(&name).ok())
}

/// The name that a new file name in a collection stands for.
pub fn new_object_name(name: &str) -> Result<Cow<'_, str>> {
    decoded(name).ok_or_else(|| {
        let error =
            Error::invalid(format!("{name:?} is not an encoded name"), name, name.find('%').unwrap_or(0));
        error.hint("% begins an encoded byte: %2F is /, %25 is % itself; what needs no encoding has none")
    })
}

/// A volume in `volumes/`.
pub fn member(at: &Place, volume: &Volume) -> Result<Member> {
    Ok(Member {
        place: at.at(Object::Volume(at.endpoint()?.clone(), volume.into())),
        row: row(),
        stat: Stat::of_volume(volume),
        unseen: false,
    })
}
