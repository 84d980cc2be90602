//! A tree and its reference side by side: after each step they are compared, whole.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use filerfs::backend::{HostName, Policy, Snapshot, Volume};
use filerfs::tree::FileKind;
use tokio::runtime::Runtime;

use crate::common::counting::Counting;
use crate::expected::{What, tree};
use crate::opened::{Expect, OpenFile};
use crate::ops::Op;
use crate::state::{State, Volume as Modelled};
use crate::surface::{Answer, Seen, Surface};
use crate::values::{KEYS, unset};

/// The most reads of one system call with its path, however much there is on the storage.
const READS: usize = 12;

/// How often each kind of operation was done, and was refused.
pub type Tally = BTreeMap<String, (usize, usize)>;

pub struct World<S: Surface> {
    pub surface: S,
    pub backend: Arc<Counting>,
    pub runtime: Rc<Runtime>,
    pub state: State,
    pub held: Option<(OpenFile, S::Open)>,
    /// Of each object and row its inode number, and back; for ever.
    numbers: HashMap<String, u64>,
    owners: HashMap<u64, String>,
    /// What must not change as long as the object lives.
    facts: HashMap<String, String>,
    done: usize,
    refused: usize,
}

/// Everything on the storage.
type Beneath = (Vec<(Arc<Volume>, Option<HostName>, Vec<Arc<Snapshot>>)>, Vec<Arc<Policy>>);

impl<S: Surface> World<S> {
    /// The world of the small content.
    pub fn new(surface: S, backend: Arc<Counting>, runtime: Rc<Runtime>) -> World<S> {
        let (numbers, owners, facts) = Default::default();
        let state = small();
        let world = World {
            surface,
            backend,
            runtime,
            state,
            held: None,
            numbers,
            owners,
            facts,
            done: 0,
            refused: 0,
        };
        let mut world = world;
        world.check("at the beginning");
        world
    }

    /// Does all this, one after another, and compares after each.
    pub fn run(&mut self, sequence: &[Op], tally: &mut Tally) {
        for (at, op) in sequence.iter().enumerate() {
            (self.done, self.refused) = (0, 0);
            self.step(op);
            self.check(&format!("after step {at}: {op:?}"));
            let text = format!("{op:?}");
            let mut words = text.split(['(', ')']);
            let mut name = words.next().unwrap_or_default().to_owned();
            if let ("Behind" | "Held", Some(what)) = (&*name, words.next()) {
                name = format!("{name} {what}");
            }
            let entry = tally.entry(name).or_default();
            *entry = (entry.0 + self.done, entry.1 + self.refused);
        }
        if let Some((mut file, open)) = self.held.take() {
            let expect = file.close(&mut self.state, true);
            self.ask(expect, &"the last close", |surface| surface.close(open));
        }
        self.check("at the end");
    }

    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// One system call: it must come to this, and a refusal must change nothing.
    pub fn ask<T>(
        &mut self,
        expect: Expect,
        what: &dyn Debug,
        call: impl FnOnce(&S) -> Answer<T>,
    ) -> Option<T> {
        let before = self.beneath();
        self.backend.take_changes();
        self.backend.take_reads();
        let answer = call(&self.surface);
        let (changes, reads) = (self.backend.take_changes(), self.backend.take_reads());
        assert!(reads.len() <= READS, "{what:?}: {reads:?}");
        match (&expect, &answer) {
            (Expect::Do(calls), Ok(_)) => assert_eq!(changes.len(), *calls, "{what:?}: {changes:?}"),
            (Expect::Refuse(refusal), Err(error)) => {
                assert!(error.is(&refusal.kinds), "{what:?}: {error:?}, not {:?}", refusal.kinds);
                assert!(changes.len() <= refusal.calls, "{what:?} was refused, after {changes:?}");
            }
            (Expect::Either, _) => {}
            (Expect::Do(_), Err(error)) => panic!("{what:?} was refused: {error:?}"),
            (Expect::Refuse(refusal), Ok(_)) => panic!("{what:?} was not refused: {:?}", refusal.kinds),
        }
        self.count(answer.is_ok());
        if answer.is_err() {
            assert_eq!(self.beneath(), before, "{what:?} was refused and changed something");
        }
        answer.ok()
    }

    pub fn count(&mut self, done: bool) {
        *if done { &mut self.done } else { &mut self.refused } += 1;
    }

    fn beneath(&self) -> Beneath {
        let storage = self.backend.inner();
        self.wait(async {
            let mut volumes = Vec::new();
            for volume in storage.volumes().await.unwrap().iter().cloned() {
                let lock = storage.locks(&volume.name).await.unwrap().map(|lock| lock.holder().clone());
                let snapshots = storage.get_snapshots(&volume.name).await.unwrap();
                volumes.push((volume, lock, snapshots));
            }
            (volumes, storage.policies().await.unwrap())
        })
    }

    /// Compares the whole tree.
    fn check(&mut self, when: &str) {
        let (expected, seen) = (tree(&self.state), self.surface.walk());
        let names = |keys: Vec<&String>| keys.into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(names(seen.keys().collect()), names(expected.keys().collect()), "{when}: names");
        let mut alive = HashMap::new();
        for (path, node) in &expected {
            let found = &seen[path];
            assert_eq!(found.kind, node.what.kind(), "{when}: {path}");
            assert_eq!(alive.insert(found.ino, path), None, "{when}: {path} has the number of another");
            let known = self.numbers.entry(node.key.clone()).or_insert(found.ino);
            assert_eq!(*known, found.ino, "{when}: {path} has another number than before");
            let owner = self.owners.entry(found.ino).or_insert(node.key.clone());
            assert_eq!(*owner, node.key, "{when}: {path} has a number that was another's");
            if found.kind != FileKind::Link {
                assert_eq!(found.mode, node.mode, "{when}: mode of {path}");
            }
            if found.kind != FileKind::Dir {
                assert_eq!(found.size, found.text.len() as u64, "{when}: size of {path}");
            }
            self.content(&format!("{when}: {path}"), &node.key, &node.what, found);
        }
        self.sizes(when, &seen);
    }

    fn content(&mut self, when: &str, key: &str, what: &What, found: &Seen) {
        let text = found.text.strip_suffix('\n').unwrap_or(&found.text);
        match what {
            What::Dir | What::Any => {}
            What::Link(target) => assert_eq!(found.text, *target, "{when}"),
            What::Text(expected) => assert_eq!(found.text, *expected, "{when}"),
            What::LockInfo(None) => assert_eq!(text, "", "{when}"),
            What::LockInfo(Some(holder)) => {
                let (first, rest) = text.split_once('\n').unwrap();
                assert_eq!(first, format!("holder {holder}"), "{when}");
                assert!(rest.contains("\nscope host\n"), "{when}: {text}");
            }
            What::Number => assert!(text.parse::<u64>().is_ok(), "{when}: {text:?}"),
            What::Time => {
                assert!(humantime::parse_rfc3339(text).is_ok() && text.len() == 20, "{when}: {text:?}")
            }
            What::Uuid => assert!(uuid::Uuid::parse_str(text).is_ok(), "{when}: {text:?}"),
            What::Info(expected) => {
                let info: serde_json::Value = serde_json::from_str(text).unwrap();
                for (field, value) in expected.as_object().unwrap() {
                    assert_eq!(info.get(field), Some(value), "{when}: {field}");
                }
            }
        }
        if matches!(what, What::Time | What::Uuid) {
            let known = self.facts.entry(key.to_owned()).or_insert(text.to_owned());
            assert_eq!(known, text, "{when}: changed");
        }
    }

    /// What `ls -l` and `du` show of a volume and a snapshot is what their files say; snapshots age in order.
    fn sizes(&self, when: &str, seen: &BTreeMap<String, Seen>) {
        for (path, node) in seen {
            for (file, unit) in [("size_used", 1), ("size_kbytes", 1024)] {
                if let Some(size) = seen.get(&format!("{path}/{file}")) {
                    let size: u64 = size.text.trim_end().parse().unwrap();
                    assert_eq!(node.size, size * unit, "{when}: size of {path}");
                }
            }
        }
        for (name, volume) in &self.state.volumes {
            let dir = format!("dummy/volumes/{}/snapshots", crate::values::encoded(name));
            let created = |snapshot: &crate::state::Snapshot| {
                seen[&format!("{dir}/{}/created", crate::values::encoded(&snapshot.name))].text.clone()
            };
            assert!(volume.snapshots.is_sorted_by_key(created), "{when}: ages in {dir}");
        }
    }
}

/// What the tests' small content holds.
fn small() -> State {
    let mut state = State::default();
    for policy in ["default", "nfs"] {
        state.make_policy(policy).unwrap();
    }
    for rule in ["10.0.0.1", "10.0.0.2", "@hosts"] {
        state.rule("nfs", rule, true).unwrap();
    }
    for (name, size, path, policy) in
        [("db1", "10737418240", "/db1", "default"), ("db2", "21474836480", "", "nfs")]
    {
        let mut settings: BTreeMap<_, _> = KEYS.iter().map(|key| (*key, unset(key).to_owned())).collect();
        settings.extend([
            ("size_total", size.into()),
            ("junction_path", path.into()),
            ("policy", policy.into()),
        ]);
        let volume = Modelled { id: state.number(), settings, lock: None, snapshots: Vec::new() };
        state.volumes.insert(name.into(), volume);
    }
    for snapshot in ["s1", "s2"] {
        state.make_snapshot("db1", snapshot).unwrap();
    }
    state
}
