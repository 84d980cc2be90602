//! A full disk: changes are refused, reads go on, and nothing is left half written.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use filerfs::backend::{Kind, StorageBackend};
use nix::mount::{MsFlags, mount};
use tempfile::TempDir;

use crate::common::shell::bash;
use crate::common::{SMALL, counting};
use crate::process::Daemon;
use crate::{Kept, intents, lines, open, outcomes, s, v};

/// A disk of its own, in memory.
pub struct Disk(pub TempDir);

impl Disk {
    /// Of this size, as `256k`.
    pub fn of(size: &str) -> Disk {
        let dir = tempfile::tempdir().unwrap();
        let options = Some(format!("size={size},mode=0700"));
        mount(Some("tmpfs"), dir.path(), Some("tmpfs"), MsFlags::empty(), options.as_deref()).unwrap();
        Disk(dir)
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    fn fill(&self) {
        fill(&self.filler());
    }
}

/// Takes what is left.
fn fill(path: &Path) {
    let mut filler = fs::File::create(path).unwrap();
    while filler.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(self.0.path(), nix::mount::MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_full_disk_refuses_changes_and_reads_go_on() {
    let disk = Disk::of("256k");
    let journal = disk.0.path().join("journal");
    let config = format!(
        "[[endpoint]]\nname = \"dummy\"\nkind = \"memory\"\ngenerate = {{ volumes = 1, snapshots = 1 }}\n\
         [journal]\npath = {journal:?}\n"
    );
    let daemon = Daemon::start(&config, &[]);
    let volume = fs::read_dir(daemon.path("dummy/volumes")).unwrap().next().unwrap().unwrap().path();
    let mkdir = |name: &str| bash(&volume, &format!("mkdir snapshots/{name}"));
    assert_eq!(mkdir("before").code, 0);
    disk.fill();
    // What was set aside before is used up first.
    let refused = (0..2000).map(|n| mkdir(&format!("full{n}"))).find(|ran| ran.code != 0).unwrap();
    assert!(refused.stderr.contains("No space left on device"), "{refused:?}");
    let last_error =
        bash(&volume, &format!("mkdir snapshots/more; cat {:?}", daemon.path(".ctl/last_error")));
    assert!(last_error.stdout.contains("the journal"), "{last_error:?}");
    assert!(!volume.join("snapshots/more").exists());
    assert!(fs::read_to_string(volume.join("info.json")).unwrap().contains("size_total"));
    assert!(daemon.log().contains("the journal cannot be written: changes are refused"), "{}", daemon.log());

    fs::remove_file(disk.filler()).unwrap();
    assert_eq!(mkdir("after").code, 0);
    assert!(volume.join("snapshots/after").exists());
    assert!(daemon.log().contains("the journal can be written again"), "{}", daemon.log());
    // Whole lines only, and each change that was begun has an outcome.
    assert!(intents(&journal).iter().all(|(_, result)| result.as_deref() == Some("ok")));
}

#[tokio::test]
async fn what_was_begun_can_be_ended_on_a_full_disk() {
    let disk = Disk::of("256k");
    let dir = tempfile::tempdir_in(disk.0.path()).unwrap();
    let kept = Kept::at(dir, counting(SMALL), 1 << 30);
    let mut filled = 0;
    loop {
        let filler = disk.filler();
        *kept.storage.watch.lock() = Some(Box::new(move |_: &str| fill(&filler)));
        match kept.backend.create_snapshot(&v("db1"), &s(&format!("full{filled}"))).await {
            Ok(_) => filled += 1,
            Err(error) => {
                assert_eq!(error.kind(), Kind::NoSpace, "{error}");
                break;
            }
        }
    }
    assert!(filled > 0);
    assert_eq!(outcomes(&kept.path()), vec!["create_snapshot ok"; filled]);
    assert_eq!(open(&kept.path()), Vec::<serde_json::Value>::new());
    assert_eq!(lines(&kept.path()).len(), 1 + 2 * filled);
    assert_eq!(kept.storage.take_changes().len(), filled, "a refused change was sent");
}
