//! inotify: what another host changes reaches those who watch here.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use filerfs::tree::shared::Options;
use parking_lot::Mutex;

use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with};
use crate::process::until;

/// A host that watches, and one that changes things, on one filer.
struct Hosts {
    here: Mount,
    there: Mount,
}

impl Hosts {
    fn new() -> Hosts {
        let backend = counting(SMALL);
        let options = || Options { cache_ttl: Duration::from_millis(500), ..options() };
        let tree = || tree_with(backend.clone(), options(), Vec::new());
        let [here, there] = [tree(), tree()].map(|tree| Mount::tree(backend.clone(), tree, false));
        Hosts { here, there }
    }

    /// Somebody who watches these paths, since before anything is changed: the mount has found all of them, and
    /// has looked once. For that it makes this call, at most twice.
    fn watch(&self, paths: &[&str], look: &str) -> Watcher {
        let mut child = Command::new("inotifywait")
            .args(["-m", "--format", "%w %e %f"])
            .args(paths)
            .current_dir(self.here.root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(says.any(|line| line == "Watches established."));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (lines, kept) = (BufReader::new(child.stdout.take().unwrap()).lines(), seen.clone());
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| kept.lock().push(line)));
        // After ten looks it looks for watches again.
        let mut looks = 0;
        self.here.backend.take_reads();
        until("a look", || {
            looks += self.here.backend.take_reads().iter().filter(|call| *call == look).count();
            looks > 2 * 11
        });
        Watcher { child, seen }
    }
}

struct Watcher {
    child: Child,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Watcher {
    fn sees(&self, event: &str) {
        until(&format!("{event:?}"), || self.seen.lock().iter().any(|line| line.trim_end() == event));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn who_watches_sees_what_another_host_changes() {
    let hosts = Hosts::new();
    let watcher = hosts.watch(
        &[
            ".ctl/events",
            "dummy/volumes",
            "dummy/volumes/db1",
            "dummy/volumes/db1/lock",
            "dummy/volumes/db1/snapshots",
            "dummy/policies/nfs/rules",
        ],
        "volumes()",
    );
    let there = hosts.there.path("dummy");
    fs::write(there.join("volumes/db1/size_total"), "11G\n").unwrap();
    watcher.sees("dummy/volumes/db1/ MODIFY size_total");
    watcher.sees("dummy/volumes/db1/ MODIFY config");
    watcher.sees(".ctl/events MODIFY");
    fs::write(there.join("volumes/db1/lock"), "admin9\n").unwrap();
    watcher.sees("dummy/volumes/db1/lock MODIFY");
    fs::create_dir(there.join("volumes/db1/snapshots/new")).unwrap();
    watcher.sees("dummy/volumes/db1/snapshots/ ATTRIB,ISDIR new");
    fs::write(there.join("policies/nfs/rules"), "10.0.0.9\n").unwrap();
    watcher.sees("dummy/policies/nfs/rules MODIFY");
    fs::create_dir(there.join("volumes/db3")).unwrap();
    watcher.sees("dummy/volumes/ ATTRIB,ISDIR db3");
    // A name that is gone cannot be touched; its directory can.
    fs::remove_dir(there.join("volumes/db2")).unwrap();
    watcher.sees("dummy/volumes/ ATTRIB,ISDIR");
    let events = || hosts.here.read(".ctl/events");
    for event in
        ["modify dummy/volumes/db1/size_total", "create dummy/volumes/db3", "delete dummy/volumes/db2"]
    {
        until(event, || events().lines().any(|line| line.ends_with(event)));
    }
}

#[test]
fn own_changes_are_events_once() {
    let hosts = Hosts::new();
    let watcher = hosts.watch(&[".ctl/events", "dummy/volumes/db1/comment"], "volumes()");
    fs::write(hosts.here.path("dummy/volumes/db1/comment"), "mine\n").unwrap();
    watcher.sees("dummy/volumes/db1/comment MODIFY");
    watcher.sees(".ctl/events MODIFY");
    // Another's comes after it: by then the first has been looked at.
    fs::write(hosts.there.path("dummy/volumes/db2/comment"), "other\n").unwrap();
    let events = || hosts.here.read(".ctl/events");
    until("the other's change", || events().contains("modify dummy/volumes/db2/comment\n"));
    assert_eq!(events().matches("dummy/volumes/db1/comment\n").count(), 1, "{}", events());
}

#[test]
fn only_what_is_watched_is_looked_at() {
    let hosts = Hosts::new();
    let _watcher = hosts.watch(&["dummy/volumes/db1/comment"], "get_volume(db1)");
    let mut reads = Vec::new();
    until("several looks", || {
        reads.extend(hosts.here.backend.take_reads());
        reads.len() > 5
    });
    assert!(reads.iter().all(|call| call == "get_volume(db1)"), "{reads:?}");
}
