//! The operations, and how often a number of clients get through one in a second.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::filer::VOLUMES;

/// What one client works on: a volume of its own.
pub struct Client {
    volumes: PathBuf,
    missing: PathBuf,
    size_used: PathBuf,
    size_total: PathBuf,
    snapshot: PathBuf,
    turn: usize,
}

/// One thing that clients do.
pub struct Operation {
    pub name: &'static str,
    run: fn(&mut Client),
}

/// Everything that is measured.
pub const OPERATIONS: [Operation; 7] = [
    Operation {
        name: "stat",
        run: |client| assert!(fs::symlink_metadata(&client.size_used).unwrap().is_file()),
    },
    Operation {
        name: "negative lookup",
        run: |client| {
            let error = fs::symlink_metadata(&client.missing).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        },
    },
    Operation {
        name: "open, read, close",
        run: |client| {
            let mut file = fs::File::open(&client.size_used).unwrap();
            assert!(file.read(&mut [0; 4096]).unwrap() > 0);
        },
    },
    Operation {
        name: "open(O_TRUNC), write, close",
        run: |client| {
            // Another value each time, so that each is a change.
            client.turn += 1;
            let value = [b"20G\n", b"21G\n"][client.turn % 2];
            let mut file = OpenOptions::new().write(true).truncate(true).open(&client.size_total).unwrap();
            assert_eq!(file.write(value).unwrap(), value.len());
        },
    },
    Operation {
        name: "mkdir, rmdir",
        run: |client| {
            fs::create_dir(&client.snapshot).unwrap();
            fs::remove_dir(&client.snapshot).unwrap();
        },
    },
    Operation {
        name: "list 10,000",
        run: |client| assert_eq!(fs::read_dir(&client.volumes).unwrap().flatten().count(), VOLUMES),
    },
    Operation {
        name: "list and stat 10,000",
        run: |client| {
            let entries = fs::read_dir(&client.volumes).unwrap();
            let dirs = entries.filter(|entry| entry.as_ref().unwrap().metadata().unwrap().is_dir());
            assert_eq!(dirs.count(), VOLUMES);
        },
    },
];

impl Client {
    fn new(volumes: &Path, number: usize) -> Client {
        let volume = volumes.join(format!("vol{:05}", 1000 + number));
        Client {
            volumes: volumes.to_owned(),
            missing: volumes.join("none"),
            size_used: volume.join("size_used"),
            size_total: volume.join("size_total"),
            snapshot: volume.join("snapshots/bench"),
            turn: 0,
        }
    }
}

impl Operation {
    /// How many of it these clients together get done in a second.
    pub fn rate(&self, volumes: &Path, clients: usize, time: Duration) -> f64 {
        let start = Barrier::new(clients);
        let one = |number| {
            let mut client = Client::new(volumes, number);
            (self.run)(&mut client);
            start.wait();
            let (begun, mut done) = (Instant::now(), 0_u32);
            while begun.elapsed() < time {
                (self.run)(&mut client);
                done += 1;
            }
            f64::from(done) / begun.elapsed().as_secs_f64()
        };
        thread::scope(|scope| {
            let one = &one;
            let clients: Vec<_> = (0..clients).map(|number| scope.spawn(move || one(number))).collect();
            clients.into_iter().map(|client| client.join().unwrap()).sum()
        })
    }
}
