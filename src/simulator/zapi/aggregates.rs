//! Aggregates, as an SVM and as the cluster sees them.

use super::call::{Call, Scope};
use super::list::{List, Row};
use super::xml::Element;
use crate::backends::memory::Aggregate;
use crate::simulator::filer::Filer;

static OF_SVM: List = List {
    call: "vserver-show-aggr-get-iter",
    record: "show-aggregates",
    keys: &["aggregate-name", "vserver-name"],
    fields: &["aggregate-name", "aggregate-type", "available-size", "snaplock-type", "vserver-name"],
};

static OF_CLUSTER: List = List {
    call: "aggr-get-iter",
    record: "aggr-attributes",
    keys: &["aggregate-name"],
    fields: &[
        "aggr-ownership-attributes/home-name",
        "aggr-ownership-attributes/owner-name",
        "aggr-raid-attributes/aggregate-type",
        "aggr-raid-attributes/has-local-root",
        "aggr-raid-attributes/is-hybrid",
        "aggr-raid-attributes/is-root-aggregate",
        "aggr-raid-attributes/raid-type",
        "aggr-raid-attributes/state",
        "aggr-snaplock-attributes/is-snaplock",
        "aggr-space-attributes/percent-used-capacity",
        "aggr-space-attributes/size-available",
        "aggr-space-attributes/size-total",
        "aggr-space-attributes/size-used",
        "aggr-volume-count-attributes/flexvol-count",
        "aggregate-name",
        "nodes/node-name",
    ],
};

pub const CALLS: &[Call] = &[
    Call {
        name: "vserver-show-aggr-get-iter",
        scope: Scope::Svm,
        arguments: &["max-records", "tag", "vserver"],
        list: Some(&OF_SVM),
        run: |context, request| {
            let filer: &Filer = context.filer;
            let of_svm = |aggregate: &&Aggregate| !aggregate.name.as_str().starts_with("aggr0");
            let rows = filer.model.aggregates.iter().filter(of_svm).map(|aggregate| Row {
                key: vec![aggregate.name.as_str().into(), filer.svm.as_str().into()],
                record: Box::new(|| {
                    Element::new("show-aggregates")
                        .set("aggregate-name", Some(&aggregate.name))
                        .set("aggregate-type", Some("hdd"))
                        .set("available-size", Some(aggregate.size_available))
                        .set("snaplock-type", Some("non_snaplock"))
                        .set("vserver-name", Some(&filer.svm))
                }),
            });
            OF_SVM.page(request, rows)
        },
    },
    Call {
        name: "aggr-get-iter",
        scope: Scope::Cluster,
        arguments: &["max-records", "tag"],
        list: Some(&OF_CLUSTER),
        run: |context, request| {
            let filer: &Filer = context.filer;
            let data = filer.model.aggregates.iter().map(|aggregate| Row {
                key: vec![aggregate.name.as_str().into()],
                record: Box::new(|| data_aggregate(filer, aggregate)),
            });
            let roots = filer.nodes().into_iter().map(|node| Row {
                key: vec![format!("aggr0_{node}").into()],
                record: Box::new(move || {
                    let (total, free) = (400_u64 << 30, 20_u64 << 30);
                    record(&format!("aggr0_{node}"), Some(node), true, total, free, 1)
                }),
            });
            OF_CLUSTER.page(request, data.chain(roots).collect::<Vec<_>>())
        },
    },
];

fn data_aggregate(filer: &Filer, aggregate: &Aggregate) -> Element {
    let on_it = |name: Option<&str>| name == Some(aggregate.name.as_str());
    let volumes = filer.model.volumes.values();
    let count =
        volumes.filter(|held| on_it(held.record.aggregate_name.as_ref().map(|name| name.as_str()))).count();
    let total = aggregate.size_total.unwrap_or(aggregate.size_available);
    record(aggregate.name.as_str(), aggregate.node.as_deref(), false, total, aggregate.size_available, count)
}

fn record(name: &str, node: Option<&str>, root: bool, total: u64, free: u64, volumes: usize) -> Element {
    let used = total.saturating_sub(free);
    Element::new("aggr-attributes")
        .set("aggr-ownership-attributes/home-name", node)
        .set("aggr-ownership-attributes/owner-name", node)
        .set("aggr-raid-attributes/aggregate-type", Some("hdd"))
        .set("aggr-raid-attributes/has-local-root", Some(root))
        .set("aggr-raid-attributes/is-hybrid", Some(false))
        .set("aggr-raid-attributes/is-root-aggregate", Some(root))
        .set("aggr-raid-attributes/raid-type", Some("raid_dp"))
        .set("aggr-raid-attributes/state", Some("online"))
        .set("aggr-snaplock-attributes/is-snaplock", Some(false))
        .set("aggr-space-attributes/percent-used-capacity", Some(used / (total / 100).max(1)))
        .set("aggr-space-attributes/size-available", Some(free))
        .set("aggr-space-attributes/size-total", Some(total))
        .set("aggr-space-attributes/size-used", Some(used))
        .set("aggr-volume-count-attributes/flexvol-count", Some(volumes))
        .set("aggregate-name", Some(name))
        .set_all("nodes/node-name", node)
}
