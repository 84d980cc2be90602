//! Promises of docs/semantics.md that no other test holds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::time::Duration;

use common::mounted::Mount;
use common::shell::bash;

#[test]
fn a_refused_beginning_is_never_applied() {
    let mount = Mount::small();
    // Each beginning is a good value by itself, and what the writer meant is not.
    for (file, script) in [
        ("size_total", "{ printf 10G; printf 'b\\n'; } > size_total"),
        ("size_total", "printf '10Gb\\n' | dd bs=1 of=size_total status=none"),
        ("comment", "{ printf good; printf '\\001\\n'; } > comment"),
        ("lock", "{ printf host1; printf ' host2\\n'; } > lock"),
    ] {
        let before = mount.read(&format!("dummy/volumes/db1/{file}"));
        let ran = bash(&mount.path("dummy/volumes/db1"), script);
        assert_ne!(ran.code, 0, "{script}");
        assert_eq!(mount.read(&format!("dummy/volumes/db1/{file}")), before, "{script}");
        assert_eq!(mount.backend.take_changes(), Vec::<String>::new(), "{script}");
    }
}

#[test]
fn a_slow_back_end_holds_up_only_those_that_wait_for_it() {
    let mount = Mount::small();
    *mount.backend.delay.lock() = Duration::from_secs(10);
    let waiting: Vec<_> =
        ["dummy/volumes/db1/size_used", "dummy/volumes/db2/state", "dummy/policies/nfs/rules"]
            .map(|path| mount.path(path))
            .map(|path| std::thread::spawn(move || std::fs::read_to_string(path).is_ok()))
            .into_iter()
            .collect();
    while mount.backend.take_reads().is_empty() {
        std::thread::yield_now();
    }
    for path in [".ctl/version", ".ctl/health", ".ctl/last_error", "dummy/defaults"] {
        assert!(std::fs::read_to_string(mount.path(path)).is_ok(), "{path}");
    }
    assert!(waiting.iter().all(|thread| !thread.is_finished()), "a slow call was over too soon");
    *mount.backend.delay.lock() = Duration::ZERO;
    assert!(waiting.into_iter().all(|thread| thread.join().unwrap()));
}
