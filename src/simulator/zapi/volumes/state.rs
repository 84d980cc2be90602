//! Mounting, state, renaming, destruction.

use std::sync::Arc;

use crate::backends::memory::Held;
use crate::simulator::filer::{Filer, is_online};

use super::super::call::{Call, Refusal, Reply, Scope};
use super::super::xml::Element;
use super::create::{check_junction, new_name};

const DONE: Reply = Ok(Vec::new());

pub const CALLS: &[Call] = &[
    Call {
        name: "volume-mount",
        scope: Scope::Svm,
        arguments: &["volume-name", "junction-path", "activate-junction", "export-policy-override"],
        list: None,
        run: |context, request| {
            mount(context.filer, request.required("volume-name")?, request.required("junction-path")?)
        },
    },
    Call {
        name: "volume-unmount",
        scope: Scope::Svm,
        arguments: &["volume-name", "force"],
        list: None,
        run: |context, request| unmount(context.filer, request.required("volume-name")?),
    },
    Call {
        name: "volume-online",
        scope: Scope::Svm,
        arguments: &["name"],
        list: None,
        run: |context, request| set_state(context.filer, request.required("name")?, "online").and(DONE),
    },
    Call {
        name: "volume-offline",
        scope: Scope::Svm,
        arguments: &["name"],
        list: None,
        run: |context, request| set_state(context.filer, request.required("name")?, "offline").and(DONE),
    },
    Call {
        name: "volume-restrict",
        scope: Scope::Svm,
        arguments: &["name"],
        list: None,
        run: |context, request| set_state(context.filer, request.required("name")?, "restricted").and(DONE),
    },
    Call {
        name: "volume-destroy",
        scope: Scope::Svm,
        arguments: &["name", "unmount-and-offline", "force"],
        list: None,
        run: |context, request| destroy(context.filer, request),
    },
    Call {
        name: "volume-rename",
        scope: Scope::Svm,
        arguments: &["volume", "new-volume-name"],
        list: None,
        run: |context, request| {
            rename(context.filer, request.required("volume")?, request.required("new-volume-name")?)
        },
    },
];

fn junction(held: &Held) -> Option<&str> {
    held.record.settings.junction_path.as_deref().filter(|path| !path.is_empty())
}

fn mount(filer: &mut Filer, name: &str, path: &str) -> Reply {
    if let Some(at) = junction(filer.online(name)?) {
        return Err(Refusal::new(14713, format!("Volume \"{name}\" is already mounted at \"{at}\".")));
    }
    check_junction(filer, path)?;
    let held = filer.held_mut(name)?;
    Arc::make_mut(&mut held.record).settings.junction_path = Some(path.to_owned());
    let name = held.record.name.clone();
    filer.model.junctions.insert(path.to_owned(), name);
    DONE
}

fn unmount(filer: &mut Filer, name: &str) -> Reply {
    let held = filer.held(name)?;
    if junction(held) == Some("/") {
        return Err(Refusal::new(
            14719,
            format!("Volume \"{name}\" is the root of Vserver \"{}\".", filer.svm),
        ));
    }
    // A volume that is not online answers that it was unmounted, as recorded.
    if junction(held).is_none() && is_online(held) {
        return Err(Refusal::new(14716, format!("Volume \"{name}\" is not mounted.")));
    }
    leave_junction(filer, name)?;
    DONE
}

fn leave_junction(filer: &mut Filer, name: &str) -> Result<(), Refusal> {
    let record = Arc::make_mut(&mut filer.held_mut(name)?.record);
    let left = record.settings.junction_path.take();
    if let Some(path) = left {
        filer.model.junctions.remove(&path);
    }
    Ok(())
}

/// Takes a volume online, offline or restricted. One that goes off loses its junction.
pub fn set_state(filer: &mut Filer, name: &str, state: &str) -> Result<(), Refusal> {
    let held = filer.held(name)?;
    if held.record.state.as_deref() == Some(state) {
        let errno = match state {
            "online" => 13060,
            "restricted" => 13061,
            _ => 13042,
        };
        return Err(Refusal::new(errno, format!("Volume \"{name}\" is already {state}.")));
    }
    if state != "online" {
        if junction(held) == Some("/") {
            return Err(Refusal::new(
                14719,
                format!("Volume \"{name}\" is the root of Vserver \"{}\".", filer.svm),
            ));
        }
        leave_junction(filer, name)?;
    }
    let held = filer.held_mut(name)?;
    held.usable = state == "online";
    let identity = held.record.identity;
    Arc::make_mut(&mut held.record).state = Some(state.to_owned());
    // Clients have nothing left to hold.
    if state != "online" {
        filer.locks.retain(|lock| lock.volume != identity);
    }
    Ok(())
}

fn has_clones(filer: &Filer, held: &Held) -> bool {
    filer.busy().iter().any(|(volume, _)| *volume == held.record.identity)
}

fn destroy(filer: &mut Filer, request: &Element) -> Reply {
    let name = request.required("name")?;
    let held = filer.held(name)?;
    if has_clones(filer, held) {
        return Err(Refusal::new(13001, format!("Volume \"{name}\" has one or more clones.")));
    }
    if request.boolean("unmount-and-offline")? == Some(true)
        && held.record.state.as_deref() != Some("offline")
    {
        set_state(filer, name, "offline")?;
    }
    let held = filer.held(name)?;
    if held.record.state.as_deref() != Some("offline") {
        return Err(Refusal::new(13058, format!("Volume \"{name}\" must be offline to be destroyed.")));
    }
    let volume = held.record.clone();
    filer.model.volumes.remove(&volume.name);
    filer.details.remove(&volume.identity);
    filer.locks.retain(|lock| lock.volume != volume.identity);
    DONE
}

fn rename(filer: &mut Filer, from: &str, to: &str) -> Reply {
    filer.held(from)?;
    let to = new_name(filer, to)?;
    let from = filer.held(from)?.record.name.clone();
    if let Some(mut held) = filer.model.volumes.remove(&from) {
        Arc::make_mut(&mut held.record).name = to.clone();
        filer.model.volumes.insert(to.clone(), held);
    }
    for name in filer.model.junctions.values_mut().filter(|name| **name == from) {
        *name = to.clone();
    }
    DONE
}
