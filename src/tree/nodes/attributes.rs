//! The attributes of a volume that can be changed: one table for volumes, staged volumes, `config` and
//! `defaults`.

use std::sync::Arc;

use async_trait::async_trait;

use super::known_policy;
use super::volume::check_protection_is_known;
use crate::backend::{Error, Kind, PolicyName, Result, Settings, Volume};
use crate::tree::place::Place;
use crate::tree::table::{Caller, Change, Row, Show, Write, change};
use crate::tree::values::{self, line, show_boolean};

/// One attribute: its file, and its key in `config`.
pub struct Attribute {
    /// The name of the file.
    pub name: &'static str,
    /// Meaning and unit.
    pub help: &'static str,
    /// What a volume shows that does not have it set; `None` if it then has no such file.
    unset: Option<&'static str>,
    show: fn(&Settings) -> Option<String>,
    parse: fn(&str) -> Result<Settings>,
}

macro_rules! attribute {
    ($field:ident, $name:literal, $unset:expr, $show:expr, $parse:expr, $help:literal) => {
        Attribute {
            name: $name,
            help: $help,
            unset: $unset,
            show: |settings| settings.$field.as_ref().map($show),
            parse: |text| Ok(Settings { $field: Some($parse(text)?), ..Settings::default() }),
        }
    };
}

/// Every attribute that has a file of its own.
pub static ATTRIBUTES: [Attribute; 10] = [
    attribute!(
        size_total,
        "size_total",
        None,
        u64::to_string,
        values::size,
        "size in bytes; takes also 20G or 20Gi"
    ),
    attribute!(
        percentage_snapshot_reserve,
        "percentage_snapshot_reserve",
        None,
        u64::to_string,
        values::integer,
        "share of the size set aside for snapshots, in percent"
    ),
    attribute!(
        compression_enabled,
        "compression_enabled",
        None,
        |on| show_boolean(*on),
        values::boolean,
        "whether data is compressed in the background, 0 or 1"
    ),
    attribute!(
        inline_compression,
        "inline_compression",
        None,
        |on| show_boolean(*on),
        values::boolean,
        "whether data is compressed while it is written, 0 or 1"
    ),
    attribute!(
        caching_policy,
        "caching_policy",
        None,
        String::clone,
        values::text,
        "name of the caching policy, or empty"
    ),
    attribute!(
        autosize_enabled,
        "autosize_enabled",
        None,
        |on| show_boolean(*on),
        values::boolean,
        "whether the volume grows by itself, 0 or 1"
    ),
    attribute!(
        max_autosize,
        "max_autosize",
        None,
        u64::to_string,
        values::size,
        "size in bytes up to which the volume grows by itself; takes also 24G or 24Gi"
    ),
    attribute!(
        junction_path,
        "junction_path",
        None,
        String::clone,
        values::junction_path,
        "where clients see the volume, or empty if it is not mounted"
    ),
    attribute!(comment, "comment", None, String::clone, values::text, "free text"),
    attribute!(
        protect,
        "protect",
        None,
        |on| show_boolean(*on),
        values::boolean,
        "whether `rmdir` of the volume is refused, 0 or 1"
    ),
];

/// The export policy: a file of its own, and a key like the others.
pub static POLICY: Attribute = attribute!(
    active_policy_name,
    "policy",
    Some(""),
    PolicyName::to_string,
    PolicyName::new,
    "name of the export policy in force"
);

/// Every key of `config` and `defaults`.
pub fn keys() -> impl Iterator<Item = &'static Attribute> {
    ATTRIBUTES.iter().chain([&POLICY])
}

impl Attribute {
    /// What a volume with these settings shows; `None` if it does not have the attribute.
    pub fn shown(&self, settings: &Settings) -> Option<String> {
        (self.show)(settings).or_else(|| self.unset.map(str::to_owned))
    }

    /// What is set of it, if it is.
    pub fn set(&self, settings: &Settings) -> Option<String> {
        (self.show)(settings)
    }

    /// The settings that a text asks for: this one alone.
    pub fn parse(&self, text: &str) -> Result<Settings> {
        (self.parse)(text).map_err(|error| error.context(self.name))
    }

    /// The settings that a text asks for, unless they are in force already.
    pub fn patch(&self, text: &str, current: &Settings) -> Result<Option<Settings>> {
        let shown = self
            .shown(current)
            .ok_or_else(|| Error::new(Kind::Unsupported, format!("this volume has no {}", self.name)))?;
        if text.is_empty() && shown.is_empty() {
            return Ok(None);
        }
        let patch = self.parse(text)?;
        Ok(if self.set(&patch) == Some(shown) { None } else { Some(patch) })
    }
}

/// The files of the attributes in the directory of a volume.
pub fn rows() -> impl Iterator<Item = Row> {
    let row = |attribute: &'static Attribute| {
        Row::scalar(attribute.name, attribute.help, VolumeAttribute(attribute)).guarded()
    };
    ATTRIBUTES.iter().map(row)
}

struct VolumeAttribute(&'static Attribute);

impl VolumeAttribute {
    /// The volume, with the attribute as far as it has it.
    async fn of(&self, at: &Place) -> Result<Arc<Volume>> {
        let volume = at.volume().await?;
        if self.0.name == "protect" {
            check_protection_is_known(&volume, &*at.backend()?)?;
        }
        Ok(volume)
    }
}

#[async_trait]
impl Show for VolumeAttribute {
    fn known(&self, at: &Place) -> Option<String> {
        self.0.shown(&at.known_volume()?.settings).map(|value| line(&value))
    }

    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok(self.0.shown(&self.of(at).await?.settings).map(|value| line(&value)))
    }
}

#[async_trait]
impl Write for VolumeAttribute {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let volume = self.of(at).await?;
        let Some(patch) = self.0.patch(text, &volume.settings)? else { return Ok(None) };
        // The record is let go first: who holds it makes its change a copy.
        let (name, backend) = (volume.name.clone(), at.backend()?);
        change(async move { backend.patch_volume(&name, &patch).await })
    }
}

/// `policy`: the export policy in force.
pub struct PolicyInForce;

#[async_trait]
impl Show for PolicyInForce {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok(POLICY.shown(&at.volume().await?.settings).map(|value| line(&value)))
    }
}

#[async_trait]
impl Write for PolicyInForce {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let volume = at.volume().await?;
        let Some(patch) = POLICY.patch(text, &volume.settings)? else { return Ok(None) };
        let Some(policy) = patch.active_policy_name else { return Ok(None) };
        let backend = at.backend()?;
        known_policy(&*backend, &policy).await?;
        change(async move { backend.set_policy(&volume.name, &policy).await })
    }
}
