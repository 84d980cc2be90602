//! Size and autosize of one volume.

use std::sync::Arc;

use crate::simulator::filer::Filer;

use super::super::arguments::{blocks, size};
use super::super::call::{Call, Refusal, Reply, Scope};
use super::super::xml::Element;
use super::create::{checked_reserve, checked_size, default_maximum, without_reserve};

pub const CALLS: &[Call] = &[
    Call {
        name: "volume-size",
        scope: Scope::Svm,
        arguments: &["volume", "new-size"],
        list: None,
        run: |context, request| volume_size(context.filer, request),
    },
    Call {
        name: "volume-autosize-set",
        scope: Scope::Svm,
        arguments: &[
            "volume",
            "is-enabled",
            "mode",
            "maximum-size",
            "minimum-size",
            "increment-size",
            "grow-threshold-percent",
            "shrink-threshold-percent",
            "reset",
        ],
        list: None,
        run: |context, request| {
            let mode = match (request.argument("mode"), request.boolean("is-enabled")?) {
                (None, Some(enabled)) => Some(if enabled { "grow" } else { "off" }),
                (mode, _) => mode,
            };
            let maximum = request.size("maximum-size")?;
            set_autosize(context.filer, request.required("volume")?, mode, maximum)?;
            Ok(Vec::new())
        },
    },
    Call {
        name: "volume-autosize-get",
        scope: Scope::Svm,
        arguments: &["volume"],
        list: None,
        run: |context, request| autosize(context.filer, request.required("volume")?),
    },
];

fn volume_size(filer: &mut Filer, request: &Element) -> Reply {
    let name = request.required("volume")?;
    let held = filer.online(name)?;
    let now = filer.detail(held).size.unwrap_or_default();
    if let Some(given) = request.argument("new-size") {
        let wanted = match (given.strip_prefix('+'), given.strip_prefix('-')) {
            (Some(more), _) => size(more).map(|more| now.saturating_add(more)),
            (_, Some(less)) => size(less).map(|less| now.saturating_sub(less)),
            _ => size(given),
        };
        resize(filer, name, wanted, given)?;
    }
    let size = filer.detail(filer.held(name)?).size.unwrap_or_default();
    let flag = |name| Element::leaf(name, false);
    Ok(vec![
        flag("is-fixed-size-flex-volume"),
        flag("is-readonly-flex-volume"),
        flag("is-replica-flex-volume"),
        Element::leaf("volume-size", human(size)),
    ])
}

/// Gives a volume another size. A maximum that was left at 120 % of the old one follows.
pub fn resize(filer: &mut Filer, name: &str, wanted: Option<u64>, given: &str) -> Result<(), Refusal> {
    let size = checked_size(filer.ontap, wanted, given)?;
    let held = filer.online(name)?;
    let (used, identity) = (held.record.size_used, held.record.identity);
    let reserve = held.record.settings.percentage_snapshot_reserve.unwrap_or(0);
    if without_reserve(size, reserve) < used {
        return Err(Refusal::new(144, format!("Size {given} is too small: {used} bytes are in use.")));
    }
    let detail = filer.details.entry(identity).or_default();
    let followed = detail.size.map(default_maximum);
    detail.size = Some(size);
    let held = filer.held_mut(name)?;
    let settings = &mut Arc::make_mut(&mut held.record).settings;
    settings.size_total = Some(without_reserve(size, reserve));
    if settings.max_autosize == followed || settings.max_autosize < Some(size) {
        settings.max_autosize = Some(default_maximum(size));
    }
    held.settle();
    Ok(())
}

/// Sets another share aside for snapshots, out of the same size.
pub fn set_reserve(filer: &mut Filer, name: &str, percent: u64) -> Result<(), Refusal> {
    let percent = checked_reserve(percent)?;
    let size = filer.detail(filer.online(name)?).size;
    let held = filer.held_mut(name)?;
    let settings = &mut Arc::make_mut(&mut held.record).settings;
    settings.percentage_snapshot_reserve = Some(percent);
    settings.size_total = size.map(|size| without_reserve(size, percent));
    held.settle();
    Ok(())
}

pub fn set_autosize(
    filer: &mut Filer,
    name: &str,
    mode: Option<&str>,
    maximum: Option<u64>,
) -> Result<(), Refusal> {
    let held = filer.online(name)?;
    let size = filer.detail(held).size.unwrap_or_default();
    let identity = held.record.identity;
    let maximum = maximum.map(blocks);
    if let Some(maximum) = maximum.filter(|maximum| *maximum < size) {
        let reason = format!("Maximum size {maximum} is below the size {size} of volume \"{name}\".");
        return Err(Refusal::new(13115, reason));
    }
    let grows = match mode {
        None => None,
        Some("off") => Some(false),
        Some("grow" | "grow_shrink") => Some(true),
        Some(mode) => return Err(Refusal::invalid("mode", mode)),
    };
    if let Some(mode) = mode {
        filer.details.entry(identity).or_default().shrinks = mode == "grow_shrink";
    }
    let settings = &mut Arc::make_mut(&mut filer.held_mut(name)?.record).settings;
    settings.autosize_enabled = grows.or(settings.autosize_enabled);
    settings.max_autosize = maximum.or(settings.max_autosize);
    Ok(())
}

fn autosize(filer: &Filer, name: &str) -> Reply {
    let held = filer.online(name)?;
    let settings = &held.record.settings;
    let grows = settings.autosize_enabled.unwrap_or_default();
    let mode = match (grows, filer.detail(held).shrinks) {
        (false, _) => "off",
        (true, false) => "grow",
        (true, true) => "grow_shrink",
    };
    Ok(vec![
        Element::leaf("grow-threshold-percent", 85),
        Element::leaf("is-enabled", grows),
        Element::leaf("maximum-size", settings.max_autosize.unwrap_or_default()),
        Element::leaf("minimum-size", settings.size_total.unwrap_or_default()),
        Element::leaf("mode", mode),
        Element::leaf("shrink-threshold-percent", 50),
    ])
}

/// `57.23m`, as the reply of `volume-size` words it.
fn human(bytes: u64) -> String {
    let (unit, letter) = match bytes {
        _ if bytes >= 1 << 40 => (1_u64 << 40, 't'),
        _ if bytes >= 1 << 30 => (1 << 30, 'g'),
        _ => (1 << 20, 'm'),
    };
    match bytes % unit {
        0 => format!("{}{letter}", bytes / unit),
        _ => format!("{:.2}{letter}", bytes as f64 / unit as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes_for_people() {
        assert_eq!(human(60_006_400), "57.23m");
        assert_eq!(human(1 << 30), "1g");
    }
}
