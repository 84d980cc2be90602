//! Which journal a mount has.

use std::fs;

use filerfs::simulator::{Fault, FaultKind};

use crate::filer::Filer;
use crate::lines;
use crate::process::{Daemon, filerfs, is_mounted, output, until};

const MEMORY: &str = "[[endpoint]]\nname = \"dummy\"\nkind = \"memory\"\n";

#[test]
fn a_mount_of_a_filer_has_a_journal_by_its_name_and_one_of_memory_has_none() {
    let (filer, state) = (Filer::small(), tempfile::tempdir().unwrap());
    let file = filer.file("account", crate::filer::PASSWORD);
    let config = filer.toml(&format!(
        "certificate_sha256 = \"{}\"\npassword_file = {file:?}",
        filer.running.certificate_sha256()
    ));
    let both = format!("{}/filerfs:/elsewhere", state.path().display());
    let start =
        |config: &str| Daemon::spawn(config, |command| command.env("STATE_DIRECTORY", &both), &[]).ready();
    let daemon = start(MEMORY);
    assert!(!state.path().join("filerfs").exists());
    drop(daemon);
    drop(start(&format!("[journal]\nenabled = false\n{config}")));
    assert!(!state.path().join("filerfs").exists());

    let daemon = start(&config);
    let root = daemon.root();
    let escaped = std::process::Command::new("systemd-escape").arg("--path").arg(&root).output().unwrap();
    let name = format!("{}.journal", String::from_utf8(escaped.stdout).unwrap().trim());
    fs::create_dir(daemon.path("netapp/volumes/db1/snapshots/new")).unwrap();
    let lines = lines(&state.path().join("filerfs").join(name));
    assert_eq!(lines[1]["intent"]["op"], "create_snapshot");
    assert_eq!(lines[2]["outcome"]["result"], "ok");
}

#[test]
fn a_journal_that_cannot_be_opened_is_a_fault_before_anything_is_mounted() {
    let dir = tempfile::tempdir().unwrap();
    let (mnt, file) = (dir.path().join("mnt"), dir.path().join("filerfs.toml"));
    fs::create_dir(&mnt).unwrap();
    let first =
        Daemon::start(&format!("{MEMORY}[journal]\npath = \"{}/journal\"\n", dir.path().display()), &[]);
    for (path, said) in [
        ("journal", "another filerfs writes the journal"),
        ("mnt/journal", "is below the mount point; accepted: any other place"),
        ("/dev/null", "can be written by others"),
    ] {
        fs::write(&file, format!("{MEMORY}[journal]\npath = {path:?}\n")).unwrap();
        let (code, out, err) = output(filerfs().arg("mount").arg("-c").arg(&file).arg(&mnt));
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(err.contains(&format!("{}:5: path: ", file.display())) && err.contains(said), "{err}");
        assert!(!is_mounted(&mnt));
    }
    drop(first);
}

#[test]
fn a_mount_comes_up_while_the_filer_is_away_and_settles_when_it_is_back() {
    let filer = Filer::small();
    let file = filer.file("account", crate::filer::PASSWORD);
    let config = filer.toml(&format!(
        "certificate_sha256 = \"{}\"\npassword_file = {file:?}\n[journal]\npath = \"journal\"",
        filer.running.certificate_sha256()
    ));
    let crash = ["FILERFS_CRASH", "FILERFS_CRASH_OP"].into_iter().zip(["after-call", "create_snapshot"]);
    let mut daemon = Daemon::spawn(&config, |command| command.envs(crash), &[]).ready();
    assert!(fs::create_dir(daemon.path("netapp/volumes/db1/snapshots/new")).is_err());
    assert_eq!(daemon.wait(), -9);
    let journal = daemon.root().with_file_name("journal");
    let away = filer.running.inject(Fault::new("*", FaultKind::CloseBefore));
    let again = daemon.another().ready();
    until("a look at the filer", || away.fired() > 0);
    assert_eq!(crate::open(&journal).len(), 1);
    filer.running.forget_faults();
    until("settling", || crate::open(&journal).is_empty());
    until("its line", || again.log().contains("settled: made"));
}
