//! `staging/V/`: a volume being prepared, until `mv staging/V volumes/V`.

use std::sync::LazyLock;

use async_trait::async_trait;

use super::attributes::{ATTRIBUTES, Attribute, POLICY};
use super::config::with_default;
use super::known_policy;
use super::volume::{create, new_name, protect_new};
use crate::backend::{AggregateName, Error, Kind, Result, SnapshotName, VolumeName};
use crate::tree::dirs::is_row;
use crate::tree::endpoint::Staged;
use crate::tree::place::{Known, Object, Place, Stat};
use crate::tree::table::{Caller, Change, Listed, Member, Members, Row, Show, Write, change};
use crate::tree::values::line;

/// The directory of a staged volume.
pub fn row() -> &'static Row {
    static ROW: LazyLock<Row> = LazyLock::new(|| {
        Row::dir(
            "V",
            "",
            "a volume being prepared; what is not set comes from `defaults`, an empty line unsets",
            rows,
            None,
        )
    });
    &ROW
}

fn rows() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
        let attributes = ATTRIBUTES.iter().chain([&POLICY]);
        let rows = attributes
            .map(|attribute| Row::scalar(attribute.name, attribute.help, StagedAttribute(attribute)));
        let own = [
            Row::scalar("origin", "`SRC@SNAP`: the volume shall be a clone of this snapshot", Origin),
            Row::scalar(
                "aggregate_name",
                "the aggregate that shall hold the volume; the storage chooses if empty",
                Aggregate,
            ),
        ];
        rows.chain(own).collect()
    });
    &ROWS
}

fn staged(at: &Place) -> Result<Staged> {
    let Object::Staged(endpoint, known) = &at.object else {
        return Err(Error::new(Kind::Bug, "a staged volume is not in staging/"));
    };
    endpoint.staged(known)
}

/// What is left of a change of a staged volume, if it changes anything.
fn restage(
    at: &Place,
    changed: bool,
    set: impl FnOnce(&mut Staged) -> Result<()> + Send + 'static,
) -> Result<Change> {
    let (endpoint, known) = (at.endpoint()?.clone(), staged(at)?.known);
    if !changed {
        return Ok(None);
    }
    change(async move { endpoint.restage(&known, set) })
}

struct StagedAttribute(&'static Attribute);

#[async_trait]
impl Show for StagedAttribute {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok(Some(line(&self.0.set(&staged(at)?.new.settings).unwrap_or_default())))
    }
}

#[async_trait]
impl Write for StagedAttribute {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let before = staged(at)?.new;
        let after = with_default(before.clone(), self.0.name, text)?;
        if let Some(policy) = &after.settings.active_policy_name
            && before.settings.active_policy_name != after.settings.active_policy_name
        {
            known_policy(&*at.backend()?, policy).await?;
        }
        let (name, text) = (self.0.name, text.to_owned());
        restage(at, after != before, move |staged| {
            with_default(staged.new.clone(), name, &text).map(|new| staged.new = new)
        })
    }
}

struct Origin;

#[async_trait]
impl Show for Origin {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let origin = staged(at)?.origin.map(|(volume, snapshot)| format!("{volume}@{snapshot}"));
        Ok(Some(line(&origin.unwrap_or_default())))
    }
}

#[async_trait]
impl Write for Origin {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let before = staged(at)?.origin;
        let after = if text.is_empty() { None } else { Some(origin(text)?) };
        if let Some((volume, snapshot)) = &after {
            at.endpoint()?
                .backend
                .get_snapshot(volume, snapshot)
                .await
                .map_err(|error| error.input(text, 0))?;
        }
        restage(at, after != before, |staged| {
            staged.origin = after;
            Ok(())
        })
    }
}

fn origin(text: &str) -> Result<(VolumeName, SnapshotName)> {
    let (volume, snapshot) = text.split_once('@').ok_or_else(|| {
        Error::invalid(format!("{text:?} names no snapshot"), text, text.len())
            .hint("accepted: VOLUME@SNAPSHOT")
    })?;
    Ok((VolumeName::new(volume)?, SnapshotName::new(snapshot)?))
}

struct Aggregate;

#[async_trait]
impl Show for Aggregate {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let name = staged(at)?.new.aggregate_name.map(|name| name.to_string());
        Ok(Some(line(&name.unwrap_or_default())))
    }
}

#[async_trait]
impl Write for Aggregate {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let before = staged(at)?.new.aggregate_name;
        let after = if text.is_empty() { None } else { Some(AggregateName::new(text)?) };
        restage(at, after != before, |staged| {
            staged.new.aggregate_name = after;
            Ok(())
        })
    }
}

/// `staging/`.
pub struct Staging;

#[async_trait]
impl Members for Staging {
    fn row(&self) -> &'static Row {
        row()
    }

    async fn find(&self, at: &Place, name: &str) -> Result<Member> {
        member(at, at.endpoint()?.find_staged(&named(name)?)?.known)
    }

    async fn list(&self, at: &Place) -> Result<Listed> {
        let staged = at.endpoint()?.all_staged().into_iter();
        staged.map(|staged| member(at, staged.known)).collect::<Result<_>>().map(Listed::Members)
    }

    async fn make(&self, at: &Place, name: &str) -> Result<Member> {
        let name = new_name(name)?;
        let endpoint = at.endpoint()?;
        match endpoint.backend.get_volume(&name).await {
            Ok(_) => Err(Error::new(Kind::Exists, format!("volume {name} exists already"))),
            Err(error) if error.kind() == Kind::NotFound => member(at, endpoint.stage(&name)?.known),
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, at: &Place, name: &str) -> Result<()> {
        let endpoint = at.endpoint()?;
        endpoint.unstage(&endpoint.find_staged(&named(name)?)?.known);
        Ok(())
    }

    /// Creates the volume, or clones it; if that is refused, the staged volume stays for another try.
    async fn rename(&self, at: &Place, name: &str, to: &Place, row: &'static Row, new: &str) -> Result<()> {
        let endpoint = at.endpoint()?;
        let here = to.endpoint().is_ok_and(|other| other.name == endpoint.name);
        if !here || !is_row(row, super::endpoint::volumes()) {
            let error =
                Error::new(Kind::NotPermitted, format!("staged volume {name} can only become a volume"));
            return Err(error.hint(format!("mv staging/{name} volumes/{name}")));
        }
        let (staged, new) = (endpoint.find_staged(&named(name)?)?, new_name(new)?);
        match &staged.origin {
            None => drop(create(at, &new, &staged.new).await?),
            Some((volume, snapshot)) => {
                if let Some(aggregate) = &staged.new.aggregate_name {
                    let error =
                        Error::invalid("a clone lives on the aggregate of its source", aggregate.as_str(), 0);
                    return Err(error.hint(format!("echo > staging/{name}/aggregate_name")));
                }
                let mut fields = staged.new.clone();
                protect_new(at, &mut fields);
                endpoint.backend.clone_volume(&new, volume, snapshot, &fields.settings).await?;
            }
        }
        endpoint.unstage(&staged.known);
        Ok(())
    }
}

fn named(name: &str) -> Result<VolumeName> {
    new_name(name).map_err(|_| Error::not_found(format!("no volume {name:?} is being prepared")))
}

fn member(at: &Place, known: Known<VolumeName>) -> Result<Member> {
    Ok(Member {
        place: at.at(Object::Staged(at.endpoint()?.clone(), known)),
        row: row(),
        stat: Stat::default(),
        unseen: false,
    })
}
