//! inotify: what another host changes reaches those who watch here.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use filerfs::tree::limits::EVENTS;
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
        let watcher = Watcher::reading(child);
        // After ten looks it looks for watches again.
        let mut looks = 0;
        self.here.backend.take_reads();
        until("a look", || {
            looks += self.here.backend.take_reads().iter().filter(|call| *call == look).count();
            looks > 2 * 11
        });
        watcher
    }
}

/// Something that prints what it sees.
struct Watcher {
    child: Child,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Watcher {
    fn reading(mut child: Child) -> Watcher {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (lines, kept) = (BufReader::new(child.stdout.take().unwrap()).lines(), seen.clone());
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| kept.lock().push(line)));
        Watcher { child, seen }
    }

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
fn tail_prints_what_is_changed_here_and_by_another_host() {
    let hosts = Hosts::new();
    let mut tail = Command::new("tail");
    tail.args(["-n0", "-s0.1", "-F", ".ctl/events"]).current_dir(hosts.here.root());
    let mut watcher = Watcher::reading(tail.stdout(Stdio::piped()).spawn().unwrap());
    // The first that it prints says that it has begun.
    let sees = |watcher: &Watcher, event: &str| watcher.seen.lock().iter().any(|line| line.ends_with(event));
    let mut comments = (0..).map(|number| format!("{number}\n"));
    until("the own change", || {
        fs::write(hosts.here.path("dummy/volumes/db1/comment"), comments.next().unwrap()).unwrap();
        sees(&watcher, " dummy/volumes/db1/comment")
    });
    // tail does not watch: what others change becomes an event when somebody lists the volumes.
    let list = || fs::read_dir(hosts.here.path("dummy/volumes")).unwrap().count();
    list();
    fs::write(hosts.there.path("dummy/volumes/db2/comment"), "other\n").unwrap();
    until("the other's change", || list() > 0 && sees(&watcher, " modify dummy/volumes/db2/comment"));
    // Across the cuts that keep the log short each event is printed, whole.
    let number = |line: &str| line.split(' ').next().and_then(|number| number.parse::<usize>().ok());
    let printed = || watcher.seen.lock().iter().filter_map(|line| number(line)).max().unwrap_or(0);
    while printed() < 5 * EVENTS / 2 {
        for comment in comments.by_ref().take(EVENTS / 4) {
            fs::write(hosts.here.path("dummy/volumes/db1/comment"), comment).unwrap();
        }
        let last = hosts.here.read(".ctl/events").lines().filter_map(number).next_back().unwrap();
        until("the last event", || printed() == last);
    }
    assert!((EVENTS..2 * EVENTS).contains(&hosts.here.read(".ctl/events").lines().count()));
    let seen = watcher.seen.lock();
    let numbers: BTreeSet<usize> = seen.iter().filter_map(|line| number(line)).collect();
    assert_eq!(numbers.len(), numbers.last().unwrap() - numbers.first().unwrap() + 1);
    assert!(seen.iter().all(|line| line.split(' ').count() == 4), "{seen:?}");
    drop(seen);
    assert_eq!(watcher.child.try_wait().unwrap(), None);
}

#[test]
fn who_polls_may_read_and_write_at_once() {
    let hosts = Hosts::new();
    let script = "import os, select, sys
for path, flags, wanted in ((sys.argv[1], os.O_RDWR, select.POLLIN | select.POLLOUT), (sys.argv[2], os.O_RDONLY, select.POLLIN)):
    poll = select.poll()
    poll.register(os.open(path, flags), wanted)
    assert [events for _, events in poll.poll(60_000)] == [wanted], path";
    let mut python = Command::new("python3");
    python.args(["-c", script, "dummy/volumes/db1/size_total", ".ctl/events"]).current_dir(hosts.here.root());
    assert!(python.status().unwrap().success());
    assert_eq!(hosts.here.backend.take_changes(), Vec::<String>::new());
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
