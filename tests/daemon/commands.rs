//! The commands beside `mount`.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process::{filerfs, output};

const COMMANDS: [&str; 5] = ["mount", "check", "describe", "completions", "man"];

fn printed(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = output(filerfs().args(arguments));
    assert_eq!((code, &*stderr), (0, ""), "{arguments:?}");
    stdout
}

/// What a program says of a text on its stdin.
fn judged(program: &[&str], text: &str) -> (i32, String, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    output(Command::new(program[0]).args(&program[1..]).arg(file.path()).env("LC_ALL", "C.UTF-8"))
}

#[test]
fn check_prints_one_line_an_endpoint() {
    assert_eq!(printed(&["check"]), "dummy: ok, memory, 0 volumes\n");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("filerfs.toml");
    let all = r#"
        [mount]
        host = "admin1.example.org"
        options = ["quiet", "ro", "hide_ctl"]
        cache_ttl = "1m 500ms"
        protect_new = true
        [[endpoint]]
        name = "loaded"
        kind = "memory"
        load = "volumes.json" # beside the configuration, not in the folder of the caller
        defaults = { size_total = "10G", junction_path = "/{name}", autosize_enabled = true, max_autosize = 1024 }
        [[endpoint]]
        name = "made-up.2"
        kind = "memory"
        generate = { volumes = 12, snapshots = 3 }
        [registry]
        kind = "memory"
        [[access]]
        path = "loaded/volumes/db*/lock"
        owner = "root"
        group = "12345"
        mode = "0660"
        [[access]]
        path = "/*/volumes/**"
        mode = "640"
        [[access]]
        path = ".ctl/limits/*"
        owner = "0"
    "#;
    fs::write(&file, all).unwrap();
    fs::write(dir.path().join("volumes.json"), r#"{"volumes": [{"name": "db1"}]}"#).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        printed(&["check", "-c", file]),
        "loaded: ok, memory, 1 volumes\nmade-up.2: ok, memory, 12 volumes\n"
    );
    let (code, _, stderr) =
        output(filerfs().current_dir(dir.path()).args(["check", "--config", "filerfs.toml"]));
    assert_eq!((code, &*stderr), (0, ""));
}

#[test]
fn describe_says_the_same_in_each_format() {
    let rows: Vec<Value> = serde_json::from_str(&printed(&["describe", "--format", "json"])).unwrap();
    let (text, markdown) = (printed(&["describe"]), printed(&["describe", "--format", "markdown"]));
    assert_eq!(printed(&["describe", "--format", "text"]), text);
    assert_eq!(text.lines().count(), rows.len());
    assert!(rows.len() > 50, "{}", rows.len());
    for (row, line) in rows.iter().zip(text.lines()) {
        let field = |name: &str| row[name].as_str().unwrap();
        let (path, kind, access, help) = (field("path"), field("kind"), field("access"), field("help"));
        let lock = if row["guarded"] == true { "lock" } else { "" };
        assert!(line.starts_with(&format!("{path} ")) && line.ends_with(help), "{line}");
        assert!(
            markdown.contains(&format!("\n| `{path}` | {kind} | {access} | {lock} | {help} |\n")),
            "{path}"
        );
    }
    let paths: Vec<_> = rows.iter().filter_map(|row| row["path"].as_str()).collect();
    for path in ["ENDPOINT/volumes/V/size_total", "ENDPOINT/policies/P/rules", ".ctl/last_error"] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}");
    }
}

#[test]
fn completions_are_good_scripts_that_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    for shell in [&["bash", "-n"][..], &["zsh", "-f", "-n"]] {
        let verdict = judged(shell, &printed(&["completions", shell[0]]));
        assert_eq!(verdict, (0, String::new(), String::new()), "{shell:?}");
    }
    let (code, _, stderr) = output(filerfs().args(["completions", "tcsh"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("bash, elvish, fish, powershell, zsh"), "{stderr}");
}

#[test]
fn bash_completes_commands_and_options() {
    let script = printed(&["completions", "bash"]);
    let ask = "COMP_WORDS=(filerfs me); COMP_CWORD=1; _filerfs filerfs me filerfs; echo ${COMPREPLY[@]}; \
               COMP_WORDS=(filerfs mo); _filerfs filerfs mo filerfs; echo ${COMPREPLY[@]}";
    let (code, stdout, stderr) = judged(&["bash"], &format!("{script}\n{ask}\n"));
    assert_eq!((code, &*stdout, &*stderr), (0, "\nmount\n", ""));
}

#[test]
fn the_manual_page_renders_and_tells_of_every_command() {
    let page = printed(&["man"]);
    let (code, text, stderr) = judged(&["groff", "-man", "-Tutf8", "-ww", "-P-cbou"], &page);
    assert_eq!((code, &*stderr), (0, ""));
    for words in ["filerfs", "--log-format", "--format", "hide_ctl"].iter().chain(&COMMANDS) {
        assert!(text.contains(words), "{words} is not in {text}");
    }
}

#[test]
fn help_and_version_are_answers_and_nothing_is_a_question() {
    assert_eq!(printed(&["--version"]), format!("filerfs {}\n", env!("CARGO_PKG_VERSION")));
    let help = printed(&["--help"]);
    for command in COMMANDS {
        assert!(help.contains(&format!("  {command} ")), "{help}");
        assert!(printed(&[command, "--help"]).contains("Usage: filerfs "), "{command}");
    }
    let (code, _, stderr) = output(&mut filerfs());
    assert_eq!(code, 2);
    assert!(stderr.contains("Usage: filerfs <COMMAND>"), "{stderr}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    for arguments in [
        &["describe"][..],
        &["describe", "--format", "json"],
        &["describe", "--format", "markdown"],
        &["completions", "bash"],
        &["man"],
        &["check"],
    ] {
        let mut child =
            filerfs().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    let script = "set -o pipefail; \"$0\" describe | head -1 >/dev/null";
    let ran = output(Command::new("bash").args(["-c", script, env!("CARGO_BIN_EXE_filerfs")]));
    assert_eq!(ran, (0, String::new(), String::new()));
}

#[test]
fn a_full_disk_is_a_failure() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = filerfs().arg("describe").stdout(full).stderr(Stdio::piped()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), &*stderr),
        (Some(1), "filerfs: No space left on device (os error 28)\n")
    );
}
