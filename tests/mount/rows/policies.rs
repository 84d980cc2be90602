//! Export policies and their rules; the order of writes and partial lines are in `rules.rs`.

use crate::table::{Says, check, done, refused};

const INVALID: Says = Says::Echo("Invalid argument");

#[test]
fn mkdir_and_rmdir_create_and_remove_a_policy() {
    check(&[
        done(
            "mkdir policies/p; ls policies; cat policies/p/rules policies/p/used_by",
            "default\nnfs\np\n",
            &["create_policy(p)"],
        ),
        done(
            "rmdir policies/p; mkdir policies/p; cat policies/p/rules",
            "",
            &["remove_policy(p)", "create_policy(p)"],
        )
        .after("mkdir policies/p; echo 10.0.0.1 > policies/p/rules"),
        done("mkdir policies/p:1; ls policies", "default\nnfs\np:1\n", &["create_policy(p:1)"]),
        done(
            "cat policies/nfs/used_by; echo default > volumes/db2/policy; cat policies/default/used_by",
            "db2\ndb1\ndb2\n",
            &["set_policy(db2, default)"],
        ),
        refused(
            "rmdir policies/nfs",
            Says::Tool("rmdir: failed to remove 'policies/nfs': Device or resource busy\n"),
            &["errno=EBUSY op=rmdir path=/dummy/policies/nfs", "in force on db2", "volumes/V/policy"],
        )
        .on_memory_only("a filer refuses in its own words")
        .having(&["remove_policy(nfs)"]),
        refused(
            "mkdir policies/nfs",
            Says::Tool("mkdir: cannot create directory 'policies/nfs': File exists\n"),
            &["ok\n"],
        ),
        refused(
            "mv policies/nfs policies/p",
            Says::Tool("mv: cannot move 'policies/nfs' to 'policies/p': Operation not permitted\n"),
            &["errno=EPERM op=rename path=/dummy/policies/nfs"],
        ),
    ]);
}

#[test]
fn a_rule_is_added_and_removed_and_only_once() {
    check(&[
        done(
            "cd policies/nfs; echo .cern.ch >> rules; cat rules",
            "10.0.0.1\n10.0.0.2\n@hosts\n.cern.ch\n",
            &["ensure_policy_rules_present(nfs, .cern.ch)"],
        ),
        done("cd policies/nfs; echo 10.0.0.1 >> rules; echo 10.0.0.1/32 >> rules", "", &[]),
        done(
            "cd policies/nfs; echo -10.0.0.1 >> rules; echo -10.0.0.1 >> rules; cat rules",
            "10.0.0.2\n@hosts\n",
            &["ensure_policy_rules_absent(nfs, 10.0.0.1)"],
        ),
        // Lines that only take away replace nothing.
        done(
            "cd policies/nfs; echo -10.0.0.1 > rules; cat rules",
            "10.0.0.2\n@hosts\n",
            &["ensure_policy_rules_absent(nfs, 10.0.0.1)"],
        ),
        done("cd policies/nfs; echo '# words' >> rules; echo >> rules; cat rules | cat > rules", "", &[]),
        refused(
            "echo 10.0.0.300 >> policies/nfs/rules",
            INVALID,
            &[
                "errno=EINVAL op=write path=/dummy/policies/nfs/rules",
                "\n  10.0.0.300\n  ^\n",
                "accepted: an address",
            ],
        ),
        refused(
            "printf 10.0.0.300 >> policies/nfs/rules",
            Says::Printf("Invalid argument"),
            &["errno=EINVAL op=write", "^"],
        ),
        refused("echo 'a b' > policies/nfs/rules", INVALID, &["\n  a b\n   ^\n"]),
        refused("echo -10.0.0.300 >> policies/nfs/rules", INVALID, &["errno=EINVAL op=write", "^"]),
    ]);
}

#[test]
fn a_replaced_list_is_make_before_break() {
    check(&[
        done(
            "cd policies/nfs; echo 10.0.0.9 > rules; cat rules",
            "10.0.0.9\n",
            &[
                "ensure_policy_rules_present(nfs, 10.0.0.9)",
                "ensure_policy_rules_absent(nfs, 10.0.0.1 10.0.0.2 @hosts)",
            ],
        ),
        done(
            "cd policies/nfs; printf '%s\\n' @hosts 10.0.0.1 10.0.0.2 > rules; cat rules",
            "@hosts\n10.0.0.1\n10.0.0.2\n",
            &["order_policy_rules(nfs, @hosts 10.0.0.1 10.0.0.2)"],
        ),
        done("cd policies/nfs; printf '%s\\n' 10.0.0.1 10.0.0.2 @hosts > rules", "", &[]),
        done(
            "cd policies/nfs; echo none > rules; cat rules",
            "",
            &["ensure_policy_rules_absent(nfs, 10.0.0.1 10.0.0.2 @hosts)"],
        ),
        done(": > policies/nfs/rules; echo > policies/nfs/rules; echo '#' > policies/nfs/rules", "", &[]),
    ]);
}
