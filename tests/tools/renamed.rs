//! A rename of a scratch file onto an interface file is a write of its whole content: without FUSE, any text.

use std::sync::Arc;

use filerfs::backend::{Kind, Result};
use filerfs::tree::scratch::New;
use filerfs::tree::{Opening, ROOT, Tree};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use tokio::runtime::{Builder, Runtime};

use crate::common::counting::Counting;
use crate::common::{ROOT as CALLER, SMALL, counting, tree_of};

/// A tree on the small content, used through its own functions.
struct Side {
    runtime: Runtime,
    backend: Arc<Counting>,
    tree: Arc<Tree>,
}

/// How a text ended up: refused or not, the changes, and what the file then reads as.
type Outcome = (std::result::Result<(), Kind>, Vec<String>, String);

impl Side {
    fn new() -> Side {
        let backend = counting(SMALL);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Side { runtime, tree: tree_of(backend.clone()), backend }
    }

    fn find(&self, path: &str) -> Result<u64> {
        path.split('/').try_fold(ROOT, |dir, name| {
            let found = self.runtime.block_on(self.tree.lookup(dir, name.as_bytes(), &CALLER));
            found.map(|found| found.ino)
        })
    }

    /// open(`O_TRUNC`), write, close: the first refusal counts.
    fn write(&self, path: &str, text: &[u8]) -> Result<()> {
        let (ino, mode) = (self.find(path)?, Opening { writes: true, truncates: true, append: false });
        let handle = self.tree.open(ino, mode, &CALLER)?;
        let wrote = match text {
            [] => Ok(()),
            _ => self.runtime.block_on(self.tree.write(ino, handle, 0, text, &CALLER)).map(drop),
        };
        let closed = self
            .runtime
            .block_on(self.tree.flush(ino, handle, &CALLER, |_, _| std::future::ready(false)))
            .map(drop);
        self.runtime.block_on(self.tree.release(handle)).unwrap();
        wrote.and(closed)
    }

    /// The same text in a scratch file, renamed onto it.
    fn rename(&self, path: &str, text: &[u8]) -> Result<()> {
        let (dir, name) = path.rsplit_once('/').unwrap();
        let dir = self.find(dir).unwrap();
        let new = New { is_dir: false, owner: (0, 0), mode: 0o600 };
        let (made, handle) = self.tree.create(dir, b".new", new, CALLER).unwrap();
        if !text.is_empty() {
            self.runtime.block_on(self.tree.write(made.ino, handle, 0, text, &CALLER)).unwrap();
        }
        self.tree.close(handle);
        let renamed =
            self.runtime.block_on(self.tree.rename(dir, b".new", dir, name.as_bytes(), &CALLER)).map(drop);
        // It stays for another try if that was refused, and only then.
        let stays = self.runtime.block_on(self.tree.lookup(dir, b".new", &CALLER));
        assert_eq!(stays.map(|stays| stays.size).ok(), renamed.is_err().then_some(text.len() as u64));
        renamed
    }

    fn outcome(&self, path: &str, done: Result<()>) -> Outcome {
        let changes = self.backend.take_changes();
        let ino = self.find(path).unwrap();
        let handle = self.tree.open(ino, Opening::default(), &CALLER).unwrap();
        let text = self.runtime.block_on(self.tree.read(ino, handle, 0, 1 << 20, &CALLER)).unwrap();
        (done.map_err(|error| error.kind()), changes, String::from_utf8(text).unwrap())
    }
}

const FILES: [&str; 12] = [
    "dummy/volumes/db1/size_total",
    "dummy/volumes/db1/percentage_snapshot_reserve",
    "dummy/volumes/db1/comment",
    "dummy/volumes/db1/protect",
    "dummy/volumes/db1/policy",
    "dummy/volumes/db1/lock",
    "dummy/volumes/db1/rollback",
    "dummy/volumes/db1/uuid",
    "dummy/volumes/db1/config",
    "dummy/volumes/db1/snapshots/s1/clone",
    "dummy/policies/nfs/rules",
    "dummy/defaults",
];

const LINES: [&str; 38] = [
    "",
    " ",
    "11G",
    "10GB",
    " 10737418240\r",
    "5",
    "1",
    "yes",
    "words",
    "nfs",
    "nsf",
    "admin1",
    "other",
    "-other",
    "s1",
    "s2",
    "s1 discard-newer",
    "db2",
    "new",
    "none",
    "non",
    "# words",
    "10.0.0.9",
    "10.0.0.1",
    "-10.0.0.1",
    "@hosts",
    "10.0.0.",
    "10.0.0.300",
    "a b",
    "size_total 11G",
    "size_total 10GB",
    "comment x",
    "policy nfs",
    "size 1",
    "-",
    "\0",
    "e\u{301}",
    "-10.0.0.9",
];

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let lines = (vec(select(&LINES[..]), 0..5), any::<bool>()).prop_map(|(lines, newline)| {
        let text = lines.join("\n");
        if newline { text + "\n" } else { text }.into_bytes()
    });
    let long = (4000usize..5000, any::<bool>()).prop_map(|(size, newline)| {
        [vec![b'a'; size], if newline { b"\n".to_vec() } else { Vec::new() }].concat()
    });
    prop_oneof![12 => lines, 1 => long, 1 => Just(b"\xff\n".to_vec())]
}

proptest! {
    #![proptest_config(Config { cases: 1500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_rename_is_a_write_of_the_whole_text(path in select(&FILES[..]), text in texts(), held: bool) {
        let (writing, renaming) = (Side::new(), Side::new());
        for side in [&writing, &renaming] {
            if held {
                side.write("dummy/volumes/db1/lock", b"other\n").unwrap();
                side.backend.take_changes();
            }
        }
        let written = writing.outcome(path, writing.write(path, &text));
        let renamed = renaming.outcome(path, renaming.rename(path, &text));
        prop_assert_eq!(&written.0, &renamed.0);
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        if !path.ends_with("rules") || text.ends_with(b"\n") || lines == 0 {
            prop_assert_eq!(written, renamed);
        } else if renamed.0.is_ok() {
            // The last line of a list that lacks its newline comes by a change of its own only if it is written.
            prop_assert_eq!(written.2, renamed.2);
        } else {
            prop_assert!(renamed.1.is_empty(), "a refused list changes nothing: {:?}", renamed.1);
        }
    }
}
