//! `rules`: the clients of an export policy. Make before break: clients never lose access in the middle of
//! an edit.

use async_trait::async_trait;

use crate::backend::{Result, Rule};
use crate::tree::place::Place;
use crate::tree::table::{Caller, Change, List, Show, change};
use crate::tree::values::line;
use crate::tree::writes::NONE;

/// Each line is made present at once; those not named go when the file is closed.
pub struct Rules;

/// What a line asks for.
enum Line {
    Present(Rule),
    Absent(Rule),
    None,
}

impl Line {
    fn parse(text: &str) -> Result<Line> {
        match text.strip_prefix('-') {
            _ if text == NONE => Ok(Line::None),
            Some(rule) => Rule::new(rule.trim_start()).map(Line::Absent),
            None => Rule::new(text).map(Line::Present),
        }
    }
}

#[async_trait]
impl Show for Rules {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok(Some(at.policy().await?.rules.iter().map(|rule| line(rule.as_str())).collect()))
    }
}

#[async_trait]
impl List for Rules {
    async fn plan(&self, at: &Place, lines: &[&str]) -> Result<Change> {
        let lines: Vec<Line> = lines.iter().map(|text| Line::parse(text)).collect::<Result<_>>()?;
        let policy = at.policy().await?;
        let backend = at.backend()?;
        let mut rules = policy.rules.clone();
        let mut gone: Vec<Rule> = Vec::new();
        for line in lines {
            match line {
                // The last line about a rule counts.
                Line::Present(rule) => {
                    gone.retain(|kept| *kept != rule);
                    if !rules.contains(&rule) {
                        rules.push(rule);
                    }
                }
                Line::Absent(rule) => {
                    rules.retain(|kept| *kept != rule);
                    if policy.rules.contains(&rule) && !gone.contains(&rule) {
                        gone.push(rule);
                    }
                }
                Line::None => {}
            }
        }
        let new: Vec<Rule> = rules.into_iter().filter(|rule| !policy.rules.contains(rule)).collect();
        if new.is_empty() && gone.is_empty() {
            return Ok(None);
        }
        change(async move {
            if !new.is_empty() {
                backend.ensure_policy_rules_present(&policy.name, &new).await?;
            }
            if !gone.is_empty() {
                backend.ensure_policy_rules_absent(&policy.name, &gone).await?;
            }
            Ok(())
        })
    }

    fn check_begun(&self, line: &str) -> Result<()> {
        let rule = line.strip_prefix('-').unwrap_or(line).trim_start();
        if rule.is_empty() || NONE.starts_with(line) || Rule::may_begin(rule) {
            return Ok(());
        }
        Rule::new(rule).map(drop)
    }

    async fn finish(&self, at: &Place, lines: &[String]) -> Result<Change> {
        let mut wanted: Vec<Rule> = Vec::new();
        let mut replaces = false;
        for line in lines {
            match Line::parse(line)? {
                Line::Present(rule) => {
                    replaces = true;
                    wanted.retain(|kept| *kept != rule);
                    wanted.push(rule);
                }
                Line::Absent(rule) => wanted.retain(|kept| *kept != rule),
                Line::None => replaces = true,
            }
        }
        let policy = at.policy().await?;
        // Lines that only take rules away do not say what shall stay.
        if !replaces || policy.rules == wanted {
            return Ok(None);
        }
        let backend = at.backend()?;
        change(async move {
            let (kept, gone): (Vec<Rule>, Vec<Rule>) =
                policy.rules.iter().cloned().partition(|rule| wanted.contains(rule));
            if !gone.is_empty() {
                backend.ensure_policy_rules_absent(&policy.name, &gone).await?;
            }
            if kept != wanted {
                backend.order_policy_rules(&policy.name, &wanted).await?;
            }
            Ok(())
        })
    }
}
