//! Whose last error is whose: each user in each session has one of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use filerfs::tree::access::AccessRule;
use glob::Pattern;

use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with};

/// A shell that waits for one line after another, as somebody's prompt does.
struct Prompt {
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Prompt {
    /// A shell started by these words: in a session of its own, or as another user.
    fn new(words: &[&str], dir: &Path) -> Prompt {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("bash").current_dir(dir).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = command.spawn().unwrap();
        let (input, output) = (shell.stdin.take().unwrap(), BufReader::new(shell.stdout.take().unwrap()));
        Prompt { shell, input, output }
    }

    /// What a line prints.
    fn run(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}; echo END").unwrap();
        let mut printed = String::new();
        while !printed.ends_with("END\n") {
            assert!(self.output.read_line(&mut printed).unwrap() > 0, "the shell has ended: {printed}");
        }
        printed.strip_suffix("END\n").unwrap().to_owned()
    }

    fn last_error(&mut self) -> String {
        self.run("cat .ctl/last_error")
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// A mount on which everybody may write sizes.
fn open_to_all() -> Mount {
    let backend = counting(SMALL);
    let path = Pattern::new("dummy/volumes/*/size_total").unwrap();
    let rules = vec![AccessRule { path, uid: None, gid: None, mode: Some(0o666) }];
    Mount::tree(backend.clone(), tree_with(backend, options(), rules), false)
}

/// Two prompts fail, each with a value of its own; neither sees anything of the other.
fn do_not_see_each_other(mount: &Mount, mut one: Prompt, mut other: Prompt) {
    let fails = |value: &str| format!("echo {value} > dummy/volumes/db1/size_total");
    assert_eq!((&*one.last_error(), &*other.last_error()), ("ok\n", "ok\n"));
    one.run(&fails("1GB"));
    assert!(one.last_error().contains("  1GB\n"));
    assert_eq!(other.last_error(), "ok\n");
    other.run(&fails("2GB"));
    assert!(one.last_error().contains("  1GB\n"));
    assert!(other.last_error().contains("  2GB\n"));
    // A success is nobody else's either.
    other.run(&fails("2G"));
    assert_eq!(other.last_error(), "ok\n");
    assert!(one.last_error().contains("  1GB\n"));
    assert_eq!(mount.backend.take_changes(), ["patch_volume(db1, size_total=2147483648)"]);
}

#[test]
fn two_sessions_do_not_see_each_others_last_error() {
    let mount = open_to_all();
    let prompt = || Prompt::new(&["setsid"], mount.root());
    do_not_see_each_other(&mount, prompt(), prompt());
    assert_eq!(mount.read(".ctl/last_error"), "ok\n");
}

#[test]
fn two_users_in_one_session_do_not_see_each_others_last_error() {
    for [one, other] in [[&["env"], &NOBODY[..]], [&NOBODY, &["env"]]] {
        let mount = open_to_all();
        do_not_see_each_other(&mount, Prompt::new(one, mount.root()), Prompt::new(other, mount.root()));
    }
}

#[test]
fn processes_of_one_session_share_a_last_error() {
    let mount = open_to_all();
    let mut prompt = Prompt::new(&["setsid"], mount.root());
    prompt.run("sh -c 'echo 1GB > dummy/volumes/db1/size_total'");
    assert!(prompt.run("sh -c 'cat .ctl/last_error'").contains("  1GB\n"));
    // What the kernel refuses, and what is only read, changes nothing of it.
    prompt.run("rmdir dummy/volumes/none; cat none; cat dummy/volumes/db1/size_total; ls -lR");
    assert!(prompt.last_error().contains("  1GB\n"));
}

#[test]
fn others_see_only_their_own_errors_and_changes_and_root_sees_all() {
    let mount = open_to_all();
    let mut nobody = Prompt::new(&NOBODY, mount.root());
    let mut root = Prompt::new(&["env"], mount.root());
    nobody.run("echo 1GB > dummy/volumes/db1/size_total; echo 1G > dummy/volumes/db1/size_total");
    root.run("echo 2GB > dummy/volumes/db2/size_total; echo 2G > dummy/volumes/db2/size_total");
    for (file, lines) in [("errors", 1), ("audit", 2)] {
        let (seen, all) = (nobody.run(&format!("cat .ctl/{file}")), root.run(&format!("cat .ctl/{file}")));
        assert!(seen.contains("db1") && !seen.contains("db2"), "{file}: {seen}");
        assert!(all.contains("db1") && all.contains("db2"), "{file}: {all}");
        assert_eq!((seen.lines().count(), all.lines().count()), (lines, 2 * lines), "{file}: {all}");
    }
    // Who may not write is refused by the kernel, from the modes.
    assert_eq!(nobody.run("echo x > dummy/volumes/db1/comment || echo refused"), "refused\n");
    assert_eq!(nobody.run("mkdir dummy/volumes/v || echo refused"), "refused\n");
}

#[test]
fn many_sessions_at_once_read_back_their_own_refusals() {
    const SESSIONS: usize = 16;
    let mount = Mount::small();
    std::thread::scope(|threads| {
        for session in 0..SESSIONS {
            let root = mount.root();
            threads.spawn(move || {
                let mut prompt = Prompt::new(&["setsid"], root);
                let script = format!(
                    "for i in {{1..50}}; do echo {session}-$i-GB > dummy/volumes/db1/size_total; \
                     text=$(<.ctl/last_error); [[ $text == *\"  {session}-$i-GB\"* ]] || echo \"$i: $text\"; done"
                );
                assert_eq!(prompt.run(&script), "", "session {session}");
            });
        }
    });
    assert_eq!(mount.backend.take_changes(), [""; 0]);
}
