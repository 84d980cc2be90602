//! A tree used through its own functions, as the FUSE callbacks use it.

use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use filerfs::backend::Result;
use filerfs::tree::scratch::New;
use filerfs::tree::{Asked, FileKind, Opening, ROOT, Tree};
use tokio::runtime::Runtime;

use crate::common::ROOT as CALLER;
use crate::surface::{Answer, Refused, Seen, Surface};

pub struct Direct {
    pub tree: Arc<Tree>,
    pub runtime: Rc<Runtime>,
}

/// An open file, or a directory that is read.
pub struct Open {
    ino: u64,
    handle: u64,
}

/// A directory, and how far it is read.
pub struct Part {
    open: Open,
    offset: u64,
}

impl Direct {
    fn wait<T>(&self, work: impl Future<Output = Result<T>>) -> Answer<T> {
        self.runtime.block_on(work).map_err(|error| Refused::Kind(error.kind()))
    }

    fn find(&self, path: &str) -> Answer<u64> {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.into_iter().try_fold(ROOT, |dir, name| {
            self.wait(self.tree.lookup(dir, name.as_bytes(), &CALLER)).map(|found| found.ino)
        })
    }

    fn look(&self, dir: u64, path: &str, seen: &mut BTreeMap<String, Seen>) {
        let handle = self.tree.opendir(dir).unwrap();
        let listing = self.wait(self.tree.listing(dir, handle, 0, &CALLER)).unwrap();
        self.tree.releasedir(handle);
        for entry in listing.after(0) {
            let path = if path.is_empty() { entry.name.clone() } else { format!("{path}/{}", entry.name) };
            let found = self.wait(self.tree.lookup(dir, entry.name.as_bytes(), &CALLER));
            let found = found.unwrap_or_else(|error| panic!("{path} is listed, but: {error:?}"));
            let now = self.wait(self.tree.getattr(found.ino, &CALLER)).unwrap();
            assert_eq!(
                (found.ino, found.size),
                (entry.node.ino, entry.stat.size),
                "{path}: listing and lookup"
            );
            assert_eq!((now.ino, now.size, now.mode), (found.ino, found.size, found.mode), "{path}: getattr");
            let text = match found.kind {
                FileKind::Dir => String::new(),
                FileKind::Link => self.wait(self.tree.readlink(found.ino, &CALLER)).unwrap(),
                FileKind::File => {
                    let handle = self.tree.open(found.ino, Opening::default(), &CALLER).unwrap();
                    let open = Open { ino: found.ino, handle };
                    let text = self.read(&open).unwrap();
                    self.close(open).unwrap();
                    text
                }
            };
            let (kind, ino, mode, size) = (found.kind, found.ino, found.mode, found.size);
            seen.insert(path.clone(), Seen { kind, ino, mode, size, text });
            if kind == FileKind::Dir {
                self.look(ino, &path, seen);
            }
        }
    }
}

impl Surface for Direct {
    type Open = Open;
    type Part = Part;

    fn walk(&self) -> BTreeMap<String, Seen> {
        let mut seen = BTreeMap::new();
        self.look(ROOT, "", &mut seen);
        seen
    }

    fn lookup(&self, dir: &str, name: &[u8]) -> Answer<u64> {
        let dir = self.find(dir)?;
        self.wait(self.tree.lookup(dir, name, &CALLER)).map(|found| found.ino)
    }

    fn mkdir(&self, dir: &str, name: &[u8]) -> Answer<()> {
        let dir = self.find(dir)?;
        self.wait(self.tree.mkdir(dir, name, New { is_dir: true, owner: (0, 0), mode: 0o755 })).map(drop)
    }

    fn rmdir(&self, dir: &str, name: &str) -> Answer<()> {
        let dir = self.find(dir)?;
        self.wait(self.tree.rmdir(dir, name.as_bytes(), &CALLER)).map(drop)
    }

    fn rename(&self, dir: &str, name: &str, to: &str, new: &str) -> Answer<()> {
        let (dir, to) = (self.find(dir)?, self.find(to)?);
        self.wait(self.tree.rename(dir, name.as_bytes(), to, new.as_bytes(), &CALLER)).map(drop)
    }

    fn unlink(&self, dir: &str, name: &str) -> Answer<()> {
        let dir = self.find(dir)?;
        self.tree.unlink(dir, name.as_bytes(), &CALLER).map_err(|error| Refused::Kind(error.kind()))
    }

    fn create(&self, dir: &str, name: &str) -> Answer<()> {
        let dir = self.find(dir)?;
        let new = New { is_dir: false, owner: (0, 0), mode: 0o644 };
        let created = self.tree.create(dir, name.as_bytes(), new, CALLER);
        created.map(drop).map_err(|error| Refused::Kind(error.kind()))
    }

    fn chmod(&self, path: &str, mode: u32) -> Answer<()> {
        let asked = Asked { mode: Some(mode), ..Asked::default() };
        let ino = self.find(path)?;
        self.wait(self.tree.setattr(ino, asked, &CALLER)).map(drop)
    }

    fn touch(&self, path: &str) -> Answer<()> {
        let ino = self.find(path)?;
        self.wait(self.tree.setattr(ino, Asked::default(), &CALLER)).map(drop)
    }

    fn statfs(&self, path: &str) -> Answer<u64> {
        let ino = self.find(path)?;
        self.wait(self.tree.statfs(ino)).map(|(total, _)| total.div_ceil(1024))
    }

    fn open(&self, path: &str, append: bool, truncate: bool) -> Answer<Open> {
        let ino = self.find(path)?;
        let handle = self.tree.open(ino, Opening { writes: true, append, truncates: truncate }, &CALLER);
        handle.map(|handle| Open { ino, handle }).map_err(|error| Refused::Kind(error.kind()))
    }

    fn read(&self, open: &Open) -> Answer<String> {
        let text = self.wait(self.tree.read(open.ino, open.handle, 0, 1 << 20, &CALLER))?;
        Ok(String::from_utf8(text).unwrap())
    }

    fn write(&self, open: &Open, offset: u64, data: &[u8]) -> Answer<()> {
        self.wait(self.tree.write(open.ino, open.handle, offset, data, &CALLER)).map(drop)
    }

    fn truncate(&self, open: &Open) -> Answer<()> {
        let asked = Asked { size: Some(0), handle: Some(open.handle), ..Asked::default() };
        self.wait(self.tree.setattr(open.ino, asked, &CALLER)).map(drop)
    }

    fn flush(&self, open: &Open) -> Answer<()> {
        self.wait(self.tree.flush(open.ino, open.handle, &CALLER, |_, _| std::future::ready(true))).map(drop)
    }

    fn close(&self, open: Open) -> Answer<()> {
        let closed =
            self.wait(self.tree.flush(open.ino, open.handle, &CALLER, |_, _| std::future::ready(false)));
        let changed = self.wait(self.tree.release(open.handle)).unwrap().changed;
        assert!(!changed, "the last close left nothing to do");
        closed.map(drop)
    }

    fn list_some(&self, dir: &str, most: usize) -> Answer<(Vec<String>, Part)> {
        let ino = self.find(dir)?;
        let handle = self.tree.opendir(ino).unwrap();
        let listing = self.wait(self.tree.listing(ino, handle, 0, &CALLER))?;
        let first = &listing.after(0)[..most.min(listing.after(0).len())];
        let offset = first.last().map_or(2, |entry| entry.node.ino);
        let names = first.iter().map(|entry| entry.name.clone()).collect();
        Ok((names, Part { open: Open { ino, handle }, offset }))
    }

    fn list_rest(&self, part: Part, restarted: bool) -> Answer<Vec<String>> {
        if restarted {
            self.tree.releasedir(part.open.handle);
        }
        let listing = self.wait(self.tree.listing(part.open.ino, part.open.handle, part.offset, &CALLER))?;
        self.tree.releasedir(part.open.handle);
        Ok(listing.after(part.offset).iter().map(|entry| entry.name.clone()).collect())
    }

    fn refresh(&self) {}
}
