//! What is told of a volume.

use super::super::xml::Element;
use super::seconds;
use crate::backends::memory::Held;
use crate::simulator::filer::{Filer, is_online};

/// A volume of the SVM. What it does not have is absent.
pub fn record(filer: &Filer, held: &Held) -> Element {
    let (volume, detail) = (&held.record, filer.detail(held));
    let settings = &volume.settings;
    let junction = settings.junction_path.as_deref().filter(|path| !path.is_empty());
    let record = Element::new("volume-attributes")
        .set("volume-export-attributes/policy", settings.active_policy_name.as_ref())
        .set("volume-hybrid-cache-attributes/caching-policy", non_empty(&settings.caching_policy))
        .set("volume-id-attributes/comment", non_empty(&settings.comment))
        .set("volume-id-attributes/containing-aggregate-name", volume.aggregate_name.as_ref())
        .set_all("volume-id-attributes/aggr-list/aggr-name", volume.aggregate_name.as_ref())
        .set("volume-id-attributes/creation-time", volume.creation_time.map(seconds))
        .set("volume-id-attributes/instance-uuid", Some(&volume.uuid))
        .set("volume-id-attributes/name", Some(&volume.name))
        .set("volume-id-attributes/node", Some(&volume.filer_address).filter(|node| !node.is_empty()))
        .set("volume-id-attributes/owning-vserver-name", Some(&filer.svm))
        .set("volume-id-attributes/style", Some("flex"))
        .set("volume-id-attributes/style-extended", Some("flexvol"))
        .set("volume-id-attributes/type", Some("rw"))
        .set("volume-id-attributes/uuid", Some(&volume.uuid))
        .set("volume-state-attributes/state", volume.state.as_ref())
        .set("volume-state-attributes/is-node-root", Some(false))
        .set("volume-state-attributes/is-vserver-root", Some(junction == Some("/")));
    if !is_online(held) {
        return record;
    }
    let record = online(record, held, detail.shrinks)
        .set("volume-id-attributes/junction-path", junction)
        .set("volume-security-attributes/style", Some("unix"))
        .set(
            "volume-security-attributes/volume-security-unix-attributes/permissions",
            Some(detail.permissions.as_deref().unwrap_or("755")),
        )
        .set("volume-snaplock-attributes/snaplock-type", Some("non_snaplock"))
        .set(
            "volume-snapshot-attributes/snapshot-policy",
            Some(detail.snapshot_policy.as_deref().unwrap_or("default")),
        )
        .set("volume-space-attributes/size", detail.size)
        .set(
            "volume-space-attributes/snapshot-reserve-size",
            detail.size.zip(settings.size_total).map(|(size, total)| size.saturating_sub(total)),
        )
        .set("volume-space-attributes/space-guarantee", Some(if detail.thin { "none" } else { "volume" }))
        .set("volume-space-attributes/is-space-guarantee-enabled", Some(true));
    let origin = detail.origin.and_then(|(parent, snapshot)| {
        let parent = filer.by_identity(parent)?;
        let kept = parent.snapshots.iter().find(|kept| kept.record.identity == snapshot)?;
        Some((&parent.record, &kept.record))
    });
    record
        .set(
            "volume-clone-attributes/volume-clone-parent-attributes/name",
            origin.map(|(volume, _)| &volume.name),
        )
        .set(
            "volume-clone-attributes/volume-clone-parent-attributes/snapshot-name",
            origin.map(|(_, snapshot)| &snapshot.name),
        )
        .set(
            "volume-clone-attributes/volume-clone-parent-attributes/uuid",
            origin.map(|(volume, _)| &volume.uuid),
        )
        .set(
            "volume-clone-attributes/volume-clone-parent-attributes/vserver-name",
            origin.map(|_| &filer.svm),
        )
}

/// What only an online volume tells.
fn online(record: Element, held: &Held, shrinks: bool) -> Element {
    let (volume, settings) = (&held.record, &held.record.settings);
    let total = settings.size_total;
    let mode = settings.autosize_enabled.map(|grows| match (grows, shrinks) {
        (false, _) => "off",
        (true, false) => "grow",
        (true, true) => "grow_shrink",
    });
    record
        .set("volume-autosize-attributes/is-enabled", settings.autosize_enabled)
        .set("volume-autosize-attributes/maximum-size", settings.max_autosize)
        .set("volume-autosize-attributes/minimum-size", settings.max_autosize.and(total))
        .set("volume-autosize-attributes/grow-threshold-percent", mode.map(|_| 85))
        .set("volume-autosize-attributes/shrink-threshold-percent", mode.map(|_| 50))
        .set("volume-autosize-attributes/mode", mode)
        .set("volume-snapshot-attributes/snapshot-count", Some(held.snapshots.len()))
        .set("volume-snapshot-attributes/snapdir-access-enabled", Some(true))
        .set(
            "volume-space-attributes/percentage-size-used",
            total.map(|total| percent(volume.size_used, total)),
        )
        .set("volume-space-attributes/percentage-snapshot-reserve", settings.percentage_snapshot_reserve)
        .set(
            "volume-space-attributes/percentage-snapshot-reserve-used",
            settings.percentage_snapshot_reserve.and(volume.percentage_snapshot_reserve_used),
        )
        .set("volume-space-attributes/size-total", total)
        .set("volume-space-attributes/size-used", total.map(|_| volume.size_used))
        .set(
            "volume-space-attributes/size-available",
            total.map(|total| total.saturating_sub(volume.size_used)),
        )
        .set("volume-state-attributes/is-inconsistent", Some(false))
        .set(
            "volume-state-attributes/is-junction-active",
            settings.junction_path.as_ref().filter(|path| !path.is_empty()).map(|_| true),
        )
}

/// Each node has a volume of its own, of the same name.
pub fn node_root(node: &str) -> Element {
    Element::new("volume-attributes")
        .set("volume-autosize-attributes/is-enabled", Some(false))
        .set("volume-id-attributes/containing-aggregate-name", Some(format!("aggr0_{node}")))
        .set("volume-id-attributes/name", Some("vol0"))
        .set("volume-id-attributes/node", Some(node))
        .set("volume-id-attributes/owning-vserver-name", Some(node))
        .set("volume-id-attributes/style", Some("flex"))
        .set("volume-id-attributes/type", Some("rw"))
        .set(
            "volume-id-attributes/uuid",
            Some(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, node.as_bytes())),
        )
        .set("volume-space-attributes/percentage-snapshot-reserve", Some(5))
        .set("volume-space-attributes/percentage-snapshot-reserve-used", Some(12))
        .set("volume-space-attributes/size-total", Some(380_u64 << 30))
        .set("volume-space-attributes/size-used", Some(20_u64 << 30))
        .set("volume-state-attributes/is-node-root", Some(true))
        .set("volume-state-attributes/is-vserver-root", Some(false))
        .set("volume-state-attributes/state", Some("online"))
}

fn non_empty(text: &Option<String>) -> Option<&String> {
    text.as_ref().filter(|text| !text.is_empty())
}

fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(whole.max(1))).try_into().unwrap_or(u64::MAX)
}
