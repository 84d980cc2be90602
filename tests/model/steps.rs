//! One step of a sequence: done to the tree and to the reference.

use filerfs::backend::Kind as Error;

use crate::choices::hostile;
use crate::files::File;
use crate::opened::Expect;
use crate::ops::{Kind, Op, Pick, Place};
use crate::state::{Refusal, State};
use crate::surface::Surface;
use crate::values::encoded;
use crate::world::World;

/// One of what there is.
pub fn pick<T>(of: impl IntoIterator<Item = T>, at: Pick) -> Option<T> {
    let mut of: Vec<T> = of.into_iter().collect();
    if of.is_empty() { None } else { Some(of.swap_remove(usize::from(at) % of.len())) }
}

pub fn pick_volume(state: &State, at: Pick) -> Option<String> {
    pick(state.volumes.keys().cloned(), at)
}

pub fn pick_policy(state: &State, at: Pick) -> Option<String> {
    pick(state.policies.keys().cloned(), at)
}

/// A snapshot of a volume, rather than of one that has none.
pub fn pick_snapshot(state: &State, volume: Pick, at: Pick) -> Option<(String, String)> {
    let volume = pick(state.volumes.iter().filter(|(_, volume)| !volume.snapshots.is_empty()), volume)?;
    Some((volume.0.clone(), pick(&volume.1.snapshots, at)?.name.clone()))
}

fn snapshots(volume: &str) -> String {
    format!("dummy/volumes/{}/snapshots", encoded(volume))
}

pub const VOLUMES: &str = "dummy/volumes";
const STAGING: &str = "dummy/staging";
const POLICIES: &str = "dummy/policies";

/// Refused by the tree itself, in one of these ways.
pub fn refuse<const N: usize>(kinds: [Error; N]) -> Expect {
    Expect::Refuse(Refusal { kinds: kinds.to_vec(), calls: 0 })
}

impl<S: Surface> World<S> {
    pub fn step(&mut self, op: &Op) {
        if self.try_step(op).is_none() {
            // There is nothing of that kind: what has no name has no entry either.
            self.ask(refuse([Error::NotFound]), op, |surface| surface.lookup(VOLUMES, b"nothing"));
        }
        if let Some((held, _)) = &mut self.held {
            held.follow(&self.state);
        }
    }

    fn try_step(&mut self, op: &Op) -> Option<()> {
        match op {
            Op::MakeVolume(name) => {
                let expect = self.state.make_volume(name);
                self.make(op, expect.into(), VOLUMES, name);
            }
            Op::MakeSnapshot(volume, name) => {
                let volume = pick_volume(&self.state, *volume)?;
                let expect = self.state.make_snapshot(&volume, name);
                self.make(op, expect.into(), &snapshots(&volume), name);
            }
            Op::MakePolicy(name) => {
                let expect = self.state.make_policy(name);
                self.make(op, expect.into(), POLICIES, name);
            }
            Op::Stage(name) => {
                let expect = self.state.stage(name);
                self.make(op, expect.into(), STAGING, name);
            }
            Op::RemoveVolume(name) => {
                let expect = self.state.remove_volume(name);
                self.remove(op, expect.into(), VOLUMES, name);
            }
            Op::RemoveSnapshot(volume, name) => {
                let volume = pick_volume(&self.state, *volume)?;
                let expect = self.state.remove_snapshot(&volume, name);
                self.remove(op, expect.into(), &snapshots(&volume), name);
            }
            Op::RemovePolicy(name) => {
                let expect = self.state.remove_policy(name);
                self.remove(op, expect.into(), POLICIES, name);
            }
            Op::Unstage(name) => {
                let expect = self.state.unstage(name);
                self.remove(op, expect.into(), STAGING, name);
            }
            Op::RenameVolume(volume, new) => {
                let volume = pick_volume(&self.state, *volume)?;
                self.rename(op, refuse([Error::NotPermitted]), (VOLUMES, &volume), (VOLUMES, new));
            }
            Op::RenamePolicy(policy, new) => {
                let policy = pick_policy(&self.state, *policy)?;
                self.rename(op, refuse([Error::NotPermitted]), (POLICIES, &policy), (POLICIES, new));
            }
            Op::Restage(staged, new) => {
                let staged = pick(self.state.staging.keys().cloned(), *staged)?;
                self.rename(op, refuse([Error::NotPermitted]), (STAGING, &staged), (STAGING, new));
            }
            Op::RenameSnapshot(volume, at, new) => {
                let (volume, snapshot) = pick_snapshot(&self.state, *volume, *at)?;
                let expect = self.state.rename_snapshot(&volume, &snapshot, new);
                let dir = snapshots(&volume);
                self.rename(op, expect.into(), (&dir, &snapshot), (&dir, new));
            }
            Op::MoveSnapshot(volume, at, to) => {
                let (volume, snapshot) = pick_snapshot(&self.state, *volume, *at)?;
                let others = self.state.volumes.keys().filter(|other| **other != volume).cloned();
                let to = snapshots(&pick(others, *to)?);
                self.rename(
                    op,
                    refuse([Error::NotPermitted]),
                    (&snapshots(&volume), &snapshot),
                    (&to, "moved"),
                );
            }
            Op::Promote(staged, new) => {
                let staged = pick(self.state.staging.keys().cloned(), *staged)?;
                let expect = self.state.promote(&staged, new);
                self.rename(op, expect.into(), (STAGING, &staged), (VOLUMES, new));
            }
            Op::Write(kind, a, b, script) => {
                let file = self.file(*kind, *a, *b)?;
                self.script(op, file, script);
            }
            Op::Hold(kind, a, b) => {
                let file = self.file(*kind, *a, *b)?;
                self.hold(op, file);
            }
            Op::Held(how) => self.use_held(op, how)?,
            Op::ListAcross(place, at, first, restarted, then) => {
                let dir = self.dir(*place, *at)?;
                self.list_across(&dir, usize::from(*first), *restarted, then);
            }
            Op::Make(place, at, which) => self.make_hostile(op, *place, *at, &hostile()[*which])?,
            Op::LookUp(place, at, which) => self.look_up(op, *place, *at, &hostile()[*which])?,
            Op::Behind(change) => self.behind(change)?,
            _ => self.odd(op)?,
        }
        Some(())
    }

    fn make(&mut self, op: &Op, expect: Expect, dir: &str, name: &str) {
        self.ask(expect, op, |surface| surface.mkdir(dir, encoded(name).as_bytes()));
    }

    fn remove(&mut self, op: &Op, expect: Expect, dir: &str, name: &str) {
        self.ask(expect, op, |surface| surface.rmdir(dir, &encoded(name)));
    }

    fn rename(&mut self, op: &Op, expect: Expect, from: (&str, &str), to: (&str, &str)) {
        // To rename something to itself is a success that does nothing, if the kernel has its way.
        let expect = if from == to { Expect::Either } else { expect };
        self.ask(expect, op, |surface| surface.rename(from.0, &encoded(from.1), to.0, &encoded(to.1)));
    }

    /// The path of a directory of this kind.
    pub fn dir(&self, place: Place, at: Pick) -> Option<String> {
        Some(match place {
            Place::Root => String::new(),
            Place::Endpoint => "dummy".into(),
            Place::Volumes => VOLUMES.into(),
            Place::Volume => format!("{VOLUMES}/{}", encoded(&pick_volume(&self.state, at)?)),
            Place::Snapshots => snapshots(&pick_volume(&self.state, at)?),
            Place::Policies => POLICIES.into(),
            Place::Policy => format!("{POLICIES}/{}", encoded(&pick_policy(&self.state, at)?)),
            Place::Staging => STAGING.into(),
            Place::Junctions => "dummy/junctions".into(),
        })
    }

    /// A file of this kind.
    fn file(&self, kind: Kind, a: Pick, b: Pick) -> Option<File> {
        let (volume, staged) =
            (|| pick_volume(&self.state, a), || pick(self.state.staging.keys().cloned(), a));
        Some(match kind {
            Kind::Attribute(key) => File::Attribute(volume()?, key),
            Kind::Config => File::Config(volume()?),
            Kind::Lock => File::Lock(volume()?),
            Kind::Rollback => File::Rollback(volume()?),
            Kind::Clone => {
                let (volume, snapshot) = pick_snapshot(&self.state, a, b)?;
                File::Clone(volume, snapshot)
            }
            Kind::Staged(key) => File::Staged(staged()?, key),
            Kind::Origin => File::Origin(staged()?),
            Kind::Rules => File::Rules(pick_policy(&self.state, a)?),
            Kind::Defaults => File::Defaults,
            Kind::Refresh => File::Refresh,
        })
    }
}
