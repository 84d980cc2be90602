//! Changes of every volume that a query names.

use std::sync::Arc;

use crate::simulator::filer::Filer;

use super::super::call::{Call, Context, Refusal, Reply, Scope};
use super::super::xml::Element;
use super::create::{check_caching, check_policy};
use super::{VOLUMES, data_rows, size, state};

pub const CALLS: &[Call] = &[Call {
    name: "volume-modify-iter",
    scope: Scope::Svm,
    arguments: &[
        "continue-on-failure",
        "max-failure-count",
        "max-records",
        "return-success-list",
        "return-failure-list",
        "tag",
    ],
    list: Some(&VOLUMES),
    run: modify,
}];

/// Passes even if every change fails, and if there is nothing to change: the counters tell.
fn modify(context: &mut Context<'_>, request: &Element) -> Reply {
    let nothing = Element::new("volume-attributes");
    let wanted = request.child("attributes").and_then(|attributes| attributes.child("volume-attributes"));
    let wanted = wanted.unwrap_or(&nothing);
    let names: Vec<_> = VOLUMES
        .matching(request, data_rows(context.filer))
        .iter()
        .flat_map(|record| record.items("volume-id-attributes/name"))
        .collect();
    let go_on = request.boolean("continue-on-failure")?.unwrap_or(false);
    let (mut succeeded, mut failed) = (Vec::new(), Vec::new());
    for name in names {
        let key = key(&name, &context.filer.svm);
        match change(context.filer, &name, wanted) {
            Ok(()) => succeeded.push(Element::holding("volume-modify-iter-info", vec![key])),
            Err(refusal) => {
                failed.push(Element::holding(
                    "volume-modify-iter-info",
                    vec![
                        Element::leaf("error-code", refusal.errno),
                        Element::leaf("error-message", refusal.reason),
                        key,
                    ],
                ));
                if !go_on {
                    break;
                }
            }
        }
    }
    let counts = [("num-failed", failed.len()), ("num-succeeded", succeeded.len())];
    let mut results = Vec::new();
    if request.boolean("return-success-list")? != Some(false) {
        results.push(Element::holding("success-list", succeeded));
    }
    if request.boolean("return-failure-list")? != Some(false) {
        results.push(Element::holding("failure-list", failed));
    }
    results.extend(counts.map(|(name, count)| Element::leaf(name, count)));
    Ok(results)
}

fn key(name: &str, svm: &str) -> Element {
    Element::new("volume-key")
        .set("volume-attributes/volume-id-attributes/name", Some(name))
        .set("volume-attributes/volume-id-attributes/owning-vserver-name", Some(svm))
}

/// The parts are tried before any is changed where they can be refused for their value.
fn change(filer: &mut Filer, name: &str, wanted: &Element) -> Result<(), Refusal> {
    let part = |name: &str| wanted.child(name).cloned().unwrap_or_default();
    let (space, autosize) = (part("volume-space-attributes"), part("volume-autosize-attributes"));
    let id = part("volume-id-attributes");
    let policy = part("volume-export-attributes");
    let policy = policy.argument("policy").map(|policy| check_policy(filer, policy)).transpose()?;
    let caching = part("volume-hybrid-cache-attributes");
    let caching = caching.argument("caching-policy");
    caching.map(check_caching).transpose()?;
    let comment = id.child("comment").map(|comment| comment.text.clone());
    if comment.as_ref().is_some_and(|comment| comment.chars().count() > 1023) {
        return Err(Refusal::invalid("comment", "over 1023 characters"));
    }
    if let Some(given) = space.argument("size") {
        size::resize(filer, name, space.size("size")?, given)?;
    }
    if let Some(percent) = space.number("percentage-snapshot-reserve")? {
        size::set_reserve(filer, name, percent)?;
    }
    let mode = autosize.argument("mode").map(str::to_owned);
    let enabled = autosize.boolean("is-enabled")?.map(|enabled| if enabled { "grow" } else { "off" });
    let maximum = autosize.size("maximum-size")?;
    if mode.is_some() || enabled.is_some() || maximum.is_some() {
        size::set_autosize(filer, name, mode.as_deref().or(enabled), maximum)?;
    }
    let snapshots = part("volume-snapshot-attributes").argument("snapshot-policy").map(str::to_owned);
    let held = filer.held_mut(name)?;
    let identity = held.record.identity;
    let settings = &mut Arc::make_mut(&mut held.record).settings;
    settings.active_policy_name = policy.or(settings.active_policy_name.take());
    settings.caching_policy = caching.map(str::to_owned).or(settings.caching_policy.take());
    settings.comment = comment.or(settings.comment.take());
    let detail = filer.details.entry(identity).or_default();
    detail.snapshot_policy = snapshots.or(detail.snapshot_policy.take());
    match part("volume-state-attributes").argument("state") {
        Some(wanted @ ("online" | "offline" | "restricted")) => state::set_state(filer, name, wanted),
        Some(wanted) => Err(Refusal::invalid("state", wanted)),
        None => Ok(()),
    }
}
