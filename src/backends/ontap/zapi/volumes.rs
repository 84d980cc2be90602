//! Volumes: list, get, create, restrict; how they are changed: `patch`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::errors::{of_policy, of_volume, refused_with};
use super::xml::Element;
use super::{Zapi, after, optional, records, required, typed, understood};
use crate::backend::{
    AggregateName, Error, Identity, Kind, NewVolume, PolicyName, Result, Sent, Settings, Volume, VolumeName,
};

const GET: &str = "volume-get-iter";
/// Sizes are rounded up to whole blocks.
const BLOCK: u64 = 4096;

/// A volume as it comes. Absent fields are absent.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Attributes {
    volume_id_attributes: Id,
    volume_space_attributes: Space,
    volume_autosize_attributes: Autosize,
    volume_state_attributes: State,
    volume_export_attributes: Export,
    volume_hybrid_cache_attributes: HybridCache,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Id {
    name: Option<String>,
    uuid: Option<String>,
    instance_uuid: Option<String>,
    owning_vserver_name: Option<String>,
    node: Option<String>,
    containing_aggregate_name: Option<String>,
    creation_time: Option<String>,
    junction_path: Option<String>,
    comment: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Space {
    size: Option<String>,
    size_total: Option<String>,
    size_used: Option<String>,
    percentage_snapshot_reserve: Option<String>,
    percentage_snapshot_reserve_used: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Autosize {
    is_enabled: Option<String>,
    maximum_size: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct State {
    state: Option<String>,
    is_vserver_root: Option<String>,
    is_node_root: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Export {
    policy: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct HybridCache {
    caching_policy: Option<String>,
}

records!(Volumes, "volume-attributes", Attributes);

/// What is known of the compression of a volume: background and inline.
pub(super) type Compression = HashMap<String, (bool, bool)>;

fn wanted() -> Element {
    let id = [
        "name",
        "uuid",
        "instance-uuid",
        "owning-vserver-name",
        "node",
        "containing-aggregate-name",
        "creation-time",
        "junction-path",
        "comment",
    ];
    let space = [
        "size",
        "size-total",
        "size-used",
        "percentage-snapshot-reserve",
        "percentage-snapshot-reserve-used",
    ];
    let attributes = Element::new()
        .child("volume-id-attributes", Element::new().names(&id))
        .child("volume-space-attributes", Element::new().names(&space))
        .child("volume-autosize-attributes", Element::new().names(&["is-enabled", "maximum-size"]))
        .child("volume-state-attributes", Element::new().names(&["state", "is-vserver-root", "is-node-root"]))
        .child("volume-export-attributes", Element::new().names(&["policy"]))
        .child("volume-hybrid-cache-attributes", Element::new().names(&["caching-policy"]));
    Element::new().child("desired-attributes", Element::new().child("volume-attributes", attributes))
}

/// Whether ONTAP can have a volume of this name; in a query, other characters would be patterns.
pub(super) fn possible(name: &VolumeName) -> bool {
    let name = name.as_str();
    name.len() <= 203
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl Zapi {
    pub(super) async fn all_volumes(&self) -> Result<Vec<Arc<Volume>>> {
        let records = self.list::<Volumes>(GET, wanted()).await?;
        let compression = self.compression(None).await?;
        let mut volumes = understood(GET, records, |record| self.volume(record, &compression));
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    pub(super) async fn one_volume(&self, name: &VolumeName) -> Result<Arc<Volume>> {
        let record = self.shown(name).await?;
        let compression = self.compression(Some(name)).await?;
        self.volume(record, &compression)?.ok_or_else(|| missing(name))
    }

    /// Fails if there is no such volume, or if it is not shown.
    pub(super) async fn is_shown(&self, name: &VolumeName) -> Result<()> {
        self.shown(name).await.map(drop)
    }

    async fn shown(&self, name: &VolumeName) -> Result<Attributes> {
        if !possible(name) {
            return Err(missing(name));
        }
        let arguments = Element::new().child("query", self.query(name)).joined(&wanted());
        let records = self.list::<Volumes>(GET, arguments).await?;
        let named = |record: &Attributes| record.volume_id_attributes.name.as_deref() == Some(name.as_str());
        let record = records.into_iter().find(named).filter(|record| !self.hidden(record));
        record.ok_or_else(|| missing(name))
    }

    /// Finds a volume by name, in the SVM alone.
    pub(super) fn query(&self, name: &VolumeName) -> Element {
        let id = Element::new().text("name", name).maybe("owning-vserver-name", self.svm.as_deref());
        Element::new().child("volume-attributes", Element::new().child("volume-id-attributes", id))
    }

    /// The same, unless it is restricted or offline: to change what is not shown is to find nothing.
    pub(super) fn query_in_use(&self, name: &VolumeName) -> Element {
        let id = Element::new().text("name", name).maybe("owning-vserver-name", self.svm.as_deref());
        let state = Element::new().text("state", "online");
        let attributes =
            Element::new().child("volume-id-attributes", id).child("volume-state-attributes", state);
        Element::new().child("volume-attributes", attributes)
    }

    /// Restricted and offline volumes, roots, and what belongs to a node.
    fn hidden(&self, record: &Attributes) -> bool {
        let (id, state) = (&record.volume_id_attributes, &record.volume_state_attributes);
        let yes = |flag: &Option<String>| flag.as_deref() == Some("true");
        let elsewhere =
            self.svm.is_some() && id.owning_vserver_name.is_some() && id.owning_vserver_name != self.svm;
        let unusable = state.state.as_deref() == Some("restricted")
            || (state.state.as_deref() != Some("online")
                && record.volume_space_attributes.size_total.is_none());
        unusable
            || elsewhere
            || yes(&state.is_vserver_root)
            || yes(&state.is_node_root)
            || id.junction_path.as_deref() == Some("/")
            || id.containing_aggregate_name.as_ref().is_none_or(|name| name.starts_with("aggr0"))
    }

    fn volume(&self, record: Attributes, compression: &Compression) -> Result<Option<Arc<Volume>>> {
        if self.hidden(&record) {
            return Ok(None);
        }
        let (id, space, size) =
            (record.volume_id_attributes, record.volume_space_attributes, record.volume_autosize_attributes);
        let name = VolumeName::new(required(GET, "volume-id-attributes/name", &id.name)?)?;
        let uuid = id.instance_uuid.or(id.uuid);
        let uuid = required(GET, "volume-id-attributes/uuid", &uuid)?.to_owned();
        // `size` is what a size is set to; `size-total` is that without the snapshot reserve.
        let total = space.size.or(space.size_total);
        let total = required(GET, "volume-space-attributes/size", &total)?;
        let size_used = required(GET, "volume-space-attributes/size-used", &space.size_used)?;
        let (background, inline) = compression.get(name.as_str()).copied().unwrap_or_default();
        let created: Option<u64> = optional(GET, "creation-time", &id.creation_time)?;
        let policy = record.volume_export_attributes.policy;
        let mut extra = Map::new();
        for (key, value) in [("node", &id.node), ("vserver", &id.owning_vserver_name)] {
            if let Some(value) = value {
                extra.insert(key.to_owned(), Value::String(value.clone()));
            }
        }
        Ok(Some(Arc::new(Volume {
            identity: Identity::of(&[&uuid]),
            uuid,
            state: record.volume_state_attributes.state,
            settings: Settings {
                size_total: Some(typed(GET, "size", total)?),
                percentage_snapshot_reserve: optional(
                    GET,
                    "percentage-snapshot-reserve",
                    &space.percentage_snapshot_reserve,
                )?,
                compression_enabled: Some(background),
                inline_compression: Some(inline),
                caching_policy: record.volume_hybrid_cache_attributes.caching_policy,
                autosize_enabled: optional(GET, "volume-autosize-attributes/is-enabled", &size.is_enabled)?,
                max_autosize: optional(GET, "volume-autosize-attributes/maximum-size", &size.maximum_size)?,
                junction_path: Some(id.junction_path.unwrap_or_default()),
                comment: Some(id.comment.unwrap_or_default()),
                protect: Some(false),
                active_policy_name: policy.as_deref().map(PolicyName::new).transpose()?,
            },
            size_used: typed(GET, "size-used", size_used)?,
            percentage_snapshot_reserve_used: optional(
                GET,
                "percentage-snapshot-reserve-used",
                &space.percentage_snapshot_reserve_used,
            )?,
            filer_address: id.node.unwrap_or_else(|| self.http.host().to_owned()),
            aggregate_name: id.containing_aggregate_name.as_deref().map(AggregateName::new).transpose()?,
            creation_time: created.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
            extra,
            name,
        })))
    }

    pub(super) async fn new_volume(&self, name: &VolumeName, new: &NewVolume) -> Result<Arc<Volume>> {
        check_name(name)?;
        check_marks(&new.settings)?;
        let settings = &new.settings;
        let needs = |field: &str| {
            let error = Error::new(Kind::Invalid, format!("a volume on this filer needs {field}"));
            error.hint(format!("set it in defaults, or prepare the volume: mkdir staging/{name}"))
        };
        let size = settings.size_total.ok_or_else(|| needs("size_total"))?;
        let path = settings
            .junction_path
            .as_deref()
            .filter(|path| !path.is_empty())
            .ok_or_else(|| needs("junction_path"))?;
        let aggregate = match &new.aggregate_name {
            Some(name) => name.to_string(),
            None => self.roomiest_aggregate().await?,
        };
        let create = Element::new()
            .text("volume", name)
            .text("containing-aggr-name", aggregate)
            .text("size", size)
            .text("junction-path", path)
            .text("percentage-snapshot-reserve", settings.percentage_snapshot_reserve.unwrap_or(0))
            .maybe("export-policy", settings.active_policy_name.as_ref())
            .maybe("caching-policy", settings.caching_policy.as_ref().filter(|policy| !policy.is_empty()))
            .maybe("volume-comment", settings.comment.as_ref().filter(|comment| !comment.is_empty()));
        match self.tell("volume-create", create).await {
            // It may be there all the same: then the other steps are still to be done.
            Err(error) if error.sent == Sent::Unknown && !self.is_new(name, size, path).await => {
                return Err(error);
            }
            Err(error) if error.sent == Sent::Unknown => {}
            created => created.map_err(|error| of_policy(error, settings.active_policy_name.as_ref()))?,
        }
        let compression =
            (settings.compression_enabled.unwrap_or(true), settings.inline_compression.unwrap_or(true));
        let autosize = (
            settings.autosize_enabled.unwrap_or(true),
            settings.max_autosize.unwrap_or((size / 5).saturating_mul(6)),
        );
        let done = ["the volume"];
        if compression != (false, false) {
            self.compress(name, compression).await.map_err(|error| after(&done, error))?;
        }
        self.autosize(name, Some(autosize.0), Some(autosize.1)).await.map_err(|error| after(&done, error))?;
        self.one_volume(name).await.map_err(|error| after(&done, error))
    }

    /// Whether there is a volume as one just created: nothing of another one is to be changed.
    async fn is_new(&self, name: &VolumeName, size: u64, path: &str) -> bool {
        let volume = self.one_volume(name).await;
        volume.is_ok_and(|volume| {
            let settings = &volume.settings;
            // Nobody has yet set a fresh volume to grow.
            let sized =
                settings.size_total.is_some_and(|total| total >= size && total < size.saturating_add(BLOCK));
            sized
                && settings.junction_path.as_deref() == Some(path)
                && settings.autosize_enabled == Some(false)
        })
    }

    /// A mounted volume cannot be restricted: it is unmounted first. If it is refused then, its clients get it back: the
    /// filer forgets where it was mounted, so that is asked before.
    pub(super) async fn restrict(&self, name: &VolumeName) -> Result<()> {
        let path = self.shown(name).await?.volume_id_attributes.junction_path;
        if path.is_some() {
            self.unmount(name).await.map_err(|error| of_volume(error, name))?;
        }
        let restricted = self.tell("volume-restrict", Element::new().text("name", name)).await;
        let Err(error) = restricted.map_err(|error| of_volume(error, name)) else { return Ok(()) };
        let Some(path) = path.filter(|_| error.kind() != Kind::NotFound) else { return Err(error) };
        if error.sent == Sent::Unknown {
            return Err(after(&["the unmount"], error));
        }
        match self.mount(name, &path).await {
            Ok(()) => Err(error),
            Err(_) => {
                Err(error.context(format!("it was unmounted from {path}, and could not be mounted again")))
            }
        }
    }

    pub(super) async fn unmount(&self, name: &VolumeName) -> Result<()> {
        match self.tell("volume-unmount", Element::new().text("volume-name", name)).await {
            // It was not mounted.
            Err(error) if refused_with(&error, "14716") => Ok(()),
            done => done,
        }
    }

    pub(super) async fn mount(&self, name: &VolumeName, path: &str) -> Result<()> {
        self.tell("volume-mount", Element::new().text("volume-name", name).text("junction-path", path)).await
    }

    pub(super) async fn autosize(
        &self,
        name: &VolumeName,
        on: Option<bool>,
        most: Option<u64>,
    ) -> Result<()> {
        let arguments =
            Element::new().text("volume", name).maybe("is-enabled", on).maybe("maximum-size", most);
        self.tell("volume-autosize-set", arguments).await
    }
}

/// This filer keeps comments, but not whether a volume is protected.
pub(super) fn check_marks(settings: &Settings) -> Result<()> {
    match settings.protect {
        Some(_) => Err(Error::unsupported("keep the protect mark")),
        None => Ok(()),
    }
}

/// Refuses a name that ONTAP cannot give.
pub(super) fn check_name(name: &VolumeName) -> Result<()> {
    if possible(name) {
        return Ok(());
    }
    let error = Error::invalid(format!("{name} is no name for a volume on this filer"), name.as_str(), 0);
    Err(error.hint(
        "accepted: letters, digits and _, a letter or _ first, up to 203; set junction_path for a path",
    ))
}

/// No such volume, or one that is not shown.
pub(super) fn missing(name: &VolumeName) -> Error {
    Error::not_found(format!("there is no volume {name}"))
}
