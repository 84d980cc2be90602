//! How often the filer is called for what people do in a real mount.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use filerfs::mount::Mounted;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::common::shell::bash;
use crate::filer::Filer;

/// A mount of a filer, as `compose` makes it, in which nothing grows old.
struct Mount {
    filer: Filer,
    dir: TempDir,
    served: Option<(Runtime, Mounted)>,
}

impl Mount {
    fn of(filer: Filer) -> Mount {
        let toml =
            format!("[mount]\ncache_ttl = \"1h\"\n{}", filer.toml("defaults = { size_total = \"1G\" }"));
        let (tree, dir) = (Arc::new(filer.tree(&toml)), tempfile::tempdir().unwrap());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mounted = Mounted::new(tree, dir.path(), false, runtime.handle()).unwrap();
        Mount { filer, dir, served: Some((runtime, mounted)) }
    }

    fn volumes(&self) -> PathBuf {
        self.dir.path().join("netapp/volumes")
    }

    /// Runs a script in this directory, which must succeed; the calls that it made.
    fn calls_of(&self, dir: &Path, script: &str) -> String {
        let ran = bash(dir, script);
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{script}");
        self.filer.take_calls()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Some((runtime, mounted)) = self.served.take() {
            let _ = runtime.block_on(mounted.unmount());
            runtime.shutdown_background();
        }
    }
}

fn small() -> Mount {
    Mount::of(Filer::small())
}

/// With everything known that `ls` shows.
fn visited() -> Mount {
    let mount = small();
    mount.calls_of(mount.dir.path(), "ls -lR netapp/volumes netapp/policies > /dev/null");
    mount
}

#[test]
fn ls_of_a_thousand_volumes_and_a_value_of_each_cost_one_listing() {
    let volume =
        |i: u32| json!({"name": format!("vol{i:04}"), "size_total": 10_737_418_240_u64, "size_used": i});
    let content = json!({"volumes": (0..999).map(volume).collect::<Vec<_>>()});
    let mount = Mount::of(Filer::with(&content.to_string()));
    let listing = "ls -l | tail -n +2 | wc -l | grep -qx 999";
    let calls = mount.calls_of(&mount.volumes(), listing);
    // Two pages of volumes, and the pages of their efficiency.
    assert_eq!(calls.replace("sis-get-iter 1", "sis-get-iter 2"), "sis-get-iter 2, volume-get-iter 2");
    assert_eq!(mount.calls_of(&mount.volumes(), "cat */size_used | wc -l | grep -qx 999"), "");
}

#[test]
fn a_snapshot_is_made_and_removed_by_one_change_each() {
    let mount = visited();
    let db1 = mount.volumes().join("db1");
    assert_eq!(mount.calls_of(&db1, "mkdir snapshots/x"), "snapshot-create 1");
    // The list is read again, now that it is another, and the volume, whose sizes are others.
    let calls = mount.calls_of(&db1, "[ -d snapshots/x ] && ls snapshots > /dev/null");
    assert_eq!(calls, "sis-get-iter 1, snapshot-get-iter 1, volume-get-iter 1");
    assert_eq!(mount.calls_of(&db1, "rmdir snapshots/x"), "snapshot-delete 1");
}

#[test]
fn a_snapshot_is_renamed_by_one_change() {
    let mount = visited();
    let db1 = mount.volumes().join("db1");
    assert_eq!(mount.calls_of(&db1, "mv -T snapshots/s1 snapshots/kept"), "snapshot-rename 1");
}

#[test]
fn a_policy_and_a_size_are_set_by_one_change_each() {
    let mount = visited();
    let db1 = mount.volumes().join("db1");
    assert_eq!(mount.calls_of(&db1, "echo nfs > policy"), "volume-modify-iter 1");
    // What was changed is read again.
    assert_eq!(mount.calls_of(&db1, "grep -qx nfs policy"), "sis-get-iter 1, volume-get-iter 1");
    assert_eq!(mount.calls_of(&db1, "echo 5G > size_total"), "volume-size 1");
}

#[test]
fn a_whole_file_of_rules_costs_a_listing_and_its_rules() {
    let mount = visited();
    let policy = mount.dir.path().join("netapp/policies/default");
    let calls = mount.calls_of(&policy, "seq -f '10.3.0.%g' 20 > rules");
    assert_eq!(calls, "export-rule-create 20, export-rule-get-iter 1");
}

/// Otherwise `echo $(cat size_total) > size_total` would shrink a volume with a reserve.
#[test]
fn a_size_reads_as_it_was_written_whatever_the_reserve() {
    let mount = visited();
    let db1 = mount.volumes().join("db1");
    mount.calls_of(&db1, "echo 8 > percentage_snapshot_reserve && echo 5G > size_total");
    assert_eq!(
        mount.calls_of(&db1, "echo 5368709120 > size_total").replace("sis-get-iter 1, volume-get-iter 1", ""),
        ""
    );
    assert_eq!(std::fs::read_to_string(db1.join("size_total")).unwrap(), "5368709120\n");
}
