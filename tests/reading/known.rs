//! Which nodes the tree knows: those that the kernel was told of and has not forgotten as often.

use std::collections::BTreeMap;
use std::sync::Arc;

use filerfs::tree::{ROOT, Tree};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::common::{ROOT as CALLER, SMALL, memory, now, options, registered, tree_with};

/// What the kernel does.
#[derive(Clone, Debug)]
enum Step {
    /// Looks a name up, and with it all above.
    LookUp(&'static str),
    /// Lists a directory with attributes.
    List(&'static str),
    /// Renames a snapshot, and back.
    Rename,
    /// Forgets one that it knows, so many times as far as it was told of it.
    Forget(prop::sample::Index, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let names =
        ["dummy/volumes/db1/size_used", "dummy/volumes/db2", "dummy/volumes/db1/snapshots/s2/created"];
    let dirs = ["dummy/volumes", "dummy/volumes/db1", "dummy/volumes/db1/snapshots", "dummy/policies"];
    prop_oneof![
        3 => prop::sample::select(names.to_vec()).prop_map(Step::LookUp),
        3 => prop::sample::select(dirs.to_vec()).prop_map(Step::List),
        1 => Just(Step::Rename),
        4 => (any::<prop::sample::Index>(), 1..4_u64).prop_map(|(which, times)| Step::Forget(which, times)),
    ]
}

/// What the kernel does, and how often it was told of each node.
struct Kernel {
    tree: Arc<Tree>,
    told: BTreeMap<u64, u64>,
}

impl Kernel {
    /// Looks up all names of a path. Whatever is known without asking is what is found by asking.
    fn look_up(&mut self, path: &str) -> u64 {
        path.split('/').fold(ROOT, |dir, name| {
            let known = self.tree.known_lookup(dir, name.as_bytes());
            let found = now(self.tree.lookup(dir, name.as_bytes(), &CALLER)).unwrap();
            let mut times = 1;
            if let Some(known) = known {
                let known = known.unwrap();
                assert_eq!(
                    (known.ino, known.size, known.kind),
                    (found.ino, found.size, found.kind),
                    "{path}"
                );
                times = 2;
            }
            *self.told.entry(found.ino).or_default() += times;
            found.ino
        })
    }

    /// Lists a directory with the attributes of what is in it.
    fn list(&mut self, path: &str) {
        let dir = self.look_up(path);
        let listing = now(self.tree.listing(dir, self.tree.opendir(dir).unwrap(), 0, &CALLER)).unwrap();
        let nodes = listing.after(0).iter().map(|entry| &entry.node);
        self.tree.inodes.remember_all(nodes.clone());
        for node in nodes {
            *self.told.entry(node.ino).or_default() += 1;
        }
    }

    fn rename(&mut self) {
        let dir = self.look_up("dummy/volumes/db1/snapshots");
        for (name, new) in [(b"s1", b"s3"), (b"s3", b"s1")] {
            now(self.tree.rename(dir, name, dir, new, &CALLER)).unwrap();
        }
    }

    fn forget(&mut self, which: prop::sample::Index, times: u64) {
        let Some(ino) = (!self.told.is_empty()).then(|| *which.get(&self.told.keys().collect::<Vec<_>>()))
        else {
            return;
        };
        let (ino, told) = (*ino, self.told[ino]);
        let times = times.min(told);
        self.tree.inodes.forget(ino, times);
        match told - times {
            0 => self.told.remove(&ino),
            left => self.told.insert(ino, left),
        };
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_node_is_known_until_it_was_forgotten_as_often_as_told(steps in prop::collection::vec(step(), 1..40)) {
        let tree = tree_with(registered(Arc::new(memory(SMALL))), options(), Vec::new());
        let mut kernel = Kernel { tree, told: BTreeMap::new() };
        for step in steps {
            match step {
                Step::LookUp(path) => drop(kernel.look_up(path)),
                Step::List(path) => kernel.list(path),
                Step::Rename => kernel.rename(),
                Step::Forget(which, times) => kernel.forget(which, times),
            }
            let unknown: Vec<_> =
                kernel.told.keys().filter(|ino| kernel.tree.inodes.get(**ino).is_err()).collect();
            prop_assert_eq!(unknown, Vec::<&u64>::new());
            // And the root.
            prop_assert_eq!(kernel.tree.inodes.len(), kernel.told.len() + 1);
        }
    }
}
