//! A journal that is opened: what is tolerated, and what is refused with nothing overwritten.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use filerfs::backend::StorageBackend;
use filerfs::journal::{Journal, ROTATE_AT};

use crate::common::counting::Fault;
use crate::{Kept, lines, lost, s, v};

/// What is said of a file that cannot be a journal. It stays as it is.
fn refused(path: &Path) -> String {
    let before = fs::read(path).ok();
    let error = Journal::open(path, ROTATE_AT).err().expect("it was opened").to_string();
    assert_eq!(fs::read(path).ok(), before);
    error.replace(&path.display().to_string(), "FILE")
}

/// A journal with one change of unknown outcome, closed.
async fn written() -> Kept {
    let kept = Kept::new();
    kept.next("create_snapshot", Fault::Lose(lost()));
    kept.backend.create_snapshot(&v("db1"), &s("new")).await.unwrap_err();
    kept
}

fn closed(kept: Kept) -> tempfile::TempDir {
    kept.dir
}

#[tokio::test]
async fn a_torn_last_line_is_dropped() {
    for torn in ["{", "{\"outcome\":{\"id\":\"", "{\"intent\":{\"id\":\"x\"}}"] {
        let kept = written().await;
        let storage = kept.storage.clone();
        let (path, dir) = (kept.path(), closed(kept));
        let before = lines(&path);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(torn.as_bytes()).unwrap();
        let kept = Kept::at(dir, storage, ROTATE_AT);
        kept.backend.create_snapshot(&v("db1"), &s("after")).await.unwrap();
        assert_eq!(lines(&path)[..before.len()], before);
        assert_eq!(kept.settle().await, ["create_snapshot made", "create_snapshot ok"]);
    }
}

#[test]
fn a_journal_that_was_only_just_begun_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    for torn in ["", "{\"jour", "{\"journal\":{\"version\":1}}"] {
        fs::write(&path, torn).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        drop(Journal::open(&path, ROTATE_AT).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"journal\":{\"version\":1}}\n");
    }
}

#[tokio::test]
async fn what_is_damaged_or_of_a_newer_version_is_refused_and_stays() {
    let kept = written().await;
    let (path, _dir) = (kept.path(), closed(kept));
    let good = fs::read_to_string(&path).unwrap();
    let damaged = |line: usize| {
        format!(
            "the journal FILE is damaged in line {line}; nothing was overwritten; mend it, or move it away"
        )
    };
    let (first, second) = good.split_once('\n').unwrap();
    for (text, said) in [
        (good.replace("create_snapshot", "create_snapshop"), damaged(2)),
        (good.replace("db1", "d\u{1}b1"), damaged(2)),
        (format!("{good}\n{second}"), damaged(3)),
        (format!("{good}{good}"), damaged(3)),
        (format!("{second}{first}\n"), damaged(1)),
        ("hello".to_owned(), damaged(1)),
        ("[mount]\n".to_owned(), damaged(1)),
        (
            good.replace("\"version\":1", "\"version\":2,\"more\":3"),
            "the journal FILE has format 2, and this filerfs knows 1; move it away, or use the filerfs that wrote it"
                .to_owned(),
        ),
    ] {
        fs::write(&path, &text).unwrap();
        assert_eq!(refused(&path), said, "{text}");
    }
}

#[test]
fn nobody_else_can_read_it_or_put_another_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/filerfs/journal");
    drop(Journal::open(&path, ROTATE_AT).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));

    let accepted = "accepted: what belongs to us or root, and nobody else can write";
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(refused(&path), format!("FILE can be read by others; {accepted}"));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
    assert_eq!(refused(&path), format!("FILE belongs to another user; {accepted}"));
    fs::remove_file(&path).unwrap();
    symlink("/dev/null", &path).unwrap();
    assert!(refused(&path).contains("symbolic links"));
    fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o777)).unwrap();
    assert!(refused(&path).ends_with(&format!("can be written by others; {accepted}")));
}

#[test]
fn a_journal_has_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let first = Journal::open(&path, ROTATE_AT).unwrap();
    let said = "another filerfs writes the journal FILE; unmount it first, or give this mount one of its own: path in [journal]";
    assert_eq!(refused(&path), said);
    drop(first);
    drop(Journal::open(&path, ROTATE_AT).unwrap());
}

#[tokio::test]
async fn what_a_rotation_left_half_done_is_no_harm() {
    let kept = written().await;
    let storage = kept.storage.clone();
    let (path, dir) = (kept.path(), closed(kept));
    // It died before the new file had the name.
    fs::write(dir.path().join("journal.new"), "{\"jour").unwrap();
    fs::hard_link(&path, dir.path().join("journal.1")).unwrap();
    let kept = Kept::at(dir, storage, 1);
    assert_eq!(kept.settle().await, ["create_snapshot made"]);
    kept.backend.create_snapshot(&v("db1"), &s("after")).await.unwrap();
    assert!(!kept.dir.path().join("journal.new").exists());
}
