//! `policies/P/`: an export policy.

use std::sync::LazyLock;

use async_trait::async_trait;

use super::rules::Rules;
use super::volume::new_object_name;
use crate::backend::names::decoded;
use crate::backend::{Error, Policy, PolicyName, Result};
use crate::tree::place::{Object, Place, Stat};
use crate::tree::table::{Caller, File, Listed, Member, Members, Row, Show};
use crate::tree::values::line;

/// The directory of a policy.
pub fn row() -> &'static Row {
    static ROW: LazyLock<Row> = LazyLock::new(|| Row::dir("P", "", "an export policy", rows, None));
    &ROW
}

fn rows() -> &'static [Row] {
    static ROWS: LazyLock<[Row; 2]> = LazyLock::new(|| {
        [
            Row::file(
                "rules",
                "who may mount, one rule a line: an address, a network, a host name, `.domain` or `@netgroup`; \
                 `>>` adds, `-RULE` removes, `>` replaces, `none` empties",
                File::List(Box::new(Rules)),
            ),
            Row::read_only("used_by", "the volumes it is in force on, one a line", UsedBy),
        ]
    });
    &*ROWS
}

struct UsedBy;

#[async_trait]
impl Show for UsedBy {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let policy = at.policy().await?;
        let volumes = at.endpoint()?.backend.volumes().await?;
        let users = volumes.iter().filter(|v| v.settings.active_policy_name.as_ref() == Some(&policy.name));
        Ok(Some(users.map(|volume| line(volume.name.as_str())).collect()))
    }
}

/// `policies/`.
pub struct Policies;

#[async_trait]
impl Members for Policies {
    fn row(&self) -> &'static Row {
        row()
    }

    async fn find(&self, at: &Place, name: &str) -> Result<Member> {
        member(at, &*at.endpoint()?.backend.get_policy(&named(name)?).await?)
    }

    async fn list(&self, at: &Place) -> Result<Listed> {
        let policies = at.endpoint()?.backend.policies().await?;
        policies.iter().map(|policy| member(at, policy)).collect::<Result<_>>().map(Listed::Members)
    }

    async fn make(&self, at: &Place, name: &str) -> Result<Member> {
        let policy = PolicyName::new(&new_object_name(name)?)?;
        member(at, &*at.endpoint()?.backend.create_policy(&policy, &[]).await?)
    }

    async fn remove(&self, at: &Place, name: &str) -> Result<()> {
        at.endpoint()?.backend.remove_policy(&named(name)?).await
    }
}

fn named(name: &str) -> Result<PolicyName> {
    let named = decoded(name).and_then(|name| PolicyName::new(&name).ok());
    named.ok_or_else(|| Error::not_found(format!("there is no policy {name:?}")))
}

fn member(at: &Place, policy: &Policy) -> Result<Member> {
    Ok(Member {
        place: at.at(Object::Policy(at.endpoint()?.clone(), policy.into())),
        row: row(),
        stat: Stat::default(),
        unseen: false,
    })
}
