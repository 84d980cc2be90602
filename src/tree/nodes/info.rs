//! `info.json`: one object, with the field names and types of the storage API.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::backend::{HostName, Lock, Result, Snapshot, Volume};
use crate::tree::place::Place;
use crate::tree::table::{Caller, Show};
use crate::tree::values::show_time;

/// Of a volume.
pub struct VolumeInfo;

#[async_trait]
impl Show for VolumeInfo {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let volume = at.volume().await?;
        let lock = at.endpoint()?.backend.locks(&volume.name).await?;
        Ok(Some(text(of_volume(&volume, lock.as_ref().map(Lock::holder)))))
    }
}

/// Of a snapshot.
pub struct SnapshotInfo;

#[async_trait]
impl Show for SnapshotInfo {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok(Some(text(of_snapshot(&*at.snapshot().await?))))
    }
}

fn of_volume(volume: &Volume, holder: Option<&HostName>) -> Map<String, Value> {
    let settings = &volume.settings;
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        // What the back-end does not have is not there.
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put("name", Some(json!(volume.name)));
    put("uuid", Some(json!(volume.uuid)));
    put("state", volume.state.as_ref().map(|state| json!(state)));
    put("size_total", settings.size_total.map(Value::from));
    put("size_used", Some(json!(volume.size_used)));
    put("filer_address", Some(json!(volume.filer_address)));
    put("aggregate_name", volume.aggregate_name.as_ref().map(|name| json!(name)));
    put("junction_path", settings.junction_path.as_deref().map(or_null));
    put("active_policy_name", Some(json!(settings.active_policy_name)));
    put("creation_time", volume.creation_time.map(|time| json!(show_time(time))));
    put("compression_enabled", settings.compression_enabled.map(Value::from));
    put("inline_compression", settings.inline_compression.map(Value::from));
    put("percentage_snapshot_reserve", settings.percentage_snapshot_reserve.map(Value::from));
    put("percentage_snapshot_reserve_used", volume.percentage_snapshot_reserve_used.map(Value::from));
    put("caching_policy", settings.caching_policy.as_deref().map(or_null));
    put("autosize_enabled", settings.autosize_enabled.map(Value::from));
    put("max_autosize", settings.max_autosize.map(Value::from));
    put("comment", settings.comment.as_deref().map(or_null));
    put("protect", settings.protect.map(Value::from));
    put("lock", Some(json!(holder)));
    object.extend(volume.extra.clone());
    object
}

fn of_snapshot(snapshot: &Snapshot) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("name".into(), json!(snapshot.name));
    if let Some(time) = snapshot.creation_time {
        object.insert("creation_time".into(), json!(show_time(time)));
    }
    if let Some(size) = snapshot.size_kbytes {
        object.insert("size_kbytes".into(), json!(size));
    }
    object.extend(snapshot.extra.clone());
    object
}

/// An unset text is `null`.
fn or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

fn text(object: Map<String, Value>) -> String {
    format!("{:#}\n", Value::Object(object))
}
