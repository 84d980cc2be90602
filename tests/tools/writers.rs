//! Shells, and the programs that people write files with: a good value is one change, a refused one a failure.

use crate::case::{check, done, refused};

const PATCHED: &[&str] = &["patch_volume(db1, size_total=11811160064)"];

/// How a list arrives whose lines are `@hosts 10.0.0.9 10.0.0.1`.
const REPLACED: &[&str] = &[
    "ensure_policy_rules_present(nfs, 10.0.0.9)",
    "ensure_policy_rules_absent(nfs, 10.0.0.2)",
    "order_policy_rules(nfs, @hosts 10.0.0.9 10.0.0.1)",
];

/// The same, written behind the others, or over them without emptying the file.
const ADDED: &[&str] = &["ensure_policy_rules_present(nfs, 10.0.0.9)"];

/// Ways to write `$VALUE` and a newline to `$FILE`; `$T/in` has them too. The status and words of a refusal.
const WRITERS: [(&str, i32, &str); 27] = [
    (r#"bash -c 'echo "$VALUE" > $FILE'"#, 1, "echo: write error: Invalid argument"),
    (r#"bash -c 'printf "%s\n" "$VALUE" > $FILE'"#, 1, "printf: write error: Invalid argument"),
    (r#"bash -c 'printf %s "$VALUE" > $FILE'"#, 1, "printf: write error: Invalid argument"),
    // dash has no other words.
    (r#"dash -c 'echo "$VALUE" > $FILE'"#, 1, "echo: I/O error"),
    (r#"zsh -fc 'echo "$VALUE" > $FILE'"#, 1, "write error: invalid argument"),
    (r#"busybox sh -c 'echo "$VALUE" > $FILE'"#, 1, "write error: Invalid argument"),
    (r#"mksh -c 'echo "$VALUE" > $FILE'"#, 1, "echo: write: Invalid argument"),
    (r#"mksh -c 'printf "%s\n" "$VALUE" > $FILE'"#, 1, "write error: Invalid argument"),
    (r#"mksh -c 'print -rn "$VALUE" > $FILE'"#, 1, "print: write: Invalid argument"),
    ("cat $T/in > $FILE", 1, "cat: write error: Invalid argument"),
    ("tee $FILE < $T/in > /dev/null", 1, "Invalid argument"),
    ("sponge $FILE < $T/in", 1, "error writing buffer to output file: Invalid argument"),
    ("cp $T/in $FILE", 1, "Invalid argument"),
    ("cp -f $T/in $FILE", 1, "Invalid argument"),
    ("dd if=$T/in of=$FILE status=none", 1, "Invalid argument"),
    ("dd if=$T/in of=$FILE status=none bs=1", 1, "Invalid argument"),
    ("dd if=$T/in of=$FILE status=none bs=4k", 1, "Invalid argument"),
    ("busybox cp $T/in $FILE", 1, "Invalid argument"),
    ("busybox tee $FILE < $T/in > /dev/null", 1, "tee: "),
    (r#"gawk 'BEGIN { print ENVIRON["VALUE"] > ENVIRON["FILE"] }'"#, 2, "Invalid argument"),
    (
        r#"perl -e 'open F, ">", $ENV{FILE}; print F "$ENV{VALUE}\n"; close F or die $!'"#,
        22,
        "Invalid argument",
    ),
    (
        r#"python3 -c 'import os
with open(os.environ["FILE"], "w") as f: f.write(os.environ["VALUE"] + "\n")'"#,
        1,
        "OSError: [Errno 22]",
    ),
    (
        r#"python3 -c 'import os, pathlib
pathlib.Path(os.environ["FILE"]).write_text(os.environ["VALUE"] + "\n")'"#,
        1,
        "OSError: [Errno 22]",
    ),
    (
        r#"python3 -c 'import os
os.write(os.open(os.environ["FILE"], os.O_WRONLY | os.O_TRUNC), os.environb[b"VALUE"] + b"\n")'"#,
        1,
        "OSError: [Errno 22]",
    ),
    (r#"ruby -e 'File.write(ENV["FILE"], ENV["VALUE"] + "\n")'"#, 1, "Errno::EINVAL"),
    (r#"ruby -e 'File.open(ENV["FILE"], "w") { |f| f.puts ENV["VALUE"] }'"#, 1, "Errno::EINVAL"),
    (
        r#"node -e 'require("fs").writeFileSync(process.env.FILE, process.env.VALUE + "\n")'"#,
        1,
        "EINVAL: invalid argument",
    ),
];

/// Ways that leave out emptying the file.
const ADDING: [(&str, i32, &str); 8] = [
    (r#"bash -c 'echo "$VALUE" >> $FILE'"#, 1, "Invalid argument"),
    (r#"mksh -c 'echo "$VALUE" >> $FILE'"#, 1, "Invalid argument"),
    (r#"bash -c 'echo "$VALUE" 1<> $FILE'"#, 1, "Invalid argument"),
    ("tee -a $FILE < $T/in > /dev/null", 1, "Invalid argument"),
    ("dd if=$T/in of=$FILE status=none conv=notrunc", 1, "Invalid argument"),
    ("dd if=$T/in of=$FILE status=none bs=1 conv=notrunc oflag=append", 1, "Invalid argument"),
    (r#"ruby -e 'File.write(ENV["FILE"], ENV["VALUE"] + "\n", mode: "a")'"#, 1, "Errno::EINVAL"),
    (
        r#"node -e 'require("fs").appendFileSync(process.env.FILE, process.env.VALUE + "\n")'"#,
        1,
        "EINVAL: invalid argument",
    ),
];

/// In the directory of the file.
fn script(writer: &str, file: &str, value: &str) -> String {
    let (dir, file) = file.rsplit_once('/').unwrap();
    format!("cd {dir}; export FILE={file} VALUE={value}\necho \"$VALUE\" > $T/in\n{writer}")
}

const SIZE: &str = "volumes/db1/size_total";
const RULES: &str = "policies/nfs/rules";
const LIST: &str = r"$'@hosts\n10.0.0.9\n10.0.0.1'";

#[test]
fn a_good_value_is_one_change_of_every_writer() {
    let writers = || WRITERS.iter().chain(&ADDING);
    check(&writers().map(|(writer, ..)| done(script(writer, SIZE, "11G"), PATCHED)).collect::<Vec<_>>());
}

#[test]
fn a_refused_value_is_a_failure_of_every_writer() {
    let cases = |file, value: &'static str| {
        WRITERS.iter().chain(&ADDING).map(move |(writer, code, says)| {
            let last_error = ["errno=EINVAL op=write path=/dummy/", "accepted: "];
            refused(script(writer, file, value), *code, &[says], &last_error)
        })
    };
    check(&cases(SIZE, "10GB").chain(cases(RULES, "'a b'")).collect::<Vec<_>>());
}

#[test]
fn a_new_list_comes_whole_and_in_order_from_every_writer() {
    let replaced = WRITERS.iter().map(|(writer, ..)| {
        done(script(&format!("{writer}; cat $FILE"), RULES, LIST), REPLACED)
            .printing("@hosts\n10.0.0.9\n10.0.0.1\n")
    });
    let added = ADDING.iter().map(|(writer, ..)| {
        done(script(&format!("{writer}; cat $FILE"), RULES, LIST), ADDED)
            .printing("10.0.0.1\n10.0.0.2\n@hosts\n10.0.0.9\n")
    });
    check(&replaced.chain(added).collect::<Vec<_>>());
}

#[test]
fn sudo_tee_at_the_end_of_a_pipe_fails_with_pipefail() {
    check(&[
        done("set -o pipefail; echo nfs | sudo tee volumes/db1/policy", &["set_policy(db1, nfs)"])
            .printing("nfs\n"),
        refused(
            "set -o pipefail; echo nsf | sudo tee volumes/db1/policy > /dev/null",
            1,
            &["tee: volumes/db1/policy: Invalid argument"],
            &["errno=EINVAL op=write", "there is no policy nsf", "known: nfs"],
        ),
        // The status of a pipe is that of its last command, with and without it.
        refused(
            "echo 10GB | sudo tee volumes/db1/size_total | cat > /dev/null; exit ${PIPESTATUS[1]}",
            1,
            &["Invalid argument"],
            &["errno=EINVAL op=write"],
        ),
    ]);
}

#[test]
fn config_and_defaults_take_a_whole_file_of_keys() {
    const BOTH: &[&str] = &["patch_volume(db1, size_total=11811160064 comment=hello world)"];
    const NEW: &str =
        "sed 's/^comment.*/comment hello world/; s/^size_total.*/size_total 11G/' config > $T/new";
    let config = ["cp $T/new config", "cat $T/new > config", "dd if=$T/new of=config bs=4k status=none"];
    let config = config.map(|write| {
        done(format!("cd volumes/db1; {NEW}; {write}; cat comment size_total"), BOTH)
            .printing("hello world\n11811160064\n")
    });
    let defaults = ["cp $T/new defaults", "cat $T/new > defaults", "tee defaults < $T/new > /dev/null"];
    let defaults = defaults.map(|write| {
        done(
            format!(
                "printf 'size_total 11G\\ncomment x y\\n' > $T/new; {write}; grep -E 'size|comm' defaults"
            ),
            &[],
        )
        .printing("size_total 11811160064\ncomment x y\n")
    });
    check(&[&config[..], &defaults[..]].concat());
    check(&[
        done("cat > volumes/db1/config <<END\nsize_total 11G\n\n# words\ncomment hello world\nEND", BOTH),
        done(
            "cat > defaults <<END\nsize_total 11G\nEND\nmkdir volumes/v",
            &["create_volume(v, size_total=11811160064)"],
        )
        .on_memory_only("a filer wants more than a size"),
        refused(
            "cd volumes/db1; printf 'comment x\\nsize_total 10GB\\n' > $T/new; cp $T/new config",
            1,
            &["cp: error writing 'config': Invalid argument"],
            &["errno=EINVAL op=write path=/dummy/volumes/db1/config", "size_total 10GB"],
        ),
        refused(
            "cat > defaults <<END\nsize 11G\nEND",
            1,
            &["cat: write error: Invalid argument"],
            &["errno=EINVAL op=write path=/dummy/defaults", "no key \"size\""],
        ),
    ]);
}

/// A process that runs another program closes files meanwhile, and lets nobody look at it until they are closed: who
/// looks nevertheless, to see whether it has the list open yet, must not wait for that.
#[test]
fn a_list_that_execve_closes_hangs_nobody() {
    check(&[done(
        r#"cd policies/nfs; python3 -c '
import os
f = os.open("rules", os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
os.write(f, b"10.0.0.1\n")
os.execvp("true", ["true"])'
until test "$(cat rules)" = 10.0.0.1; do sleep 0.01; done"#,
        &["ensure_policy_rules_absent(nfs, 10.0.0.2 @hosts)"],
    )]);
}
