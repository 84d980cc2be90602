//! Versions, SVMs, jobs.

use uuid::Uuid;

use super::call::{Call, Context, Refusal, Reply, Scope};
use super::list::{List, Row};
use super::volumes::one;
use super::xml::Element;
use crate::simulator::filer::Filer;

/// The SVM that administers the cluster.
const ADMIN: &str = "cluster1";

static VSERVERS: List = List {
    call: "vserver-get-iter",
    record: "vserver-info",
    keys: &["vserver-name"],
    fields: &[
        "aggr-list/aggr-name",
        "allowed-protocols/protocol",
        "max-volumes",
        "operational-state",
        "root-volume",
        "root-volume-aggregate",
        "state",
        "uuid",
        "volume-delete-retention-hours",
        "vserver-aggr-info-list/vserver-aggr-info/aggr-availsize",
        "vserver-aggr-info-list/vserver-aggr-info/aggr-name",
        "vserver-name",
        "vserver-type",
    ],
};

pub const CALLS: &[Call] = &[
    Call {
        name: "system-get-ontapi-version",
        scope: Scope::Any,
        arguments: &[],
        list: None,
        run: |context, _| {
            let (major, minor) = context.filer.ontap.ontapi().split_once('.').expect("two numbers");
            Ok(vec![Element::leaf("major-version", major), Element::leaf("minor-version", minor)])
        },
    },
    Call { name: "system-get-version", scope: Scope::Any, arguments: &[], list: None, run: version },
    Call {
        name: "vserver-get-iter",
        scope: Scope::Any,
        arguments: &["max-records", "tag"],
        list: Some(&VSERVERS),
        run: |context, request| VSERVERS.page(request, vservers(context)),
    },
    Call {
        name: "vserver-get",
        scope: Scope::Svm,
        arguments: &[],
        list: None,
        run: |context, _| one(data_vserver(context.filer)),
    },
    Call { name: "job-get", scope: Scope::Any, arguments: &["job-id"], list: None, run: job },
];

fn version(context: &mut Context<'_>, _: &Element) -> Reply {
    let (generation, major, minor) = context.filer.ontap.tuple();
    let release = format!("NetApp Release {generation}.{major}.{minor}: Thu Jun 01 00:00:00 UTC 2017");
    Ok(vec![
        Element::leaf("build-timestamp", 1_496_275_200),
        Element::leaf("is-clustered", true),
        Element::leaf("version", release),
        Element::new("version-tuple")
            .set("system-version-tuple/generation", Some(generation))
            .set("system-version-tuple/major", Some(major))
            .set("system-version-tuple/minor", Some(minor)),
    ])
}

fn vservers<'a>(context: &'a Context<'_>) -> Vec<Row<'a>> {
    let filer: &Filer = context.filer;
    let mut rows: Vec<Row<'a>> =
        vec![Row { key: vec![filer.svm.as_str().into()], record: Box::new(|| data_vserver(filer)) }];
    if !context.in_svm {
        rows.push(Row { key: vec![ADMIN.into()], record: Box::new(|| vserver(ADMIN, "admin")) });
        rows.extend(
            filer
                .nodes()
                .into_iter()
                .map(|node| Row { key: vec![node.into()], record: Box::new(move || vserver(node, "node")) }),
        );
    }
    rows
}

fn vserver(name: &str, kind: &str) -> Element {
    Element::new("vserver-info")
        .set("uuid", Some(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())))
        .set("vserver-name", Some(name))
        .set("vserver-type", Some(kind))
}

fn data_vserver(filer: &Filer) -> Element {
    let aggregates =
        || filer.model.aggregates.iter().filter(|aggregate| !aggregate.name.as_str().starts_with("aggr0"));
    let root = filer.model.junctions.get("/").and_then(|name| filer.model.volumes.get(name));
    let info = aggregates().map(|aggregate| {
        Element::new("vserver-aggr-info")
            .set("aggr-availsize", Some(aggregate.size_available))
            .set("aggr-name", Some(&aggregate.name))
    });
    vserver(&filer.svm, "data")
        .set_all("aggr-list/aggr-name", aggregates().map(|aggregate| &aggregate.name))
        .set_all("allowed-protocols/protocol", ["nfs"])
        .set("max-volumes", Some("unlimited"))
        .set("operational-state", Some("running"))
        .set("root-volume", root.map(|root| &root.record.name))
        .set("root-volume-aggregate", root.and_then(|root| root.record.aggregate_name.as_ref()))
        .set("state", Some("running"))
        .set("volume-delete-retention-hours", Some(12))
        .with(Element::holding("vserver-aggr-info-list", info.collect()))
}

fn job(context: &mut Context<'_>, request: &Element) -> Reply {
    let id = request.number("job-id")?.ok_or_else(|| Refusal::new(13115, "Missing input: job-id"))?;
    // Jobs belong to the cluster that runs them, whoever started them.
    let job = context.filer.jobs.get_mut(&id).filter(|_| !context.in_svm).ok_or_else(Refusal::no_entry)?;
    let running = job.looks > 0;
    job.looks = job.looks.saturating_sub(1);
    let (state, progress) =
        if running { ("running", "0% Complete") } else { ("success", "Complete: Successful") };
    one(Element::new("job-info")
        .set("job-id", Some(id))
        .set("job-name", Some(&job.name))
        .set("job-progress", Some(progress))
        .set("job-state", Some(state))
        .set("job-vserver", Some(ADMIN)))
}
