//! What only a test, a tool or an attacker does.

use filerfs::backend::Kind as Error;

use crate::expected::{Node, What, tree};
use crate::opened::Expect;
use crate::ops::{Op, Pick, Place};
use crate::state::{Refusal, by_storage};
use crate::steps::{VOLUMES, pick_volume, refuse};
use crate::surface::Surface;
use crate::values::{encoded, plain};
use crate::world::World;

impl<S: Surface> World<S> {
    /// What is there all the time is listed exactly once, whatever happens meanwhile.
    pub fn list_across(&mut self, dir: &str, first: usize, restarted: bool, then: &Op) {
        let before = self.children(dir);
        let (mut names, part) = self.surface.list_some(dir, first).unwrap();
        self.step(then);
        let after = self.children(dir);
        let rest = self.surface.list_rest(part, restarted);
        let Ok(rest) = rest else {
            assert_ne!(after.0, before.0, "{dir} cannot be listed to its end");
            return;
        };
        names.extend(rest);
        for (name, key) in &before.1 {
            let stays = after.1.contains(&(name.clone(), key.clone()));
            let listed = names.iter().filter(|listed| *listed == name).count();
            // Another object of that name may be listed beside the one that is gone.
            assert!(listed == 1 || !stays, "{name} in {dir} was listed {listed} times");
        }
        let known = |name: &String| before.1.iter().chain(&after.1).any(|(other, _)| other == name);
        assert!(names.iter().all(known), "{dir}: {names:?}");
    }

    /// The object of a directory, and the names in it with what they stand for.
    pub fn children(&self, dir: &str) -> (String, Vec<(String, String)>) {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let tree = tree(&self.state);
        let own = tree.get(dir).map_or(String::new(), |node| node.key.clone());
        let names = tree.into_iter().filter_map(|(path, node)| {
            let name = path.strip_prefix(&prefix)?;
            (!name.contains('/')).then(|| (name.to_owned(), node.key))
        });
        (own, names.collect())
    }

    pub fn look_up(&mut self, op: &Op, place: Place, at: Pick, raw: &[u8]) -> Option<()> {
        let dir = self.dir(place, at)?;
        let there = str::from_utf8(raw)
            .is_ok_and(|name| self.children(&dir).1.iter().any(|(known, _)| known == name));
        let expect = match raw.len() {
            256.. => refuse([Error::NameTooLong, Error::NotFound]),
            _ if there => Expect::Do(0),
            _ => refuse([Error::NotFound]),
        };
        self.ask(expect, op, |surface| surface.lookup(&dir, raw));
        Some(())
    }

    pub fn make_hostile(&mut self, op: &Op, place: Place, at: Pick, raw: &[u8]) -> Option<()> {
        let dir = self.dir(place, at)?;
        let text = str::from_utf8(raw);
        let there = text.is_ok_and(|name| self.children(&dir).1.iter().any(|(known, _)| known == name));
        if let (Place::Volume | Place::Policy | Place::Endpoint, Ok(name)) = (place, text)
            && name.starts_with('.')
            && raw.len() <= 255
        {
            // A tool's own directory, which is no part of the state.
            let passes = |surface: &S| surface.mkdir(&dir, raw).and_then(|()| surface.rmdir(&dir, name));
            self.ask(Expect::Do(0), op, passes);
            return Some(());
        }
        let object = text.ok().and_then(decoded);
        let expect = match (place, object) {
            _ if raw.len() > 255 => refuse([Error::NameTooLong, Error::Invalid]),
            _ if text.is_err() => refuse([Error::Invalid, Error::NotPermitted]),
            _ if there => {
                Expect::Refuse(Refusal { kinds: vec![Error::Exists, Error::NotPermitted], calls: 1 })
            }
            (Place::Volumes | Place::Staging | Place::Snapshots | Place::Policies, None) => {
                refuse([Error::Invalid])
            }
            (Place::Volumes, Some(object)) => match plain(&object, ":/_.-") {
                Ok(object) => self.state.make_volume(&object).into(),
                Err(kind) => refuse([kind]),
            },
            (Place::Staging, Some(object)) => match plain(&object, ":/_.-") {
                Ok(object) => self.state.stage(&object).into(),
                Err(kind) => refuse([kind]),
            },
            // The memory filer takes the names of volumes only, for all objects.
            (Place::Snapshots, Some(object)) => match plain(&object, ":_.-") {
                Ok(object) => self.state.make_snapshot(&pick_volume(&self.state, at)?, &object).into(),
                Err(kind) => Expect::Refuse(by_storage(kind)),
            },
            (Place::Policies, Some(object)) => match plain(&object, ":_.-") {
                Ok(object) => self.state.make_policy(&object).into(),
                Err(kind) => Expect::Refuse(by_storage(kind)),
            },
            _ if raw.starts_with(b".") => refuse([Error::NotPermitted, Error::Invalid]),
            _ => refuse([Error::NotPermitted]),
        };
        self.ask(expect, op, |surface| surface.mkdir(&dir, raw));
        Some(())
    }

    pub fn odd(&mut self, op: &Op) -> Option<()> {
        let paths = |wanted: &dyn Fn(&Node) -> bool| {
            let tree = tree(&self.state);
            let found = tree.into_iter().filter(|(path, node)| path.starts_with("dummy/") && wanted(node));
            found.map(|(path, node)| (path, node.mode)).collect::<Vec<_>>()
        };
        let at = |a: Pick, b: Pick, paths: Vec<(String, u32)>| {
            let at = (usize::from(a) << 8 | usize::from(b)) % paths.len().max(1);
            paths.into_iter().nth(at)
        };
        let denied = || refuse([Error::NotPermitted]);
        let parts =
            |path: &str| path.rsplit_once('/').map(|(dir, name)| (dir.to_owned(), name.to_owned())).unwrap();
        match *op {
            Op::WriteReadOnly(a, b) => {
                let (path, _) = at(a, b, paths(&|node| node.mode == 0o444))?;
                self.ask(denied(), op, |surface| surface.open(&path, false, true));
            }
            Op::Create(place, a, name) => {
                let dir = self.dir(place, a)?;
                self.ask(denied(), op, |surface| surface.create(&dir, name));
            }
            Op::Unlink(a, b) => {
                let (dir, name) = parts(&at(a, b, paths(&|node| node.what != What::Dir))?.0);
                self.ask(denied(), op, |surface| surface.unlink(&dir, &name));
            }
            Op::RemoveFixed(a, b) => {
                let fixed = |node: &Node| node.what == What::Dir && node.key.contains('/');
                let (dir, name) = parts(&at(a, b, paths(&fixed))?.0);
                self.ask(denied(), op, |surface| surface.rmdir(&dir, &name));
            }
            Op::RenameFixed(a, b) => {
                let fixed = |node: &Node| node.key.contains('/');
                let (dir, name) = parts(&at(a, b, paths(&fixed))?.0);
                self.ask(denied(), op, |surface| surface.rename(&dir, &name, &dir, "new"));
            }
            Op::Chmod(a, b, same) => {
                let (path, mode) = at(a, b, paths(&|node| node.mode != 0o777))?;
                let (expect, mode) = if same { (Expect::Do(0), mode) } else { (denied(), mode ^ 0o111) };
                self.ask(expect, op, |surface| surface.chmod(&path, mode));
            }
            Op::Touch(a, b) => {
                let (path, _) = at(a, b, paths(&|node| node.mode == 0o644))?;
                self.ask(Expect::Do(0), op, |surface| surface.touch(&path));
            }
            Op::StatFs(a) => {
                let volume = pick_volume(&self.state, a)?;
                let path = format!("{VOLUMES}/{}/comment", encoded(&volume));
                let size = self.ask(Expect::Do(0), op, |surface| surface.statfs(&path)).unwrap();
                let total: u64 = self.state.volumes[&volume].settings["size_total"].parse().unwrap();
                assert_eq!(size, total.div_ceil(1024), "{op:?}");
            }
            _ => unreachable!("{op:?} is done elsewhere"),
        }
        Some(())
    }
}

/// The name that a file name stands for; `None` if no name is written like that.
fn decoded(file: &str) -> Option<String> {
    let mut name = file.to_owned();
    for (code, text) in [("%2F", "/"), ("%2E", "."), ("%25", "%")] {
        name = name.replace(code, text);
    }
    (encoded(&name) == file).then_some(name)
}
