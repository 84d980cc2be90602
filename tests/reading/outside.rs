//! What others change is visible when what is remembered runs out, or at once after a refresh.

use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{Newer, Settings, SnapshotName, StorageBackend, VolumeName};

use crate::common::mounted::Mount;
use crate::common::shell::bash;
use crate::common::{options, tree_with};
use crate::freshness::{after_a_look, mount};
use crate::process::until;

fn volume(name: &str) -> VolumeName {
    VolumeName::new(name).unwrap()
}

fn snapshot(name: &str) -> SnapshotName {
    SnapshotName::new(name).unwrap()
}

/// Everything that others do, behind the mount's back.
fn change(backend: &Arc<dyn StorageBackend>) {
    let work = async {
        backend.rollback_volume(&volume("db1"), &snapshot("s1"), Newer::Discard).await?;
        backend.create_snapshot(&volume("db1"), &snapshot("theirs")).await?;
        let moved = Settings { junction_path: Some("/moved".into()), ..Settings::default() };
        backend.patch_volume(&volume("db1"), &moved).await?;
        backend.restrict_volume(&volume("db2")).await?;
        let none = Settings::default();
        backend.clone_volume(&volume("db3"), &volume("db1"), &snapshot("s1"), &none).await
    };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work).unwrap();
}

/// What is asked about them, and the answers.
const QUESTION: &str = "ls volumes volumes/db1/snapshots junctions; stat -c %s volumes/db1; readlink junctions/%2Fmoved; \
    stat volumes/db2 volumes/db1/snapshots/s2 junctions/%2Fdb1 2>&1 | grep -c 'No such'; cat volumes/db3/size_total";
const ANSWER: &str = "junctions:\n%2Fmoved\n\nvolumes:\ndb1\ndb3\n\nvolumes/db1/snapshots:\ns1\ntheirs\n\
    598016\n../volumes/db1\n3\n10737418240\n";

#[test]
fn changes_of_others_are_visible_at_once_after_a_refresh() {
    for refresh in [
        "echo > ../.ctl/refresh",
        "echo dummy > ../.ctl/refresh",
        "echo /dummy/volumes/db1 > ../.ctl/refresh",
    ] {
        let mount = mount();
        after_a_look(&mount, "true");
        change(mount.backend.inner());
        let ran = bash(&mount.path("dummy"), &format!("{refresh}; {QUESTION}"));
        assert_eq!((&*ran.stdout, &*ran.stderr), (ANSWER, ""), "{refresh}");
    }
}

#[test]
fn changes_of_others_are_visible_when_what_is_remembered_runs_out() {
    let backend = mount().backend.clone();
    let options = filerfs::tree::shared::Options { cache_ttl: Duration::from_millis(200), ..options() };
    let mount = Mount::tree(backend.clone(), tree_with(backend, options, Vec::new()), false);
    after_a_look(&mount, "true");
    change(mount.backend.inner());
    let mut last = String::new();
    until("the sight of the changes", || {
        last = bash(&mount.path("dummy"), QUESTION).stdout;
        last == ANSWER
    });
}

#[test]
fn a_value_that_others_change_is_read_at_once() {
    let mount = mount();
    after_a_look(&mount, "true");
    change(mount.backend.inner());
    assert_eq!(mount.read("dummy/volumes/db1/junction_path"), "/moved\n");
    assert_eq!(mount.read("dummy/volumes/db1/size_used"), "598016\n");
}

#[test]
fn an_object_that_others_create_anew_is_found_after_a_refresh() {
    let mount = mount();
    after_a_look(&mount, "true");
    let backend = mount.backend.inner().clone();
    let work = async {
        backend.restrict_volume(&volume("db2")).await?;
        let size = Settings { size_total: Some(4096), ..Settings::default() };
        let new = filerfs::backend::NewVolume { settings: size, aggregate_name: None };
        backend.create_volume(&volume("db2"), &new).await
    };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work).unwrap();
    let ran = bash(
        &mount.path("dummy"),
        "echo > ../.ctl/refresh; cat volumes/db2/size_total; stat -c %s volumes/db2; ls volumes/db2/snapshots",
    );
    assert_eq!((&*ran.stdout, &*ran.stderr), ("4096\n204800\n", ""));
}
