//! The daemon dies at each point of each change, and is started again on the same mount point; the filer lives on.
//!
//! After that each change that was acknowledged is there, none was made twice, no change is open, and the log says
//! what was settled.

use std::path::PathBuf;
use std::sync::LazyLock;

use filerfs::backend::{Rule, StorageBackend};
use tokio::runtime::Runtime;

use crate::common::shell::bash;
use crate::filer::{Filer, PASSWORD};
use crate::process::{Daemon, until};
use crate::{intents, open, p, v};

/// Locks outlive the daemon.
const REGISTRY: &str = "[registry]\nkind = \"file\"\npath = \"registry\"\n";

/// In which the bare client looks at the filer.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A change, from the shell to the filer.
struct Case {
    /// Of the back-end.
    op: &'static str,
    /// Of the mount.
    request: &'static str,
    script: &'static str,
    /// The call of the filer that makes it, if it is made there.
    call: Option<&'static str>,
    /// Whether it is there.
    made: fn(&Filer, &Daemon) -> bool,
}

/// What a point leaves behind.
struct Point {
    name: &'static str,
    /// It is in the journal.
    begun: bool,
    /// It was made.
    made: bool,
    /// What came of it is in the journal.
    ended: bool,
}

const POINTS: [Point; 5] = [
    Point { name: "before-intent", begun: false, made: false, ended: false },
    Point { name: "after-intent", begun: true, made: false, ended: false },
    Point { name: "after-call", begun: true, made: true, ended: false },
    Point { name: "before-outcome", begun: true, made: true, ended: false },
    Point { name: "before-reply", begun: true, made: true, ended: true },
];

fn snapshot(filer: &Filer, name: &str) -> bool {
    let kept = RUNTIME.block_on(filer.zapi().get_snapshots(&v("db1"))).unwrap();
    kept.iter().any(|kept| kept.name.as_str() == name)
}

fn volume(filer: &Filer, name: &str) -> bool {
    RUNTIME.block_on(filer.zapi().volumes()).unwrap().iter().any(|volume| volume.name.as_str() == name)
}

fn size(filer: &Filer) -> u64 {
    RUNTIME.block_on(filer.zapi().get_volume(&v("db1"))).unwrap().settings.size_total.unwrap()
}

fn locked(daemon: &Daemon) -> bool {
    std::fs::metadata(daemon.path("netapp/volumes/db1/lock")).unwrap().len() > 0
}

fn cases() -> [Case; 7] {
    [
        Case {
            op: "create_snapshot",
            request: "mkdir",
            script: "mkdir volumes/db1/snapshots/new",
            call: Some("snapshot-create"),
            made: |filer, _| snapshot(filer, "new"),
        },
        Case {
            op: "patch_volume",
            request: "write",
            script: "echo 11G > volumes/db1/size_total",
            call: Some("volume-size"),
            made: |filer, _| size(filer) == 11 << 30,
        },
        Case {
            op: "create_volume",
            request: "mkdir",
            script: "mkdir volumes/new",
            call: Some("volume-create"),
            made: |filer, _| volume(filer, "new"),
        },
        Case {
            op: "ensure_policy_rules_present",
            request: "write",
            script: "echo 10.0.0.9 >> policies/nfs/rules",
            call: Some("export-rule-create"),
            made: |filer, _| {
                let policy = RUNTIME.block_on(filer.zapi().get_policy(&p("nfs"))).unwrap();
                policy.rules.contains(&Rule::new("10.0.0.9").unwrap())
            },
        },
        Case {
            op: "create_lock",
            request: "write",
            script: "echo $(hostname) > volumes/db1/lock",
            call: None,
            made: |_, daemon| locked(daemon),
        },
        Case {
            op: "remove_lock",
            // Another one than that which takes it.
            request: "rename",
            script: "echo > volumes/db1/.free~; mv volumes/db1/.free~ volumes/db1/lock",
            call: None,
            made: |_, daemon| !locked(daemon),
        },
        Case {
            op: "restrict_volume",
            request: "rmdir",
            script: "rmdir volumes/db2",
            call: Some("volume-restrict"),
            made: |filer, _| !volume(filer, "db2"),
        },
    ]
}

/// Whether the change is there in the end. A lock that nobody was told of is freed; one whose outcome is written down,
/// though the caller may not have heard of it, is seen with the name of our host and stays.
fn stays(case: &Case, point: &Point) -> bool {
    point.made && (case.op != "create_lock" || point.ended)
}

fn crash(case: &Case, point: &Point) {
    let what = format!("{} {}", case.op, point.name);
    let filer = Filer::small();
    let file = filer.file("account", PASSWORD);
    let config = format!(
        "{REGISTRY}[journal]\npath = \"state/journal\"\n{}",
        filer.toml(&format!(
            "certificate_sha256 = \"{}\"\npassword_file = {file:?}\n\
             defaults = {{ size_total = \"1G\", junction_path = \"/{{name}}\" }}",
            filer.running.certificate_sha256()
        ))
    );
    let op = if point.name == "before-reply" { case.request } else { case.op };
    // What is acknowledged before, by a daemon that does not die.
    let mut daemon = Daemon::spawn(&config, |command| command, &[]).ready();
    let acknowledged = "mkdir volumes/db1/snapshots/before";
    assert_eq!(bash(&daemon.path("netapp"), acknowledged).code, 0, "{what}");
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), 0, "{what}");
    let crash = [("FILERFS_CRASH", point.name), ("FILERFS_CRASH_OP", op)];
    let mut daemon = daemon.another_with(|command| command.envs(crash)).ready();
    let journal: PathBuf = daemon.root().with_file_name("state").join("journal");
    if case.op == "remove_lock" {
        assert_eq!(bash(&daemon.path("netapp"), "echo $(hostname) > volumes/db1/lock").code, 0, "{what}");
    }
    filer.running.forget_calls();
    let ran = bash(&daemon.path("netapp"), case.script);
    assert_ne!(ran.code, 0, "{what}: a change was acknowledged by a daemon that had died");
    assert_eq!(daemon.wait(), -9, "{what}: {}", daemon.log());
    assert_eq!(open(&journal).len(), usize::from(point.begun && !point.ended), "{what}");
    let counted = || case.call.map_or(0, |call| filer.count(call));
    let calls = u64::from(point.made && case.call.is_some());
    assert_eq!(counted(), calls, "{what}: {:?}", filer.running.calls());

    let again = daemon.another().ready();
    until("settling", || open(&journal).is_empty());
    // The first one is what was acknowledged before.
    let result = intents(&journal).into_iter().skip(1).find(|(intent, _)| intent["op"] == case.op);
    match (point.begun, point.ended, result.map(|(_, result)| result.unwrap())) {
        (false, _, None) => {}
        (true, true, Some(result)) => assert_eq!(result, "ok", "{what}"),
        (true, false, Some(result)) => {
            assert_eq!(result, if point.made { "made" } else { "not_made" }, "{what}");
            let line = |line: &&str| line.contains("settled: ") && line.contains(case.op);
            until(&format!("{what}: its line"), || again.log().lines().filter(line).count() == 1);
        }
        (.., result) => panic!("{what}: {result:?}"),
    }
    until(&format!("{what}: what it leaves"), || (case.made)(&filer, &again) == stays(case, point));
    assert!(snapshot(&filer, "before"), "{what}: what was acknowledged is gone");
    assert_eq!(counted(), calls, "{what} was made again");
    assert!(!std::fs::read_to_string(&journal).unwrap().contains(PASSWORD), "a secret in the journal");
    // Who asks again gets what was asked for.
    if !stays(case, point) {
        assert_eq!(bash(&again.path("netapp"), case.script).code, 0, "{what}");
        assert!((case.made)(&filer, &again), "{what}");
    }
}

fn each_point_of(op: &str) {
    let case = cases().into_iter().find(|case| case.op == op).unwrap();
    POINTS.iter().for_each(|point| crash(&case, point));
}

#[test]
fn a_crash_while_a_snapshot_is_created() {
    each_point_of("create_snapshot");
}

#[test]
fn a_crash_while_a_size_is_changed() {
    each_point_of("patch_volume");
}

#[test]
fn a_crash_while_a_volume_is_created() {
    each_point_of("create_volume");
}

#[test]
fn a_crash_while_a_rule_is_added() {
    each_point_of("ensure_policy_rules_present");
}

#[test]
fn a_crash_while_a_lock_is_taken() {
    each_point_of("create_lock");
}

#[test]
fn a_crash_while_a_lock_is_freed() {
    each_point_of("remove_lock");
}

#[test]
fn a_crash_while_a_volume_is_restricted() {
    each_point_of("restrict_volume");
}
