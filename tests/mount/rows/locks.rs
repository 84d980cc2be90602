//! Who holds a volume. The mount's own host is `admin1`.

use crate::table::{Says, check, done, refused};

const BUSY: Says = Says::Echo("Device or resource busy");

#[test]
fn a_host_written_to_lock_takes_it() {
    check(&[
        done("cd volumes/db1; echo admin1 > lock; cat lock", "admin1\n", &["create_lock(db1, admin1)"]),
        done("cd volumes/db1; echo other > lock; cat lock", "other\n", &["create_lock(db1, other)"]),
        done("cd volumes/db1; printf other > lock; cat lock", "other\n", &["create_lock(db1, other)"]),
        done(
            "cd volumes/db1; echo other > lock; printf other > lock; cat lock",
            "other\n",
            &["create_lock(db1, other)", "create_lock(db1, other)"],
        )
        .after("echo other > volumes/db1/lock"),
        refused(
            "echo admin1 > volumes/db1/lock",
            BUSY,
            &[
                "errno=EBUSY op=write path=/dummy/volumes/db1/lock",
                "other holds the lock",
                "echo -other > lock",
            ],
        )
        .after("echo other > volumes/db1/lock"),
        refused(
            "printf admin1 > volumes/db1/lock",
            Says::Printf("Device or resource busy"),
            &["errno=EBUSY op=write", "other holds the lock"],
        )
        .after("echo other > volumes/db1/lock"),
        refused(
            "echo two words > volumes/db1/lock",
            Says::Echo("Invalid argument"),
            &["\n  two words\n      ^\n", "HOST ttl=SECONDS"],
        ),
        // Each volume has a lock of its own.
        done("echo admin1 > volumes/db2/lock", "", &["create_lock(db2, admin1)"])
            .after("echo other > volumes/db1/lock"),
    ]);
}

#[test]
fn an_empty_line_frees_our_own_lock_only() {
    check(&[
        done("cd volumes/db1; echo > lock; cat lock", "", &["remove_lock(db1, admin1)"])
            .after("echo admin1 > volumes/db1/lock"),
        done("echo > volumes/db1/lock", "", &[]),
        refused("echo > volumes/db1/lock", BUSY, &["errno=EBUSY op=write", "other holds the lock"])
            .after("echo other > volumes/db1/lock"),
    ]);
}

#[test]
fn a_minus_breaks_exactly_that_hosts_lock() {
    check(&[
        done("cd volumes/db1; echo -other > lock; cat lock", "", &["remove_lock(db1, other)"])
            .after("echo other > volumes/db1/lock"),
        done("cd volumes/db1; echo -another > lock; cat lock", "other\n", &[])
            .after("echo other > volumes/db1/lock"),
        done("echo -other > volumes/db1/lock", "", &[]),
        refused(
            "echo ' -' > volumes/db1/lock",
            Says::Echo("Invalid argument"),
            &["the host name is empty", "^"],
        )
        .after("echo other > volumes/db1/lock"),
    ]);
}

#[test]
fn a_lock_with_a_ttl_lapses_unless_it_is_written_again() {
    check(&[
        done(
            "cd volumes/db1; echo admin1 ttl=300 > lock; cat lock; grep ttl lock.info",
            "admin1\nttl 300\n",
            &["create_lock(db1, admin1)"],
        ),
        done(
            "cd volumes/db1; echo other ttl=1 > lock; while test -s lock; do sleep 0.1; done; echo admin1 > lock",
            "",
            &["create_lock(db1, other)", "create_lock(db1, admin1)"],
        ),
        // Written again it lasts longer, and without a ttl it stays.
        done(
            "cd volumes/db1; echo admin1 ttl=300 > lock; grep ttl lock.info; echo admin1 > lock; cat lock; ! grep ttl lock.info",
            "ttl 300\nadmin1\n",
            &["create_lock(db1, admin1)", "create_lock(db1, admin1)"],
        )
        .after("echo admin1 ttl=1 > volumes/db1/lock"),
        refused(
            "echo admin1 ttl=0 > volumes/db1/lock",
            Says::Echo("Numerical result out of range"),
            &["errno=ERANGE op=write", "\n  admin1 ttl=0\n             ^\n", "HOST ttl=SECONDS"],
        ),
        refused(
            "echo admin1 ttl=5m > volumes/db1/lock",
            Says::Echo("Invalid argument"),
            &["errno=EINVAL op=write", "\n  admin1 ttl=5m\n         ^\n", "HOST ttl=SECONDS"],
        ),
    ]);
}

/// A shell hears nothing of a close: so what waits for it is refused before.
#[test]
fn a_change_that_a_lock_forbids_is_refused_without_its_newline_too() {
    check(&[refused(
        "printf 20G > volumes/db1/size_total",
        Says::Printf("Device or resource busy"),
        &["errno=EBUSY op=write", "other holds the lock", "echo -other > lock"],
    )
    .after("echo other > volumes/db1/lock")]);
}

/// Whoever took it may not know that others have had the volume meanwhile.
#[test]
fn a_lock_that_lapsed_is_taken_again_or_let_go_before_a_change() {
    const LAPSED: &str = "cd volumes/db1; echo admin1 ttl=1 > lock; while test -s lock; do sleep 0.1; done";
    const SAYS: [&str; 4] = [
        "errno=ENOLCK op=",
        "db1 that was taken through this mount is lost",
        "echo admin1 > lock",
        "echo > lock",
    ];
    check(&[
        // The layer that keeps the locks is asked, and no storage (`layers/guard.rs`).
        refused("echo 20G > volumes/db1/size_total", Says::Echo("No locks available"), &SAYS)
            .having(&["patch_volume(db1, size_total=21474836480)"])
            .after(LAPSED),
        refused("printf 20G > volumes/db1/size_total", Says::Printf("No locks available"), &SAYS)
            .after(LAPSED),
        done(
            "cd volumes/db1; echo > lock; echo 20G > size_total; echo > lock",
            "",
            &["remove_lock(db1, admin1)", "patch_volume(db1, size_total=21474836480)"],
        )
        .after(LAPSED),
        done(
            "cd volumes/db1; echo admin1 > lock; echo 20G > size_total",
            "",
            &["create_lock(db1, admin1)", "patch_volume(db1, size_total=21474836480)"],
        )
        .after(LAPSED),
        // What no lock guards is free.
        done(
            "cd volumes/db1; mkdir snapshots/s; cat size_used > /dev/null",
            "",
            &["create_snapshot(db1, s)"],
        )
        .after(LAPSED),
    ]);
}

#[test]
fn lock_info_says_who_took_the_lock_and_how() {
    check(&[
        done("cat volumes/db1/lock.info", "", &[]),
        done(
            "cd volumes/db1; echo admin1 | tee lock > /dev/null; cut -d' ' -f1 lock.info; grep -E '^(holder|uid|scope|registry) ' lock.info; grep -c '^process tee\\[[1-9]' lock.info",
            "holder\nsince\nuid\nprocess\nboot_id\ntoken\nscope\nregistry\nholder admin1\nuid 0\nscope host\nregistry memory\n1\n",
            &["create_lock(db1, admin1)"],
        ),
        // Again by the same host is the same lock, of who asked last; after it was free it is another.
        done(
            "cd volumes/db1; was=$(grep -v ^process lock.info); echo admin1 > lock; \
             test \"$was\" = \"$(grep -v ^process lock.info)\"",
            "",
            &["create_lock(db1, admin1)"],
        )
        .after("echo admin1 > volumes/db1/lock"),
        done(
            "cd volumes/db1; was=$(sed -n 's/token //p' lock.info); echo > lock; echo admin1 > lock; \
             test \"$(sed -n 's/token //p' lock.info)\" -gt \"$was\"",
            "",
            &["remove_lock(db1, admin1)", "create_lock(db1, admin1)"],
        )
        .after("echo admin1 > volumes/db1/lock"),
        refused(
            "echo x > volumes/db1/lock.info",
            Says::Redirect("Operation not permitted"),
            &["errno=EPERM op=open path=/dummy/volumes/db1/lock.info", "read-only"],
        ),
    ]);
}
