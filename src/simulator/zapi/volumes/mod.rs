//! Volumes: lists of them.

pub mod create;
pub mod modify;
mod record;
pub mod size;
pub mod state;

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use super::call::{Call, Context, Reply, Scope};
use super::list::{Key, List, Row};
use super::xml::Element;
use crate::simulator::filer::Filer;
use record::{node_root, record};

pub static VOLUMES: List = List {
    call: "volume-get-iter",
    record: "volume-attributes",
    keys: &["volume-id-attributes/owning-vserver-name", "volume-id-attributes/name"],
    fields: &[
        "volume-autosize-attributes/grow-threshold-percent",
        "volume-autosize-attributes/increment-size",
        "volume-autosize-attributes/is-enabled",
        "volume-autosize-attributes/maximum-size",
        "volume-autosize-attributes/minimum-size",
        "volume-autosize-attributes/mode",
        "volume-autosize-attributes/shrink-threshold-percent",
        "volume-clone-attributes/volume-clone-parent-attributes/name",
        "volume-clone-attributes/volume-clone-parent-attributes/snapshot-name",
        "volume-clone-attributes/volume-clone-parent-attributes/uuid",
        "volume-clone-attributes/volume-clone-parent-attributes/vserver-name",
        "volume-export-attributes/policy",
        "volume-hybrid-cache-attributes/caching-policy",
        "volume-id-attributes/aggr-list/aggr-name",
        "volume-id-attributes/comment",
        "volume-id-attributes/containing-aggregate-name",
        "volume-id-attributes/creation-time",
        "volume-id-attributes/instance-uuid",
        "volume-id-attributes/junction-path",
        "volume-id-attributes/name",
        "volume-id-attributes/node",
        "volume-id-attributes/owning-vserver-name",
        "volume-id-attributes/style",
        "volume-id-attributes/style-extended",
        "volume-id-attributes/type",
        "volume-id-attributes/uuid",
        "volume-qos-attributes/policy-group-name",
        "volume-security-attributes/style",
        "volume-security-attributes/volume-security-unix-attributes/permissions",
        "volume-snaplock-attributes/snaplock-type",
        "volume-snapshot-attributes/snapdir-access-enabled",
        "volume-snapshot-attributes/snapshot-count",
        "volume-snapshot-attributes/snapshot-policy",
        "volume-space-attributes/is-space-guarantee-enabled",
        "volume-space-attributes/percentage-size-used",
        "volume-space-attributes/percentage-snapshot-reserve",
        "volume-space-attributes/percentage-snapshot-reserve-used",
        "volume-space-attributes/size",
        "volume-space-attributes/size-available",
        "volume-space-attributes/size-total",
        "volume-space-attributes/size-used",
        "volume-space-attributes/snapshot-reserve-size",
        "volume-space-attributes/space-guarantee",
        "volume-state-attributes/is-inconsistent",
        "volume-state-attributes/is-junction-active",
        "volume-state-attributes/is-node-root",
        "volume-state-attributes/is-vserver-root",
        "volume-state-attributes/state",
    ],
};

pub const CALLS: &[Call] = &[Call {
    name: "volume-get-iter",
    scope: Scope::Any,
    arguments: &["max-records", "tag"],
    list: Some(&VOLUMES),
    run: |context, request| VOLUMES.page(request, rows(context)),
}];

fn rows<'a>(context: &'a Context<'_>) -> Vec<Row<'a>> {
    let filer: &Filer = context.filer;
    let mut rows: Vec<_> = data_rows(filer).collect();
    if !context.in_svm {
        rows.extend(filer.nodes().into_iter().map(|node| Row {
            key: vec![node.into(), "vol0".into()],
            record: Box::new(move || node_root(node)),
        }));
    }
    rows
}

/// The volumes of the SVM.
pub fn data_rows(filer: &Filer) -> impl Iterator<Item = Row<'_>> {
    filer.model.volumes.values().map(move |held| Row {
        key: vec![filer.svm.as_str().into(), Key::Text(Cow::Borrowed(held.record.name.as_str()))],
        record: Box::new(move || record(filer, held)),
    })
}

/// Unix seconds.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reply of a list call that names one record: `attributes` around it.
pub fn one(record: Element) -> Reply {
    Ok(vec![Element::holding("attributes", vec![record.sorted()])])
}
