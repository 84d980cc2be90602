//! Cases in a table: what a tool that knows nothing of the tree does to it, on memory and on an ONTAP filer.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use filerfs::tree::describe;
use filerfs::tree::shared::Options;
use tempfile::TempDir;

use crate::common::mounted::Mount;
use crate::common::shell::{Ran, ran};
use crate::common::{SMALL, counting, options, tree_with, zapi};

/// A script of bash, run by root in `dummy/`. `$T` is a directory outside the mount, `$M` the mount.
#[derive(Clone)]
pub struct Case {
    script: String,
    /// Done before, by a script of its own.
    setup: &'static str,
    code: i32,
    stdout: Option<&'static str>,
    /// Words in what it says on stderr; nothing is said if there are none, unless it is noisy.
    says: Vec<&'static str>,
    noisy: bool,
    changes: Vec<&'static str>,
    /// Words in `last_error`.
    last_error: Vec<&'static str>,
    quiet: bool,
    /// Why only memory can do it so; none if an ONTAP filer does the same.
    memory_only: Option<&'static str>,
}

/// Longer than any change takes; only a failing case waits so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A script that succeeds and makes these changes.
pub fn done(script: impl Into<String>, changes: &[&'static str]) -> Case {
    Case {
        script: script.into(),
        setup: "",
        code: 0,
        stdout: None,
        says: Vec::new(),
        noisy: false,
        changes: changes.to_vec(),
        last_error: vec!["ok\n"],
        quiet: false,
        memory_only: None,
    }
}

/// A script that ends with this status, says these words, changes nothing, and leaves these in `last_error`.
pub fn refused(
    script: impl Into<String>,
    code: i32,
    says: &[&'static str],
    last_error: &[&'static str],
) -> Case {
    Case { code, says: says.to_vec(), last_error: last_error.to_vec(), ..done(script, &[]) }
}

impl Case {
    /// With this done before.
    pub fn after(self, setup: &'static str) -> Case {
        Case { setup, ..self }
    }

    /// With this on its stdout.
    pub fn printing(self, stdout: &'static str) -> Case {
        Case { stdout: Some(stdout), ..self }
    }

    /// Whatever it says on stderr.
    pub fn noisy(self) -> Case {
        Case { noisy: true, ..self }
    }

    /// With these changes, though it is refused.
    pub fn having(self, changes: &[&'static str]) -> Case {
        Case { changes: changes.to_vec(), ..self }
    }

    /// With these words in `last_error`, though it succeeds.
    pub fn leaving(self, last_error: &[&'static str]) -> Case {
        Case { last_error: last_error.to_vec(), ..self }
    }

    /// On a mount with `-o quiet`.
    pub fn quiet(self) -> Case {
        Case { quiet: true, ..self }
    }

    /// A filer does otherwise, for this reason.
    pub fn on_memory_only(self, why: &'static str) -> Case {
        Case { memory_only: Some(why), ..self }
    }
}

/// Runs each case on a mount of its own, over memory and over an ONTAP filer.
pub fn check(cases: &[Case]) {
    let mut faults = Vec::new();
    for case in cases {
        let options = || Options { quiet: case.quiet, ..options() };
        let memory = counting(SMALL);
        let tree = tree_with(memory.clone(), options(), Vec::new());
        faults.extend(wrong(case, &Mount::tree(memory, tree, false)).map(|fault| format!("memory: {fault}")));
        if case.memory_only.is_none() {
            faults.extend(wrong(case, &zapi::small_with(options())).map(|fault| format!("filer: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Runs a script in `dummy/`, with nothing of the tester's own settings. It ends within a minute or fails.
pub fn bash(mount: &Mount, outside: &Path, script: &str) -> Ran {
    let ran = Command::new("timeout")
        .args(["60", "bash", "-c", script])
        .current_dir(mount.path("dummy"))
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "xterm")
        .env("HOME", outside)
        .env("T", outside)
        .env("M", mount.root())
        .stdin(Stdio::null())
        .output()
        .map(ran);
    ran.unwrap()
}

fn wrong(case: &Case, mount: &Mount) -> Option<String> {
    let outside = TempDir::new().unwrap();
    let setup = bash(mount, outside.path(), &format!("set -e\n{}", case.setup));
    assert_eq!(setup.code, 0, "{}: {setup:?}", case.setup);
    mount.backend.take_changes();
    let ran = bash(mount, outside.path(), &case.script);
    let mut changes = mount.backend.take_changes();
    // What the release of a file changes may come a little later: nobody waits for that.
    let begun = Instant::now();
    while changes.len() < case.changes.len() && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(5));
        changes.extend(mount.backend.take_changes());
    }
    let last_error = mount.read(".ctl/last_error");
    let left = left(mount);
    let silent = case.noisy || !case.says.is_empty() || ran.stderr.is_empty();
    let checks = [
        ("status", ran.code == case.code),
        ("stdout", case.stdout.is_none_or(|stdout| stdout == ran.stdout)),
        ("stderr", silent && case.says.iter().all(|words| ran.stderr.contains(words))),
        ("changes", changes == case.changes),
        ("last_error", case.last_error.iter().all(|words| last_error.contains(words))),
        ("what is left", left.is_empty()),
    ];
    let wrong: Vec<_> = checks.iter().filter(|(_, right)| !right).map(|(what, _)| *what).collect();
    (!wrong.is_empty()).then(|| {
        format!("{} of {:?}: {ran:?} {changes:?} {last_error:?} {left:?}", wrong.join(", "), case.script)
    })
}

/// The scratch files in the directories of the small content.
pub fn left(mount: &Mount) -> Vec<String> {
    let rows = describe::rows();
    let known: BTreeSet<&str> = rows.iter().filter_map(|row| row.path.rsplit('/').next()).collect();
    let mut dirs = vec![mount.path("dummy"), mount.path(".ctl")];
    for collection in ["volumes", "policies", "staging", "volumes/db1/snapshots"] {
        let members = fs::read_dir(mount.path("dummy").join(collection)).unwrap();
        dirs.extend(members.map(|member| member.unwrap().path()));
    }
    let entries = dirs.iter().flat_map(|dir| fs::read_dir(dir).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let scratch = paths.filter(|path| !known.contains(path.file_name().unwrap().to_str().unwrap()));
    scratch.map(|path| path.display().to_string()).collect()
}
