//! Many changes share a sync, and a large journal goes on in a new file.

use std::fs;
use std::sync::Arc;

use filerfs::backend::{Settings, StorageBackend};
use tokio::sync::Semaphore;

use crate::common::counting::Fault;
use crate::disk::Disk;
use crate::process::{Daemon, until};
use crate::{Kept, intents, lines, open, outcomes, s, v};

#[tokio::test]
async fn changes_at_the_same_time_are_synced_together() {
    const CHANGES: usize = 100;
    let kept = Kept::new();
    let names: Vec<_> = (0..CHANGES).map(|n| s(&format!("at_once{n}"))).collect();
    let (db1, before) = (v("db1"), kept.journal.syncs());
    let at_once = names.iter().map(|name| kept.backend.create_snapshot(&db1, name));
    for done in futures_util::future::join_all(at_once).await {
        done.unwrap();
    }
    let syncs = kept.journal.syncs() - before;
    assert!(syncs > 0 && syncs < CHANGES as u64 / 2, "{syncs} syncs");
    assert_eq!(outcomes(&kept.path()), vec!["create_snapshot ok"; CHANGES]);
}

#[tokio::test]
async fn a_large_journal_goes_on_in_a_new_file_with_what_is_open() {
    let kept = Kept::rotating(8192);
    let answer = Arc::new(Semaphore::new(0));
    kept.next("create_snapshot", Fault::Answer(answer.clone()));
    let (db1, new) = (v("db1"), s("new"));
    let slow = kept.backend.create_snapshot(&db1, &new);
    let others = async {
        while kept.storage.take_changes().is_empty() {
            tokio::task::yield_now().await;
        }
        for n in 0..100 {
            let comment = Some(format!("number {n}"));
            let settings = Settings { comment, ..Settings::default() };
            kept.backend.patch_volume(&v("db2"), &settings).await.unwrap();
        }
        let (old, size) = (kept.dir.path().join("journal.1"), kept.path().metadata().unwrap().len());
        assert!(lines(&old).len() > 10 && size < 3 * 8192, "{size} bytes");
        let open = open(&kept.path());
        assert_eq!(open.len(), 1, "{open:?}");
        assert_eq!(lines(&kept.path())[1]["intent"], open[0], "it comes first");
        answer.add_permits(1);
    };
    let (done, ()) = tokio::join!(slow, others);
    done.unwrap();
    assert_eq!(open(&kept.path()), Vec::<serde_json::Value>::new());
    // The lock of the file goes with it.
    assert!(filerfs::journal::Journal::open(&kept.path(), 8192).is_err());
}

#[test]
fn a_crash_while_a_new_file_is_begun_loses_nothing() {
    for point in ["before-rename", "after-rename"] {
        // It syncs fast.
        let disk = Disk::of("64m");
        let journal = disk.0.path().join("journal");
        let config = format!(
            "[[endpoint]]\nname = \"dummy\"\nkind = \"memory\"\ngenerate = {{ volumes = 1, snapshots = 0 }}\n\
             [journal]\npath = {journal:?}\n"
        );
        let mut daemon = Daemon::spawn(&config, |command| command.env("FILERFS_CRASH", point), &[]).ready();
        let volume = fs::read_dir(daemon.path("dummy/volumes")).unwrap().next().unwrap().unwrap().path();
        // Twice as long in JSON.
        let filling = "\"".repeat(4000);
        let write = |n: &usize| fs::write(volume.join("comment"), format!("{n}{filling}\n")).is_ok();
        let acknowledged = (0..10_000).take_while(write).count();
        assert_eq!(daemon.wait(), -9, "{point}");
        let again = daemon.another().ready();
        until("settling", || open(&journal).is_empty());
        drop(again);
        let old = intents(&journal.with_file_name("journal.1"));
        let ended = old.iter().filter(|(_, result)| result.as_deref() == Some("ok")).count();
        assert_eq!(ended, acknowledged, "{point}");
    }
}
