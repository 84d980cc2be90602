//! A tree used through a real mount, by system calls.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use filerfs::tree::FileKind;
use nix::sys::statvfs::statvfs;
use nix::unistd::{close, dup};

use crate::common::mounted::Mount;
use crate::surface::{Answer, Refused, Seen, Surface};

pub struct Mounted {
    mount: Mount,
    /// What the kernel was told of: it may remember it.
    known: RefCell<Vec<String>>,
}

fn answered<T>(result: io::Result<T>) -> Answer<T> {
    result.map_err(|error| Refused::Errno(error.raw_os_error().unwrap_or(0)))
}

fn called<T>(result: nix::Result<T>) -> Answer<T> {
    result.map_err(|error| Refused::Errno(error as i32))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl Mounted {
    pub fn new(mount: Mount) -> Mounted {
        Mounted { mount, known: RefCell::default() }
    }

    fn at(&self, dir: &str, name: &str) -> PathBuf {
        self.mount.path(dir).join(name)
    }

    fn look(&self, dir: &Path, path: &str, seen: &mut BTreeMap<String, Seen>) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let path =
                if path.is_empty() { name(&entry.path()) } else { format!("{path}/{}", name(&entry.path())) };
            let found = fs::symlink_metadata(entry.path());
            let found = found.unwrap_or_else(|error| panic!("{path} is listed, but: {error}"));
            let kind = match found.file_type() {
                of if of.is_dir() => FileKind::Dir,
                of if of.is_symlink() => FileKind::Link,
                _ => FileKind::File,
            };
            let text = match kind {
                FileKind::Dir => String::new(),
                FileKind::Link => fs::read_link(entry.path()).unwrap().to_str().unwrap().to_owned(),
                FileKind::File => fs::read_to_string(entry.path()).unwrap(),
            };
            let (ino, mode, size) = (found.ino(), found.mode() & 0o7777, found.size());
            seen.insert(path.clone(), Seen { kind, ino, mode, size, text });
            if kind == FileKind::Dir {
                self.look(&entry.path(), &path, seen);
            }
        }
    }
}

impl Surface for Mounted {
    type Open = File;
    type Part = fs::ReadDir;

    fn walk(&self) -> BTreeMap<String, Seen> {
        // What the kernel remembers must be true, before any listing tells it anew.
        let stat = |path: &String| fs::symlink_metadata(self.mount.path(path)).ok();
        let known: Vec<_> = self.known.take().into_iter().map(|path| (stat(&path), path)).collect();
        let mut seen = BTreeMap::new();
        self.look(self.mount.root(), "", &mut seen);
        for (remembered, path) in known {
            let remembered = remembered.map(|found| (found.ino(), found.size()));
            assert_eq!(
                remembered,
                seen.get(&path).map(|seen| (seen.ino, seen.size)),
                "{path}: stat, then listing"
            );
        }
        // To read a directory made the kernel forget its attributes: let it have them again.
        assert!(seen.keys().all(|path| stat(path).is_some()), "what is listed can be looked up");
        *self.known.borrow_mut() = seen.keys().filter(|path| !path.starts_with(".ctl")).cloned().collect();
        seen
    }

    fn lookup(&self, dir: &str, name: &[u8]) -> Answer<u64> {
        answered(fs::symlink_metadata(self.mount.path(dir).join(OsStr::from_bytes(name))))
            .map(|found| found.ino())
    }

    fn mkdir(&self, dir: &str, name: &[u8]) -> Answer<()> {
        answered(fs::create_dir(self.mount.path(dir).join(OsStr::from_bytes(name))))
    }

    fn rmdir(&self, dir: &str, name: &str) -> Answer<()> {
        answered(fs::remove_dir(self.at(dir, name)))
    }

    fn rename(&self, dir: &str, name: &str, to: &str, new: &str) -> Answer<()> {
        answered(fs::rename(self.at(dir, name), self.at(to, new)))
    }

    fn unlink(&self, dir: &str, name: &str) -> Answer<()> {
        answered(fs::remove_file(self.at(dir, name)))
    }

    fn create(&self, dir: &str, name: &str) -> Answer<()> {
        answered(File::create_new(self.at(dir, name))).map(drop)
    }

    fn chmod(&self, path: &str, mode: u32) -> Answer<()> {
        answered(fs::set_permissions(self.mount.path(path), Permissions::from_mode(mode)))
    }

    fn touch(&self, path: &str) -> Answer<()> {
        answered(
            File::options()
                .write(true)
                .open(self.mount.path(path))
                .and_then(|file| file.set_modified(SystemTime::now())),
        )
    }

    fn statfs(&self, path: &str) -> Answer<u64> {
        let found = called(statvfs(&self.mount.path(path)))?;
        Ok(found.blocks() * found.fragment_size() / 1024)
    }

    fn open(&self, path: &str, append: bool, truncate: bool) -> Answer<File> {
        let flags = if append { libc::O_APPEND } else { 0 } | if truncate { libc::O_TRUNC } else { 0 };
        answered(OpenOptions::new().read(true).write(true).custom_flags(flags).open(self.mount.path(path)))
    }

    fn read(&self, open: &File) -> Answer<String> {
        let mut text = vec![0; 1 << 16];
        let read = answered(open.read_at(&mut text, 0))?;
        text.truncate(read);
        Ok(String::from_utf8(text).unwrap())
    }

    fn write(&self, open: &File, offset: u64, data: &[u8]) -> Answer<()> {
        let written = answered(open.write_at(data, offset))?;
        assert_eq!(written, data.len(), "a short write");
        Ok(())
    }

    fn truncate(&self, open: &File) -> Answer<()> {
        answered(open.set_len(0))
    }

    fn flush(&self, open: &File) -> Answer<()> {
        called(close(dup(open).unwrap()))
    }

    fn close(&self, open: File) -> Answer<()> {
        called(close(open))
    }

    fn list_some(&self, dir: &str, most: usize) -> Answer<(Vec<String>, fs::ReadDir)> {
        let mut part = answered(fs::read_dir(self.mount.path(dir)))?;
        let names = part.by_ref().take(most).map(|entry| name(&entry.unwrap().path())).collect();
        Ok((names, part))
    }

    fn list_rest(&self, part: fs::ReadDir, _: bool) -> Answer<Vec<String>> {
        part.map(|entry| answered(entry).map(|entry| name(&entry.path()))).collect()
    }

    fn refresh(&self) {
        fs::write(self.mount.path(".ctl/refresh"), "\n").unwrap();
    }
}
