//! Many at once on one file.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write;

use crate::common::mounted::Mount;

const WRITERS: usize = 200;
const VALUES: usize = 500;

fn value(writer: usize, turn: usize) -> String {
    format!("writer {writer} value {turn} {}", "x".repeat(80))
}

#[test]
fn each_of_100_000_values_arrives_whole_and_exactly_once() {
    let mount = Mount::small();
    let path = mount.path("dummy/volumes/db1/comment");
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            let path = &path;
            threads.spawn(move || {
                for turn in 0..VALUES {
                    let mut file = OpenOptions::new().write(true).truncate(true).open(path).unwrap();
                    let text = value(writer, turn) + "\n";
                    assert_eq!(file.write(text.as_bytes()).unwrap(), text.len());
                }
            });
        }
    });
    let changes = mount.backend.take_changes();
    assert_eq!(changes.len(), WRITERS * VALUES);
    let arrived: HashSet<&str> = changes.iter().map(String::as_str).collect();
    for writer in 0..WRITERS {
        for turn in 0..VALUES {
            let change = format!("patch_volume(db1, comment={})", value(writer, turn));
            assert!(arrived.contains(&*change), "{change}");
        }
    }
    // The changes are in the order in which they came to be.
    let last = format!("patch_volume(db1, comment={})", mount.read("dummy/volumes/db1/comment").trim_end());
    assert_eq!(changes.last(), Some(&last));
}
