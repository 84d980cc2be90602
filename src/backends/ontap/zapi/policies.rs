//! Export policies.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::rules::each_once;
use super::xml::Element;
use super::{Zapi, after, records, required, understood};
use crate::backend::{Error, Identity, Kind, Policy, PolicyName, Result, Rule};

const GET: &str = "export-policy-get-iter";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Info {
    policy_name: Option<String>,
    policy_id: Option<String>,
    vserver: Option<String>,
}

records!(Policies, "export-policy-info", Info);

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    result: CreatedPolicy,
}

#[derive(Deserialize, Default)]
struct CreatedPolicy {
    #[serde(rename = "export-policy-info", default)]
    policy: Info,
}

impl Zapi {
    /// All policies, and all rules of all of them: two listings.
    pub(super) async fn all_policies(&self) -> Result<Vec<Arc<Policy>>> {
        let records = self.list::<Policies>(GET, Element::new()).await?;
        let mut rules = self.rules(None).await?;
        let read = |record: Info| {
            if self.svm.is_some() && record.vserver.is_some() && record.vserver != self.svm {
                return Ok(None);
            }
            Ok(Some((
                PolicyName::new(required(GET, "policy-name", &record.policy_name)?)?,
                identity(&record)?,
            )))
        };
        let mut policies: Vec<_> = understood(GET, records, read)
            .into_iter()
            .map(|(name, identity)| {
                let rules = rules.remove(name.as_str()).unwrap_or_default();
                Arc::new(Policy { identity, rules: rules.into_iter().map(|(_, rule)| rule).collect(), name })
            })
            .collect();
        policies.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(policies)
    }

    pub(super) async fn one_policy(&self, name: &PolicyName) -> Result<Arc<Policy>> {
        let identity = self.policy_record(name).await?;
        let rules = self.rules(Some(name)).await?.remove(name.as_str()).unwrap_or_default();
        let rules = rules.into_iter().map(|(_, rule)| rule).collect();
        Ok(Arc::new(Policy { name: name.clone(), identity, rules }))
    }

    /// The policy without its rules, if it is there: one call.
    pub(super) async fn policy_record(&self, name: &PolicyName) -> Result<Identity> {
        if !literal(name) {
            return Err(missing(name));
        }
        let query = Element::new().text("policy-name", name).maybe("vserver", self.svm.as_deref());
        let query = Element::new().child("query", Element::new().child("export-policy-info", query));
        let records = self.list::<Policies>(GET, query).await?;
        let record = records.into_iter().find(|record| record.policy_name.as_deref() == Some(name.as_str()));
        identity(&record.ok_or_else(|| missing(name))?)
    }

    pub(super) async fn new_policy(&self, name: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        let arguments = Element::new().text("policy-name", name).text("return-record", true);
        let created: Created = self.call("export-policy-create", arguments).await?;
        let rules = each_once(rules);
        for rule in &rules {
            self.add_rule(name, rule).await.map_err(|error| after(&["the policy"], error))?;
        }
        let identity = identity(&created.result.policy)?;
        Ok(Arc::new(Policy { name: name.clone(), identity, rules }))
    }

    pub(super) async fn drop_policy(&self, name: &PolicyName) -> Result<()> {
        let gone = self.tell("export-policy-destroy", Element::new().text("policy-name", name)).await;
        gone.map_err(|error| if error.kind() == Kind::NotFound { missing(name).source(error) } else { error })
    }
}

/// Whether a name in a query finds itself alone, rather than all that look like it.
pub(super) fn literal(name: &PolicyName) -> bool {
    !name.as_str().contains(['*', '|', '!', '<', '>', '?', '{']) && !name.as_str().contains("..")
}

fn identity(record: &Info) -> Result<Identity> {
    Ok(Identity::of(&["policy", required(GET, "policy-id", &record.policy_id)?]))
}

/// Rules of policies, each with its index.
pub(super) type RulesOf = HashMap<String, Vec<(u64, Rule)>>;

/// No such policy.
pub(super) fn missing(name: &PolicyName) -> Error {
    Error::not_found(format!("there is no policy {name}"))
}
