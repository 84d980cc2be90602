//! What a listing of many volumes costs, counted where the kernel asks and where the back-end is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use filerfs::backends::memory::{Generate, Memory};

use crate::common::counting::Counting;
use crate::common::mounted::Mount;
use crate::common::registered;
use crate::common::shell::bash;
use crate::process::Daemon;

/// How many volumes.
const MANY: usize = 10_000;

/// A daemon with so many volumes that writes down each request. Nothing runs out while requests are counted.
pub fn daemon(volumes: usize, snapshots: usize, level: &str) -> Daemon {
    let config = format!(
        "[mount]\ncache_ttl = \"1h\"\n[[endpoint]]\nname = \"dummy\"\nkind = \"memory\"\n\
         generate = {{ volumes = {volumes}, snapshots = {snapshots} }}\n"
    );
    Daemon::start(&config, &["--log-level", level])
}

/// The requests of a command, by name.
pub fn requests(daemon: &Daemon, command: &str) -> BTreeMap<String, usize> {
    let before = daemon.log().len();
    let ran = bash(&daemon.path("dummy/volumes"), command);
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{command}");
    let mut counts = BTreeMap::new();
    for line in daemon.log().split_off(before).lines().filter(|line| line.contains(" FUSE(")) {
        // `... FUSE( 44) ino 0x4142 READDIRPLUS fh ...`
        let (_, request) = line.split_once(" ino ").unwrap();
        *counts.entry(request.split(' ').nth(1).unwrap().to_owned()).or_default() += 1;
    }
    counts
}

fn sum(counts: &BTreeMap<String, usize>, names: &[&str]) -> usize {
    names.iter().filter_map(|name| counts.get(*name)).sum()
}

#[test]
fn a_long_listing_is_one_pass_of_readdirplus() {
    for command in ["ls -l", "ls -la --color=always", "ls -lt"] {
        let counts = requests(&daemon(MANY, 0, "debug"), &format!("{command} | wc -l"));
        let asked = format!("{command}: {counts:?}");
        assert!((2..=MANY / 100).contains(&sum(&counts, &["READDIRPLUS", "READDIR"])), "{asked}");
        assert!(sum(&counts, &["LOOKUP", "GETATTR"]) < 10, "{asked}");
        assert!(sum(&counts, &["GETXATTR", "LISTXATTR"]) <= 1, "{asked}");
        assert!(counts.values().sum::<usize>() <= MANY / 100 + 20, "{asked}");
    }
}

#[test]
fn a_plain_listing_needs_no_attributes() {
    for command in ["ls", "ls -U", "ls -a", "echo *"] {
        let counts = requests(&daemon(MANY, 0, "debug"), &format!("{command} | wc -w"));
        let asked = format!("{command}: {counts:?}");
        assert!(sum(&counts, &["LOOKUP", "GETATTR", "GETXATTR"]) < 10, "{asked}");
        // The kernel asks once for attributes as well; seeing that nobody wants them, then for names alone.
        assert!(sum(&counts, &["READDIRPLUS"]) <= 1, "{asked}");
        assert!((2..=MANY / 100).contains(&sum(&counts, &["READDIR"])), "{asked}");
    }
}

#[test]
fn a_listing_asks_the_back_end_once() {
    for command in ["ls", "ls -l", "ls -l --color=always"] {
        let memory = Memory::with(Generate { volumes: 1_000, snapshots: 0 }.content()).unwrap();
        let mount = Mount::of(Counting::new(registered(Arc::new(memory))));
        let ran = bash(&mount.path("dummy/volumes"), &format!("{command} | grep -c vol0"));
        assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "1000\n", ""), "{command}");
        assert_eq!(mount.backend.take_reads(), ["volumes()"], "{command}");
    }
}

#[test]
fn every_volume_is_listed_with_its_size_and_time() {
    let daemon = daemon(MANY, 0, "warn");
    let script = "ls -l --time-style=+%s | tail -n +2 | awk '{print $5, $6, $7}' | sed -n '1p;80p;10000p'";
    let ran = crate::common::shell::run(&["env", "TZ=UTC", "bash"], &daemon.path("dummy/volumes"), script);
    let expected =
        "1140850688 1735689601 vol00001\n1073741824 1735689680 vol00080\n1073741824 1735699600 vol10000\n";
    assert_eq!((&*ran.stdout, &*ran.stderr), (expected, ""));
}
