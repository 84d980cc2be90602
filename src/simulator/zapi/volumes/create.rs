//! New volumes.

use crate::backend::{AggregateName, PolicyName, Settings, VolumeName};
use crate::simulator::Ontap;
use crate::simulator::filer::{Detail, Filer, Job};

use super::super::arguments::blocks;
use super::super::call::{Call, Context, Refusal, Reply, Scope};
use super::super::xml::Element;

/// Bytes that an empty volume uses, as recorded.
const EMPTY: u64 = 204_800;
const SMALLEST: u64 = 20 << 20;
/// Characters that a junction path cannot hold.
const FORBIDDEN: &str = "*#\"><|?\\";
/// The names that can be set, and the one that volumes have when nothing is.
const CACHING: [&str; 14] = [
    "Standard",
    "none",
    "auto",
    "meta",
    "random_read",
    "random_read_write",
    "all_read",
    "all_read_random_write",
    "all",
    "noread_random_write",
    "meta_random_write",
    "random_read_write_random_write",
    "all_read_random_write_random_write",
    "all_random_write",
];

pub const CALLS: &[Call] = &[
    Call {
        name: "volume-create",
        scope: Scope::Svm,
        arguments: &[
            "volume",
            "containing-aggr-name",
            "size",
            "junction-path",
            "percentage-snapshot-reserve",
            "export-policy",
            "caching-policy",
            "snapshot-policy",
            "space-reserve",
            "volume-comment",
            "unix-permissions",
            "volume-security-style",
            "volume-state",
            "volume-type",
            "language-code",
        ],
        list: None,
        run: |context, request| {
            create(context.filer, request, request.required("volume")?, "containing-aggr-name")?;
            Ok(Vec::new())
        },
    },
    Call {
        name: "volume-create-async",
        scope: Scope::Svm,
        arguments: &[
            "volume-name",
            "aggr-list/aggr-name",
            "size",
            "junction-path",
            "percentage-snapshot-reserve",
            "export-policy",
            "snapshot-policy",
            "space-guarantee",
            "volume-comment",
            "unix-permissions",
            "volume-security-style",
            "volume-type",
        ],
        list: None,
        run: create_async,
    },
];

fn create(filer: &mut Filer, request: &Element, name: &str, aggregate: &str) -> Result<(), Refusal> {
    let name = new_name(filer, name)?;
    let aggregate = request.required(aggregate)?;
    let size = checked_size(filer.ontap, request.size("size")?, request.required("size")?)?;
    let reserve = checked_reserve(request.number("percentage-snapshot-reserve")?.unwrap_or(5))?;
    let aggregate = check_aggregate(filer, aggregate, size)?;
    if let Some(path) = request.argument("junction-path") {
        check_junction(filer, path)?;
    }
    let policy = check_policy(filer, request.argument("export-policy").unwrap_or("default"))?;
    let caching = request.argument("caching-policy").unwrap_or("Standard");
    check_caching(caching)?;
    let settings = Settings {
        size_total: Some(without_reserve(size, reserve)),
        percentage_snapshot_reserve: Some(reserve),
        caching_policy: Some(caching.to_owned()),
        autosize_enabled: Some(false),
        max_autosize: Some(default_maximum(size)),
        junction_path: request.argument("junction-path").map(str::to_owned),
        comment: request.argument("volume-comment").map(str::to_owned),
        active_policy_name: Some(policy),
        ..Settings::default()
    };
    let node = filer.node_of(&aggregate).unwrap_or_default();
    let volume = filer.model.add_volume(&name, settings, aggregate, EMPTY)?;
    let guarantee = request.argument("space-reserve").or(request.argument("space-guarantee"));
    let detail = Detail {
        size: Some(size),
        snapshot_policy: request.argument("snapshot-policy").map(str::to_owned),
        permissions: request.argument("unix-permissions").map(str::to_owned),
        thin: guarantee == Some("none"),
        ..Detail::default()
    };
    filer.details.insert(volume.identity, detail);
    let record = &mut filer.held_mut(name.as_str())?.record;
    std::sync::Arc::make_mut(record).filer_address = node;
    Ok(())
}

fn create_async(context: &mut Context<'_>, request: &Element) -> Reply {
    let name = request.required("volume-name")?;
    let mut request = request.clone();
    let aggregate = request.items("aggr-list/aggr-name").into_iter().next();
    request.children.extend(aggregate.map(|aggregate| Element::leaf("containing-aggr-name", aggregate)));
    create(context.filer, &request, name, "containing-aggr-name")?;
    let id = context.filer.jobs.len() as u64 + 1;
    context.filer.jobs.insert(id, Job { name: format!("Create {name}"), looks: 1 });
    Ok(vec![Element::leaf("result-jobid", id), Element::leaf("result-status", "in_progress")])
}

/// A name for a new volume.
pub fn new_name(filer: &Filer, name: &str) -> Result<VolumeName, Refusal> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.len() > 203 || !name.chars().all(good) || name.starts_with(|c: char| c.is_ascii_digit()) {
        let reason = format!(
            "Volume name \"{name}\" is not valid: it is up to 203 letters, digits and _, and begins with no digit."
        );
        return Err(Refusal::new(13044, reason));
    }
    let name = VolumeName::new(name)?;
    match filer.model.check_free(&name) {
        // The wording is recorded, with the blank at the end.
        Err(_) => Err(Refusal::new(17, format!("Duplicate volume name {name}. "))),
        Ok(()) => Ok(name),
    }
}

/// A size in whole blocks, within what a volume can have.
pub fn checked_size(ontap: Ontap, size: Option<u64>, given: &str) -> Result<u64, Refusal> {
    let size = blocks(size.ok_or_else(|| Refusal::invalid("size", given))?);
    let largest = ontap.largest_volume();
    match size {
        _ if size < SMALLEST => {
            Err(Refusal::new(144, format!("Size {given} is too small: at least {SMALLEST}.")))
        }
        _ if size > largest => Err(Refusal::new(145, format!("Size {given} is too big: at most {largest}."))),
        size => Ok(size),
    }
}

pub fn checked_reserve(percent: u64) -> Result<u64, Refusal> {
    match percent {
        0..=90 => Ok(percent),
        _ => Err(Refusal::invalid("percentage-snapshot-reserve", &percent.to_string())),
    }
}

/// What of a size is left for data.
pub fn without_reserve(size: u64, reserve: u64) -> u64 {
    let data = u128::from(size) * u128::from(100_u64.saturating_sub(reserve)) / 100;
    blocks(data.try_into().unwrap_or(u64::MAX))
}

/// Up to where autosize grows a volume when nobody says.
pub fn default_maximum(size: u64) -> u64 {
    blocks((u128::from(size) * 6 / 5).try_into().unwrap_or(u64::MAX))
}

fn check_aggregate(filer: &Filer, name: &str, size: u64) -> Result<AggregateName, Refusal> {
    if name.starts_with("aggr0") {
        let reason = format!("Aggregate \"{name}\" is not in the aggr-list of Vserver \"{}\".", filer.svm);
        return Err(Refusal::new(16025, reason));
    }
    let found = filer.model.aggregates.iter().find(|aggregate| aggregate.name.as_str() == name);
    let found = found.ok_or_else(|| Refusal::new(14420, format!("Aggregate \"{name}\" does not exist.")))?;
    match size > found.size_available {
        true => Err(Refusal::new(159, format!("Aggregate \"{name}\" has no room for {size} bytes."))),
        false => Ok(found.name.clone()),
    }
}

pub fn check_junction(filer: &Filer, path: &str) -> Result<(), Refusal> {
    let good = path.starts_with('/') && !path.ends_with('/') && path.len() <= 255;
    if !good || path.contains(|c| FORBIDDEN.contains(c)) {
        return Err(Refusal::invalid("junction-path", path));
    }
    // Paths differ only if they differ whatever the case.
    match filer.model.junctions.iter().find(|(taken, _)| taken.eq_ignore_ascii_case(path)) {
        Some((taken, by)) => {
            Err(Refusal::new(14713, format!("Junction path \"{taken}\" is in use by volume \"{by}\".")))
        }
        None => Ok(()),
    }
}

pub fn check_policy(filer: &Filer, name: &str) -> Result<PolicyName, Refusal> {
    let found = PolicyName::new(name).ok().filter(|name| filer.model.policies.contains_key(name));
    found.ok_or_else(|| Refusal::new(15661, format!("Export policy \"{name}\" does not exist.")))
}

pub fn check_caching(name: &str) -> Result<(), Refusal> {
    match CACHING.contains(&name) {
        true => Ok(()),
        false => Err(Refusal::invalid("caching-policy", name)),
    }
}
