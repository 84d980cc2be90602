//! The tree without FUSE: what an operation costs before the kernel is asked.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

mod filer;

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use filerfs::tree::scratch::New;
use filerfs::tree::table::{Caller, Unseen};
use filerfs::tree::{Opening, ROOT, Tree};

const NEW: New = New { is_dir: true, owner: (0, 0), mode: 0o755 };
const CALLER: Caller = Caller { uid: 0, gid: 0, pid: 1, processes: &Unseen };

/// What memory answers never waits, or it would cost a thread switch on the mount.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("an operation in memory had to wait"),
    }
}

/// The inode number of a path, known to the tree as after a lookup by the kernel.
fn looked_up(tree: &Tree, path: &str) -> u64 {
    path.split('/').fold(ROOT, |dir, name| at_once(tree.lookup(dir, name.as_bytes(), &CALLER)).unwrap().ino)
}

fn operations(criterion: &mut Criterion) {
    let tree = filer::tree();
    let volumes = looked_up(&tree, "dummy/volumes");
    let volume = looked_up(&tree, "dummy/volumes/vol05000");
    let snapshots = looked_up(&tree, "dummy/volumes/vol05000/snapshots");
    let size_used = looked_up(&tree, "dummy/volumes/vol05000/size_used");
    let size_total = looked_up(&tree, "dummy/volumes/vol05000/size_total");

    criterion.bench_function("lookup of a volume", |b| {
        b.iter(|| at_once(tree.lookup(volumes, b"vol05000", &CALLER)).unwrap());
    });
    criterion.bench_function("lookup of a file", |b| {
        b.iter(|| at_once(tree.lookup(volume, b"size_used", &CALLER)).unwrap());
    });
    criterion.bench_function("lookup of a missing name", |b| {
        b.iter(|| at_once(tree.lookup(volumes, b"none", &CALLER)).unwrap_err());
    });
    criterion.bench_function("getattr of a volume", |b| {
        b.iter(|| at_once(tree.getattr(volume, &CALLER)).unwrap());
    });
    criterion.bench_function("getattr of a file", |b| {
        b.iter(|| at_once(tree.getattr(size_used, &CALLER)).unwrap());
    });
    criterion.bench_function("open, read, close", |b| {
        b.iter(|| {
            let handle = tree.open(size_used, Opening::default(), &CALLER).unwrap();
            black_box(at_once(tree.read(size_used, handle, 0, 4096, &CALLER)).unwrap());
            at_once(tree.flush(size_used, handle, &CALLER, |_, _| std::future::ready(false))).unwrap();
            at_once(tree.release(handle)).unwrap()
        });
    });
    // Another value each time, so that each is a change.
    let mut values = [b"20G\n", b"21G\n"].into_iter().cycle();
    criterion.bench_function("open, write, close", |b| {
        let emptied = Opening { writes: true, truncates: true, ..Opening::default() };
        b.iter(|| {
            let handle = tree.open(size_total, emptied, &CALLER).unwrap();
            let value = values.next().unwrap();
            assert!(at_once(tree.write(size_total, handle, 0, value, &CALLER)).unwrap().changed);
            at_once(tree.flush(size_total, handle, &CALLER, |_, _| std::future::ready(false))).unwrap();
            at_once(tree.release(handle)).unwrap()
        });
    });
    criterion.bench_function("mkdir and rmdir of a snapshot", |b| {
        b.iter(|| {
            let (made, _) = at_once(tree.mkdir(snapshots, b"bench", NEW)).unwrap();
            let removed = at_once(tree.rmdir(snapshots, b"bench", &CALLER)).unwrap();
            tree.inodes.forget(made.ino, 1);
            removed
        });
    });
    criterion.bench_function("listing of 10,000 volumes", |b| {
        b.iter_batched(
            || tree.opendir(volumes).unwrap(),
            |handle| {
                let listing = at_once(tree.listing(volumes, handle, 0, &CALLER)).unwrap();
                tree.releasedir(handle);
                assert_eq!(listing.after(0).len(), filer::VOLUMES);
                listing
            },
            BatchSize::PerIteration,
        );
    });
    criterion.bench_function("attributes of 10,000 listed volumes", |b| {
        let listing = at_once(tree.listing(volumes, tree.opendir(volumes).unwrap(), 0, &CALLER)).unwrap();
        b.iter(|| {
            for entry in listing.after(0) {
                black_box(tree.attributes(&entry.node, entry.stat));
            }
        });
    });
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .without_plots()
        .configure_from_args();
    operations(&mut criterion);
    criterion.final_summary();
}
