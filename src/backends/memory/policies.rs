//! Export policies and their rules.

use std::sync::Arc;

use super::state::{State, check_name};
use crate::backend::{Error, Kind, Policy, PolicyName, Result, Rule};

impl State {
    pub fn policies(&self) -> Vec<Arc<Policy>> {
        self.policies.values().cloned().collect()
    }

    pub fn policy(&self, name: &PolicyName) -> Result<&Arc<Policy>> {
        self.policies.get(name).ok_or_else(|| no_policy(name))
    }

    pub fn create_policy(&mut self, name: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        check_name(name.as_str())?;
        self.add_policy(name, rules)
    }

    /// Adds a policy whatever its name.
    pub fn add_policy(&mut self, name: &PolicyName, rules: &[Rule]) -> Result<Arc<Policy>> {
        if self.policies.contains_key(name) {
            return Err(Error::new(Kind::Exists, format!("policy {name} exists already")));
        }
        let identity = self.new_identity("policy", format_args!("{name}"));
        let mut kept: Vec<Rule> = Vec::new();
        for rule in rules {
            if !kept.contains(rule) {
                kept.push(rule.clone());
            }
        }
        let policy = Arc::new(Policy { name: name.clone(), identity, rules: kept });
        self.policies.insert(name.clone(), policy.clone());
        Ok(policy)
    }

    pub fn remove_policy(&mut self, name: &PolicyName) -> Result<()> {
        self.policy(name)?;
        let uses: Vec<_> = self
            .volumes
            .values()
            .filter(|held| held.record.settings.active_policy_name.as_ref() == Some(name))
            .map(|held| held.record.name.as_str())
            .collect();
        if !uses.is_empty() {
            let message = format!("policy {name} is in force on {}", uses.join(", "));
            return Err(Error::new(Kind::InUse, message)
                .hint("put another in force first: echo OTHER > volumes/V/policy"));
        }
        self.policies.remove(name);
        Ok(())
    }

    pub fn change_rules(&mut self, name: &PolicyName, change: impl FnOnce(&mut Vec<Rule>)) -> Result<()> {
        let policy = self.policies.get_mut(name).ok_or_else(|| no_policy(name))?;
        change(&mut Arc::make_mut(policy).rules);
        Ok(())
    }
}

fn no_policy(name: &PolicyName) -> Error {
    Error::not_found(format!("there is no policy {name}"))
}
