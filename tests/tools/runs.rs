//! Two runs of what is to be the same afterwards: the second changes nothing, and does not even call the filer.

use std::collections::BTreeMap;
use std::fs;

use tempfile::TempDir;

use crate::case::{bash, left};
use crate::common::mounted::Mount;
use crate::common::{options, zapi};

/// A status and what is said on stdout.
pub type Says<'a> = (i32, &'a str);

/// Runs a script twice, on memory and on an ONTAP filer of which nothing that is remembered grows old.
pub fn check_two_runs(script: &str, changes: &[&str], first: Says, second: Says) {
    let (mount, filer) = zapi::of(crate::common::SMALL, options());
    for (mount, filer) in [(Mount::small(), None), (mount, Some(filer))] {
        let outside = TempDir::new().unwrap();
        let run = |says: Says, changes: &[&str]| {
            let ran = bash(&mount, outside.path(), script);
            assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (says.0, says.1, ""));
            assert_eq!(mount.backend.take_changes(), changes);
            assert_eq!(mount.read(".ctl/last_error"), "ok\n");
        };
        run(first, changes);
        // What was changed last is read once more, by whoever asks first.
        assert_eq!(mount.read("dummy/volumes/db1/size_total"), "11811160064\n");
        assert_ne!(fs::read_dir(mount.path("dummy/volumes/db1/snapshots")).unwrap().count(), 0);
        if let Some(filer) = &filer {
            assert_ne!(filer.calls(), BTreeMap::new());
            filer.forget_calls();
        }
        run(second, &[]);
        assert_eq!(filer.map(|filer| filer.calls()).unwrap_or_default(), BTreeMap::new());
        assert_eq!(left(&mount), Vec::<String>::new());
    }
}
