//! Rules of export policies: one client each, read and written for NFS, in the order of their index.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::policies::{RulesOf, literal, missing};
use super::xml::Element;
use super::{Zapi, records, required, typed, understood};
use crate::backend::{Error, Kind, PolicyName, Result, Rule};

const GET: &str = "export-rule-get-iter";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Info {
    policy_name: Option<String>,
    rule_index: Option<String>,
    client_match: Option<String>,
    vserver_name: Option<String>,
}

records!(Rules, "export-rule-info", Info);

impl Zapi {
    /// Of one policy, or of all in one listing. A rule for several clients shows as several.
    pub(super) async fn rules(&self, of: Option<&PolicyName>) -> Result<RulesOf> {
        let fields = ["policy-name", "rule-index", "client-match", "vserver-name"];
        let mut arguments = Element::new();
        if let Some(policy) = of {
            let query = Element::new().text("policy-name", policy).maybe("vserver-name", self.svm.as_deref());
            arguments = arguments.child("query", Element::new().child("export-rule-info", query));
        }
        let wanted = Element::new().child("export-rule-info", Element::new().names(&fields));
        let records = self.list::<Rules>(GET, arguments.child("desired-attributes", wanted)).await?;
        let read = |record: Info| {
            if self.svm.is_some() && record.vserver_name.is_some() && record.vserver_name != self.svm {
                return Ok(None);
            }
            let policy = required(GET, "policy-name", &record.policy_name)?.to_owned();
            let index: u64 = typed(GET, "rule-index", required(GET, "rule-index", &record.rule_index)?)?;
            let clients = required(GET, "client-match", &record.client_match)?;
            let rules: Vec<Rule> =
                clients.split(',').map(|client| Rule::new(client.trim())).collect::<Result<_>>()?;
            Ok(Some((policy, index, rules)))
        };
        let mut found = understood(GET, records, read);
        found.sort_by_key(|(_, index, _)| *index);
        let mut rules = RulesOf::new();
        for (policy, index, of_index) in found {
            rules.entry(policy).or_default().extend(of_index.into_iter().map(|rule| (index, rule)));
        }
        Ok(rules)
    }

    /// Adds a rule at the end. One that is there already is a success.
    pub(super) async fn add_rule(&self, policy: &PolicyName, rule: &Rule) -> Result<()> {
        let sys = || Element::new().text("security-flavor", "sys");
        let arguments = Element::new()
            .text("policy-name", policy)
            .text("client-match", rule)
            .child("ro-rule", sys())
            .child("rw-rule", sys())
            .child("super-user-security", sys())
            .child("protocol", Element::new().text("access-protocol", "nfs"))
            .text("anonymous-user-id", 0);
        match self.tell("export-rule-create", arguments).await {
            Err(error) if error.kind() == Kind::Exists => Ok(()),
            Err(error) if error.kind() == Kind::NotFound => Err(missing(policy)),
            done => done,
        }
    }

    /// Adds the rules that the policy does not have, in whatever spelling: one listing, and a call each.
    pub(super) async fn rules_present(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        let _turn = self.rule_changes.lock().await;
        let kept: HashSet<_> = self.rules_of(policy).await?.into_iter().map(|(_, rule)| rule).collect();
        let new: Vec<_> = each_once(rules).into_iter().filter(|rule| !kept.contains(rule)).collect();
        if new.is_empty() && kept.is_empty() {
            return self.policy_record(policy).await.map(drop);
        }
        for (done, rule) in new.iter().enumerate() {
            self.add_rule(policy, rule).await.map_err(|error| half_way(error, rule, done, new.len()))?;
        }
        Ok(())
    }

    /// Removes the rules that the policy has: one listing, and a call each.
    pub(super) async fn rules_absent(&self, policy: &PolicyName, rules: &[Rule]) -> Result<()> {
        let _turn = self.rule_changes.lock().await;
        let kept = self.rules_of(policy).await?;
        if kept.is_empty() {
            return self.policy_record(policy).await.map(drop);
        }
        let mut gone: Vec<_> = kept.iter().filter(|(_, rule)| rules.contains(rule)).collect();
        // Several clients of one rule go together.
        gone.dedup_by_key(|(index, _)| *index);
        for (done, (index, rule)) in gone.iter().enumerate() {
            // Another client of the same rule must keep its access: it gets a rule of its own first.
            for (_, other) in kept.iter().filter(|(of, other)| of == index && !rules.contains(other)) {
                self.add_rule(policy, other)
                    .await
                    .map_err(|error| half_way(error, rule, done, gone.len()))?;
            }
            let arguments = Element::new().text("policy-name", policy).text("rule-index", index);
            match self.tell("export-rule-destroy", arguments).await {
                Err(error) if error.kind() == Kind::NotFound => {}
                Err(error) => return Err(half_way(error, rule, done, gone.len())),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Moves rules behind the last one, in order: those from the first on that are not in order already. To put
    /// one in the place of another would give all that follow new indexes.
    pub(super) async fn order_rules(&self, policy: &PolicyName, order: &[Rule]) -> Result<()> {
        let _turn = self.rule_changes.lock().await;
        let rules = self.rules_of(policy).await?;
        let Some(mut last) = rules.last().map(|(index, _)| *index) else {
            return self.policy_record(policy).await.map(drop);
        };
        let places: HashMap<_, _> =
            order.iter().enumerate().rev().map(|(place, rule)| (rule, place)).collect();
        let place = |rule: &Rule| places.get(rule).copied().unwrap_or(order.len());
        // A rule for several clients goes where the first of them shall be.
        let mut indexes: Vec<(u64, usize)> = Vec::new();
        for (index, rule) in &rules {
            match indexes.last_mut() {
                Some((same, first)) if same == index => *first = place(rule).min(*first),
                _ => indexes.push((*index, place(rule))),
            }
        }
        let mut wanted = indexes.clone();
        wanted.sort_by_key(|(_, place)| *place);
        let mut now = indexes.iter().map(|(index, _)| index);
        let stay = wanted.iter().take_while(|(index, _)| now.any(|other| other == index)).count();
        for (index, _) in &wanted[stay..] {
            last += 1;
            let arguments = Element::new()
                .text("policy-name", policy)
                .text("rule-index", index)
                .text("new-rule-index", last);
            self.tell("export-rule-set-index", arguments).await?;
        }
        Ok(())
    }

    /// The rules of a policy that is there.
    async fn rules_of(&self, policy: &PolicyName) -> Result<Vec<(u64, Rule)>> {
        if !literal(policy) {
            return Err(missing(policy));
        }
        match self.rules(Some(policy)).await?.remove(policy.as_str()) {
            Some(rules) => Ok(rules),
            // No rules, or no policy.
            None => Ok(Vec::new()),
        }
    }
}

/// The rules, of equal ones the first.
pub(super) fn each_once(rules: &[Rule]) -> Vec<Rule> {
    let mut seen = HashSet::new();
    rules.iter().filter(|rule| seen.insert(*rule)).cloned().collect()
}

/// Each rule is a change of its own: what was done before stays.
fn half_way(error: Error, rule: &Rule, done: usize, all: usize) -> Error {
    if all == 1 { error } else { error.context(format!("rule {rule}, after {done} of {all} were changed")) }
}
