//! Tools that remove all there is. No call that creates, deletes or restricts is made, and the tree is as before.

mod delegated;
mod languages;
mod movers;
mod removers;

use std::fs;
use std::path::Path;

use filerfs::tree::shared::Options;
use tempfile::TempDir;

use crate::case::bash;
use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with, zapi};

/// What they are let loose on, each by a process of its own. `policies/spare` is in use nowhere, and the filer
/// would remove it.
const TARGETS: &str = "$M/dummy volumes/db1 volumes/db2 volumes volumes/db1/snapshots volumes/db2/snapshots \
                       volumes/db1/snapshots/s1 policies policies/default policies/spare staging/st";

/// A tool, as a script of bash that removes `$V`. `$N` is its name, `$D` where it is, `$T` an empty directory.
pub struct Tool {
    script: &'static str,
    /// The statuses that it ends with. Never 127, that of a program which is not there.
    codes: &'static [i32],
    reaches: Reaches,
}

/// On which targets filerfs refuses it something: those are the ones where it was let loose in earnest.
#[derive(PartialEq)]
enum Reaches {
    /// All but an empty one.
    All,
    Some,
    /// It looks by itself, and gives up.
    None,
}

/// A tool that filerfs refuses something on every target that is not empty.
pub fn tool(script: &'static str, codes: &'static [i32]) -> Tool {
    Tool { script, codes, reaches: Reaches::All }
}

/// A tool that leaves some of the targets alone, such as young ones.
pub fn picky(script: &'static str, codes: &'static [i32]) -> Tool {
    Tool { script, codes, reaches: Reaches::Some }
}

/// A tool that gives up by itself.
pub fn timid(script: &'static str, codes: &'static [i32]) -> Tool {
    Tool { script, codes, reaches: Reaches::None }
}

/// Lets them loose on memory and on an ONTAP filer.
pub fn check(tools: &[Tool]) {
    let mut faults = Vec::new();
    for tool in tools {
        for (on, mount) in [("memory", memory(options())), ("filer", zapi::small_with(options()))] {
            let wrong = wrong(tool, &mount);
            faults.extend(wrong.into_iter().map(|fault| format!("{on}: {}: {fault}", tool.script)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The small content in memory, on a mount that behaves so.
pub fn memory(options: Options) -> Mount {
    let memory = counting(SMALL);
    let tree = tree_with(memory.clone(), options, Vec::new());
    Mount::tree(memory, tree, false)
}

fn wrong(tool: &Tool, mount: &Mount) -> Vec<String> {
    assert!(!tool.codes.contains(&127));
    let outside = TempDir::new().unwrap();
    let setup = bash(mount, outside.path(), "mkdir policies/spare staging/st");
    assert_eq!(setup.code, 0, "{setup:?}");
    mount.backend.take_changes();
    let before = content(&mount.path("dummy"));
    let script = format!(
        "top=$T
        for V in {TARGETS}; do
            [[ $V = /* ]] || V=$M/dummy/$V
            export V N=${{V##*/}} D=${{V%/*}} T=$(mktemp -d -p $top)
            errors=$(tail -n 1 $M/.ctl/errors)
            (cd $T; {}\n) >$T.out 2>&1; code=$?
            [ \"$errors\" = \"$(tail -n 1 $M/.ctl/errors)\" ]
            echo $code $? ${{V#$M/}} \"$(head -c 400 $T.out | tr '\\n' '|')\"
        done",
        tool.script
    );
    let ran = bash(mount, outside.path(), &script);
    let lines: Vec<_> = ran.stdout.lines().map(|line| line.split_once(' ').unwrap()).collect();
    let known = |code: &str| tool.codes.iter().any(|known| known.to_string() == code);
    let unlike = lines.iter().filter(|(code, rest)| {
        let left_alone = rest.starts_with('0') && !rest.contains("db2/snapshots");
        !known(code) || (tool.reaches == Reaches::All && left_alone)
    });
    let mut faults: Vec<String> =
        unlike.map(|line| format!("status, whether refused, target: {line:?}")).collect();
    if (tool.reaches == Reaches::None) == lines.iter().any(|(_, rest)| rest.starts_with('1')) {
        faults.push(format!("refused by itself or not: {lines:?}"));
    }
    if ran.code != 0 || !ran.stderr.is_empty() || lines.len() != 11 {
        faults.push(format!("{ran:?}"));
    }
    let (changes, after) = (mount.backend.take_changes(), content(&mount.path("dummy")));
    if !changes.is_empty() || before != after {
        faults.push(format!("{changes:?}, {before:#?} became {after:#?}"));
    }
    faults
}

/// Every path, with its inode number and what is read from it.
pub fn content(dir: &Path) -> Vec<(String, u64, String)> {
    use std::os::unix::fs::MetadataExt;
    let mut all = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let stat = path.symlink_metadata().unwrap();
            let text = match stat.file_type() {
                kind if kind.is_dir() => String::new(),
                kind if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
                _ => fs::read_to_string(&path).unwrap(),
            };
            all.push((path.display().to_string(), stat.ino(), text));
            if stat.is_dir() {
                dirs.push(path);
            }
        }
    }
    all.sort();
    all
}
