//! Whatever walks over the whole tree comes to an end, sees each name once, and asks the back-end a bounded
//! number of times.

use std::fs::{self, Metadata};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use filerfs::backends::memory::{Generate, Memory};

use crate::common::counting::Counting;
use crate::common::mounted::Mount;
use crate::common::shell::bash;
use crate::common::{counting, registered};

/// Names of every sort that a filer may hold.
pub const CONTENT: &str = r#"{
  "policies": [{"name": "default", "rules": []}, {"name": ".hidden", "rules": ["10.0.0.0/24", "@hosts", "2001:db8::/32"]},
               {"name": "UPPER:and.more_-", "rules": ["host1"]}],
  "volumes": [
    {"name": "db1", "size_total": 10737418240, "size_used": 1048576, "junction_path": "/db1", "comment": "größer & \"more\"",
     "active_policy_name": "UPPER:and.more_-", "creation_time": "2025-01-01T00:00:00Z",
     "snapshots": [{"name": "s1", "creation_time": "2025-01-02T00:00:00Z", "size_kbytes": 100},
                   {"name": ".dot", "creation_time": "2025-01-03T00:00:00Z", "size_kbytes": 200}]},
    {"name": "db2", "size_total": 21474836480, "size_used": 2097152, "active_policy_name": ".hidden",
     "junction_path": "/deep/er/.path/100% of it", "creation_time": "2025-02-01T00:00:00Z"},
    {"name": "a/b:c", "creation_time": "2025-03-01T00:00:00Z", "snapshots": [{"name": "S", "creation_time": "2025-03-02T00:00:00Z"}]},
    {"name": ".dot", "creation_time": "2025-03-01T00:00:00Z"}
  ]
}"#;

/// Everything below a directory, links not followed, as its listing and its attributes say.
pub fn walk(dir: &Path) -> Vec<(PathBuf, Metadata)> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let meta =
                fs::symlink_metadata(&path).unwrap_or_else(|e| panic!("{} is listed: {e}", path.display()));
            assert_eq!(entry.ino(), meta.ino(), "{}", path.display());
            assert_eq!(entry.file_type().unwrap(), meta.file_type(), "{}", path.display());
            if meta.is_dir() {
                left.push(path.clone());
            }
            found.push((path, meta));
        }
    }
    found
}

/// Walks, and how many reads of the back-end they may take for an entry at most.
const CRAWLS: [(&str, usize); 12] = [
    ("ls -R", 2),
    ("ls -lR", 3),
    ("ls -laRi --time-style=full-iso", 3),
    ("busybox ls -lR", 3),
    ("find .", 2),
    ("find . -ls", 3),
    ("busybox find . -type f", 3),
    ("tree -a -s -D --inodes", 3),
    ("du -a", 3),
    ("grep -r nothing-has-this . || [ $? = 1 ]", 6),
    ("busybox grep -r nothing-has-this . || [ $? = 1 ]", 6),
    // This one goes through the junctions too, and so sees each volume twice.
    ("find -L . -type f -exec cat {} +", 12),
];

fn generated(volumes: u32) -> Mount {
    let content = Generate { volumes, snapshots: 3 }.content();
    Mount::of(Counting::new(registered(Arc::new(Memory::with(content).unwrap()))))
}

#[test]
fn walks_end_and_ask_the_back_end_a_bounded_number_of_times() {
    let (few, many) = (generated(10), generated(40));
    let entries = |mount: &Mount| walk(mount.root()).len();
    let (few_entries, many_entries) = (entries(&few), entries(&many));
    for (crawl, most) in CRAWLS {
        for (mount, entries) in [(&few, few_entries), (&many, many_entries)] {
            mount.backend.take_reads();
            let ran = bash(mount.root(), crawl);
            assert_eq!((ran.code, &*ran.stderr), (0, ""), "{crawl}");
            let reads = mount.backend.take_reads().len();
            assert!(reads <= most * entries, "{crawl}: {reads} reads of the back-end for {entries} entries");
        }
    }
    assert_eq!(many.backend.take_changes(), Vec::<String>::new());
}

#[test]
fn every_walk_sees_each_name_exactly_once() {
    let mount = Mount::of(counting(CONTENT));
    let mut names: Vec<_> = walk(mount.root()).into_iter().map(|(path, _)| path).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    for list in [
        "find . -mindepth 1",
        "busybox find . -mindepth 1",
        "tree -afi --noreport . | tail -n +2",
        "du -a . | head -n -1",
    ] {
        let ran = bash(mount.root(), &format!("{list} | wc -l"));
        assert_eq!((ran.code, ran.stdout.trim(), &*ran.stderr), (0, &*count.to_string(), ""), "{list}");
    }
}

#[test]
fn what_is_listed_can_be_looked_up_from_a_cold_start() {
    let backend = counting(CONTENT);
    let listed: Vec<_> = {
        let mount = Mount::of(backend.clone());
        let root = mount.root().to_owned();
        walk(&root)
            .into_iter()
            .map(|(path, meta)| (path.strip_prefix(&root).unwrap().to_owned(), meta.ino()))
            .collect()
    };
    // Nothing is listed here before it is looked up.
    let mount = Mount::of(backend);
    for (path, ino) in listed.iter().rev() {
        let meta = fs::symlink_metadata(mount.root().join(path)).unwrap();
        assert_eq!(meta.ino(), *ino, "{}", path.display());
    }
}

#[test]
fn every_junction_leads_to_its_volume() {
    let mount = Mount::of(counting(CONTENT));
    let ran = bash(
        &mount.path("dummy/junctions"),
        "LC_ALL=C.UTF-8 ls; for j in * .[!.]*; do [ -e \"$j\" ] && readlink \"$j\" && cat \"$j/junction_path\"; done; true",
    );
    let expected = "%2Fdb1\n%2Fdeep%2Fer%2F.path%2F100%25 of it\n../volumes/db1\n/db1\n../volumes/db2\n/deep/er/.path/100% of it\n";
    assert_eq!((&*ran.stdout, &*ran.stderr), (expected, ""));
}
