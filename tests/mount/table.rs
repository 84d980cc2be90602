//! Cases in a table: what a script in `dummy/` does, says and changes, in each of the four shells.

use crate::common::mounted::Mount;
use crate::common::shell::{SHELLS, bash, run};

/// One script under `set -e`. After a refusal nothing more may run.
pub struct Case {
    setup: &'static str,
    script: &'static str,
    stdout: &'static str,
    refusal: Option<Says>,
    changes: &'static [&'static str],
    last_error: &'static [&'static str],
    /// Why only memory can do it so; none if an ONTAP filer does the same.
    memory_only: Option<&'static str>,
}

/// The text of a refusal: a builtin's differs from shell to shell, a program's does not.
#[derive(Clone, Copy, Debug)]
pub enum Says {
    /// By `echo`, with the text of the errno.
    Echo(&'static str),
    /// By `printf`, with the text of the errno.
    Printf(&'static str),
    /// By the shell that opens the target of a redirection, with the text of the errno.
    Redirect(&'static str),
    /// By a program, the whole text.
    Tool(&'static str),
}

/// A script that succeeds, prints this, and makes these changes.
pub fn done(script: &'static str, stdout: &'static str, changes: &'static [&'static str]) -> Case {
    Case { setup: "", script, stdout, refusal: None, changes, last_error: &["ok\n"], memory_only: None }
}

/// A script that is refused, changes nothing, and finds these words in `last_error`.
pub fn refused(script: &'static str, says: Says, last_error: &'static [&'static str]) -> Case {
    Case { setup: "", script, stdout: "", refusal: Some(says), changes: &[], last_error, memory_only: None }
}

impl Case {
    /// With this done before, by a script of its own.
    pub fn after(self, setup: &'static str) -> Case {
        Case { setup, ..self }
    }

    /// With these changes before the refusal.
    pub fn having(self, changes: &'static [&'static str]) -> Case {
        Case { changes, ..self }
    }

    /// A filer does otherwise, for this reason.
    pub fn on_memory_only(self, why: &'static str) -> Case {
        Case { memory_only: Some(why), ..self }
    }

    /// With this output before the refusal.
    pub fn printing(self, stdout: &'static str) -> Case {
        Case { stdout, ..self }
    }
}

/// Runs each case in each shell, on a mount of its own; and in one shell on an ONTAP filer.
pub fn check(cases: &[Case]) {
    check_on(Mount::small, cases);
    let on_filer = |case| faults(SHELLS[0], &crate::common::zapi::small(), case);
    let faults: Vec<_> = cases.iter().filter(|case| case.memory_only.is_none()).flat_map(on_filer).collect();
    assert!(faults.is_empty(), "on a filer:\n{}", faults.join("\n"));
}

/// The same, on such a mount.
pub fn check_on(mount: impl Fn() -> Mount, cases: &[Case]) {
    let in_each = |case| SHELLS.map(|shell| faults(shell, &mount(), case));
    let faults: Vec<_> = cases.iter().flat_map(in_each).flatten().collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What of a case is not as it should be.
fn faults(shell: &[&str], mount: &Mount, case: &Case) -> Vec<String> {
    let dir = mount.path("dummy");
    let setup = bash(&dir, &format!("set -e\n{}", case.setup));
    assert_eq!((setup.code, &*setup.stderr), (0, ""), "{}", case.setup);
    mount.backend.take_changes();
    let ran = run(shell, &dir, &format!("set -e\n{}\necho done", case.script));
    let changes = mount.backend.take_changes();
    let last_error = mount.read(".ctl/last_error");

    let end = if case.refusal.is_some() { "" } else { "done\n" };
    let words = case.last_error.iter().all(|words| last_error.contains(words));
    let checks = [
        ("output", ran.stdout == format!("{}{end}", case.stdout)),
        ("text", says(shell[0], &ran.stderr, case.refusal)),
        ("status", ran.code == code(shell[0], case.refusal)),
        ("changes", changes == case.changes),
        ("last_error", words),
    ];
    let wrong = checks.iter().filter(|(_, right)| !right);
    wrong
        .map(|(what, _)| {
            format!("{what} of {:?} in {shell:?}: {ran:?} {changes:?} {last_error:?}", case.script)
        })
        .collect()
}

fn code(shell: &str, refusal: Option<Says>) -> i32 {
    match refusal {
        None => 0,
        Some(Says::Redirect(_)) if shell == "dash" => 2,
        Some(_) => 1,
    }
}

fn says(shell: &str, stderr: &str, refusal: Option<Says>) -> bool {
    let lower = |text: &str| text[..1].to_lowercase() + &text[1..];
    let text = match (refusal, shell) {
        (None, _) => return stderr.is_empty(),
        (Some(Says::Tool(text)), _) => return stderr == text,
        // dash says this of every errno: hence `.ctl/last_error`.
        (Some(Says::Echo(_) | Says::Printf(_)), "dash") => ": I/O error\n".to_owned(),
        // That shell's printf keeps silent, but fails.
        (Some(Says::Printf(_)), "busybox") => return stderr.is_empty(),
        (Some(Says::Echo(text) | Says::Printf(text)), "zsh") => format!(": write error: {}\n", lower(text)),
        (Some(Says::Echo(text) | Says::Printf(text)), _) => format!(": write error: {text}\n"),
        (Some(Says::Redirect(text)), "zsh") => format!(": {}: ", lower(text)),
        (Some(Says::Redirect(text)), _) => format!(": {text}\n"),
    };
    // zsh says more after `{ ...; } > FILE`.
    stderr.contains(&text) && (shell == "zsh" || stderr.lines().count() == 1)
}
