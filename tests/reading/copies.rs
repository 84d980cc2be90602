//! Sizes are exact: what a tool copies out of the mount is what is there.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use crate::common::counting;
use crate::common::mounted::Mount;
use crate::common::shell::bash;
use crate::crawls::{CONTENT, walk};

/// Ways to copy the directory `$FROM` to the empty directory `$TO`.
const COPIES: [&str; 8] = [
    "tar c -C \"$FROM\" . | tar x -C \"$TO\"",
    "tar c --format=posix -C \"$FROM\" . | tar x -C \"$TO\"",
    "busybox tar c -C \"$FROM\" . | busybox tar x -C \"$TO\"",
    "cp -a \"$FROM/.\" \"$TO\"",
    "cp -r \"$FROM/.\" \"$TO\"",
    "busybox cp -r \"$FROM/.\" \"$TO\"",
    "rsync -a \"$FROM/\" \"$TO\"",
    "rsync -aHAX --whole-file --checksum \"$FROM/\" \"$TO\"",
];

/// What must agree between the two.
const COMPARISONS: &str = "diff -r \"$FROM\" \"$TO\"; diff -r --no-dereference \"$FROM\" \"$TO\"; \
     rsync -rlcni \"$FROM/\" \"$TO\"; rsync -rlcni \"$TO/\" \"$FROM\"; \
     sums=$(cd \"$FROM\"; find . -type f -exec md5sum {} +); (cd \"$TO\"; md5sum -c --quiet <<< \"$sums\"); \
     diff <(cd \"$FROM\"; find . -type f -exec wc -c {} + | sort) <(cd \"$TO\"; find . -type f -exec wc -c {} + | sort); \
     diff <(cd \"$FROM\"; find . | sort) <(cd \"$TO\"; find . | sort); \
     diff <(cd \"$FROM\"; find . -empty -type f | sort) <(cd \"$TO\"; find . -empty -type f | sort)";

/// Runs a script on both as this user, with nothing allowed on stderr.
fn run(mount: &Mount, from: &Path, to: &Path, user: &str, script: &str) -> String {
    let quoted = script.replace('\'', "'\\''");
    let script = format!(
        "export FROM='{}' TO='{}'; {user} bash -o pipefail -c '{quoted}'",
        from.display(),
        to.display()
    );
    let ran = bash(mount.root(), &script);
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{script}\n{}", ran.stdout);
    ran.stdout
}

fn copies_agree(user: &str, uid: u32) {
    let mount = Mount::of(counting(CONTENT));
    for from in ["dummy", "dummy/volumes/db1", "dummy/policies", ""] {
        for copy in COPIES {
            let to = tempfile::tempdir().unwrap();
            fs::set_permissions(to.path(), fs::Permissions::from_mode(0o755)).unwrap();
            chown(to.path(), Some(uid), Some(uid)).unwrap();
            run(&mount, &mount.path(from), to.path(), user, copy);
            let differences = run(&mount, &mount.path(from), to.path(), user, COMPARISONS);
            assert_eq!(differences, "", "{copy} of {from:?} by {user:?}");
            let count = |dir: &Path| walk(dir).len();
            assert_eq!(count(to.path()), count(&mount.path(from)), "{copy}");
        }
    }
    assert_eq!(mount.backend.take_changes(), Vec::<String>::new());
    assert_eq!(mount.read(".ctl/errors"), "");
}

#[test]
fn copies_made_by_root_are_whole() {
    copies_agree("", 0);
}

#[test]
fn copies_made_by_another_user_are_whole() {
    copies_agree("setpriv --reuid=65534 --regid=65534 --clear-groups", 65534);
}

#[test]
fn a_second_rsync_finds_nothing_to_do() {
    let mount = Mount::of(counting(CONTENT));
    for (from, user, uid) in [
        ("dummy", "", 0),
        ("", "", 0),
        ("dummy", "setpriv --reuid=65534 --regid=65534 --clear-groups", 65534),
    ] {
        let to = tempfile::tempdir().unwrap();
        chown(to.path(), Some(uid), Some(uid)).unwrap();
        run(&mount, &mount.path(from), to.path(), user, "rsync -a \"$FROM/\" \"$TO\"");
        // As another user the copy cannot have the owner; all else agrees.
        let kept = if uid == 0 { "-ani" } else { "-rlptDni" };
        let both =
            format!("rsync {kept} \"$FROM/\" \"$TO\"; rsync {kept} --omit-dir-times \"$TO/\" \"$FROM\"");
        assert_eq!(run(&mount, &mount.path(from), to.path(), user, &both), "", "{from:?} {user:?}");
    }
}

#[test]
fn the_size_of_every_file_is_the_number_of_its_bytes() {
    let mount = Mount::of(counting(CONTENT));
    let mut files = 0;
    for (path, meta) in walk(mount.root()).into_iter().filter(|(_, meta)| meta.is_file()) {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(meta.size(), text.len() as u64, "{}", path.display());
        let lines = text.is_empty() || (text.ends_with('\n') && !text.ends_with("\n\n"));
        assert!(lines, "{} does not end in one newline: {text:?}", path.display());
        files += 1;
    }
    assert!(files > 100, "{files}");
}

#[test]
fn a_saved_config_written_back_changes_nothing() {
    let mount = Mount::of(counting(CONTENT));
    let saved = tempfile::tempdir().unwrap();
    run(&mount, &mount.path("dummy/volumes"), saved.path(), "", "cp -r \"$FROM\"/db?/ \"$TO\"");
    let again = "cd \"$TO\"; for v in *; do for f in config size_total comment policy junction_path protect; do \
                 cat $v/$f > \"$FROM\"/$v/$f || exit; done; done";
    run(&mount, &mount.path("dummy/volumes"), saved.path(), "", again);
    assert_eq!(mount.backend.take_changes(), Vec::<String>::new());
}
