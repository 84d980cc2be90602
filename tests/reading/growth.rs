//! Requests and memory grow with the number of volumes, and not faster. Nothing here looks at the clock.

use crate::common::shell::bash;
use crate::listings::{daemon, requests};
use crate::process::Daemon;

const FEW: usize = 1_000;
const MANY: usize = 10_000;
const SNAPSHOTS: usize = 10;

/// A long listing of all volumes, and of the snapshots of each.
const LISTINGS: [(&str, usize); 2] =
    [("ls -l . | grep -c vol", 1), ("ls -l */snapshots | grep -c daily", SNAPSHOTS)];

fn list(daemon: &Daemon, volumes: usize) {
    for (listing, each) in LISTINGS {
        let ran = bash(&daemon.path("dummy/volumes"), listing);
        assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, &*format!("{}\n", volumes * each), ""));
    }
}

#[test]
fn requests_grow_with_the_number_of_volumes_and_not_faster() {
    let (few, many) = (daemon(FEW, SNAPSHOTS, "debug"), daemon(MANY, SNAPSHOTS, "debug"));
    for (listing, _) in LISTINGS {
        let [few, many] = [&few, &many].map(|daemon| requests(daemon, listing).values().sum::<usize>());
        let growth = MANY / FEW;
        assert!(many <= few * growth + growth, "{listing}: {few} requests for {FEW}, {many} for {MANY}");
        assert!(many > few, "{listing}: {few} requests for {FEW}, {many} for {MANY}");
    }
}

#[test]
fn memory_grows_with_the_number_of_entries_and_not_faster() {
    let resident = |volumes| {
        let daemon = daemon(volumes, SNAPSHOTS, "warn");
        let idle = daemon.resident();
        list(&daemon, volumes);
        (idle, daemon.resident())
    };
    let (few, many) = (resident(FEW), resident(MANY));
    let told = format!("KiB when started and after the listings: {few:?} for {FEW}, {many:?} for {MANY}");
    // A volume, the directory of its snapshots, and these.
    let entries = ((MANY - FEW) * (2 + SNAPSHOTS)) as u64;
    let bytes = |from: u64, to: u64| to.saturating_sub(from) * 1024 / entries;
    let (held, known) = (bytes(few.0, many.0), bytes(few.1 - few.0, many.1 - many.0));
    assert!(held <= 512, "{held} bytes an entry to hold. {told}");
    assert!(known <= 512, "{known} bytes an entry that the kernel knows. {told}");
}

/// With the program itself, of which nobody knows how much the kernel keeps, that is less than 30 MiB.
#[test]
fn ten_thousand_volumes_take_less_than_20_mib_after_a_long_listing() {
    let daemon = daemon(MANY, 0, "info");
    let ran = bash(&daemon.path("dummy/volumes"), "ls -l | grep -c vol");
    assert_eq!((ran.code, &*ran.stdout), (0, "10000\n"), "{}", ran.stderr);
    let resident = daemon.resident();
    assert!(resident < 20 * 1024, "{resident} KiB");
}

#[test]
fn listing_again_and_again_takes_no_more_memory() {
    let daemon = daemon(FEW, SNAPSHOTS, "warn");
    for _ in 0..3 {
        list(&daemon, FEW);
    }
    let before = daemon.resident();
    for _ in 0..10 {
        list(&daemon, FEW);
    }
    let after = daemon.resident();
    assert!(after <= before + before / 4, "{before} KiB, then {after} KiB");
}
