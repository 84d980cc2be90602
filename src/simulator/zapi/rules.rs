//! The rules of export policies.

use std::collections::BTreeMap;

use super::call::{Call, Context, Refusal, Reply, Scope};
use super::list::{Key, List, Row};
use super::policies::existing;
use super::xml::Element;
use crate::backend::PolicyName;
use crate::simulator::filer::{ExportRule, Filer};

const FLAVORS: [&str; 8] = ["any", "none", "never", "krb5", "krb5i", "krb5p", "ntlm", "sys"];
const PROTOCOLS: [&str; 7] = ["any", "nfs", "nfs2", "nfs3", "nfs4", "cifs", "flexcache"];

static RULES: List = List {
    call: "export-rule-get-iter",
    record: "export-rule-info",
    keys: &["vserver-name", "policy-name", "rule-index"],
    fields: &[
        "anonymous-user-id",
        "client-match",
        "export-chown-mode",
        "export-ntfs-unix-security-ops",
        "is-allow-dev-is-enabled",
        "is-allow-set-uid-enabled",
        "policy-name",
        "protocol/access-protocol",
        "ro-rule/security-flavor",
        "rule-index",
        "rw-rule/security-flavor",
        "super-user-security/security-flavor",
        "vserver-name",
    ],
};

/// What a rule is made of and changed by.
const ARGUMENTS: &[&str] = &[
    "policy-name",
    "rule-index",
    "client-match",
    "ro-rule/security-flavor",
    "rw-rule/security-flavor",
    "super-user-security/security-flavor",
    "protocol/access-protocol",
    "anonymous-user-id",
    "is-allow-set-uid-enabled",
    "is-allow-dev-is-enabled",
    "export-chown-mode",
    "export-ntfs-unix-security-ops",
];

pub const CALLS: &[Call] = &[
    Call {
        name: "export-rule-get-iter",
        scope: Scope::Any,
        arguments: &["max-records", "tag"],
        list: Some(&RULES),
        run: |context, request| RULES.page(request, rows(context.filer)),
    },
    Call { name: "export-rule-create", scope: Scope::Svm, arguments: ARGUMENTS, list: None, run: create },
    Call { name: "export-rule-modify", scope: Scope::Svm, arguments: ARGUMENTS, list: None, run: modify },
    Call {
        name: "export-rule-destroy",
        scope: Scope::Svm,
        arguments: &["policy-name", "rule-index"],
        list: None,
        run: |context, request| {
            let (policy, index) = place(context.filer, request)?;
            context.filer.export(&policy).rules.remove(&index);
            Ok(Vec::new())
        },
    },
    Call {
        name: "export-rule-set-index",
        scope: Scope::Svm,
        arguments: &["policy-name", "rule-index", "new-rule-index"],
        list: None,
        run: set_index,
    },
];

fn rows(filer: &Filer) -> impl Iterator<Item = Row<'_>> {
    filer.exports.iter().flat_map(move |(policy, export)| {
        export.rules.iter().map(move |(index, rule)| Row {
            key: vec![filer.svm.as_str().into(), policy.as_str().into(), Key::Number(u64::from(*index))],
            record: Box::new(move || record(filer, policy, *index, rule)),
        })
    })
}

fn record(filer: &Filer, policy: &PolicyName, index: u32, rule: &ExportRule) -> Element {
    Element::new("export-rule-info")
        .set("anonymous-user-id", Some(&rule.anonymous))
        .set("client-match", Some(&rule.client_match))
        .set("export-chown-mode", Some(&rule.chown_mode))
        .set("export-ntfs-unix-security-ops", Some(&rule.ntfs_security))
        .set("is-allow-dev-is-enabled", Some(rule.devices))
        .set("is-allow-set-uid-enabled", Some(rule.set_uid))
        .set("policy-name", Some(policy))
        .set_all("protocol/access-protocol", &rule.protocol)
        .set_all("ro-rule/security-flavor", &rule.ro)
        .set("rule-index", Some(index))
        .set_all("rw-rule/security-flavor", &rule.rw)
        .set_all("super-user-security/security-flavor", &rule.superuser)
        .set("vserver-name", Some(&filer.svm))
}

fn create(context: &mut Context<'_>, request: &Element) -> Reply {
    let policy = existing(context.filer, request.required("policy-name")?)?;
    for needed in ["client-match", "ro-rule", "rw-rule"] {
        if request.child(needed).is_none() {
            return Err(Refusal::new(13115, format!("Missing input: {needed}")));
        }
    }
    let rule = changed(ExportRule::default(), request)?;
    let rules = &mut context.filer.export(&policy).rules;
    if rules.values().any(|known| *known == rule) {
        return Err(Refusal::new(13130, "duplicate entry"));
    }
    let next = rules.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
    let index = index(request, "rule-index")?.unwrap_or(next);
    insert(rules, index, rule);
    Ok(Vec::new())
}

fn modify(context: &mut Context<'_>, request: &Element) -> Reply {
    let (policy, index) = place(context.filer, request)?;
    let rules = &mut context.filer.export(&policy).rules;
    let rule = rules.get(&index).cloned().unwrap_or_default();
    rules.insert(index, changed(rule, request)?);
    Ok(Vec::new())
}

fn set_index(context: &mut Context<'_>, request: &Element) -> Reply {
    let (policy, from) = place(context.filer, request)?;
    let to = index(request, "new-rule-index")?;
    let to = to.ok_or_else(|| Refusal::new(13115, "Missing input: new-rule-index"))?;
    let rules = &mut context.filer.export(&policy).rules;
    if let Some(rule) = rules.remove(&from) {
        insert(rules, to, rule);
    }
    Ok(Vec::new())
}

/// A rule in the place of another moves that one and all that follow.
fn insert(rules: &mut BTreeMap<u32, ExportRule>, index: u32, rule: ExportRule) {
    if rules.contains_key(&index) {
        let moved = rules.split_off(&index);
        rules.extend(moved.into_iter().map(|(at, rule)| (at.saturating_add(1), rule)));
    }
    rules.insert(index, rule);
}

/// A rule that is there.
fn place(filer: &Filer, request: &Element) -> Result<(PolicyName, u32), Refusal> {
    let policy = existing(filer, request.required("policy-name")?)?;
    request.required("rule-index")?;
    let index = index(request, "rule-index")?.unwrap_or_default();
    let known = filer.exports.get(&policy).is_some_and(|export| export.rules.contains_key(&index));
    known.then_some((policy, index)).ok_or_else(Refusal::no_entry)
}

fn index(request: &Element, name: &str) -> Result<Option<u32>, Refusal> {
    let Some(number) = request.number(name)? else { return Ok(None) };
    let index = u32::try_from(number).ok().filter(|index| *index > 0);
    index.map(Some).ok_or_else(|| Refusal::invalid(name, &number.to_string()))
}

/// The rule with what the request gives in place of what it has.
fn changed(mut rule: ExportRule, request: &Element) -> Result<ExportRule, Refusal> {
    if let Some(client) = request.argument("client-match") {
        if client.contains(char::is_whitespace) {
            return Err(Refusal::invalid("client-match", client));
        }
        client.clone_into(&mut rule.client_match);
    }
    let lists = [
        (&mut rule.ro, "ro-rule/security-flavor", &FLAVORS[..]),
        (&mut rule.rw, "rw-rule/security-flavor", &FLAVORS),
        (&mut rule.superuser, "super-user-security/security-flavor", &FLAVORS),
        (&mut rule.protocol, "protocol/access-protocol", &PROTOCOLS),
    ];
    for (list, path, accepted) in lists {
        let given = request.items(path);
        if let Some(bad) = given.iter().find(|given| !accepted.contains(&given.as_str())) {
            return Err(Refusal::invalid(path, bad));
        }
        if !given.is_empty() {
            *list = given;
        }
    }
    let texts = [
        (&mut rule.anonymous, "anonymous-user-id"),
        (&mut rule.chown_mode, "export-chown-mode"),
        (&mut rule.ntfs_security, "export-ntfs-unix-security-ops"),
    ];
    for (text, name) in texts {
        if let Some(given) = request.argument(name) {
            given.clone_into(text);
        }
    }
    rule.set_uid = request.boolean("is-allow-set-uid-enabled")?.unwrap_or(rule.set_uid);
    rule.devices = request.boolean("is-allow-dev-is-enabled")?.unwrap_or(rule.devices);
    Ok(rule)
}
