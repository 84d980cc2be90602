//! `rules`: the clients of an export policy. Make before break: clients never lose access in the middle of
//! an edit.

use std::collections::{HashMap, HashSet};

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
        let (name, backend) = (policy.name.clone(), at.backend()?);
        let has = membership(&policy.rules, lines.len());
        let (mut new, mut gone) = (Ordered::default(), Ordered::default());
        for line in lines {
            // The last line about a rule counts.
            match line {
                Line::Present(rule) => {
                    gone.remove(&rule);
                    if !has(&rule) {
                        new.push(rule);
                    }
                }
                Line::Absent(rule) => {
                    new.remove(&rule);
                    if has(&rule) {
                        gone.push(rule);
                    }
                }
                Line::None => {}
            }
        }
        let (new, gone) = (new.into_rules(), gone.into_rules());
        if new.is_empty() && gone.is_empty() {
            return Ok(None);
        }
        change(async move {
            if !new.is_empty() {
                backend.ensure_policy_rules_present(&name, &new).await?;
            }
            if !gone.is_empty() {
                backend.ensure_policy_rules_absent(&name, &gone).await?;
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
        let mut wanted = Ordered::default();
        let mut replaces = false;
        for line in lines {
            match Line::parse(line)? {
                Line::Present(rule) => {
                    replaces = true;
                    wanted.remove(&rule);
                    wanted.push(rule);
                }
                Line::Absent(rule) => wanted.remove(&rule),
                Line::None => replaces = true,
            }
        }
        let wanted = wanted.into_rules();
        let policy = at.policy().await?;
        // Lines that only take rules away do not say what shall stay.
        if !replaces || policy.rules == wanted {
            return Ok(None);
        }
        let (name, backend) = (policy.name.clone(), at.backend()?);
        let stays = membership(&wanted, policy.rules.len());
        let (kept, gone): (Vec<Rule>, Vec<Rule>) = policy.rules.iter().cloned().partition(|rule| stays(rule));
        let ordered = kept == wanted;
        drop(stays);
        change(async move {
            if !gone.is_empty() {
                backend.ensure_policy_rules_absent(&name, &gone).await?;
            }
            if !ordered {
                backend.order_policy_rules(&name, &wanted).await?;
            }
            Ok(())
        })
    }
}

/// Whether a rule is among others, for so many questions: a set is worth its making only for several.
fn membership(rules: &[Rule], questions: usize) -> Box<dyn Fn(&Rule) -> bool + Send + '_> {
    if questions < 8 {
        return Box::new(|rule| rules.contains(rule));
    }
    let set: HashSet<&Rule> = rules.iter().collect();
    Box::new(move |rule| set.contains(rule))
}

/// Rules in the order in which they came, each once.
#[derive(Default)]
struct Ordered {
    places: HashMap<Rule, usize>,
    rules: Vec<Option<Rule>>,
}

impl Ordered {
    fn push(&mut self, rule: Rule) {
        if !self.places.contains_key(&rule) {
            self.places.insert(rule.clone(), self.rules.len());
            self.rules.push(Some(rule));
        }
    }

    fn remove(&mut self, rule: &Rule) {
        if let Some(place) = self.places.remove(rule) {
            self.rules[place] = None;
        }
    }

    fn into_rules(self) -> Vec<Rule> {
        self.rules.into_iter().flatten().collect()
    }
}
