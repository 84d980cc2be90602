//! `config` of a volume and `defaults` of an endpoint: all settings as `KEY VALUE` lines.

use async_trait::async_trait;

use super::attributes::{Attribute, keys};
use super::known_policy;
use crate::backend::{AggregateName, Error, NewVolume, Result, Settings};
use crate::tree::place::Place;
use crate::tree::table::{Caller, Change, Show, Write, change};
use crate::tree::values::{lines, near};

const AGGREGATE: &str = "aggregate_name";

/// `volumes/V/config`: one write is one change of the volume.
pub struct Config;

#[async_trait]
impl Show for Config {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let settings = &at.volume().await?.settings;
        Ok(Some(keyed(keys().filter_map(|key| Some((key.name, key.shown(settings)?))))))
    }
}

#[async_trait]
impl Write for Config {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let volume = at.volume().await?;
        let backend = at.backend()?;
        let mut patch = Settings::default();
        for (key, value) in pairs(text, &[])? {
            let attribute = find(key)?;
            if let Some(setting) =
                attribute.patch(value, &volume.settings).map_err(|error| in_line(error, text, value))?
            {
                patch = patch.overlaid(&setting);
            }
        }
        if let Some(policy) = &patch.active_policy_name {
            known_policy(&*backend, policy).await?;
        }
        if patch.is_empty() {
            return Ok(None);
        }
        change(async move { backend.patch_volume(&volume.name, &patch).await })
    }
}

/// `ENDPOINT/defaults`: what volumes are created with. Kept as long as the mount.
pub struct Defaults;

#[async_trait]
impl Show for Defaults {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let defaults = at.endpoint()?.defaults.lock().clone();
        let settings = keys().filter_map(|key| Some((key.name, key.set(&defaults.settings)?)));
        let aggregate = defaults.aggregate_name.iter().map(|name| (AGGREGATE, name.to_string()));
        Ok(Some(keyed(settings.chain(aggregate))))
    }
}

#[async_trait]
impl Write for Defaults {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let endpoint = at.endpoint()?.clone();
        let before = endpoint.defaults.lock().clone();
        let mut after = before.clone();
        for (key, value) in pairs(text, &[AGGREGATE])? {
            after = with_default(after, key, value).map_err(|error| in_line(error, text, value))?;
        }
        if after == before {
            return Ok(None);
        }
        change(async move {
            *endpoint.defaults.lock() = after;
            Ok(())
        })
    }
}

/// The defaults with this one set; dropped if the value is empty.
pub fn with_default(mut new: NewVolume, key: &str, value: &str) -> Result<NewVolume> {
    if key == AGGREGATE {
        new.aggregate_name = if value.is_empty() { None } else { Some(AggregateName::new(value)?) };
        return Ok(new);
    }
    let attribute = find(key)?;
    if value.is_empty() {
        let kept = keys()
            .filter(|kept| kept.name != key)
            .filter_map(|kept| kept.parse(&kept.set(&new.settings)?).ok());
        new.settings = kept.fold(Settings::default(), |all, one| all.overlaid(&one));
    } else {
        new.settings = new.settings.overlaid(&attribute.parse(value)?);
    }
    Ok(new)
}

fn find(key: &str) -> Result<&'static Attribute> {
    keys().find(|attribute| attribute.name == key).ok_or_else(|| unknown(key, key))
}

fn unknown(key: &str, text: &str) -> Error {
    let error = Error::invalid(format!("there is no key {key:?}"), text, text.find(key).unwrap_or(0));
    error.hint(near(key, keys().map(|attribute| attribute.name)))
}

/// The keys and values of a text, each key once.
fn pairs<'a>(text: &'a str, more: &[&str]) -> Result<Vec<(&'a str, &'a str)>> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for line in lines(text.as_bytes())? {
        let (key, value) = line.split_once([' ', '\t']).unwrap_or(line.split_at(line.len()));
        if pairs.iter().any(|(other, _)| *other == key) {
            return Err(Error::invalid(format!("key {key:?} is given twice"), line, 0));
        }
        if !more.contains(&key) && !keys().any(|attribute| attribute.name == key) {
            return Err(unknown(key, line));
        }
        pairs.push((key, value.trim_matches([' ', '\t'])));
    }
    Ok(pairs)
}

/// Points at the value in its line rather than in itself.
fn in_line(error: Error, text: &str, value: &str) -> Error {
    let start = value.as_ptr() as usize - text.as_ptr() as usize;
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    match error.input.as_ref().map(|input| input.at) {
        Some(at) => error.input(&text[line..end], start - line + at),
        None => error,
    }
}

fn keyed<'a>(pairs: impl Iterator<Item = (&'a str, String)>) -> String {
    pairs
        .map(|(key, value)| if value.is_empty() { format!("{key}\n") } else { format!("{key} {value}\n") })
        .collect()
}
