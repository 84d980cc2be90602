//! Names and values that nobody should send: the right errno, no change, no call, and the mount lives on.

mod names;
mod values;

use std::fs;

use filerfs::backend::names::unprintable;
use nix::errno::Errno;

use crate::common::mounted::Mount;

/// It names the errno, and a terminal can show it.
fn check_last_error(mount: &Mount, errno: Errno, by_kernel: bool, at: &str) {
    let last_error = mount.read(".ctl/last_error");
    let first = last_error.lines().next().unwrap();
    assert!(by_kernel || first.contains(&format!("errno={errno:?} ")), "{at}: {first}");
    assert!(!last_error.contains(|c| c != '\n' && unprintable(c)), "{at}: {last_error:?}");
}

/// Nothing failed that should not, and what was kept of it all can be shown and parsed.
fn lives_on(mount: &Mount) {
    assert!(!mount.read(".ctl/metrics").contains("EIO"));
    for file in ["errors", "audit", "events"] {
        let text = mount.read(&format!(".ctl/{file}"));
        assert!(!text.contains(|c| c != '\n' && unprintable(c)), "{file}: {text:?}");
        assert!(
            file == "events"
                || text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
        );
    }
    fs::write(mount.path("dummy/volumes/db1/comment"), "alive\n").unwrap();
    assert_eq!(mount.read("dummy/volumes/db1/comment"), "alive\n");
}
