//! Export policies.

use std::sync::Arc;

use super::call::{Call, Context, Refusal, Reply, Scope};
use super::list::{List, Row};
use super::xml::Element;
use crate::backend::PolicyName;
use crate::simulator::filer::Filer;

static POLICIES: List = List {
    call: "export-policy-get-iter",
    record: "export-policy-info",
    keys: &["vserver", "policy-name"],
    fields: &["policy-id", "policy-name", "vserver"],
};

pub const CALLS: &[Call] = &[
    Call {
        name: "export-policy-get-iter",
        scope: Scope::Any,
        arguments: &["max-records", "tag"],
        list: Some(&POLICIES),
        run: |context, request| {
            let filer: &Filer = context.filer;
            let rows = filer.exports.keys().map(|name| Row {
                key: vec![filer.svm.as_str().into(), name.as_str().into()],
                record: Box::new(move || record(filer, name)),
            });
            POLICIES.page(request, rows)
        },
    },
    Call {
        name: "export-policy-create",
        scope: Scope::Svm,
        arguments: &["policy-name", "return-record"],
        list: None,
        run: create,
    },
    Call {
        name: "export-policy-destroy",
        scope: Scope::Svm,
        arguments: &["policy-name"],
        list: None,
        run: destroy,
    },
    Call {
        name: "export-policy-rename",
        scope: Scope::Svm,
        arguments: &["policy-name", "new-policy-name"],
        list: None,
        run: rename,
    },
];

fn record(filer: &Filer, name: &PolicyName) -> Element {
    Element::new("export-policy-info")
        .set("policy-id", filer.exports.get(name).map(|export| export.id))
        .set("policy-name", Some(name))
        .set("vserver", Some(&filer.svm))
}

/// A policy that is there.
pub fn existing(filer: &Filer, name: &str) -> Result<PolicyName, Refusal> {
    let found = PolicyName::new(name).ok().filter(|name| filer.exports.contains_key(name));
    found.ok_or_else(Refusal::no_entry)
}

fn new_name(filer: &Filer, argument: &str, name: &str) -> Result<PolicyName, Refusal> {
    let good = PolicyName::new(name).ok().filter(|name| !name.as_str().contains(char::is_whitespace));
    let name = good.ok_or_else(|| Refusal::invalid(argument, name))?;
    match filer.exports.contains_key(&name) {
        true => Err(Refusal::new(13130, "duplicate entry")),
        false => Ok(name),
    }
}

fn create(context: &mut Context<'_>, request: &Element) -> Reply {
    let filer = &mut *context.filer;
    let name = new_name(filer, "policy-name", request.required("policy-name")?)?;
    filer.model.add_policy(&name, &[])?;
    filer.export(&name);
    match request.boolean("return-record")? {
        Some(true) => Ok(vec![Element::holding("result", vec![record(filer, &name)])]),
        _ => Ok(Vec::new()),
    }
}

fn destroy(context: &mut Context<'_>, request: &Element) -> Reply {
    let filer = &mut *context.filer;
    let name = existing(filer, request.required("policy-name")?)?;
    if name.as_str() == "default" {
        return Err(Refusal::new(13001, "The export policy \"default\" cannot be deleted."));
    }
    filer.model.remove_policy(&name)?;
    filer.exports.remove(&name);
    Ok(Vec::new())
}

fn rename(context: &mut Context<'_>, request: &Element) -> Reply {
    let filer = &mut *context.filer;
    let from = existing(filer, request.required("policy-name")?)?;
    let to = new_name(filer, "new-policy-name", request.required("new-policy-name")?)?;
    if let Some(export) = filer.exports.remove(&from) {
        filer.exports.insert(to.clone(), export);
    }
    if let Some(mut policy) = filer.model.policies.remove(&from) {
        Arc::make_mut(&mut policy).name = to.clone();
        filer.model.policies.insert(to.clone(), policy);
    }
    for held in filer.model.volumes.values_mut() {
        if held.record.settings.active_policy_name.as_ref() == Some(&from) {
            Arc::make_mut(&mut held.record).settings.active_policy_name = Some(to.clone());
        }
    }
    Ok(Vec::new())
}
