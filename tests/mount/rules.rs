//! Lists of rules, however they arrive: clients that keep their access never lose it on the way.

use std::sync::Arc;

use filerfs::backend::PolicyName;
use parking_lot::Mutex;

use crate::common::mounted::Mount;
use crate::common::now;
use crate::common::shell::{Ran, bash};

const BEFORE: [&str; 3] = ["10.0.0.1", "10.0.0.2", "@hosts"];

/// What a script made of the rules of `nfs`.
struct Edit {
    ran: Ran,
    /// Which of the first rules were there before each change.
    seen: Vec<Vec<&'static str>>,
    changes: Vec<String>,
    after: Vec<String>,
}

/// Runs a script in the directory of the policy, and looks at the rules before every change.
fn edit(script: &str) -> Edit {
    let mount = Mount::small();
    let (inner, seen) = (mount.backend.inner().clone(), Arc::new(Mutex::new(Vec::new())));
    let (policy, seeing) = (PolicyName::new("nfs").unwrap(), seen.clone());
    *mount.backend.watch.lock() = Some(Box::new(move |_| {
        let now = now(inner.get_policy(&policy)).unwrap();
        let has = |old: &&str| now.rules.iter().any(|rule| rule.as_str() == *old);
        seeing.lock().push(BEFORE.into_iter().filter(has).collect());
    }));
    let ran = bash(&mount.path("dummy/policies/nfs"), script);
    let changes = mount.backend.take_changes();
    let after = mount.read("dummy/policies/nfs/rules").lines().map(str::to_owned).collect();
    let seen = std::mem::take(&mut *seen.lock());
    Edit { ran, seen, changes, after }
}

impl Edit {
    /// It succeeded, and these are the rules now, in this order.
    fn leads_to(self, script: &str, after: &[&str]) -> Edit {
        assert_eq!((self.ran.code, &*self.ran.stderr), (0, ""), "{script}");
        assert_eq!(self.after, after, "{script}");
        self
    }

    /// At no instant a rule was missing that is there before and after.
    fn keeps_access(self, script: &str) -> Edit {
        let stays: Vec<_> = BEFORE.into_iter().filter(|rule| self.has(rule)).collect();
        for seen in &self.seen {
            assert!(stays.iter().all(|rule| seen.contains(rule)), "{script}: only {seen:?} of {stays:?}");
        }
        self
    }

    /// Nothing was ever taken away.
    fn removes_nothing(self, script: &str) -> Edit {
        assert!(self.seen.iter().all(|seen| *seen == BEFORE), "{script}: {:?}", self.changes);
        assert!(BEFORE.iter().all(|rule| self.has(rule)), "{script}: {:?}", self.after);
        self
    }

    /// The rules that all changes named.
    fn named(&self) -> usize {
        let rules = self.changes.iter().filter_map(|change| change.split_once(", "));
        rules.map(|(_, rules)| rules.split_whitespace().count()).sum()
    }

    fn has(&self, rule: &str) -> bool {
        self.after.iter().any(|after| after == rule)
    }
}

/// Ways to write the list `@hosts 10.0.0.9 10.0.0.1`.
const REPLACING: [&str; 21] = [
    r"printf '%s\n' @hosts 10.0.0.9 10.0.0.1 > rules",
    r"printf '@hosts\n10.0.0.9\n10.0.0.1' > rules",
    r"echo $'@hosts\n10.0.0.9\n10.0.0.1' > rules",
    "exec 3> rules; echo @hosts >&3; /bin/echo 10.0.0.9 >&3; echo 10.0.0.1 >&3; exec 3>&-",
    "exec 3> rules; /bin/echo @hosts >&3; /bin/echo 10.0.0.9 >&3; printf 10.0.0.1 >&3; exec 3>&-",
    "{ /bin/echo @hosts; /bin/echo 10.0.0.9; /bin/echo 10.0.0.1; } > rules",
    "( /bin/echo @hosts; /bin/echo 10.0.0.9; /bin/echo 10.0.0.1 ) > rules",
    "for rule in @hosts 10.0.0.9 10.0.0.1; do /bin/echo $rule; done > rules",
    "sh -c '/bin/echo @hosts; /bin/echo 10.0.0.9; /bin/echo 10.0.0.1' > rules",
    "( { /bin/echo @hosts; /bin/echo 10.0.0.9; /bin/echo 10.0.0.1; } > rules & wait )",
    "cat > rules <<END\n# who may mount\n@hosts\n\n  10.0.0.9  \n10.0.0.1\nEND",
    "while read rule; do /bin/echo $rule; done > rules <<END\n@hosts\n10.0.0.9\n10.0.0.1\nEND",
    r"printf '@hosts\r\n10.0.0.9\r\n10.0.0.1\r\n' > rules",
    r"printf '@hosts\n10.0.0.9\n10.0.0.1\n' | dd bs=1 of=rules status=none",
    r"printf '@hosts\n10.0.0.9\n10.0.0.1\n' | dd bs=4k of=rules status=none",
    r"printf '@hosts\n10.0.0.9\n10.0.0.1\n' | dd bs=3 of=rules status=none",
    r"printf '@hosts\n10.0.0.9\n10.0.0.1\n' | tee rules > /dev/null",
    r"printf '@hosts\n10.0.0.9\n10.0.0.1\n' | busybox tee rules > /dev/null",
    r"printf 'none\n@hosts\n10.0.0.9\n10.0.0.1\n' >> rules",
    r#"python3 -c 'with open("rules", "w") as f: f.writelines(["@hosts\n", "10.0.0.9\n", "10.0.0.1\n"])'"#,
    r#"python3 -c 'with open("rules", "w", buffering=1) as f:
 for rule in ["@hosts", "10.0.0.9", "10.0.0.1"]: print(rule, file=f)'"#,
];

#[test]
fn a_new_list_takes_no_access_away_that_it_grants() {
    for script in REPLACING {
        edit(script).leads_to(script, &["@hosts", "10.0.0.9", "10.0.0.1"]).keeps_access(script);
    }
}

#[test]
fn a_list_is_reordered_without_taking_any_rule_away() {
    for script in [
        r"printf '%s\n' @hosts 10.0.0.2 10.0.0.1 > rules",
        r"printf '%s\n' @hosts 10.0.0.2 10.0.0.1 | cat > rules",
    ] {
        let edit = edit(script).leads_to(script, &["@hosts", "10.0.0.2", "10.0.0.1"]).removes_nothing(script);
        assert_eq!(edit.changes, ["order_policy_rules(nfs, @hosts 10.0.0.2 10.0.0.1)"]);
    }
}

#[test]
fn lines_appended_add_and_take_away_one_by_one() {
    let all = ["10.0.0.1", "10.0.0.2", "@hosts", "10.0.0.9"];
    for script in [
        "echo 10.0.0.9 >> rules",
        "printf 10.0.0.9 >> rules",
        "echo 10.0.0.9 | tee -a rules > /dev/null",
        r"printf '10.0.0.1\n10.0.0.9\n' >> rules",
        "{ /bin/echo 10.0.0.9; /bin/echo 10.0.0.9; } >> rules",
        "echo 10.0.0.9 | dd of=rules conv=notrunc status=none",
        "echo 10.0.0.9 1<> rules",
    ] {
        let edit = edit(script).leads_to(script, &all).removes_nothing(script);
        assert_eq!(edit.changes, ["ensure_policy_rules_present(nfs, 10.0.0.9)"], "{script}");
    }
    for script in ["echo -10.0.0.2 >> rules", "echo -10.0.0.2 > rules", "echo '- 10.0.0.2/32' >> rules"] {
        let edit = edit(script).leads_to(script, &["10.0.0.1", "@hosts"]);
        assert_eq!(edit.changes.len(), 1, "{script}");
    }
    let script = r"printf -- '-10.0.0.2\n10.0.0.9\n-10.0.0.7\n' >> rules";
    edit(script).leads_to(script, &["10.0.0.1", "@hosts", "10.0.0.9"]);
}

#[test]
fn none_empties_a_list_and_nothing_else_does() {
    for script in
        ["echo none > rules", "printf none > rules", "echo none >> rules", "echo none | cat > rules"]
    {
        edit(script).leads_to(script, &[]);
    }
    for script in [": > rules", "echo > rules", "echo '# nobody' > rules", "printf '\\n \\n' > rules"] {
        let edit = edit(script).leads_to(script, &BEFORE);
        assert_eq!(edit.changes, [""; 0], "{script}");
    }
}

#[test]
fn a_bad_line_anywhere_takes_nothing_away() {
    for script in [
        r"printf '%s\n' 10.0.0.9 10.0.0.300 @hosts > rules",
        r"printf '%s\n' 10.0.0.300 10.0.0.9 @hosts > rules",
        r"printf '10.0.0.9\n@hosts\n10.0.0.300' > rules",
        r"printf '10.0.0.9\na b\n' | cat > rules",
        r"printf '10.0.0.9\na b\n' | dd bs=1 of=rules status=none",
        "{ /bin/echo 10.0.0.9; /bin/echo a b; } > rules",
        "{ echo a b || true; echo 10.0.0.9; } > rules; false",
        "exec 3> rules; echo 10.0.0.9 >&3; echo a b >&3 || true; exec 3>&-; false",
        r"printf '10.0.0.9\n\0\n' > rules",
        r"printf '10.0.0.9\n\377\n' > rules",
        r#"python3 -c 'with open("rules", "w") as f: f.write("10.0.0.9\na b\n")'"#,
    ] {
        let edit = edit(script).removes_nothing(script);
        assert_ne!(edit.ran.code, 0, "{script}");
    }
}

#[test]
fn a_bad_line_in_one_write_changes_nothing_at_all() {
    for script in [
        r"printf '10.0.0.9\n10.0.0.300\n' | cat > rules",
        r"printf '10.0.0.9\n10.0.0.300\n' | tee rules",
        "cat > rules <<END\n10.0.0.9\n10.0.0.300\nEND",
    ] {
        let edit = edit(script);
        assert_eq!(
            (edit.ran.code, edit.after, edit.changes),
            (1, BEFORE.map(str::to_owned).to_vec(), vec![])
        );
    }
}

#[test]
fn a_list_of_100_kib_arrives_whole_and_in_order() {
    let rules: Vec<_> = (0..2800).map(|n| format!("node{}.storage.cluster.example.org", 2800 - n)).collect();
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), rules.join("\n") + "\n").unwrap();
    assert!(list.path().metadata().unwrap().len() > 100 << 10);
    // Each rule is named once, by a change that names as many as its write brought.
    for (write, most) in [
        ("cat LIST > rules", 10),
        ("dd if=LIST of=rules bs=4k status=none", 40),
        ("printf '%s\\n' $(cat LIST) > rules", rules.len() + BEFORE.len()),
    ] {
        let script = write.replace("LIST", list.path().to_str().unwrap());
        let edit = edit(&script).leads_to(&script, &rules.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(edit.named(), rules.len() + BEFORE.len(), "{script}");
        assert!(edit.changes.len() <= most, "{script}: {} calls", edit.changes.len());
    }
}

#[test]
fn a_list_over_1_mib_is_refused_and_takes_nothing_away() {
    // Few and long, so that it takes no minutes.
    let label = "a".repeat(60);
    let rules: Vec<_> = (0..4600).map(|n| format!("h{n}.{label}.{label}.{label}.{label}")).collect();
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), rules.join("\n") + "\n").unwrap();
    assert!(list.path().metadata().unwrap().len() > 1 << 20);
    for write in ["cat LIST > rules", "dd if=LIST of=rules bs=2M status=none", "cp LIST rules"] {
        let script = write.replace("LIST", list.path().to_str().unwrap());
        let edit =
            edit(&format!("{script}; code=$?; grep -o errno=E2BIG ../../../.ctl/last_error; exit $code"));
        assert_eq!((edit.ran.code, &*edit.ran.stdout), (1, "errno=E2BIG\n"), "{script}: {}", edit.ran.stderr);
        edit.removes_nothing(&script);
    }
    // One write of it all is taken whole or not at all, wherever in memory it comes from.
    for write in [
        "dd if=LIST of=rules bs=2M status=none",
        r#"python3 -c 'import os
os.write(os.open("rules", os.O_WRONLY | os.O_TRUNC), open("LIST", "rb").read())'"#,
    ] {
        let edit = edit(&write.replace("LIST", list.path().to_str().unwrap()));
        assert_eq!((edit.ran.code, edit.changes), (1, vec![]), "{write}");
    }
}
