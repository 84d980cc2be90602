//! Editors: each edits a value, a list and a file of keys, says what was refused, and leaves nothing behind.

use std::time::{Duration, Instant};

use filerfs::tree::shared::Options;
use tempfile::TempDir;

use crate::case::{Case, bash, check, done, left, refused};
use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with};

const PATCHED: &[&str] = &["patch_volume(db1, size_total=11811160064)"];

const REPLACED: &[&str] = &[
    "ensure_policy_rules_present(nfs, 10.0.0.9)",
    "ensure_policy_rules_absent(nfs, 10.0.0.2)",
    "order_policy_rules(nfs, 10.0.0.1 10.0.0.9 @hosts)",
];

/// Editors that are told by their arguments or input to put `$NEW` in the place of `$OLD` in `$FILE`; the status
/// and words of a refusal.
const SCRIPTED: [(&str, i32, &str); 7] = [
    (r#"vim -es -u NONE -c "%s/$OLD/$NEW/" -c wq $FILE"#, 1, ""),
    // As most have it.
    (r#"vim -es -N -u NONE -c "set nobackup writebackup" -c "%s/$OLD/$NEW/" -c wq $FILE"#, 1, ""),
    (r#"vim -es -u NONE -c "%s/$OLD/$NEW/" -c wq! $FILE"#, 1, ""),
    (r#"ex -s -c "%s/$OLD/$NEW/" -c wq $FILE"#, 1, ""),
    (r#"printf ',s/%s/%s/\nw\nQ\n' $OLD "$NEW" | ed -s $FILE > /dev/null"#, 1, "Invalid argument"),
    (
        r#"emacs --batch -Q $FILE --eval '(progn (search-forward (getenv "OLD"))
            (replace-match (getenv "NEW")) (save-buffer))'"#,
        255,
        "\"Write error\" \"Invalid argument\"",
    ),
    // With auto-save files, as in a terminal: it removes its own after a success only.
    (
        r##"emacs --batch -Q $FILE --eval '(progn (auto-save-mode 1) (search-forward (getenv "OLD"))
            (replace-match (getenv "NEW")) (do-auto-save t) (save-buffer))'
        code=$?; test $code = 0 || rm "#$FILE#"; (exit $code)"##,
        255,
        "\"Write error\" \"Invalid argument\"",
    ),
];

fn script(editor: &str, dir: &str, file: &str, old: &str, new: &str) -> String {
    format!("cd {dir}; export FILE={file} OLD={old} NEW='{new}'\n{editor}\ncode=$?; cat $FILE; exit $code")
}

fn size(editor: &str, new: &str) -> String {
    script(editor, "volumes/db1", "size_total", "10737418240", new)
}

fn rules(editor: &str, new: &str) -> String {
    script(editor, "policies/nfs", "rules", "10.0.0.2", new)
}

#[test]
fn editors_change_a_value_and_a_list() {
    let cases = SCRIPTED.iter().flat_map(|(editor, ..)| {
        let config = script(editor, "volumes/db1", "config", "10737418240", "11G");
        [
            done(size(editor, "11G"), PATCHED).printing("11811160064\n").noisy(),
            done(rules(editor, "10.0.0.9"), REPLACED).printing("10.0.0.1\n10.0.0.9\n@hosts\n").noisy(),
            done(config, PATCHED).noisy(),
        ]
    });
    check(&cases.collect::<Vec<_>>());
}

#[test]
fn a_refused_edit_leaves_the_old_value_and_is_reported() {
    let cases = SCRIPTED.iter().flat_map(|(editor, code, says)| {
        [(size(editor, "10GB"), "10737418240\n"), (rules(editor, "a b"), "10.0.0.1\n10.0.0.2\n@hosts\n")].map(
            |(script, stays)| {
                let last_error = ["errno=EINVAL op=write", "accepted: "];
                refused(script, *code, &[says], &last_error).printing(stays)
            },
        )
    });
    check(&cases.collect::<Vec<_>>());
}

#[test]
fn editors_change_defaults() {
    let defaults = |(editor, ..): &(&str, i32, &str)| {
        done(script(editor, ".", "defaults", "one", "two"), &[]).after("echo comment one > defaults").noisy()
    };
    check(&SCRIPTED.iter().map(defaults).collect::<Vec<_>>());
}

#[test]
fn vim_renames_no_file_of_the_tree_to_a_backup() {
    // Refused that, it copies; the backup that was asked for is its own, and stays.
    const VIM: &str = r#"vim -es -u NONE -c "set backup writebackup backupcopy=no backupskip=" -c "%s/$OLD/$NEW/" -c wq $FILE
        code=$?; cat $FILE $FILE~; rm -f $FILE~; (exit $code)"#;
    const WRITEBACKUP: &str =
        r#"vim -es -u NONE -c "set writebackup backupcopy=no backupskip=" -c "%s/$OLD/$NEW/" -c wq $FILE"#;
    check(&[
        done(size(VIM, "11G"), PATCHED).printing("11811160064\n10737418240\n11811160064\n"),
        done(rules(WRITEBACKUP, "10.0.0.9"), REPLACED).printing("10.0.0.1\n10.0.0.9\n@hosts\n"),
        // It puts the backup back in the place of what was refused: the old value again, which is no change.
        refused(size(WRITEBACKUP, "10GB"), 1, &[], &["ok\n"]).printing("10737418240\n"),
        refused(rules(WRITEBACKUP, "a b"), 1, &[], &["ok\n"]).printing("10.0.0.1\n10.0.0.2\n@hosts\n"),
    ]);
}

/// An editor in a terminal, typed into. The terminal is a session of its own, so what was refused is looked for
/// in `.ctl/errors`.
fn typed(dir: &str, file: &str, editor: &str, steps: &[&str]) -> String {
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/typed.py");
    let steps: Vec<_> = steps.iter().map(|step| format!("'{step}'")).collect();
    format!(
        "cd {dir}; python3 {driver} {editor} {file} -- {}; code=$?; cat {file}
         tail -n 1 $M/.ctl/errors | grep -o 'errno\":\"EINVAL\",\"op\":\"write'; exit $code",
        steps.join(" ")
    )
}

/// How an editor replaces the first line, saves and ends, and what it shows; the same if it is refused.
struct Keys {
    editor: &'static str,
    /// What removes the first line, what ends it again if others follow, and what saves.
    replace: [&'static str; 3],
    saved: &'static [&'static str],
    refused: &'static [&'static str],
    /// Whether what was not saved stays after a refusal, as `#NAME#`.
    leaves: bool,
}

const NANO: Keys = Keys {
    editor: "nano",
    replace: ["\\x0b", "\\r", "\\x0f"],
    saved: &["see=File Name to Write", "type=\\r", "see=Wrote ", "type=\\x18"],
    refused: &[
        "see=File Name to Write",
        "type=\\r",
        "see=Invalid argument",
        "type=\\x18",
        "see=Save modified",
        "type=n",
    ],
    leaves: false,
};

const KEYS: [Keys; 5] = [
    NANO,
    Keys { editor: "nano --locking", ..NANO },
    Keys {
        editor: "vim -u NONE",
        replace: ["cc", "", "\\x1b:w\\r"],
        saved: &["see=written", "type=:q\\r"],
        refused: &["see=E514: Write error", "type=:q!\\r"],
        leaves: false,
    },
    Keys {
        editor: "emacs -nw -Q",
        replace: ["\\x0b", "", "\\x18\\x13"],
        saved: &["see=Wrote ", "type=\\x18\\x03"],
        refused: &[
            "see=Invalid argument",
            "type=\\x18\\x03",
            "see=Save file",
            "type=n",
            "see=Modified buffers",
            "type=yes\\r",
        ],
        leaves: true,
    },
    // It looks at no error of write(2), on any file system: the value tells.
    Keys {
        editor: "micro",
        replace: ["\\x0b", "\\r", "\\x13"],
        saved: &["see=Saved ", "type=\\x11"],
        refused: &["see=Saved ", "type=\\x11"],
        leaves: false,
    },
];

impl Keys {
    fn steps(&self, file: &str, new: &str, then: &[&str]) -> String {
        let [remove, enter, save] = self.replace;
        let (dir, first, enter) = match file {
            "rules" => ("policies/nfs", "10.0.0.1", enter),
            _ => ("volumes/db1", "10737418240", ""),
        };
        let (see, text) = (format!("see={first}"), format!("type={remove}{new}{enter}{save}"));
        typed(dir, file, self.editor, &[&[&*see, &*text], then].concat())
    }

    fn cases(&self) -> [Case; 4] {
        let changes = [
            "ensure_policy_rules_present(nfs, 10.0.0.9)",
            "ensure_policy_rules_absent(nfs, 10.0.0.1)",
            "order_policy_rules(nfs, 10.0.0.9 10.0.0.2 @hosts)",
        ];
        let refusal = |file: &str, new: &str, stays| {
            let script = self.steps(file, new, self.refused);
            let remove = if self.leaves { format!("rm '#{file}#' || code=9; ") } else { String::new() };
            done(script.replace("exit", &format!("{remove}exit")), &[]).printing(stays)
        };
        [
            done(self.steps("size_total", "11G", self.saved), PATCHED).printing("11811160064\n"),
            done(self.steps("rules", "10.0.0.9", self.saved), &changes)
                .printing("10.0.0.9\n10.0.0.2\n@hosts\n"),
            refusal("size_total", "10GB", "10737418240\nerrno\":\"EINVAL\",\"op\":\"write\n"),
            refusal("rules", "a b", "10.0.0.1\n10.0.0.2\n@hosts\nerrno\":\"EINVAL\",\"op\":\"write\n"),
        ]
    }
}

#[test]
fn editors_in_a_terminal_save_a_value_or_say_what_is_wrong() {
    check(&KEYS.iter().flat_map(Keys::cases).collect::<Vec<_>>());
}

#[test]
fn the_backup_that_nano_is_asked_for_is_a_scratch_file() {
    let backup = Keys { editor: "nano -B", ..KEYS[0] };
    let script = backup.steps("size_total", "11G", backup.saved);
    let script = script.replace("exit", "cat size_total~; rm size_total~; exit");
    check(&[done(script, PATCHED).printing("11811160064\n10737418240\n")]);
}

/// Kills an editor in the middle of its work, on a mount where scratch files stay so long.
fn killed(editor: &str, steps: &[&str], ttl: Duration) -> (Mount, String) {
    let backend = counting(SMALL);
    let tree = tree_with(backend.clone(), Options { scratch_ttl: ttl, ..options() }, Vec::new());
    let (mount, outside) = (Mount::tree(backend, tree, false), TempDir::new().unwrap());
    let steps = [&["see=10737418240"], steps, &["run=ls -A | grep [.~#]", "kill"]].concat();
    let ran = bash(&mount, outside.path(), &typed("volumes/db1", "size_total", editor, &steps));
    (mount, ran.stdout)
}

#[test]
fn what_a_killed_editor_leaves_is_gone_after_its_time() {
    let typing = ["type=cc10GB", "see=10GB"];
    let emacs = ["type=x", "see=x", "type=\\x1bxdo-auto-save\\r", "see=Auto-saving...done"];
    for (editor, steps, left_over) in
        [("vim -u NONE", &typing[..], ".size_total.swp"), ("emacs -nw -Q", &emacs[..], "#size_total#")]
    {
        let (mount, seen) = killed(editor, steps, options().scratch_ttl);
        assert!(seen.lines().any(|line| line == left_over), "{editor}: {seen}");
        assert!(left(&mount).iter().any(|path| path.ends_with(left_over)), "{editor}: {:?}", left(&mount));
        assert_eq!(mount.read("dummy/volumes/db1/size_total"), "10737418240\n", "{editor}");
        assert_eq!(mount.backend.take_changes(), [""; 0], "{editor}");

        let (mount, seen) = killed(editor, steps, Duration::from_secs(2));
        assert!(seen.contains("size_total"), "{editor}: {seen}");
        let begun = Instant::now();
        while !left(&mount).is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{editor}: {:?}", left(&mount));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
