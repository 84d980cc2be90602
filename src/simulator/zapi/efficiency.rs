//! Storage efficiency: compression.

use std::sync::Arc;

use super::call::{Call, Context, Refusal, Reply, Scope};
use super::list::{List, Row};
use super::xml::Element;
use crate::backends::memory::Held;
use crate::simulator::Ontap;
use crate::simulator::filer::{Filer, is_online};

static STATUS: List = List {
    call: "sis-get-iter",
    record: "sis-status-info",
    keys: &["vserver", "path"],
    fields: &[
        "is-compression-enabled",
        "is-data-compaction-enabled",
        "is-inline-compression-enabled",
        "path",
        "policy",
        "progress",
        "schedule",
        "state",
        "status",
        "vserver",
    ],
};

pub const CALLS: &[Call] = &[
    Call {
        name: "sis-get-iter",
        scope: Scope::Any,
        arguments: &["max-records", "tag"],
        list: Some(&STATUS),
        run: |context, request| {
            let filer: &Filer = context.filer;
            STATUS.page(request, filer.model.volumes.values().filter_map(|held| row(filer, held)))
        },
    },
    Call { name: "sis-enable", scope: Scope::Svm, arguments: &["path"], list: None, run: enable },
    Call { name: "sis-disable", scope: Scope::Svm, arguments: &["path"], list: None, run: disable },
    Call {
        name: "sis-set-config",
        scope: Scope::Svm,
        arguments: &["path", "enable-compression", "enable-inline-compression", "policy-name", "schedule"],
        list: None,
        run: configure,
    },
];

/// None for a volume where efficiency was never enabled, nor for one that is not online.
fn row<'a>(filer: &'a Filer, held: &'a Held) -> Option<Row<'a>> {
    let settings = &held.record.settings;
    settings.compression_enabled.filter(|_| is_online(held))?;
    let path = format!("/vol/{}", held.record.name);
    let record = move || {
        let state = if filer.detail(held).efficiency_disabled { "disabled" } else { "enabled" };
        Element::new("sis-status-info")
            .set("is-compression-enabled", settings.compression_enabled)
            .set("is-data-compaction-enabled", Some(false))
            .set("is-inline-compression-enabled", settings.inline_compression)
            .set("path", Some(format!("/vol/{}", held.record.name)))
            .set("policy", Some("auto"))
            .set("progress", Some("Idle for 00:10:00"))
            .set("state", Some(state))
            .set("status", Some("idle"))
            .set("vserver", Some(&filer.svm))
    };
    Some(Row { key: vec![filer.svm.as_str().into(), path.into()], record: Box::new(record) })
}

fn volume(request: &Element) -> Result<&str, Refusal> {
    let path = request.required("path")?;
    path.strip_prefix("/vol/").ok_or_else(|| Refusal::invalid("path", path))
}

fn is_enabled(filer: &Filer, held: &Held) -> bool {
    held.record.settings.compression_enabled.is_some() && !filer.detail(held).efficiency_disabled
}

fn enable(context: &mut Context<'_>, request: &Element) -> Reply {
    let (name, filer) = (volume(request)?, &mut *context.filer);
    let held = filer.online(name)?;
    if is_enabled(filer, held) {
        // The number changed between releases; the wording is recorded, with the blank at the end.
        let errno = if filer.ontap == Ontap::V9_1 { 13001 } else { 40043 };
        return Err(Refusal::new(
            errno,
            failed(filer, "enable", name, "Operation has already been enabled. "),
        ));
    }
    let identity = held.record.identity;
    filer.details.entry(identity).or_default().efficiency_disabled = false;
    let settings = &mut Arc::make_mut(&mut filer.held_mut(name)?.record).settings;
    settings.compression_enabled.get_or_insert(false);
    settings.inline_compression.get_or_insert(false);
    Ok(Vec::new())
}

fn disable(context: &mut Context<'_>, request: &Element) -> Reply {
    let (name, filer) = (volume(request)?, &mut *context.filer);
    let held = filer.online(name)?;
    if !is_enabled(filer, held) {
        return Err(Refusal::new(40043, failed(filer, "disable", name, "Operation is not enabled. ")));
    }
    let identity = held.record.identity;
    filer.details.entry(identity).or_default().efficiency_disabled = true;
    Ok(Vec::new())
}

fn configure(context: &mut Context<'_>, request: &Element) -> Reply {
    let (name, filer) = (volume(request)?, &mut *context.filer);
    let held = filer.online(name)?;
    if !is_enabled(filer, held) {
        return Err(Refusal::new(13001, failed(filer, "modify", name, "Operation is not enabled. ")));
    }
    let settings = &held.record.settings;
    let compression = request.boolean("enable-compression")?.or(settings.compression_enabled);
    let inline = request.boolean("enable-inline-compression")?.or(settings.inline_compression);
    if inline == Some(true) && compression == Some(false) {
        return Err(Refusal::new(13115, "Inline compression cannot be enabled without compression."));
    }
    let settings = &mut Arc::make_mut(&mut filer.held_mut(name)?.record).settings;
    (settings.compression_enabled, settings.inline_compression) = (compression, inline);
    Ok(Vec::new())
}

fn failed(filer: &Filer, what: &str, name: &str, why: &str) -> String {
    format!("Failed to {what} efficiency on volume \"{name}\" of Vserver \"{}\": {why}", filer.svm)
}
