//! Inode numbers: the same in every run, each once, and never those of an object that is gone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::common::mounted::Mount;
use crate::common::shell::bash;
use crate::common::{SMALL, counting};
use crate::crawls::{CONTENT, walk};
use crate::process::Daemon;

/// The number of each path below a directory.
fn numbers(dir: &Path) -> BTreeMap<String, u64> {
    let name = |path: &Path| path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
    walk(dir).into_iter().map(|(path, meta)| (name(&path), meta.ino())).collect()
}

fn unique(numbers: &BTreeMap<String, u64>) {
    let mut by_number = BTreeMap::new();
    for (path, number) in numbers {
        if let Some(other) = by_number.insert(number, path) {
            panic!("{path} and {other} are both {number}");
        }
    }
}

#[test]
fn numbers_survive_a_restart_for_loaded_and_generated_content() {
    let load = tempfile::NamedTempFile::new().unwrap();
    fs::write(load.path(), CONTENT).unwrap();
    let config = format!(
        "[[endpoint]]\nname = \"loaded\"\nkind = \"memory\"\nload = {:?}\n\
         [[endpoint]]\nname = \"same\"\nkind = \"memory\"\nload = {:?}\n\
         [[endpoint]]\nname = \"made\"\nkind = \"memory\"\ngenerate = {{ volumes = 20, snapshots = 3 }}\n",
        load.path(),
        load.path()
    );
    let [first, second] = [(); 2].map(|()| numbers(&Daemon::start(&config, &[]).root()));
    assert_eq!(first, second);
    assert!(first.len() > 500, "{}", first.len());
    // Two endpoints with the same content have no number in common.
    unique(&first);
}

#[test]
fn numbers_of_what_is_created_differ_in_every_run() {
    let [first, second] = [(); 2].map(|()| {
        let daemon = Daemon::start("", &[]);
        fs::create_dir(daemon.path("dummy/volumes/v")).unwrap();
        fs::create_dir(daemon.path("dummy/volumes/v/snapshots/s")).unwrap();
        fs::create_dir(daemon.path("dummy/policies/p")).unwrap();
        fs::create_dir(daemon.path("dummy/staging/v2")).unwrap();
        numbers(&daemon.root())
            .into_iter()
            .filter(|(path, _)| path.starts_with("dummy/") && path.matches('/').count() > 1)
            .collect::<BTreeMap<_, _>>()
    });
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    assert!(first.len() > 20);
    for (path, number) in &first {
        assert_ne!(second[path], *number, "{path}");
    }
}

#[test]
fn a_created_anew_object_has_none_of_the_numbers_of_its_namesake() {
    let content = SMALL.replace("\"policies\": [", "\"policies\": [{\"name\": \"free\"}, ");
    for (object, setup) in [
        ("volumes/db2", ""),
        ("volumes/db1/snapshots/s2", ""),
        ("policies/free", ""),
        ("staging/new", "mkdir staging/new;"),
    ] {
        let mount = Mount::of(counting(&content));
        let run = |script: &str| {
            let ran = bash(&mount.path("dummy"), script);
            assert_eq!((ran.code, &*ran.stderr), (0, ""), "{script}");
        };
        run(&format!("{setup} true"));
        let path = mount.path("dummy").join(object);
        let mut before = numbers(&path);
        before.insert(String::new(), fs::metadata(&path).unwrap().ino());
        run(&format!("rmdir {object}; mkdir {object}"));
        let mut after = numbers(&path);
        after.insert(String::new(), fs::metadata(&path).unwrap().ino());
        unique(&after);
        let all: Vec<_> = before.values().collect();
        for (name, number) in &after {
            assert!(!all.contains(&number), "{object}/{name} has a number that was there before");
        }
    }
}

#[test]
fn a_renamed_snapshot_and_a_changed_value_keep_their_numbers() {
    let mount = Mount::small();
    let snapshots = mount.path("dummy/volumes/db1/snapshots");
    let before = numbers(&snapshots.join("s1"));
    fs::rename(snapshots.join("s1"), snapshots.join("renamed")).unwrap();
    assert_eq!(numbers(&snapshots.join("renamed")), before);
    let volume = mount.path("dummy/volumes/db1");
    let before = numbers(&volume);
    let ran = bash(&volume, "echo 50G > size_total; echo nfs > policy; echo x > comment; echo admin1 > lock");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(numbers(&volume), before);
}

#[test]
fn what_was_open_when_its_object_was_created_anew_is_not_the_new_one() {
    use std::io::{Read, Write};
    let mount = Mount::small();
    let volume = mount.path("dummy/volumes/db2");
    let mut comment = fs::File::options().read(true).write(true).open(volume.join("comment")).unwrap();
    fs::remove_dir(&volume).unwrap();
    fs::create_dir(&volume).unwrap();
    mount.backend.take_changes();
    let written = comment.write_all(b"for the old one\n").unwrap_err();
    assert_eq!(written.raw_os_error(), Some(libc::ESTALE));
    assert_eq!(comment.read(&mut [0; 16]).unwrap_err().raw_os_error(), Some(libc::ESTALE));
    assert_eq!(mount.backend.take_changes(), Vec::<String>::new());
    assert_eq!(mount.read("dummy/volumes/db2/comment"), "");
}
