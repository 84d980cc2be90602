//! Ansible: its modules write by rename, look before they change, and say `changed` only if something did.

use std::env;

use crate::case::{Case, check, done, refused};
use crate::runs::check_two_runs;

/// What a play needs around it. `play` runs `$T/play.yml` and prints its last line; of one that failed, all of it
/// goes to stderr, with `.ctl/errors`: each task is in a session of its own, so `last_error` is
/// not that of the caller.
const AROUND: &str = r#"
export ANSIBLE_LOCAL_TEMP=$T/local ANSIBLE_REMOTE_TEMP=$T/remote ANSIBLE_PIPELINING=1 ANSIBLE_NOCOLOR=1
export ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 ANSIBLE_COMMAND_WARNINGS=0
play() {
    "$ANSIBLE/ansible-playbook" -i localhost, -c local -v "$@" "$T/play.yml" >"$T/said" 2>&1
    local code=$?
    if [ $code != 0 ]; then cat "$T/said" >&2; cat "$M/.ctl/errors" >&2; fi
    sed -n 's/.*\(ok=[0-9]*\) *\(changed=[0-9]*\).*\(failed=[0-9]*\).*\(ignored=[0-9]*\).*/\1 \2 \3 \4/p' "$T/said"
    return $code
}
"#;

/// The script that has these tasks in a play, and then does this. `v` is the volume, `p` the policy.
fn script(tasks: &str, then: &str) -> String {
    let bin = env::var("FILERFS_ANSIBLE").expect(
        "FILERFS_ANSIBLE names the directory of ansible-playbook; scripts/test installs it and sets it",
    );
    format!(
        "ANSIBLE='{bin}'\n{AROUND}\ncat >\"$T/play.yml\" <<END\n\
         - hosts: localhost\n  gather_facts: false\n  vars:\n    v: $M/dummy/volumes/db1\n    \
         p: $M/dummy/policies/nfs\n    t: $T\n  tasks:\n{tasks}END\n{then}"
    )
}

/// A play that changes so many things, and none at the second run.
fn twice(tasks: &str, changes: &[&'static str]) -> Case {
    done(script(tasks, "play >\"$T/first\" && play"), changes)
}

/// Tasks that all fail, with these words of Ansible's and in `.ctl/errors`.
fn fail(tasks: &[&str], says: &[&'static str], printed: &'static str) -> Case {
    let (last, others) = tasks.split_last().unwrap();
    let others: String =
        others.iter().map(|task| format!("    - {task}\n      ignore_errors: true\n")).collect();
    refused(script(&format!("{others}    - {last}\n"), "play"), 2, says, &["ok\n"]).printing(printed)
}

/// Values, rules and snapshots as plays set them.
const PLAY: &str = r#"
    - command: {cmd: "mkdir {{ v }}/snapshots/s4", creates: "{{ v }}/snapshots/s4"}
    - command: {cmd: "rmdir {{ v }}/snapshots/s1", removes: "{{ v }}/snapshots/s1"}
    - copy: {content: "11811160064\n", dest: "{{ v }}/size_total", mode: "0644", owner: root}
    - copy: {src: "{{ t }}/comment", dest: "{{ v }}/comment"}
    - template: {src: "{{ t }}/policy.j2", dest: "{{ v }}/policy"}
    - lineinfile: {path: "{{ p }}/rules", line: "10.0.0.9"}
    - lineinfile: {path: "{{ p }}/rules", line: "10.0.0.1", state: absent}
    - replace: {path: "{{ v }}/config", regexp: "^(autosize_enabled) .*", replace: '\1 1'}
    - file: {path: "{{ v }}/snapshots/s3", state: directory}
    - file: {path: "{{ v }}/size_total", mode: "0644", owner: root, group: root}
    - slurp: {src: "{{ v }}/size_total"}
    - stat: {path: "{{ v }}/size_total"}
    - fetch: {src: "{{ v }}/comment", dest: "{{ t }}/fetched", flat: true}
"#;

const SOURCES: &str = "echo 'mail store' >$T/comment; echo '{{ \"n\" }}fs' >$T/policy.j2\n";

const CHANGES: &[&str] = &[
    "create_snapshot(db1, s4)",
    "delete_snapshot(db1, s1)",
    "patch_volume(db1, size_total=11811160064)",
    "patch_volume(db1, comment=mail store)",
    "set_policy(db1, nfs)",
    "ensure_policy_rules_present(nfs, 10.0.0.9)",
    "ensure_policy_rules_absent(nfs, 10.0.0.1)",
    "patch_volume(db1, autosize_enabled=1)",
    "create_snapshot(db1, s3)",
];

#[test]
fn a_second_run_of_a_play_makes_no_call_to_the_filer() {
    let (first, second) = ("ok=13 changed=10 failed=0 ignored=0\n", "ok=13 changed=0 failed=0 ignored=0\n");
    let script = script(PLAY, &format!("{SOURCES} play && diff $T/fetched $T/comment"));
    check_two_runs(&script, CHANGES, (0, first), (0, second));
}

#[test]
fn a_block_of_rules_is_made_present_and_its_markers_are_not_kept() {
    // So the module finds no block of its own at the next run, and says that it changed what it did not.
    let task = "    - blockinfile: {path: \"{{ p }}/rules\", block: \"10.1.0.0/16\\n@more\"}\n";
    check(&[twice(task, &["ensure_policy_rules_present(nfs, 10.1.0.0/16 @more)"])
        .printing("ok=1 changed=1 failed=0 ignored=0\n")]);
}

#[test]
fn a_value_without_its_newline_or_in_another_unit_is_written_at_each_run_and_changes_nothing() {
    check(&[
        twice(
            "    - copy: {content: \"5\", dest: \"{{ v }}/percentage_snapshot_reserve\"}\n",
            &["patch_volume(db1, percentage_snapshot_reserve=5)"],
        )
        .printing("ok=1 changed=1 failed=0 ignored=0\n"),
        twice(
            "    - copy: {content: \"11G\\n\", dest: \"{{ v }}/size_total\"}\n",
            &["patch_volume(db1, size_total=11811160064)"],
        )
        .printing("ok=1 changed=1 failed=0 ignored=0\n"),
    ]);
}

#[test]
fn check_mode_shows_what_would_change_and_changes_nothing() {
    let tasks = r#"
    - copy: {content: "11811160064\n", dest: "{{ v }}/size_total"}
    - lineinfile: {path: "{{ p }}/rules", line: "10.0.0.9"}
    - file: {path: "{{ v }}/snapshots/s3", state: directory}
"#;
    let shows = "play --check --diff && grep -x -e '-10737418240' -e '+11811160064' -e '+10.0.0.9' $T/said";
    let printed = "ok=3 changed=3 failed=0 ignored=0\n-10737418240\n+11811160064\n+10.0.0.9\n";
    check(&[done(script(tasks, shows), &[]).printing(printed)]);
}

#[test]
fn a_refused_value_fails_the_task_and_its_text_is_in_errors() {
    let tasks = [
        "copy: {content: \"10GB\\n\", dest: \"{{ v }}/size_total\"}",
        "lineinfile: {path: \"{{ p }}/rules\", line: \"10.0.0.300\"}",
        "copy: {content: \"new\\n\", dest: \"{{ v }}/new\"}",
    ];
    let says = [
        "size_total': [Errno 22] Invalid argument",
        "rules': [Errno 22] Invalid argument",
        "new': [Errno 1] Operation not permitted",
        "10GB",
        "is not a size",
        "10.0.0.300",
    ];
    check(&[fail(&tasks, &says, "ok=2 changed=0 failed=1 ignored=2\n")]);
}

#[test]
fn absent_removes_nothing() {
    let tasks = [
        "file: {path: \"{{ v }}/snapshots/s1\", state: absent}",
        "file: {path: \"{{ v }}\", state: absent}",
        "file: {path: \"{{ p }}\", state: absent}",
        "file: {path: \"{{ v }}/comment\", state: absent}",
    ];
    let says = [
        "rmtree failed: [Errno 1] Operation not permitted",
        "Unlinking failed: [Errno 1] Operation not permitted",
        "to delete a snapshot: rmdir snapshots/S",
        "to restrict the volume: rmdir volumes/V",
    ];
    check(&[fail(&tasks, &says, "ok=3 changed=0 failed=1 ignored=3\n")]);
}

#[test]
fn another_mode_or_owner_is_refused_and_ignored_if_the_mount_is_quiet() {
    let tasks = [
        "file: {path: \"{{ v }}/size_total\", mode: \"0600\"}",
        "file: {path: \"{{ v }}/size_total\", owner: daemon}",
    ];
    let says =
        ["[Errno 1] Operation not permitted", "chown failed: [Errno 1] Operation not permitted", "setattr"];
    let both: String = tasks.iter().map(|task| format!("    - {task}\n")).collect();
    check(&[
        fail(&tasks, &says, "ok=1 changed=0 failed=1 ignored=1\n"),
        // Of the owner each run says that it changed it; the mode it looks at again.
        twice(&both, &[]).quiet().printing("ok=2 changed=1 failed=0 ignored=0\n"),
    ]);
}
