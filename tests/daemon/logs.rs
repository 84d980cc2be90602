//! The log: text or JSON, one line a refusal, names escaped, the level changed while running.

use serde_json::Value;

use crate::common::shell::bash;
use crate::process::Daemon;

/// Names that would move a cursor, end a line, or turn the text around.
const HOSTILE: [(&str, &str); 4] = [
    (r"$'a\033[31mb'", "\u{1b}"),
    (r"$'a\nb'", "\n"),
    (r"$'a\u202eb'", "\u{202e}"),
    (r"$'a\xc2\x9b31mb'", "\u{9b}"),
];

/// The lines that tell of refusals.
fn refusals(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("refused")).collect()
}

#[test]
fn a_refusal_is_one_line_of_text_with_its_name_escaped() {
    for (name, hostile) in HOSTILE {
        let daemon = Daemon::start("", &[]);
        let before = daemon.log();
        let script = format!("export LC_ALL=C.UTF-8; mkdir {name}");
        assert_eq!(bash(&daemon.path("dummy/volumes"), &script).code, 1);
        let log = daemon.log();
        let new = log.strip_prefix(&before).unwrap();
        assert_eq!(new.lines().count(), 1, "{new}");
        assert!(new.contains(" WARN refused ") && new.contains("errno=\"EINVAL\""), "{new}");
        assert!(new.contains("op=\"mkdir\"") && new.contains("path=dummy/volumes/a\\"), "{new}");
        assert!(!new.trim_end().contains(hostile), "{new:?}");
    }
}

#[test]
fn a_refusal_is_one_object_of_json_with_its_name_escaped() {
    let daemon = Daemon::start("", &["--log-format", "json"]);
    for (name, hostile) in HOSTILE {
        let before = daemon.log();
        let script = format!("export LC_ALL=C.UTF-8; mkdir {name}; head -1 ../../.ctl/last_error");
        let told = bash(&daemon.path("dummy/volumes"), &script).stdout;
        let log = daemon.log();
        let new = log.strip_prefix(&before).unwrap();
        assert_eq!(new.lines().count(), 1, "{new}");
        let line: Value = serde_json::from_str(new).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&"WARN".into(), &"refused".into()), "{new}");
        assert_eq!((&line["errno"], &line["op"]), (&"EINVAL".into(), &"mkdir".into()), "{new}");
        assert!(line["path"].as_str().unwrap().starts_with("dummy/volumes/a\\"), "{new}");
        assert!(!new.trim_end().contains(hostile), "{new:?}");
        // The same request, in the log and for the caller.
        assert!(told.ends_with(&format!(" request={}\n", line["request"])), "{told}{new}");
    }
    for line in daemon.log().lines().filter(|line| !line.starts_with("filerfs: ready on ")) {
        serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
}

#[test]
fn the_level_is_changed_while_running() {
    let daemon = Daemon::start("", &[]);
    let refuse = "mkdir 'a b' 2>/dev/null";
    let ran = |script: &str| bash(&daemon.path("dummy/volumes"), script);
    assert_eq!(ran("cat ../../.ctl/log_level").stdout, "info\n");
    let lines = |script: &str| {
        let before = daemon.log().len();
        ran(script);
        daemon.log().split_off(before)
    };
    assert_eq!(refusals(&lines(refuse)).len(), 1);
    assert_eq!(ran("echo error > ../../.ctl/log_level; cat ../../.ctl/log_level").stdout, "error\n");
    assert_eq!(lines(refuse), "");
    ran("echo debug > ../../.ctl/log_level");
    let debug = lines(refuse);
    assert_eq!(refusals(&debug).len(), 1);
    assert!(debug.contains(" MKDIR ") && debug.contains("DEBUG"), "{debug}");
    ran("echo warn > ../../.ctl/log_level");
    assert!(!lines(refuse).contains("DEBUG"));
    let bad = ran("echo loud > ../../.ctl/log_level; cat ../../.ctl/last_error ../../.ctl/log_level");
    assert!(bad.stdout.contains("accepted: error warn info debug trace\nwarn\n"), "{}", bad.stdout);
}

#[test]
fn the_level_is_set_on_the_command_line() {
    for (level, refused) in [("error", 0), ("warn", 1), ("info", 1)] {
        let daemon = Daemon::start("", &["--log-level", level]);
        bash(&daemon.path("dummy/volumes"), "mkdir 'a b'");
        assert_eq!(refusals(&daemon.log()).len(), refused, "{level}");
        assert_eq!(bash(&daemon.root(), "cat .ctl/log_level").stdout, format!("{level}\n"));
    }
}
