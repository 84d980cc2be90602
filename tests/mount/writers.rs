//! The programs that people write files with: each of them fails when its value is refused.

use crate::common::mounted::Mount;
use crate::common::shell::bash;

/// Ways to write `$VALUE`, and a newline, to `$FILE`.
const WRITERS: [&str; 27] = [
    r#"echo "$VALUE" > "$FILE""#,
    r#"echo "$VALUE" >> "$FILE""#,
    r#"echo "$VALUE" 1<> "$FILE""#,
    r#"/bin/echo "$VALUE" > "$FILE""#,
    r#"env printf '%s\n' "$VALUE" > "$FILE""#,
    r#"cat > "$FILE" <<< "$VALUE""#,
    r#"cat "$INPUT" > "$FILE""#,
    r#"cp "$INPUT" "$FILE""#,
    r#"cp --preserve=timestamps "$INPUT" "$FILE""#,
    r#"tee "$FILE" < "$INPUT" > "$OUTPUT""#,
    r#"tee -a "$FILE" < "$INPUT" > "$OUTPUT""#,
    r#"dd if="$INPUT" of="$FILE" status=none"#,
    r#"dd if="$INPUT" of="$FILE" status=none conv=notrunc"#,
    r#"dd if="$INPUT" of="$FILE" status=none bs=1"#,
    r#"dd if="$INPUT" of="$FILE" status=none bs=4k conv=fsync"#,
    r#"busybox cp "$INPUT" "$FILE""#,
    r#"busybox tee "$FILE" < "$INPUT" > "$OUTPUT""#,
    r#"busybox dd if="$INPUT" of="$FILE" 2> "$OUTPUT""#,
    r#"rsync --inplace --whole-file --ignore-times "$INPUT" "$FILE""#,
    r#"awk 'BEGIN { print ENVIRON["VALUE"] > ENVIRON["FILE"] }'"#,
    r#"sed -n "w $FILE" "$INPUT""#,
    r#"perl -e 'open F, ">", $ENV{FILE} or die; print F "$ENV{VALUE}\n"; close F or die "$!"'"#,
    r#"perl -e 'open F, ">", $ENV{FILE} or die; defined syswrite F, "$ENV{VALUE}\n" or die "$!"'"#,
    r#"python3 -c 'import os
with open(os.environ["FILE"], "w") as f: f.write(os.environ["VALUE"] + "\n")'"#,
    r#"python3 -c 'import os, pathlib
pathlib.Path(os.environ["FILE"]).write_text(os.environ["VALUE"] + "\n")'"#,
    r#"python3 -c 'import os
os.write(os.open(os.environ["FILE"], os.O_WRONLY | os.O_TRUNC), os.environ["VALUE"].encode() + b"\n")'"#,
    r#"node -e 'require("fs").writeFileSync(process.env.FILE, process.env.VALUE + "\n")'"#,
];

/// The same without a newline.
const WITHOUT_NEWLINE: [&str; 6] = [
    r#"printf %s "$VALUE" > "$FILE""#,
    r#"printf %s "$VALUE" | cat > "$FILE""#,
    r#"printf %s "$VALUE" | dd of="$FILE" status=none bs=1"#,
    r#"printf %s "$VALUE" | tee "$FILE" > "$OUTPUT""#,
    r#"python3 -c 'import os
with open(os.environ["FILE"], "w") as f: f.write(os.environ["VALUE"])'"#,
    r#"node -e 'require("fs").writeFileSync(process.env.FILE, process.env.VALUE)'"#,
];

/// What is written where, and the errno.
const REFUSED: [(&str, &str, &str); 4] = [
    ("volumes/db1/size_total", "10GB", "EINVAL"),
    ("volumes/db1/policy", "nsf", "EINVAL"),
    ("volumes/db1/snapshots/s1/clone", "db2", "EEXIST"),
    ("volumes/db1/max_autosize", "16384P", "ERANGE"),
];

/// The script with its variables set, to run in `dummy/`.
fn script(writer: &str, file: &str, value: &str, elsewhere: &std::path::Path) -> String {
    let elsewhere = elsewhere.display();
    format!(
        "export FILE={file} VALUE='{value}' INPUT={elsewhere}/input OUTPUT={elsewhere}/output\n\
         echo \"$VALUE\" > \"$INPUT\" && {writer}"
    )
}

#[test]
fn a_refused_value_fails_in_every_program() {
    let (mount, elsewhere) = (Mount::small(), tempfile::tempdir().unwrap());
    for (file, value, errno) in REFUSED {
        let before = mount.read(&format!("dummy/{file}"));
        for writer in WRITERS.iter().chain(&WITHOUT_NEWLINE) {
            let at = format!("{value} to {file} by {writer}");
            let ran = bash(&mount.path("dummy"), &script(writer, file, value, elsewhere.path()));
            assert!(ran.code != 0, "{at}: {ran:?}");
            assert_eq!(mount.backend.take_changes(), [""; 0], "{at}");
            assert_eq!(mount.read(&format!("dummy/{file}")), before, "{at}");
            let last_error = mount.read(".ctl/last_error");
            let first = last_error.lines().next().unwrap();
            assert!(first.contains(&format!("errno={errno} op=write path=/dummy/{file} ")), "{at}: {first}");
            let caret = last_error.lines().any(|line| line.trim() == "^");
            assert!(caret, "{at}: {last_error}");
        }
    }
}

#[test]
fn a_good_value_is_applied_once_by_every_program() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mount = Mount::small();
    for (turn, writer) in WRITERS.iter().chain(&WITHOUT_NEWLINE).enumerate() {
        let value = format!("{} words", 1000 + turn);
        let script = script(writer, "volumes/db1/comment", &value, elsewhere.path());
        let ran = bash(&mount.path("dummy"), &script);
        assert_eq!(ran.code, 0, "{writer}: {ran:?}");
        assert_eq!(mount.backend.take_changes(), [format!("patch_volume(db1, comment={value})")], "{writer}");
        assert_eq!(mount.read("dummy/volumes/db1/comment"), format!("{value}\n"), "{writer}");
    }
}
