//! The tree against a reference of its own, in random sequences of operations: without FUSE, and through a
//! real mount. After each operation the whole tree is compared.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod behind;
mod choices;
mod direct;
mod expected;
mod files;
mod mounted;
mod odd;
mod opened;
mod ops;
mod regressions;
mod state;
mod steps;
mod surface;
mod values;
mod world;
mod writing;

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use filerfs::tree::Tree;
use filerfs::tree::shared::Options;
use parking_lot::Mutex;
use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Builder;

use common::counting::Counting;
use common::mounted::Mount;
use common::{SMALL, counting, options, tree_with};
use direct::Direct;
use mounted::Mounted;
use ops::Op;
use regressions::regressions;
use world::{Tally, World};

/// How many sequences are tried, unless `PROPTEST_CASES` says otherwise, and operations in each on average.
/// Sequences differ in length, so that the shortest that fails can be looked for.
const DIRECT: (u32, usize) = (500, 40);
const MOUNTED: (u32, usize) = (20, 25);

/// A tree on which whoever unlinks may remove directories too: it is always the same process.
fn tree(backend: &Arc<Counting>) -> Arc<Tree> {
    tree_with(backend.clone(), Options { tripwire: Duration::ZERO, ..options() }, Vec::new())
}

fn direct(sequence: &[Op], tally: &mut Tally) {
    let runtime = Rc::new(Builder::new_current_thread().build().unwrap());
    let backend = counting(SMALL);
    let surface = Direct { tree: tree(&backend), runtime: runtime.clone() };
    World::new(surface, backend, runtime).run(sequence, tally);
}

fn mounted(sequence: &[Op], tally: &mut Tally) {
    let runtime = Rc::new(Builder::new_current_thread().build().unwrap());
    let backend = counting(SMALL);
    let mount = Mount::tree(backend.clone(), tree(&backend), false);
    World::new(Mounted::new(mount), backend, runtime).run(sequence, tally);
}

/// Random sequences; what they did is told at the end.
fn search((cases, length): (u32, usize), run: fn(&[Op], &mut Tally)) -> Tally {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 5_000, ..Config::default() };
    let tally = RefCell::new(Tally::new());
    let searched = TestRunner::new(config).run(&vec(choices::op(), 0..=2 * length), |sequence| {
        run(&sequence, &mut tally.borrow_mut());
        Ok(())
    });
    searched.unwrap_or_else(|failure| panic!("{failure}\nWrite it down in regressions.rs."));
    tally.into_inner()
}

fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

#[test]
fn the_tree_is_what_its_reference_says_after_every_operation() {
    let half = (cases(DIRECT.0).div_ceil(2), DIRECT.1);
    let mut tally = std::thread::scope(|scope| {
        let other = scope.spawn(|| search(half, direct));
        let tally = search(half, direct);
        other
            .join()
            .map(|other| tally.into_iter().chain(other).collect::<Vec<_>>())
            .unwrap_or_else(|panic| resume_unwind(panic))
    });
    tally.sort();
    let enough = tally.iter().map(|(_, (done, refused))| done + refused).sum::<usize>() > 10_000;
    // What is never done, or never refused, tests nothing: unless it must be so.
    for both in tally.chunk_by(|a, b| a.0 == b.0) {
        let name = both[0].0.as_str();
        let (done, refused) =
            both.iter().fold((0, 0), |sum, (_, (done, refused))| (sum.0 + done, sum.1 + refused));
        println!("{name}: done {done} times, refused {refused} times");
        let right = (done == 0) == NEVER.contains(&name) || name == SELDOM;
        assert!(!enough || right, "{name} was done {done} times");
        let free = ALWAYS.contains(&name) || name.starts_with("Behind");
        assert!(!enough || refused > 0 || free, "{name} was never refused");
    }
}

/// What no tree lets anybody do.
const NEVER: [&str; 9] = [
    "Create",
    "MoveSnapshot",
    "RemoveFixed",
    "RenameFixed",
    "RenamePolicy",
    "RenameVolume",
    "Restage",
    "Unlink",
    "WriteReadOnly",
];
/// Hostile names that can be made at all are few, and looked up by chance.
const SELDOM: &str = "LookUp";
/// What is refused to nobody.
const ALWAYS: [&str; 2] = ["StatFs", "Touch"];

#[test]
fn a_mounted_tree_is_what_its_reference_says_after_every_operation() {
    let _alone = MOUNTS.lock();
    search((cases(MOUNTED.0), MOUNTED.1), mounted);
}

#[test]
fn sequences_that_once_failed_do_not_fail_again() {
    let _alone = MOUNTS.lock();
    for (why, sequence) in regressions() {
        println!("{why}");
        direct(&sequence, &mut Tally::new());
        mounted(&sequence, &mut Tally::new());
    }
}

/// One mount at a time: which files of a list this process has open decides when the list is replaced.
static MOUNTS: Mutex<()> = Mutex::new(());
