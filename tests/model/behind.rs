//! What somebody else does on the storage, without the mount.

use filerfs::backend::{
    HostName, NewVolume, Newer, PolicyName, Rule, Settings as Patch, SnapshotName, VolumeName,
};

use crate::ops::Behind;
use crate::state::{Outcome, Settings};
use crate::steps::{pick_policy, pick_snapshot, pick_volume};
use crate::surface::Surface;
use crate::world::World;

fn v(name: &str) -> VolumeName {
    VolumeName::new(name).unwrap()
}

fn s(name: &str) -> SnapshotName {
    SnapshotName::new(name).unwrap()
}

fn p(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

impl<S: Surface> World<S> {
    /// The storage itself does not know of defaults; whose name it is done in is ours, so that the locks of
    /// other hosts forbid it as well.
    pub fn behind(&mut self, change: &Behind) -> Option<()> {
        let storage = self.backend.inner().clone();
        let state = &mut self.state;
        let fresh = NewVolume::default();
        let (outcome, done): (Outcome, _) = match change {
            Behind::CreateVolume(name) => {
                let exists = state.volumes.contains_key(*name);
                let outcome =
                    if exists { state.make_volume(name) } else { state.add_volume(name, Settings::new()) };
                (outcome, self.wait(storage.create_volume(&v(name), &fresh)).map(drop))
            }
            Behind::RestrictVolume(at) => {
                let name = pick_volume(state, *at)?;
                (state.remove_volume(&name), self.wait(storage.restrict_volume(&v(&name))))
            }
            Behind::RecreateVolume(at) => {
                let name = pick_volume(state, *at)?;
                state.remove_volume(&name).ok()?;
                let outcome = state.add_volume(&name, Settings::new());
                self.wait(storage.restrict_volume(&v(&name))).unwrap();
                (outcome, self.wait(storage.create_volume(&v(&name), &fresh)).map(drop))
            }
            Behind::Patch(at, key, value) => {
                let name = pick_volume(state, *at)?;
                let settings = Settings::from([(*key, (*value).to_owned())]);
                let outcome =
                    state.guard(&name).and_then(|()| state.acceptable(&name, &settings)).map(|()| 1);
                if outcome.is_ok() {
                    state.volumes.get_mut(&name).unwrap().settings.extend(settings);
                }
                (outcome, self.wait(storage.patch_volume(&v(&name), &patch(key, value))))
            }
            Behind::Lock(at, host) => {
                let name = pick_volume(state, *at)?;
                let lock = &mut state.volumes.get_mut(&name).unwrap().lock;
                let free = lock.as_deref().is_none_or(|holder| holder == *host);
                if free {
                    *lock = Some((*host).to_owned());
                }
                let outcome =
                    if free { Ok(1) } else { Err(crate::state::refused(filerfs::backend::Kind::Locked)) };
                let new = HostName::new(host).unwrap().into();
                (outcome, self.wait(storage.create_lock(&v(&name), &new)).map(drop))
            }
            Behind::Unlock(at) => {
                let name = pick_volume(state, *at)?;
                let holder = state.volumes.get_mut(&name).unwrap().lock.take()?;
                (Ok(1), self.wait(storage.remove_lock(&v(&name), &HostName::new(&holder).unwrap().into())))
            }
            Behind::CreateSnapshot(at, snapshot) => {
                let name = pick_volume(state, *at)?;
                let outcome = state.make_snapshot(&name, snapshot);
                (outcome, self.wait(storage.create_snapshot(&v(&name), &s(snapshot))).map(drop))
            }
            Behind::DeleteSnapshot(volume, at) => {
                let (name, snapshot) = pick_snapshot(state, *volume, *at)?;
                let outcome = state.remove_snapshot(&name, &snapshot);
                (outcome, self.wait(storage.delete_snapshot(&v(&name), &s(&snapshot))))
            }
            Behind::RenameSnapshot(volume, at, new) => {
                let (name, snapshot) = pick_snapshot(state, *volume, *at)?;
                let outcome = state.rename_snapshot(&name, &snapshot, new);
                (outcome, self.wait(storage.rename_snapshot(&v(&name), &s(&snapshot), &s(new))))
            }
            Behind::RecreateSnapshot(volume, at) => {
                let (name, snapshot) = pick_snapshot(state, *volume, *at)?;
                state.guard(&name).ok()?;
                state.remove_snapshot(&name, &snapshot).unwrap();
                let outcome = state.make_snapshot(&name, &snapshot);
                self.wait(storage.delete_snapshot(&v(&name), &s(&snapshot))).unwrap();
                (outcome, self.wait(storage.create_snapshot(&v(&name), &s(&snapshot))).map(drop))
            }
            Behind::RollBack(volume, at) => {
                let (name, snapshot) = pick_snapshot(state, *volume, *at)?;
                let outcome = state.roll_back(&name, &snapshot, true);
                (outcome, self.wait(storage.rollback_volume(&v(&name), &s(&snapshot), Newer::Discard)))
            }
            Behind::Clone(volume, at, new) => {
                let (name, snapshot) = pick_snapshot(state, *volume, *at)?;
                let outcome = state.clone_volume(new, &name, &snapshot, Settings::new());
                let (new, name, snapshot) = (v(new), v(&name), s(&snapshot));
                (outcome, self.wait(storage.clone_volume(&new, &name, &snapshot, &fresh.settings)).map(drop))
            }
            Behind::CreatePolicy(name) => {
                (state.make_policy(name), self.wait(storage.create_policy(&p(name), &[])).map(drop))
            }
            Behind::RemovePolicy(at) => {
                let name = pick_policy(state, *at)?;
                (state.remove_policy(&name), self.wait(storage.remove_policy(&p(&name))))
            }
            Behind::RecreatePolicy(at) => {
                let unused = state.policies.keys().filter(|name| state.used_by(name).next().is_none());
                let name = crate::steps::pick(unused.cloned(), *at)?;
                state.remove_policy(&name).unwrap();
                let outcome = state.make_policy(&name);
                self.wait(storage.remove_policy(&p(&name))).unwrap();
                (outcome, self.wait(storage.create_policy(&p(&name), &[])).map(drop))
            }
            Behind::AddRule(at, rule) => {
                let name = pick_policy(state, *at)?;
                let (policy, given) = (p(&name), Rule::new(rule).unwrap());
                (
                    state.rule(&name, rule, true),
                    self.wait(storage.ensure_policy_rules_present(&policy, std::slice::from_ref(&given))),
                )
            }
            Behind::DropRule(at, rule) => {
                let name = pick_policy(state, *at)?;
                let (policy, given) = (p(&name), Rule::new(rule).unwrap());
                (
                    state.rule(&name, rule, false),
                    self.wait(storage.ensure_policy_rules_absent(&policy, std::slice::from_ref(&given))),
                )
            }
        };
        assert_eq!(outcome.is_ok(), done.is_ok(), "{change:?}: {outcome:?}, but {done:?}");
        self.count(outcome.is_ok());
        self.surface.refresh();
        Some(())
    }
}

fn patch(key: &str, value: &str) -> Patch {
    let mut patch = Patch::default();
    match key {
        "size_total" => patch.size_total = Some(value.parse().unwrap()),
        "comment" => patch.comment = Some(value.to_owned()),
        "junction_path" => patch.junction_path = Some(value.to_owned()),
        "protect" => patch.protect = Some(value == "1"),
        "policy" => patch.active_policy_name = Some(p(value)),
        other => unreachable!("nobody changes {other}"),
    }
    patch
}
