//! `junctions/`: each junction path a link to its volume.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;

use crate::backend::names::{decoded, encoded};
use crate::backend::{Error, Kind, Result, StorageBackend, Volume, VolumeName};
use crate::tree::place::{Object, Place, Stat};
use crate::tree::table::{Caller, Listed, Member, Members, Node, Row, Show};

/// The link of a junction path.
pub fn row() -> &'static Row {
    static ROW: LazyLock<Row> = LazyLock::new(|| Row {
        name: "PATH",
        path: "",
        help: "link to the volume that is mounted at this path of the filer's namespace",
        node: Node::Link(Box::new(Target)),
        guarded: false,
    });
    &ROW
}

struct Target;

#[async_trait]
impl Show for Target {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let Object::Junction(endpoint, path, volume) = &at.object else {
            return Err(Error::new(Kind::Bug, "a junction is not in junctions/"));
        };
        // Usually the volume is still the one that was found; if not, the path may lead elsewhere now.
        match endpoint.backend.get_volume(volume).await {
            Ok(volume) if mounted_at(&volume) == Some(path) => Ok(Some(target(&volume.name))),
            Ok(_) => Ok(Some(target(&find(&*endpoint.backend, path).await?.name))),
            Err(error) if error.kind() == Kind::NotFound => {
                Ok(Some(target(&find(&*endpoint.backend, path).await?.name)))
            }
            Err(error) => Err(error),
        }
    }
}

/// `junctions/`.
pub struct Junctions;

#[async_trait]
impl Members for Junctions {
    fn row(&self) -> &'static Row {
        row()
    }

    async fn find(&self, at: &Place, name: &str) -> Result<Member> {
        let path =
            decoded(name).ok_or_else(|| Error::not_found(format!("{name:?} is not an encoded path")))?;
        member(at, &*find(&*at.endpoint()?.backend, &path).await?)
    }

    async fn list(&self, at: &Place) -> Result<Listed> {
        let volumes = at.endpoint()?.backend.volumes().await?;
        let mounted = volumes.iter().filter(|volume| mounted_at(volume).is_some());
        mounted.map(|volume| member(at, volume)).collect::<Result<_>>().map(Listed::Members)
    }

    async fn make(&self, _: &Place, name: &str) -> Result<Member> {
        Err(refused(name, "created").hint("to mount a volume: echo /PATH > volumes/V/junction_path"))
    }

    async fn remove(&self, _: &Place, name: &str) -> Result<()> {
        Err(refused(name, "removed").hint("to unmount a volume: echo > volumes/V/junction_path"))
    }
}

/// `NODE:/junction/path` in `volumes/`: the same link under that name; the node says nothing more.
pub async fn find_named(at: &Place, path: &str) -> Result<Member> {
    member(at, &*find(&*at.endpoint()?.backend, path).await?)
}

fn refused(name: &str, what: &str) -> Error {
    Error::new(Kind::NotPermitted, format!("junction {name} cannot be {what} here"))
}

fn mounted_at(volume: &Volume) -> Option<&str> {
    volume.settings.junction_path.as_deref().filter(|path| !path.is_empty())
}

async fn find(backend: &dyn StorageBackend, path: &str) -> Result<Arc<Volume>> {
    let volumes = backend.volumes().await?;
    // Filers keep the case of a path, but tell no paths apart by it.
    let same = |volume: &&Arc<Volume>| mounted_at(volume).is_some_and(|at| at.eq_ignore_ascii_case(path));
    let exact = volumes.iter().find(|volume| mounted_at(volume) == Some(path));
    let found = exact.or_else(|| volumes.iter().find(same).filter(|_| backend.capabilities().junction_names));
    found.cloned().ok_or_else(|| Error::not_found(format!("no volume is mounted at {path}")))
}

fn target(volume: &VolumeName) -> String {
    format!("../volumes/{}", encoded(volume.as_str()))
}

fn member(at: &Place, volume: &Volume) -> Result<Member> {
    let path = mounted_at(volume).unwrap_or_default();
    Ok(Member {
        place: at.at(Object::Junction(at.endpoint()?.clone(), path.into(), volume.name.clone())),
        row: row(),
        stat: Stat { size: target(&volume.name).len() as u64, used: 0 },
        unseen: false,
    })
}
