//! The same calls on the tree's own files, from many threads: those that are refused, and those that change nothing.

use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access, mkfifo};

use crate::{Stressed, lasts};

const THREADS: u64 = 8;

/// One volume, of which the thread has its own scratch files.
struct Place {
    volume: PathBuf,
    own: String,
}

type Call = fn(&Place) -> std::io::Result<()>;

const CALLS: &[Call] = &[
    |at| fs::write(at.scratch(), "text\n"),
    |at| fs::rename(at.scratch(), at.volume.join(format!("{}~", at.own))),
    |at| fs::remove_file(at.volume.join(format!("{}~", at.own))),
    |at| fs::create_dir(at.volume.join(format!(".{}.dir", at.own))),
    |at| fs::write(at.volume.join(format!(".{}.dir/file", at.own)), "text"),
    |at| fs::remove_dir_all(at.volume.join(format!(".{}.dir", at.own))),
    // The value that is there already, in each way.
    |at| at.same("size_total", |path, value| fs::write(path, value)),
    |at| at.same("config", |path, value| fs::write(path, value)),
    |at| {
        at.same("policy", |path, value| {
            fs::write(at.scratch(), value)?;
            fs::rename(at.scratch(), path)
        })
    },
    |at| {
        at.same("max_autosize", |path, value| {
            OpenOptions::new().append(true).open(path)?.write_all(value.as_bytes())
        })
    },
    |at| fs::write(at.volume.join("size_total"), "10GB\n"),
    |at| fs::write(at.volume.join("uuid"), "x\n"),
    |at| File::create(at.volume.join("lock")).map(drop),
    |at| OpenOptions::new().write(true).open(at.volume.join("comment"))?.set_len(0),
    |at| fs::read_dir(&at.volume)?.try_for_each(|entry| entry?.metadata().map(drop)),
    |at| fs::read_dir(at.volume.join("snapshots"))?.try_for_each(|entry| entry.map(drop)),
    |at| File::open(at.volume.join("info.json"))?.read_to_end(&mut Vec::new()).map(drop),
    |at| fs::copy(at.volume.join("config"), at.scratch()).map(drop),
    |at| nix::sys::statvfs::statvfs(&at.volume).map(drop).map_err(Into::into),
    |at| access(&at.volume.join("lock"), AccessFlags::W_OK).map_err(Into::into),
    |at| fs::set_permissions(at.volume.join("comment"), Permissions::from_mode(0o644)),
    |at| fs::set_permissions(at.volume.join("comment"), Permissions::from_mode(0o600)),
    |at| chown(at.volume.join("comment"), Some(0), Some(0)),
    |at| chown(at.volume.join("comment"), Some(1), Some(1)),
    |at| File::open(at.volume.join("comment"))?.set_times(FileTimes::new().set_modified(SystemTime::now())),
    |at| {
        let file = File::open(at.volume.join("comment"))?;
        file.lock()?;
        file.unlock()
    },
    |at| File::open(at.volume.join("lock"))?.sync_all(),
    |at| fs::hard_link(at.volume.join("comment"), at.volume.join("link")),
    |at| symlink("comment", at.volume.join("link")),
    |at| mkfifo(&at.volume.join("fifo"), Mode::S_IRWXU).map_err(Into::into),
    |at| fs::write(at.volume.join("new"), "x"),
    |at| fs::create_dir(at.volume.join("new")),
    |at| fs::create_dir(at.volume.join("snapshots/.new")),
    |at| fs::remove_file(at.volume.join("comment")),
    |at| fs::remove_dir(at.volume.join("snapshots")),
    |at| fs::remove_dir_all(&at.volume),
    |at| fs::rename(at.volume.join("comment"), at.volume.join("lock")),
    |at| fs::rename(&at.volume, at.volume.with_file_name("other")),
    |at| fs::metadata(at.volume.join("missing")).map(drop),
    |at| fs::read(at.root().join(".ctl/last_error")).map(drop),
    |at| fs::read(at.root().join(".ctl/metrics")).map(drop),
    |at| fs::read(at.root().join(".ctl/errors")).map(drop),
];

impl Place {
    fn scratch(&self) -> PathBuf {
        self.volume.join(format!(".{}.swp", self.own))
    }

    fn root(&self) -> &Path {
        self.volume.ancestors().nth(3).unwrap()
    }

    fn same(&self, name: &str, write: impl Fn(&Path, &str) -> std::io::Result<()>) -> std::io::Result<()> {
        let path = self.volume.join(name);
        write(&path, &fs::read_to_string(&path)?)
    }
}

/// Numbers in an order that is the same each time.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn many_calls_at_once_change_nothing() {
    let stressed = Stressed::new();
    let (ends, (sender, ended)) = (Instant::now() + lasts(), mpsc::channel());
    for thread in 0..THREADS {
        let (root, sender) = (stressed.daemon.root(), sender.clone());
        std::thread::spawn(move || {
            let mut state = 0x9e37_79b9_7f4a_7c15 ^ (thread + 1);
            let mut counts = vec![[0_u64; 2]; CALLS.len()];
            let place = |number: u64| Place {
                volume: root.join(format!("d/volumes/vol{:05}", number % 3 + 1)),
                own: format!("thread{thread}"),
            };
            while Instant::now() < ends {
                let call = usize::try_from(next(&mut state)).unwrap() % CALLS.len();
                let done = CALLS[call](&place(next(&mut state)));
                counts[call][usize::from(done.is_err())] += 1;
            }
            for volume in 0..3 {
                let at = place(volume);
                let (file, backup) = (at.scratch(), at.volume.join(format!("{}~", at.own)));
                let dir = at.volume.join(format!(".{}.dir", at.own));
                // Those that are there.
                let _ = (fs::remove_file(file), fs::remove_file(backup), fs::remove_file(dir.join("file")));
                let _ = fs::remove_dir(dir);
            }
            sender.send(counts).unwrap();
        });
    }
    let mut all = vec![[0_u64; 2]; CALLS.len()];
    for _ in 0..THREADS {
        let counts = ended.recv_timeout(lasts() + Duration::from_secs(60)).expect("a call hangs");
        all.iter_mut()
            .zip(counts)
            .for_each(|(all, counts)| (all[0], all[1]) = (all[0] + counts[0], all[1] + counts[1]));
    }
    // Each call was made, and both those that succeed and those that do not are many.
    assert!(all.iter().all(|[done, refused]| done + refused > 10), "{all:?}");
    let always = |index: usize| all.iter().filter(|counts| counts[index] == 0).count();
    assert!(always(0) > 10 && always(1) > 5, "{all:?}");
    stressed.ended_well("");
}
