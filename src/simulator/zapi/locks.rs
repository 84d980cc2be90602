//! Locks that NFS clients hold.

use super::call::{Call, Context, Reply, Scope};
use super::list::{List, Row};
use super::xml::Element;
use crate::simulator::filer::{Filer, Lock};

static LOCKS: List = List {
    call: "lock-get-iter",
    record: "lock-info",
    keys: &["vserver", "volume", "lif", "path", "lockid"],
    fields: &[
        "bytelock-length",
        "bytelock-offset",
        "client-address",
        "client-address-type",
        "is-bytelock-exclusive",
        "lif",
        "lock-state",
        "lock-type",
        "lockid",
        "node",
        "owner-id",
        "path",
        "protocol",
        "volume",
        "vserver",
    ],
};

/// The interface that clients come in by.
const LIF: &str = "data1";

pub const CALLS: &[Call] = &[
    Call {
        name: "lock-get-iter",
        scope: Scope::Any,
        arguments: &["max-records", "tag"],
        list: Some(&LOCKS),
        run: |context, request| LOCKS.page(request, rows(context.filer)),
    },
    Call {
        name: "lock-break-iter",
        scope: Scope::Any,
        arguments: &[
            "continue-on-failure",
            "max-failure-count",
            "max-records",
            "return-success-list",
            "return-failure-list",
            "tag",
        ],
        list: Some(&LOCKS),
        run: break_locks,
    },
];

fn rows(filer: &Filer) -> impl Iterator<Item = Row<'_>> {
    let at = move |lock: &Lock| filer.by_identity(lock.volume).map(|held| &held.record);
    filer.locks.iter().filter_map(move |lock| Some((lock, at(lock)?))).map(move |(lock, volume)| Row {
        key: vec![
            filer.svm.as_str().into(),
            volume.name.as_str().into(),
            LIF.into(),
            lock.path.as_str().into(),
            lock.id.as_str().into(),
        ],
        record: Box::new(move || {
            Element::new("lock-info")
                .set("bytelock-length", Some(u64::MAX))
                .set("bytelock-offset", Some(0))
                .set("client-address", Some(&lock.client))
                .set("client-address-type", Some(if lock.client.contains(':') { "ipv6" } else { "ipv4" }))
                .set("is-bytelock-exclusive", Some(true))
                .set("lif", Some(LIF))
                .set("lock-state", Some("granted"))
                .set("lock-type", Some("byte_range"))
                .set("lockid", Some(&lock.id))
                .set("node", Some(&volume.filer_address))
                .set("path", Some(&lock.path))
                .set("protocol", Some("nlm"))
                .set("volume", Some(&volume.name))
                .set("vserver", Some(&filer.svm))
        }),
    })
}

fn break_locks(context: &mut Context<'_>, request: &Element) -> Reply {
    let broken = LOCKS.matching(request, rows(context.filer));
    let ids: Vec<_> = broken.iter().flat_map(|record| record.items("lockid")).collect();
    context.filer.locks.retain(|lock| !ids.contains(&lock.id));
    let keys = LOCKS.keys;
    let succeeded = broken.iter().map(|record| {
        let key = keys.iter().flat_map(|key| record.all(key)).cloned().collect();
        let lock = Element::holding("lock-info", key);
        Element::holding("lock-break-iter-info", vec![Element::holding("lock-key", vec![lock])])
    });
    Ok(vec![
        Element::holding("success-list", succeeded.collect()),
        Element::new("failure-list"),
        Element::leaf("num-failed", 0),
        Element::leaf("num-succeeded", ids.len()),
    ])
}
