//! make, and jobs of cron: mkdir of a snapshot as a rule, and shells that say less than `last_error`.

use crate::case::{check, done, refused};

/// A snapshot of each day, if there is none yet; values that follow a file.
const MAKEFILE: &str = r#"
S := volumes/db1/snapshots
all: $S/daily volumes/db1/size_total.set
$S/%: ; mkdir $@
.PHONY: volumes/db1/size_total.set
volumes/db1/size_total.set: ; @echo 11G >volumes/db1/size_total
"#;

/// Runs make with this Makefile, and these arguments.
fn make(makefile: &str, then: &str) -> String {
    format!(
        "cat >$T/Makefile <<'END'\n{makefile}\nEND\nmake() {{ command make -f $T/Makefile \"$@\"; }}\n{then}"
    )
}

#[test]
fn a_snapshot_is_a_target_that_is_made_once() {
    check(&[
        done(
            make(MAKEFILE, "make && make"),
            &["create_snapshot(db1, daily)", "patch_volume(db1, size_total=11811160064)"],
        )
        .printing("mkdir volumes/db1/snapshots/daily\n"),
        // A snapshot is as old as it was made: newer than what was there before.
        done(make("volumes/db1/snapshots/s2: volumes/db1/snapshots/s1; mkdir $@", "make -q && make"), &[])
            .printing("make: 'volumes/db1/snapshots/s2' is up to date.\n"),
        done(make(MAKEFILE, "make -n volumes/db1/snapshots/daily"), &[])
            .printing("mkdir volumes/db1/snapshots/daily\n"),
    ]);
}

#[test]
fn a_value_is_as_old_as_its_volume_so_that_its_recipe_is_always_run() {
    let makefile = "volumes/db1/size_total: $(T)/size; @cat $< >$@; echo written";
    check(&[done(
        make(makefile, "echo 11G >$T/size; make && make"),
        &["patch_volume(db1, size_total=11811160064)"],
    )
    .printing("written\nwritten\n")]);
}

#[test]
fn a_refused_recipe_ends_make() {
    check(&[
        refused(
            make("volumes/db1/snapshots/.x: ; mkdir $@\nall:", "make"),
            2,
            &["mkdir: cannot create directory", "Error 1"],
            &["errno=EINVAL op=mkdir path=/dummy/volumes/db1/snapshots/.x"],
        )
        .printing("mkdir volumes/db1/snapshots/.x\n"),
        // The time of a value that was refused is the old one, so that make does not try to delete the target.
        refused(
            make(
                ".DELETE_ON_ERROR:\n.PHONY: go\nvolumes/db1/size_total: go; echo 10GB >$@; false\ngo:",
                "make volumes/db1/size_total",
            ),
            2,
            &["I/O error", "Error 1"],
            &["errno=EINVAL op=write", "\"10GB\" is not a size"],
        ),
    ]);
}

/// A job as cron runs it: dash, in a session of its own, its output into a mail that ends with `last_error`.
fn job(script: &str) -> String {
    format!(
        "cat >$T/job <<'END'\n{script}\nEND\nsetsid -w dash -e $T/job; code=$?; cat $T/mail >&2; exit $code"
    )
}

#[test]
fn a_job_under_dash_finds_the_text_of_its_error_in_last_error() {
    let trap = "exec >$T/mail 2>&1\ntrap 'cat $M/.ctl/last_error' EXIT\ncd volumes/db1\n";
    check(&[
        // dash has one word for every errno of a write, and last_error has the sentence.
        refused(
            job(&format!("{trap}echo 10GB >size_total\necho not reached")),
            1,
            &["echo: I/O error", "errno=EINVAL op=write", "\"10GB\" is not a size", "accepted: bytes"],
            &["ok\n"],
        ),
        refused(
            job(&format!("{trap}rmdir snapshots/s1/../../../db2/snapshots")),
            1,
            &["rmdir: failed to remove", "Operation not permitted", "errno=EPERM op=rmdir"],
            &["ok\n"],
        ),
        done(
            job("exec >$T/mail 2>&1\ncd volumes/db1\nmkdir snapshots/daily-1\necho 11G >size_total"),
            &["create_snapshot(db1, daily-1)", "patch_volume(db1, size_total=11811160064)"],
        ),
    ]);
}
