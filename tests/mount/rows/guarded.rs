//! What the lock of another host forbids: exactly what the table of the tree says.

use std::fs;
use std::path::Path;

use filerfs::tree::describe;
use nix::errno::Errno;

use crate::common::mounted::Mount;

/// A change of a row: of a file another value, of a directory its end. None if nobody can change it.
fn change(volume: &Path, row: &str) -> Option<std::io::Result<()>> {
    let write = |value: &str| Some(fs::write(volume.join(row.replace("/S/", "/s2/")), format!("{value}\n")));
    match row {
        "" => Some(fs::remove_dir(volume)),
        "snapshots/S" => Some(
            fs::rename(volume.join("snapshots/s2"), volume.join("snapshots/other"))
                .and_then(|()| fs::remove_dir(volume.join("snapshots/other"))),
        ),
        "size_total" => write("20G"),
        "max_autosize" => write("30G"),
        "percentage_snapshot_reserve" => write("9"),
        "compression_enabled" | "inline_compression" | "autosize_enabled" => {
            let now = fs::read_to_string(volume.join(row)).unwrap();
            write(if now == "0\n" { "1" } else { "0" })
        }
        "caching_policy" | "comment" => write("other"),
        "junction_path" => write("/other"),
        "protect" => write("1"),
        "policy" => write("nfs"),
        "rollback" => write("s2"),
        "config" => write("size_total 21G"),
        "snapshots/S/clone" => write("copy"),
        "lock" => write("-other"),
        _ => None,
    }
}

#[test]
fn the_lock_of_another_host_forbids_what_the_table_says() {
    let rows = describe::rows();
    let of_volume = rows.iter().filter_map(|row| {
        let path = row.path.strip_prefix("ENDPOINT/volumes/V")?;
        // The memory back-end has none: another test asks a filer.
        (path != "/nfs_locks").then_some((path.trim_start_matches('/'), row))
    });
    let (mut guarded, mut open) = (0, 0);
    for (path, row) in of_volume {
        let mount = Mount::small();
        let volume = mount.path("dummy/volumes/db1");
        fs::write(volume.join("lock"), "other\n").unwrap();
        mount.backend.take_changes();
        let Some(changed) = change(&volume, path) else {
            assert!(row.access == "ro" || row.path.ends_with("/snapshots"), "{path} can be changed: how?");
            assert!(!row.guarded, "{path} cannot be changed");
            continue;
        };
        if row.guarded {
            guarded += 1;
            let errno = changed.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap()));
            assert_eq!(errno, Err(Errno::EBUSY), "{path}");
            assert_eq!(mount.backend.take_changes(), Vec::<String>::new(), "{path}");
            let said = mount.read(".ctl/last_error");
            assert!(said.contains("other holds the lock") && said.contains("echo -other > lock"), "{said}");
        } else {
            open += 1;
            changed.unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(mount.backend.take_changes().len(), 1, "{path}");
        }
        // What destroys nothing is free.
        fs::create_dir(mount.path("dummy/volumes/db1/snapshots/new")).unwrap();
        fs::read_to_string(mount.path("dummy/volumes/db1/info.json")).unwrap();
    }
    assert!(guarded > 10 && open == 2, "{guarded} {open}");
}
