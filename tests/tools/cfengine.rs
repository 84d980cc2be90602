//! CFEngine: its agent writes NAME.cf-after-edit and renames that, and ends with status 0 whatever was refused.

use crate::case::{check, done, refused};

/// What a run needs around it. `agent` keeps the promises of `$T/site.cf`. It is in a session of its own, so that
/// what was refused is in `.ctl/errors`, and not in the `last_error` of the caller.
const AROUND: &str = r#"
export CFENGINE_TEST_OVERRIDE_WORKDIR=$T/cfengine
(umask 077; mkdir -p $T/cfengine/{bin,inputs,state,ppkeys}; ln -sf "$(command -v cf-promises)" $T/cfengine/bin/)
cf-key
agent() { cf-agent -K -f "$T/site.cf"; }
"#;

/// What the promises use.
const BODIES: &str = r#"
bundle edit_line lines { delete_lines: "10.0.0.1"; insert_lines: "10.0.0.9"; }
body edit_defaults no_backup { edit_backup => "false"; }
body perms of(mode, owner) { mode => "$(mode)"; owners => { "$(owner)" }; rxdirs => "false"; }
body delete it { dirlinks => "delete"; rmdirs => "true"; }
body depth_search whole { depth => "inf"; include_basedir => "true"; }
body file_select any { leaf_name => { ".*" }; file_result => "leaf_name"; }
"#;

/// The script that has these promises about files, and then does this.
fn script(promises: &str, then: &str) -> String {
    format!(
        "{AROUND}\n(umask 077; cat >\"$T/site.cf\" <<'END'\nbody common control {{ bundlesequence => {{ \"main\" }}; }}\n\
         bundle agent main {{\nvars: \"v\" string => \"$(sys.workdir)/../mount/volumes/db1\";\n\
         \"p\" string => \"$(sys.workdir)/../mount/policies/nfs\";\nfiles:\n{promises}\n}}\n{BODIES}\nEND\n)\n\
         ln -sfn \"$M/dummy\" \"$T/mount\"\n{then}"
    )
}

/// Values, a rule and a snapshot.
const SITE: &str = r#"
"$(v)/size_total" edit_template_string => "11811160064$(const.n)", template_data => "{}",
    template_method => "inline_mustache", edit_defaults => no_backup;
"$(p)/rules" edit_line => lines, edit_defaults => no_backup;
"$(v)/snapshots/s3/." create => "true";
"$(v)/comment" perms => of("0644", "root");
"#;

#[test]
fn promises_are_kept_once() {
    let changes = [
        "patch_volume(db1, size_total=11811160064)",
        "ensure_policy_rules_present(nfs, 10.0.0.9)",
        "ensure_policy_rules_absent(nfs, 10.0.0.1)",
        "create_snapshot(db1, s3)",
    ];
    check(&[done(script(SITE, "agent && agent"), &changes).printing("")]);
}

#[test]
fn a_backup_is_kept_beside_the_file_for_a_while_unless_it_is_said_not_to() {
    let rules = "\"$(p)/rules\" edit_line => lines;";
    let then = "agent; cd policies/nfs; head -n 1 rules.cf-before-edit && rm rules.cf-before-edit";
    let changes = ["ensure_policy_rules_present(nfs, 10.0.0.9)", "ensure_policy_rules_absent(nfs, 10.0.0.1)"];
    check(&[done(script(rules, then), &changes).printing("10.0.0.1\n")]);
}

#[test]
fn what_is_refused_is_said_and_changes_nothing() {
    let value = r#"
"$(v)/size_total" edit_template_string => "10GB$(const.n)", template_data => "{}",
    template_method => "inline_mustache", edit_defaults => no_backup;
"#;
    let perms = "\"$(v)/comment\" perms => of(\"0600\", \"daemon\");";
    // The file that was not taken stays for the next run, which removes it, or for ten minutes.
    let then = "agent >&2; cat $M/.ctl/errors >&2; rm -f volumes/db1/size_total.cf-after-edit";
    check(&[
        refused(
            script(value, &format!("agent; {then}")),
            0,
            &["rename: Invalid argument", "\"errno\":\"EINVAL\"", "is not a size"],
            &["ok\n"],
        ),
        refused(
            script(perms, then),
            0,
            &["chown: Operation not permitted", "chmod: Operation not permitted", "\"op\":\"setattr\""],
            &["ok\n"],
        ),
        done(script(perms, "agent"), &[]).quiet().printing(""),
    ]);
}

#[test]
fn a_tree_is_not_deleted_and_a_directory_by_its_name_is() {
    let trees = r#"
"$(v)/snapshots/s1" delete => it, depth_search => whole, file_select => any;
"$(v)/snapshots" delete => it, depth_search => whole, file_select => any;
"$(v)" delete => it, depth_search => whole, file_select => any;
"$(p)" delete => it, depth_search => whole, file_select => any;
"$(p)/rules" delete => it;
"#;
    // That is one rmdir(2), and nothing tells it from that of the program rmdir.
    let one = "\"$(v)/snapshots/s1\" delete => it;\n\"$(v)/../db2\" delete => it;";
    let volume = "\"$(v)\" delete => it;";
    check(&[
        refused(
            script(trees, "agent >&2; cat $M/.ctl/errors >&2"),
            0,
            &["unlink: Operation not permitted", "\"op\":\"unlink\"", "recursive delete refused"],
            &["ok\n"],
        ),
        done(script(one, "agent && agent"), &["delete_snapshot(db1, s1)", "restrict_volume(db2)"])
            .printing(""),
        refused(
            script(volume, "agent >&2; cat $M/.ctl/errors >&2"),
            0,
            &["Operation not permitted", "\"op\":\"rmdir\"", "protect"],
            &["ok\n"],
        )
        .after("echo 1 >volumes/db1/protect"),
    ]);
}
