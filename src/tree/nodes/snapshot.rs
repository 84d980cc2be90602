//! `snapshots/S/`: a snapshot of a volume.

use std::sync::LazyLock;
use std::time::SystemTime;

use async_trait::async_trait;

use super::info::SnapshotInfo;
use super::volume::protect_new;
use crate::backend::names::decoded;
use crate::backend::{Error, Identity, Kind, NewVolume, Result, Snapshot, SnapshotName, VolumeName};
use crate::tree::dirs::is_row;
use crate::tree::place::{Known, Object, Place, Stat};
use crate::tree::table::{Caller, Change, Listed, Member, Members, Row, Show, Write, change};
use crate::tree::values::{line, show_time};

/// The directory of a snapshot.
pub fn row() -> &'static Row {
    static ROW: LazyLock<Row> = LazyLock::new(|| {
        Row::dir("S", "", "a snapshot; its time in `ls -l` is that of its creation", rows, None).guarded()
    });
    &ROW
}

fn rows() -> &'static [Row] {
    static ROWS: LazyLock<[Row; 4]> = LazyLock::new(|| {
        [
            Row::read_only("created", "when it was created, UTC", Field(|s| s.creation_time.map(show_time))),
            Row::read_only(
                "size_kbytes",
                "KiB that only the snapshot holds",
                Field(|s| Some(s.size_kbytes?.to_string())),
            ),
            Row::read_only("info.json", "everything, in one consistent read", SnapshotInfo),
            Row::scalar("clone", "takes the name of a new volume with this content; reads as empty", Clone),
        ]
    });
    &*ROWS
}

/// A value of the snapshot.
struct Field(fn(&Snapshot) -> Option<String>);

#[async_trait]
impl Show for Field {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok((self.0)(&*at.snapshot().await?).map(|value| line(&value)))
    }
}

/// `clone`: a new volume from the snapshot.
struct Clone;

#[async_trait]
impl Show for Clone {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        at.snapshot().await.map(|_| Some(String::new()))
    }
}

#[async_trait]
impl Write for Clone {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let new = VolumeName::new(text)?;
        let (volume, snapshot) = (at.volume().await?, at.snapshot().await?);
        let backend = at.backend()?;
        match backend.get_volume(&new).await {
            Ok(_) => {
                return Err(Error::new(Kind::Exists, format!("volume {new} exists already")).input(text, 0));
            }
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut fields = NewVolume::default();
        protect_new(at, &mut fields);
        let endpoint = at.endpoint()?.clone();
        change(async move {
            endpoint.elsewhere.own(&new);
            backend.clone_volume(&new, &volume.name, &snapshot.name, &fields.settings).await
        })
    }
}

/// `snapshots/`.
pub struct Snapshots;

#[async_trait]
impl Members for Snapshots {
    fn row(&self) -> &'static Row {
        row()
    }

    fn known(&self, at: &Place, name: &str) -> Option<Option<Member>> {
        let volume = at.known_volume()?;
        let Some(snapshot) = named(name) else { return Some(None) };
        let found = at.endpoint().ok()?.backend.known_snapshot(&volume.name, &snapshot)?;
        found.map(|snapshot| member(at, &snapshot)).transpose().ok()
    }

    async fn find(&self, at: &Place, name: &str) -> Result<Member> {
        let volume = at.volume().await?;
        let snapshot =
            named(name).ok_or_else(|| Error::not_found(format!("there is no snapshot {name:?}")))?;
        member(at, &*at.endpoint()?.backend.get_snapshot(&volume.name, &snapshot).await?)
    }

    async fn list(&self, at: &Place) -> Result<Listed> {
        let volume = at.volume().await?;
        let snapshots = at.endpoint()?.backend.get_snapshots(&volume.name).await?;
        snapshots.iter().map(|snapshot| member(at, snapshot)).collect::<Result<_>>().map(Listed::Members)
    }

    async fn make(&self, at: &Place, name: &str) -> Result<Member> {
        let snapshot = new_name(name)?;
        let volume = at.volume().await?;
        match at.endpoint()?.backend.create_snapshot(&volume.name, &snapshot).await? {
            Some(snapshot) => member(at, &snapshot),
            None => unseen(at, snapshot),
        }
    }

    async fn remove(&self, at: &Place, name: &str) -> Result<()> {
        let snapshot =
            named(name).ok_or_else(|| Error::not_found(format!("there is no snapshot {name:?}")))?;
        let volume = at.volume().await?;
        at.endpoint()?.backend.delete_snapshot(&volume.name, &snapshot).await
    }

    async fn rename(&self, at: &Place, name: &str, to: &Place, row: &'static Row, new: &str) -> Result<()> {
        let volume = at.volume().await?;
        let same = matches!((&at.object, &to.object), (Object::Volume(a, v), Object::Volume(b, w))
            if a.name == b.name && v.identity == w.identity);
        if !same || row.members().is_none_or(|members| !is_row(members.row(), self.row())) {
            let error = Error::new(Kind::NotPermitted, format!("snapshot {name} cannot leave its volume"));
            return Err(error.hint("to use its content elsewhere: echo NEW > snapshots/S/clone"));
        }
        let snapshot =
            named(name).ok_or_else(|| Error::not_found(format!("there is no snapshot {name:?}")))?;
        at.endpoint()?.backend.rename_snapshot(&volume.name, &snapshot, &new_name(new)?).await
    }
}

/// A snapshot that was made, and that nobody has looked at yet: what tells it from others is not known, and
/// asking would be a second call. The kernel asks when it first wants to know.
fn unseen(at: &Place, name: SnapshotName) -> Result<Member> {
    let Object::Volume(endpoint, volume) = &at.object else {
        return Err(Error::new(Kind::Bug, "snapshots/ is not in the directory of a volume"));
    };
    let created = SystemTime::now();
    let now = humantime::format_rfc3339_nanos(created).to_string();
    let identity = Identity::of(&["unseen", name.as_str(), &now]);
    let known = Known { name, identity, created: Some(created) };
    Ok(Member {
        place: at.at(Object::Snapshot(endpoint.clone(), volume.clone(), known)),
        row: row(),
        stat: Stat::default(),
        unseen: true,
    })
}

/// The snapshot that a file name stands for.
pub fn named(name: &str) -> Option<SnapshotName> {
    decoded(name).and_then(|name| SnapshotName::new(&name).ok())
}

fn new_name(name: &str) -> Result<SnapshotName> {
    SnapshotName::new(&super::volume::new_object_name(name)?)
}

fn member(at: &Place, snapshot: &Snapshot) -> Result<Member> {
    let Object::Volume(endpoint, volume) = &at.object else {
        return Err(Error::new(Kind::Bug, "snapshots/ is not in the directory of a volume"));
    };
    Ok(Member {
        place: at.at(Object::Snapshot(endpoint.clone(), volume.clone(), snapshot.into())),
        row: row(),
        stat: Stat::of_snapshot(snapshot),
        unseen: false,
    })
}
