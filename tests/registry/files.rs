//! The directory of a registry of kind file: what is one, what is refused, and what a crash leaves.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use filerfs::backend::Kind;
use filerfs::registry::{FileRegistry, MarksChange, Registry};
use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

use crate::damage::damages;
use crate::given::*;

/// An empty directory, a path in it for a registry, and one for something else.
fn paths() -> (TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (registry, other) = (dir.path().join("registry"), dir.path().join("other"));
    (dir, registry, other)
}

fn protects() -> MarksChange {
    MarksChange { protect: Some(true), comment: Some("a comment".to_owned()) }
}

/// The files in which volume 1 of endpoint `e` has its lock and its marks.
async fn kept(path: &Path) -> (FileRegistry, PathBuf, PathBuf) {
    let registry = FileRegistry::open(path).unwrap();
    registry.take(&subject(1), &new("a")).await.unwrap();
    registry.change_marks(&subject(1), &protects()).await.unwrap();
    (registry, path.join("locks/e").join(format!("{:016x}", 1)), path.join("marks/e"))
}

/// The file that is renamed to it when it is whole.
fn being_written(file: &Path) -> PathBuf {
    file.with_file_name(format!(".{}.new", file.file_name().unwrap().display()))
}

/// What is asked about the lock.
async fn locks(registry: &FileRegistry) -> [String; 5] {
    let (of, a) = (subject(1), host("a"));
    [
        refused(Kind::Remote, registry.lock(&of).await),
        refused(Kind::Remote, registry.take(&of, &new("a")).await),
        refused(Kind::Remote, registry.take(&of, &new("b")).await),
        refused(Kind::Remote, registry.release(&of, &a.clone().into()).await),
        refused(Kind::Remote, registry.guard(&of, &a).await),
    ]
}

async fn marks(registry: &FileRegistry) -> [String; 3] {
    [
        refused(Kind::Remote, registry.marks(&subject(1)).await),
        refused(Kind::Remote, registry.all_marks("e").await),
        refused(Kind::Remote, registry.change_marks(&subject(1), &protects()).await),
    ]
}

#[tokio::test]
async fn a_damaged_file_is_neither_free_nor_overwritten() {
    let (_dir, path, _) = paths();
    let (registry, lock, all) = kept(&path).await;
    for (damaged, words) in damages(&fs::read_to_string(&lock).unwrap()) {
        fs::write(&lock, &damaged).unwrap();
        for said in locks(&registry).await {
            assert!(said.contains("locks/e/") && said.contains(words), "{said}");
        }
        assert_eq!(fs::read(&lock).unwrap(), damaged);
    }
    for (damaged, words) in damages(&fs::read_to_string(&all).unwrap()) {
        fs::write(&all, &damaged).unwrap();
        for said in marks(&registry).await {
            assert!(said.contains("marks/e") && said.contains(words), "{said}");
        }
        assert_eq!(fs::read(&all).unwrap(), damaged);
    }
}

#[tokio::test]
async fn what_is_no_registry_is_refused_and_left_alone() {
    type Make = fn(&Path, &Path);
    let cases: [(&str, Make); 6] = [
        ("is not a directory", |path, _| fs::write(path, "mine").unwrap()),
        ("is a link to one", |path, other| {
            fs::create_dir(other).unwrap();
            symlink(other, path).unwrap();
        }),
        ("has mode 0755; accepted: 0700", |path, _| fs::create_dir(path).unwrap()),
        ("belongs to user 1; accepted: user 0", |path, _| {
            fs::create_dir(path).unwrap();
            chown(path, Some(1), None).unwrap();
        }),
        ("has something in it and is no registry", |path, _| {
            fs::create_dir(path).unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
            fs::write(path.join("mine"), "").unwrap();
        }),
        (
            "is of format \"filerfs registry 2\"; this filerfs knows \"filerfs registry 1\" alone",
            |path, _| {
                drop(FileRegistry::open(path).unwrap());
                fs::write(path.join("format"), "filerfs registry 2\n").unwrap();
            },
        ),
    ];
    for (words, make) in cases {
        let (dir, path, other) = paths();
        make(&path, &other);
        let before = listing(dir.path());
        let said = FileRegistry::open(&path).err().unwrap();
        assert!(said.contains(words) && said.contains(path.to_str().unwrap()), "{said}");
        assert_eq!(listing(dir.path()), before, "{words}");
    }
}

/// Every path below, with its mode and its content.
fn listing(dir: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            all.extend(listing(&path));
        }
        let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        all.push((path, metadata.permissions().mode(), content));
    }
    all.sort();
    all
}

#[tokio::test]
async fn no_link_in_it_is_followed() {
    for link in ["lock", "new lock", "locks of the endpoint", "marks", "new marks"] {
        let (_dir, path, other) = paths();
        let (registry, lock, all) = kept(&path).await;
        let at = match link {
            "lock" => lock,
            "new lock" => being_written(&lock),
            "locks of the endpoint" => lock.parent().unwrap().to_owned(),
            "marks" => all,
            _ => being_written(&all),
        };
        match link {
            "locks of the endpoint" => fs::rename(&at, &other).unwrap(),
            _ if at.exists() => fs::rename(&at, &other).unwrap(),
            _ => fs::write(&other, "mine").unwrap(),
        }
        symlink(&other, &at).unwrap();
        let before = listing(path.parent().unwrap());
        match link {
            "lock" | "locks of the endpoint" => drop(locks(&registry).await),
            "marks" => drop(marks(&FileRegistry::open(&path).unwrap()).await),
            "new lock" => drop(refused(Kind::Remote, registry.take(&subject(1), &new("a")).await)),
            _ => {
                let none = MarksChange { protect: Some(false), comment: None };
                refused(Kind::Remote, registry.change_marks(&subject(1), &none).await);
            }
        }
        assert_eq!(listing(path.parent().unwrap()), before, "{link}");
    }
}

#[tokio::test]
async fn what_a_crash_has_left_half_written_is_in_nobodys_way() {
    let (_dir, path, _) = paths();
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    let leave = |file: &Path, text: &str| {
        fs::write(file, text).unwrap();
        fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    };
    leave(&path.join(".format.new"), "filer");
    let (registry, lock, all) = kept(&path).await;
    for file in [&lock, &all] {
        leave(&being_written(file), "1 half");
    }
    assert_eq!(*held(&registry, &subject(1)).await.unwrap().holder(), host("a"));
    assert!(registry.marks(&subject(1)).await.unwrap().protect);
    registry.release(&subject(1), &host("a").into()).await.unwrap();
    registry.change_marks(&subject(2), &protects()).await.unwrap();
    assert_eq!(held(&registry, &subject(1)).await, None);
    assert_eq!(registry.all_marks("e").await.unwrap().len(), 2);
    assert!(listing(&path).iter().all(|(_, mode, _)| mode & 0o077 == 0));
}

#[test]
fn daemons_that_start_at_once_share_one_registry() {
    for _ in 0..20 {
        let (_dir, path, _) = paths();
        let start = Arc::new(Barrier::new(8));
        let daemons: Vec<_> = (0..8)
            .map(|_| {
                let (path, start) = (path.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    FileRegistry::open(&path).map(drop)
                })
            })
            .collect();
        for daemon in daemons {
            assert_eq!(daemon.join().unwrap(), Ok(()));
        }
    }
}

/// Nobody waits for it longer because others do.
#[tokio::test]
async fn a_daemon_that_hangs_while_it_changes_something_holds_up_nobody_for_long() {
    let (_dir, path, _) = paths();
    let (registry, ..) = kept(&path).await;
    let registry = Arc::new(registry);
    let mutex = fs::OpenOptions::new().write(true).open(path.join("mutex")).unwrap();
    let hangs = Flock::lock(mutex, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap();
    let begun = Instant::now();
    let takes = (0..16).map(|volume| {
        let registry = registry.clone();
        tokio::spawn(async move { registry.take(&subject(volume), &new("a")).await })
    });
    for take in takes.collect::<Vec<_>>() {
        let error = take.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable, "{error}");
    }
    // One after another they would wait for five seconds each.
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert_eq!(
        *registry.lock(&subject(1)).await.unwrap().unwrap().holder(),
        host("a"),
        "who reads waits for nobody"
    );
    drop(hangs);
    registry.take(&subject(2), &new("a")).await.unwrap();
}
