//! Scratch files: what may be put where, by whom, how much and for how long.

use std::time::{Duration, Instant};

use filerfs::tree::access::AccessRule;
use filerfs::tree::shared::Options;
use glob::Pattern;
use tempfile::TempDir;

use crate::case::{bash, check, done, left, refused};
use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with};

const NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

#[test]
fn a_scratch_file_has_a_limit_and_so_has_a_directory() {
    check(&[
        done("cd volumes/db1; head -c 65536 /dev/zero > .x; wc -c < .x; rm .x", &[]).printing("65536\n"),
        refused(
            "cd volumes/db1; head -c 65537 /dev/zero > .x; code=$?; wc -c < .x; rm .x; exit $code",
            1,
            &["head: write error: Argument list too long"],
            &["errno=E2BIG op=write path=/dummy/volumes/db1/.x", "accepted: up to 65536 bytes"],
        )
        .printing("65536\n"),
        refused(
            "cd volumes/db1; truncate -s 65537 .x; code=$?; rm .x; exit $code",
            1,
            &["Argument list too long"],
            &["errno=E2BIG op=setattr", "accepted: up to 65536 bytes"],
        ),
        refused(
            "cd volumes/db1; for i in {1..32}; do : > .$i; done; : > .33; code=$?
             : > ../db2/.33; rm ../db2/.33 .?*; exit $code",
            1,
            &[".33: No space left on device"],
            &["errno=ENOSPC op=create path=/dummy/volumes/db1/.33", "accepted: 32 in a directory"],
        ),
        // What is removed or renamed into place makes room.
        done(
            "cd volumes/db1; for i in {1..32}; do : > .$i; done; rm .1; echo a > .33; mv .33 comment; : > .34; rm .?*",
            &["patch_volume(db1, comment=a)"],
        ),
    ]);
}

#[test]
fn only_names_that_tools_make_up_are_taken() {
    let names = [
        "new",
        "size_total.bak",
        "size_total2",
        "sed",
        "seda",
        "4913",
        "tmp.1",
        "'~'",
        "'##'",
        "'a b'",
        "-x",
        // They would be gone after ten minutes.
        ".git",
        ".hg",
    ];
    let created = names.map(|name| {
        refused(
            format!("cd volumes/db1; : > {name}"),
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=create path=/dummy/volumes/db1/", "cannot be created: files here are parts"],
        )
    });
    let made = names.map(|name| {
        refused(
            format!("cd volumes/db1; mkdir -- {name}"),
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=mkdir path=/dummy/volumes/db1/", "cannot be created: files here are parts"],
        )
    });
    check(&created);
    check(&made);
    let taken =
        ".x .size_total.swp size_total~ '#size_total#' sedAbC123 XXAbC123 tmp.0123456789 size_total.o1a2b3c";
    check(&[
        done(format!("cd volumes/db1; for name in {taken}; do : > $name; rm $name; done"), &[]),
        done(format!("cd volumes/db1; for name in {taken}; do mkdir $name; rmdir $name; done"), &[]),
        done(
            "mkdir staging/v; for dir in . volumes/db1 policies/nfs volumes/db1/snapshots/s1 staging/v ../.ctl
             do echo a > $dir/.x; cat $dir/.x; rm $dir/.x; done; rmdir staging/v",
            &[],
        )
        .printing("a\na\na\na\na\na\n"),
    ]);
}

#[test]
fn nothing_of_it_is_ever_in_a_collection() {
    let dirs = ["volumes", "staging", "policies", "volumes/db1/snapshots", "junctions", "$M"];
    let names = [".x", "x~", "sedAbC123", "tmp.0123456789"];
    let created = dirs.iter().flat_map(|dir| {
        names.map(|name| {
            let script = format!("cd {dir}; : > {name}; code=$?; ls -A | grep {name}; exit $code");
            refused(script, 1, &["Operation not permitted"], &["errno=EPERM op=create"])
        })
    });
    check(&created.collect::<Vec<_>>());
    let moved = dirs.map(|dir| {
        refused(
            format!("cd volumes/db1; : > .x; mv .x $OLDPWD/{dir}/.y; code=$?; rm .x; exit $code")
                .replace("$OLDPWD/$M", "$M"),
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rename path=/dummy/volumes/db1/.x", "a scratch file cannot be renamed"],
        )
    });
    check(&moved);
    // There mkdir creates an object, so no tool's name may be taken for one.
    check(&dirs.map(|dir| {
        refused(format!("mkdir {dir}/.x"), 1, &["Invalid argument"], &["errno=EINVAL op=mkdir", "write %2E"])
    }));
}

#[test]
fn a_scratch_directory_holds_files_and_directories_of_any_name() {
    check(&[
        done(
            "cd volumes/db1; mkdir .d; echo 11G > .d/any; mv .d/any .d/'other name'; mv .d/other* .x
             mv .x .d/x; ls -A .d; mv .d/x size_total; rmdir .d",
            &["patch_volume(db1, size_total=11811160064)"],
        )
        .printing("x\n"),
        done("cd volumes/db1; mkdir .d; echo a > .d/a; echo b > .d/b; mv .d .e; cat .e/*; rm -r .e", &[])
            .printing("a\nb\n"),
        done(
            "cd volumes/db1; mkdir -p .d/a/b .e; echo new > .d/a/b/x; mv .d/a .e; find .d .e; mv .e .f
             mv .f/a/b/x comment; rm -r .d .f; ls -A | grep '^[.]' || true",
            &["patch_volume(db1, comment=new)"],
        )
        .printing(".d\n.e\n.e/a\n.e/a/b\n.e/a/b/x\n"),
        done(
            "mkdir -p volumes/db1/.d/a; echo x > volumes/db1/.d/a/x; mv volumes/db1/.d volumes/db2/.e
             cp -r volumes/db2/.e $T/copy; cat $T/copy/a/x; cd volumes/db2; rm -r .e; mkdir .d; rsync -a $T/copy/ .d
             tar c .d | tar x -C .d; cat .d/.d/a/x; python3 -c 'import shutil; shutil.rmtree(\".d\")'; test ! -e .d",
            &[],
        )
        .printing("x\nx\n"),
        refused(
            "cd volumes/db1; mkdir .d; : > .d/a; rmdir .d; code=$?; rm -r .d; exit $code",
            1,
            &["Directory not empty"],
            &["errno=ENOTEMPTY op=rmdir path=/dummy/volumes/db1/.d"],
        ),
        refused(
            "cd volumes/db1; mkdir -p .d/a .e/a/b; mv -T .d/a .e/a; code=$?; rm -r .d .e; exit $code",
            1,
            &["Directory not empty"],
            &["errno=ENOTEMPTY op=rename path=/dummy/volumes/db1/.d/a"],
        ),
        refused(
            "cd volumes/db1; mkdir -p .d/a; mv .d .d/a; code=$?; rm -r .d; exit $code",
            1,
            &["to a subdirectory of itself"],
            &["ok\n"],
        ),
        refused(
            "cd volumes/db1; mkdir .d; mv -T .d size_total; code=$?; rmdir .d; exit $code",
            1,
            &["cannot overwrite non-directory 'size_total' with directory '.d'"],
            &["ok\n"],
        ),
        // Nothing of it comes out under a name that is no tool's.
        refused(
            "mkdir -p volumes/db1/.d/v; mv volumes/db1/.d/v volumes/v; code=$?; rm -r volumes/db1/.d; exit $code",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rename path=/dummy/volumes/db1/.d/v to=/dummy/volumes/v"],
        ),
    ]);
}

#[test]
fn what_is_in_a_scratch_directory_counts_for_the_directory_that_it_is_in() {
    check(&[
        refused(
            "cd volumes/db1; mkdir -p .d/a/b; for i in {4..32}; do : > .d/a/b/$i; done; : > .33; code=$?
             : > .d/a/33; mkdir .d/33; rm .d/a/b/4; : > .33; rm -r .d .33; exit $code",
            1,
            &[".33: No space left on device", ".d/a/33: No space", "create directory"],
            &["errno=ENOSPC op=mkdir", "accepted: 32 in a directory and below it"],
        ),
        // So it is no deeper either.
        refused(
            "cd volumes/db1; mkdir -p .d$(printf /%s {2..33}); code=$?; mkdir -p .d$(printf /%s {2..32})
             rm -r .d; exit $code",
            1,
            &["No space left on device"],
            &["errno=ENOSPC op=mkdir"],
        ),
        // Nor does it come in by rename.
        refused(
            "mkdir volumes/db1/.d; for i in {1..20}; do : > volumes/db1/.d/$i; : > volumes/db2/.$i; done
             mv volumes/db1/.d volumes/db2; code=$?; rm volumes/db2/.{1..9}; mv volumes/db1/.d volumes/db2
             ls volumes/db2/.d | wc -l; rm -r volumes/db2/.d volumes/db2/.??; exit $code",
            1,
            &["cannot move 'volumes/db1/.d' to 'volumes/db2/.d': No space left on device"],
            &["errno=ENOSPC op=rename path=/dummy/volumes/db1/.d"],
        )
        .printing("20\n"),
    ]);
}

#[test]
fn scratch_files_are_renamed_among_themselves_and_onto_what_is_written() {
    check(&[
        done("cd volumes/db1; echo a > .a; echo b > .b; mv .a .b; cat .b; ls -A | grep '^[.]'; rm .b", &[])
            .printing("a\n.b\n"),
        done("cd volumes/db1; echo a > .a; mv -n .a comment; cat .a comment; rm .a", &[]).printing("a\n"),
        // Whatever directory it is from: it is a write of its content.
        done(
            "echo a > volumes/db1/.a; mv volumes/db1/.a volumes/db2/comment",
            &["patch_volume(db2, comment=a)"],
        ),
        done(
            "echo new > volumes/db1/.a; mv -T volumes/db1/.a volumes/db1/snapshots/s1/clone",
            &["clone_volume(new, db1, s1, )"],
        ),
        done("cd volumes/db1; : > .a; mv .a size_total; cat size_total; test ! -e .a", &[])
            .printing("10737418240\n"),
        refused(
            "cd volumes/db1; echo 1 > .a; mv .a size_used; code=$?; rm .a; exit $code",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rename", "size_used is read-only"],
        ),
        refused(
            "cd volumes/db1; echo 1 > .a; mv .a new; code=$?; cat .a; rm .a; exit $code",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rename", "a scratch file cannot be renamed to \"new\""],
        )
        .printing("1\n"),
        refused(
            "cd volumes/db1; echo 10GB > .a; mv .a size_total; code=$?; cat .a; rm .a; exit $code",
            1,
            &["cannot move '.a'"],
            &["errno=EINVAL op=rename", "10GB"],
        )
        .printing("10GB\n"),
    ]);
}

#[test]
fn nobody_but_its_owner_gets_at_a_scratch_file() {
    check(&[
        done("cd volumes/db1; umask 0; : > .x; stat -c '%u %a' .x; chmod 777 .x; stat -c %a .x; rm .x", &[])
            .printing("0 600\n700\n"),
        refused(
            format!("cd volumes/db1; echo secret > .x; chmod 666 .x; {NOBODY} cat .x; code=$?; rm .x; exit $code"),
            1,
            &["cat: .x: Permission denied"],
            &["ok\n"],
        ),
        refused(
            format!("cd volumes/db1; echo a > .x; {NOBODY} sh -c 'echo b >> .x; rm -f .x; mv .x .y'; cat .x; rm .x; exit 1"),
            1,
            &["cannot create .x: Permission denied", "cannot remove '.x': Permission denied", "cannot move '.x'"],
            &["ok\n"],
        )
        .printing("a\n"),
        // Whoever may not write the directory makes none in it.
        refused(
            format!("cd volumes/db1; {NOBODY} sh -c ': > .x'"),
            2,
            &["cannot create .x: Permission denied"],
            &["ok\n"],
        ),
        refused(
            format!("cd volumes/db1; mkdir .d; : > .d/secret; {NOBODY} ls .d; code=$?; rm -r .d; exit $code"),
            2,
            &["cannot open directory '.d': Permission denied"],
            &["ok\n"],
        ),
    ]);
}

#[test]
fn hostile_names_do_no_harm() {
    check(&[
        refused(
            r"cd volumes/db1; echo 10GB > $'.\e[2J'; mv $'.\e[2J' size_total 2> /dev/null; code=$?; rm .?*; exit $code",
            1,
            &[],
            &[r"path=/dummy/volumes/db1/.\u{1b}[2J to=/dummy/volumes/db1/size_total"],
        ),
        refused(
            r"cd volumes/db1; echo 10GB > $'.a\nb c'; mv $'.a\nb c' size_total 2> /dev/null; code=$?; rm .?*; exit $code",
            1,
            &[],
            &["errno=EINVAL op=rename", "to=/dummy/volumes/db1/size_total"],
        ),
        refused(r"cd volumes/db1; : > $'.\xff'", 1, &["Operation not permitted"], &["errno=EPERM op=create"]),
        refused(
            r"cd volumes/db1; echo 1 > .a; mv .a $'.\xff'; code=$?; rm .a; exit $code",
            1,
            &["Operation not permitted"],
            &["errno=EPERM op=rename"],
        ),
        done("cd volumes/db1; name=.$(printf %0254d 0); : > $name; rm $name", &[]),
        refused(
            "cd volumes/db1; : > .$(printf %0255d 0)",
            1,
            &["File name too long"],
            &["errno=ENAMETOOLONG", "accepted: up to 255 bytes"],
        ),
        refused(
            "cd volumes/db1; : > .a; ln .a .b; ln -s .a .c; mkfifo .d; rm .a; exit 1",
            1,
            &["hard link '.b'", "symbolic link '.c'", "fifo '.d'"],
            &["errno=EPERM op=mknod path=/dummy/volumes/db1/.d"],
        ),
    ]);
}

#[test]
fn scratch_files_go_with_their_object() {
    let mount = Mount::small();
    let script =
        "mkdir policies/p; echo a > policies/p/.x; rmdir policies/p; mkdir policies/p; ls -A policies/p";
    let ran = bash(&mount, TempDir::new().unwrap().path(), script);
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "rules\nused_by\n", ""));
    assert_eq!(mount.backend.take_changes(), ["create_policy(p)", "remove_policy(p)", "create_policy(p)"]);
}

#[test]
fn a_scratch_file_is_gone_after_its_time_unless_it_is_open() {
    let backend = counting(SMALL);
    let ttl = Duration::from_millis(300);
    let tree = tree_with(backend.clone(), Options { scratch_ttl: ttl, ..options() }, Vec::new());
    let (mount, outside) = (Mount::tree(backend, tree, false), TempDir::new().unwrap());
    let ran = bash(
        &mount,
        outside.path(),
        "cd volumes/db1; exec 3> .x; sleep 1; echo a >&3; ls -A | grep '^[.]'; cat .x",
    );
    assert_eq!((ran.code, &*ran.stdout), (0, ".x\na\n"), "{ran:?}");
    let begun = Instant::now();
    while !left(&mount).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", left(&mount));
        std::thread::sleep(Duration::from_millis(50));
    }
    let ran = bash(&mount, outside.path(), "cd volumes/db1; cat .x; echo b > .x; cat .x");
    assert_eq!((&*ran.stdout, &*ran.stderr), ("b\n", "cat: .x: No such file or directory\n"));
}

#[test]
fn a_scratch_directory_is_gone_with_all_that_is_in_it_unless_one_is_open() {
    let backend = counting(SMALL);
    let ttl = Duration::from_millis(300);
    let tree = tree_with(backend.clone(), Options { scratch_ttl: ttl, ..options() }, Vec::new());
    let (mount, outside) = (Mount::tree(backend, tree, false), TempDir::new().unwrap());
    let ran = bash(
        &mount,
        outside.path(),
        "cd volumes/db1; mkdir -p .d/a; : > .d/x; exec 3> .d/a/open; sleep 1; find .d; exec 3>&-
         cd .d/a; sleep 1; ls -A ..; echo b > new; mkdir new",
    );
    assert_eq!(&*ran.stdout, ".d\n.d/a\n.d/a/open\n", "{ran:?}");
    assert_eq!(ran.stderr.matches("No such file or directory").count(), 2, "{ran:?}");
    assert_eq!(left(&mount), Vec::<String>::new());
}

#[test]
fn who_may_write_a_file_but_not_its_directory_writes_it_in_place() {
    let backend = counting(SMALL);
    let path = Pattern::new("dummy/volumes/db1/size_total").unwrap();
    let rules = vec![AccessRule { path, uid: Some(65534), gid: None, mode: Some(0o644) }];
    let mount = Mount::tree(backend.clone(), tree_with(backend, options(), rules), false);
    let outside = TempDir::new().unwrap();
    let run = |way: &str| {
        let ran = bash(&mount, outside.path(), &format!("cd volumes/db1; {NOBODY} sh -c '{way}'"));
        (ran, mount.backend.take_changes())
    };
    let (ran, changes) = run("sed -i s/.*/11G/ size_total");
    assert_eq!((ran.code, changes), (4, vec![]), "{ran:?}");
    assert!(ran.stderr.contains("Permission denied"), "{ran:?}");
    for (size, way) in [
        (11, "echo 11G > size_total"),
        (12, "sed s/.*/12G/ size_total | tee size_total"),
        (13, "vim -es -u NONE -c \"%s/.*/13G/\" -c wq size_total"),
    ] {
        let (ran, changes) = run(way);
        let changed = format!("patch_volume(db1, size_total={})", size * (1_u64 << 30));
        assert_eq!((ran.code, changes), (0, vec![changed]), "{way}: {ran:?}");
    }
}
