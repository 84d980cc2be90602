//! Who holds a volume. The mount's own host is `admin1`.

use crate::table::{Says, check, done, refused};

const BUSY: Says = Says::Echo("Device or resource busy");

#[test]
fn a_host_written_to_lock_takes_it() {
    check(&[
        done("cd volumes/db1; echo admin1 > lock; cat lock", "admin1\n", &["create_lock(db1, admin1)"]),
        done("cd volumes/db1; echo other > lock; cat lock", "other\n", &["create_lock(db1, other)"]),
        done("cd volumes/db1; printf other > lock; cat lock", "other\n", &["create_lock(db1, other)"]),
        done("cd volumes/db1; echo other > lock; printf other > lock; cat lock", "other\n", &[])
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
            &["\n  two words\n     ^\n"],
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
