//! What listings and `df` show, and how few reads they take.

use std::fs::File;
use std::time::Duration;

use filerfs::backend::{Settings, VolumeName};
use filerfs::tree::shared::Options;

use crate::common::mounted::Mount;
use crate::common::now;
use crate::common::shell::{SHELLS, run};
use crate::common::{SMALL, counting, options, tree_with};
use crate::table::{Says, check, done, refused};

#[test]
fn sizes_and_times_of_volumes_and_snapshots_are_those_of_directories() {
    check(&[
        done(
            "cd volumes; TZ=UTC ls -ldog --time-style=+%F db1 | cut -c 14-",
            "1048576 2025-01-01 db1\n",
            &[],
        ),
        done("cd volumes; ls -dg --time-style=+%F db1 db2 | wc -l", "2\n", &[]),
        done(
            "TZ=UTC stat -c '%n %s %b %y' volumes/db2",
            "volumes/db2 2097152 4096 2025-02-01 00:00:00.000000000 +0000\n",
            &[],
        ),
        done(
            "cd volumes/db1; TZ=UTC stat -c '%n %s %y' snapshots/s2",
            "snapshots/s2 204800 2025-01-03 00:00:00.000000000 +0000\n",
            &[],
        ),
        done("du -sk volumes/db1 volumes/db2", "1024\tvolumes/db1\n2048\tvolumes/db2\n", &[]),
        done("du -sk volumes", "3072\tvolumes\n", &[]),
        done("ls -t volumes", "db2\ndb1\n", &[]),
        done(
            "stat -c '%s %F' volumes/db1/size_total; wc -c < volumes/db1/size_total",
            "12 regular file\n12\n",
            &[],
        ),
    ]);
}

#[test]
fn df_and_stat_show_the_volume_that_they_are_asked_about() {
    check(&[
        done(
            "df -k --output=size,used,avail volumes/db1 | tail -n 1 | tr -s ' '",
            " 10485760 1024 10484736\n",
            &[],
        ),
        done("df -k --output=size volumes/db2/comment | tail -n 1", " 20971520\n", &[]),
        done(
            "stat -f -c '%b %f %S' volumes/db1 volumes/db2",
            "10485760 10484736 1024\n20971520 20969472 1024\n",
            &[],
        ),
        done("stat -f -c %b volumes/db1/snapshots/s1", "10485760\n", &[]),
        done("stat -f -c '%b %l' .", "0 255\n", &[]),
    ]);
}

#[test]
fn find_deletes_old_snapshots_by_their_time() {
    check(&[
        done(
            "find volumes/db1/snapshots -mindepth 1 -maxdepth 1 -mtime +30 -exec rmdir {} +; ls volumes/db1/snapshots",
            "new\n",
            &["delete_snapshot(db1, s2)"],
        )
        .after("cd volumes/db1/snapshots; mkdir new; rmdir s1"),
        done("find volumes/db1/snapshots -mindepth 1 -maxdepth 1 -newermt 2025-01-02T12:00Z -exec rmdir {} \\;", "", &[
            "delete_snapshot(db1, s2)",
        ]),
        done("cd volumes/db1/snapshots; ls -t | tail -n +2 | xargs rmdir", "", &["delete_snapshot(db1, s1)"]),
        done("find . -name 's?' -type d | sort", "./volumes/db1/snapshots/s1\n./volumes/db1/snapshots/s2\n", &[]),
    ]);
}

#[test]
fn junctions_are_links_to_their_volumes() {
    check(&[
        done("ls junctions; readlink junctions/%2Fdb1", "%2Fdb1\n../volumes/db1\n", &[]),
        done(
            "cat junctions/%2Fdb1/size_total; echo 1 > junctions/%2Fdb1/protect",
            "10737418240\n",
            &["patch_volume(db1, protect=1)"],
        ),
        done(
            "echo /a/b > volumes/db1/junction_path; ls junctions; readlink junctions/%2Fa%2Fb",
            "%2Fa%2Fb\n../volumes/db1\n",
            &["patch_volume(db1, junction_path=/a/b)"],
        ),
        // What this mount changed is visible at once, everywhere in it.
        done(
            "readlink junctions/%2Fdb1; echo > volumes/db1/junction_path; echo /db1 > volumes/db2/junction_path; readlink junctions/%2Fdb1",
            "../volumes/db1\n../volumes/db2\n",
            &["patch_volume(db1, junction_path=)", "patch_volume(db2, junction_path=/db1)"],
        ),
        refused(
            "rm junctions/%2Fdb1",
            Says::Tool("rm: cannot remove 'junctions/%2Fdb1': Operation not permitted\n"),
            &["errno=EPERM op=unlink path=/dummy/junctions/%2Fdb1", "echo > volumes/V/junction_path"],
        ),
        refused(
            "mkdir junctions/%2Fdb9",
            Says::Tool("mkdir: cannot create directory 'junctions/%2Fdb9': Operation not permitted\n"),
            &["errno=EPERM op=mkdir path=/dummy/junctions/%2Fdb9", "echo /PATH > volumes/V/junction_path"],
        ),
    ]);
}

#[test]
fn a_listing_costs_one_read() {
    for shell in SHELLS {
        let backend = counting(SMALL);
        let options = Options { cache_ttl: Duration::from_secs(3600), ..options() };
        let mount = Mount::tree(backend.clone(), tree_with(backend, options, Vec::new()), false);
        let dir = mount.path("dummy");
        let reads = |script: &str| {
            mount.backend.take_reads();
            let ran = run(shell, &dir, &format!("set -e; {script}"));
            assert_eq!((ran.code, &*ran.stderr), (0, ""), "{shell:?}: {script}");
            mount.backend.take_reads()
        };
        assert_eq!(reads("ls volumes"), ["volumes()"], "{shell:?}");
        assert_eq!(reads("ls -l volumes"), ["volumes()"], "{shell:?}");
        assert_eq!(reads("stat volumes/db1"), [""; 0], "{shell:?}");
        let df = reads("df volumes/db1");
        assert!(df.len() <= 2 && df.iter().all(|read| read == "get_volume(db1)"), "{shell:?}: {df:?}");
        // Looked up, its attributes asked for by open and by cat, and read.
        let reads = reads("cat volumes/db1/size_used");
        assert!(
            reads.len() <= 4 && reads.iter().all(|read| read == "get_volume(db1)"),
            "{shell:?}: {reads:?}"
        );
    }
}

/// The kernel may remember names, but nothing of a file.
#[test]
fn the_size_of_a_file_is_exact_also_after_a_change_made_elsewhere() {
    let backend = counting(SMALL);
    let options = Options { cache_ttl: Duration::from_secs(3600), ..options() };
    let mount = Mount::tree(backend.clone(), tree_with(backend, options, Vec::new()), false);
    let (path, volume) = (mount.path("dummy/volumes/db1/comment"), VolumeName::new("db1").unwrap());
    let file = File::open(&path).unwrap();
    for comment in ["", "a", "some words", "word"] {
        let settings = Settings { comment: Some(comment.to_owned()), ..Settings::default() };
        now(mount.backend.inner().patch_volume(&volume, &settings)).unwrap();
        let text = mount.read("dummy/volumes/db1/comment");
        let sizes = [text.len() as u64, file.metadata().unwrap().len(), path.metadata().unwrap().len()];
        assert_eq!(sizes, [sizes[0]; 3], "{comment:?}");
        assert_eq!(text.trim_end(), comment);
    }
}
