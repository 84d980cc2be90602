//! Puppet: it makes a directory for a lock and a new file beside the old one, and renames that.

use crate::case::{check, done, refused};
use crate::runs::check_two_runs;

/// What a run needs around it. `apply` runs `$T/site.pp` and shows what it says; errors go to stderr, but those about
/// facts of the machine, which are not about the mount.
const AROUND: &str = r#"
apply() {
    puppet apply --color=false --confdir "$T/conf" --vardir "$T/var" --rundir "$T/run" --logdir "$T/log" \
        --detailed-exitcodes "$@" "$T/site.pp" >"$T/said" 2>"$T/errors"
    local code=$?
    grep -v Facter "$T/errors" >&2
    sed -n -e 's,.*/\([^/]*\)\]/\([a-z]*\): \([a-z_ ]*[a-z]\).*,\1 \2 \3,p' "$T/said"
    return $code
}
"#;

/// The script that has these resources, and then does this. `$v` is the volume, `$p` the policy.
fn script(resources: &str, then: &str) -> String {
    format!(
        "{AROUND}\ncat >\"$T/site.pp\" <<END\n\\$d = '$M/dummy'\n\\$v = \"\\$d/volumes/db1\"\n\\$p = \"\\$d/policies/nfs\"\n\
         END\ncat >>\"$T/site.pp\" <<'END'\n{resources}\nEND\n{then}"
    )
}

/// Values, rules, a snapshot that is to be and one that is not to be.
const SITE: &str = r#"
file { "$v/size_total": content => "11811160064\n", mode => '0644', owner => 'root' }
file { "$p/rules": content => "10.0.0.7\n@hosts\n" }
file { "$v/snapshots/s3": ensure => directory }
exec { "/bin/rmdir $v/snapshots/s1": onlyif => "/usr/bin/test -d $v/snapshots/s1" }
"#;

const CHANGES: &[&str] = &[
    "patch_volume(db1, size_total=11811160064)",
    "ensure_policy_rules_present(nfs, 10.0.0.7)",
    "ensure_policy_rules_absent(nfs, 10.0.0.1 10.0.0.2)",
    "order_policy_rules(nfs, 10.0.0.7 @hosts)",
    "create_snapshot(db1, s3)",
    "delete_snapshot(db1, s1)",
];

const SAID: &str = "size_total content content changed\nrules content content changed\ns3 ensure created\n\
     s1 returns executed successfully\n";

#[test]
fn a_second_run_of_a_site_makes_no_call_to_the_filer() {
    check_two_runs(&script(SITE, "apply"), CHANGES, (2, SAID), (0, ""));
}

#[test]
fn noop_says_what_it_would_do_and_does_nothing() {
    let said = "size_total content current_value\nrules content current_value\ns3 ensure current_value\n\
        s1 returns current_value\n";
    check(&[done(script(SITE, "apply --noop"), &[]).printing(said)]);
}

#[test]
fn what_is_refused_fails_the_run() {
    let site = r#"
file { "$v/comment": ensure => absent }
file { "$v/policy": mode => '0600' }
file { "$v/caching_policy": owner => 'daemon' }
file { "$v/size_total": content => "10GB\n" }
"#;
    let says = [
        "/comment]/ensure: change from 'file' to 'absent' failed: Operation not permitted",
        "/policy]/mode: change from '0644' to '0600' failed: failed to set mode",
        "/caching_policy]/owner: change from 'root' to 'daemon' failed: Failed to set owner",
        "/size_total]/content: change from",
        "Invalid argument @ rb_file_s_rename",
    ];
    let last_error = ["errno=EINVAL op=rename", "to=/dummy/volumes/db1/size_total", "\"10GB\" is not a size"];
    check(&[refused(script(site, "apply"), 4, &says, &last_error)]);
}

#[test]
fn another_mode_or_owner_is_ignored_if_the_mount_is_quiet() {
    let site = "file { \"$v/comment\": mode => '0600' }\nfile { \"$v/policy\": owner => 'daemon' }";
    // Each run finds another one than it set, and says that it sets it.
    let case = refused(script(site, "apply >/dev/null; apply"), 2, &[], &["ok\n"]);
    check(&[case.quiet().printing("comment mode mode changed\npolicy owner owner changed\n")]);
}

#[test]
fn absent_by_force_and_purge_remove_nothing_whatever_puppet_says() {
    let absent = r#"
file { ["$v/snapshots/s1", "$d/volumes/db2", $p]: ensure => absent, force => true }
"#;
    let purge = r#"
file { ["$v/snapshots", "$d/volumes", "$d/policies"]:
  ensure => directory, recurse => true, purge => true, force => true,
}
"#;
    check(&[
        // It looks at no answer here.
        refused(script(absent, "apply"), 2, &[], &["errno=ENOTEMPTY op=rmdir", "recursive delete refused"])
            .printing("s1 ensure removed\ndb2 ensure removed\nnfs ensure removed\n"),
        refused(
            script(purge, "apply"),
            6,
            &["Operation not permitted @ apply2files"],
            &["errno=EPERM op=unlink", "cannot be unlinked"],
        ),
    ]);
}
