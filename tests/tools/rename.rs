//! Tools that write a new file and rename it onto the old one, and tools that remove the old one first.

use crate::case::{Case, check, done, refused};

const PATCHED: &[&str] = &["patch_volume(db1, size_total=11811160064)"];

/// What it takes to replace the rule 10.0.0.2 by 10.0.0.9: the new one is there before the old one goes.
const REPLACED: &[&str] = &[
    "ensure_policy_rules_present(nfs, 10.0.0.9)",
    "ensure_policy_rules_absent(nfs, 10.0.0.2)",
    "order_policy_rules(nfs, 10.0.0.1 10.0.0.9 @hosts)",
];

/// Ways to put `$NEW` in the place of `$OLD` in `$FILE`, by rename(2); the status and words of a refusal, and
/// what the tool leaves behind then.
const REPLACING: [(&str, i32, &str, &str); 16] = [
    (r#"sed -i "s/$OLD/$NEW/" $FILE"#, 4, "cannot rename ./sed", ""),
    (r#"busybox sed -i "s/$OLD/$NEW/" $FILE"#, 1, "can't move", ""),
    (r#"perl -i -pe 's/$ENV{OLD}/$ENV{NEW}/' $FILE"#, 22, "failed to rename work file 'XX", ""),
    (r#"gawk -i inplace '{ sub(ENVIRON["OLD"], ENVIRON["NEW"]); print }' $FILE"#, 2, "Invalid argument", ""),
    (r#"sed "s/$OLD/$NEW/" $FILE | diff -u $FILE - | patch -s $FILE"#, 2, "Invalid argument", ""),
    (
        r#"new=$(mktemp -p .); sed "s/$OLD/$NEW/" $FILE > $new; mv $new $FILE"#,
        1,
        // The words that mv has for EINVAL of rename(2).
        "to a subdirectory of itself",
        "tmp.*",
    ),
    (r#"sed "s/$OLD/$NEW/" $FILE > .new; mv -f .new $FILE"#, 1, "to a subdirectory of itself", ".new"),
    (
        r#"python3 -c 'import os
file, old, new = (os.environ[name] for name in ("FILE", "OLD", "NEW"))
with open("." + file, "w") as f: f.write(open(file).read().replace(old, new))
os.replace("." + file, file)'"#,
        1,
        "OSError: [Errno 22]",
        ".$FILE",
    ),
    (
        r#"ruby -e 'file = ENV["FILE"]
File.write(".new", File.read(file).sub(ENV["OLD"], ENV["NEW"])); File.rename(".new", file)'"#,
        1,
        "Errno::EINVAL",
        ".new",
    ),
    (
        r#"node -e 'const fs = require("fs"), { FILE, OLD, NEW } = process.env
fs.writeFileSync(".new", String(fs.readFileSync(FILE)).replace(OLD, NEW)); fs.renameSync(".new", FILE)'"#,
        1,
        "EINVAL: invalid argument, rename",
        ".new",
    ),
    (
        r#"sed "s/$OLD/$NEW/" $FILE > $T/$FILE; touch -d 2001-01-01 $T/$FILE; rsync $T/$FILE ."#,
        23,
        "Invalid argument (22)",
        "",
    ),
    (
        r#"sed "s/$OLD/$NEW/" $FILE > $T/$FILE; touch -d 2001-01-01 $T/$FILE; rsync -t $T/$FILE ."#,
        23,
        "Invalid argument (22)",
        "",
    ),
    (
        r#"sed "s/$OLD/$NEW/" $FILE > $T/$FILE; touch -d 2001-01-01 $T/$FILE; rsync -a $T/$FILE ."#,
        23,
        "Invalid argument (22)",
        "",
    ),
    (r#"sed "s/$OLD/$NEW/" $FILE > $T/$FILE; rsync -c $T/$FILE ."#, 23, "Invalid argument (22)", ""),
    (r#"sed "s/$OLD/$NEW/" $FILE > $T/$FILE; rsync -rc --no-perms $T/$FILE ."#, 23, "Invalid argument", ""),
    // The directory of what came is rsync's own to remove, and it does so after a success only.
    (
        r#"sed "s/$OLD/$NEW/" $FILE > $T/$FILE; touch -d 2001-01-01 $T/$FILE; rsync --delay-updates $T/$FILE ."#,
        23,
        "Invalid argument (22)",
        ".~tmp~",
    ),
];

fn script(way: &str, dir: &str, file: &str, old: &str, new: &str) -> String {
    format!("cd {dir}; export FILE={file} OLD={old} NEW='{new}'\n{way}")
}

/// The same, and then the file, and what was left beside it is removed.
fn refusal(way: &(&str, i32, &'static str, &str), dir: &str, file: &str, old: &str, new: &str) -> Case {
    let (way, code, says, left) = *way;
    let leaves = if left.is_empty() { String::new() } else { format!("; rm -r {left} || code=99") };
    let script = script(&format!("{way}\ncode=$?; cat $FILE{leaves}; exit $code"), dir, file, old, new);
    refused(script, code, &[says], &["errno=EINVAL op=rename path=/dummy/", "accepted: "])
}

#[test]
fn a_file_renamed_onto_a_value_is_a_write() {
    let size = |way| done(script(way, "volumes/db1", "size_total", "10737418240", "11G"), PATCHED);
    check(&REPLACING.iter().map(|(way, ..)| size(way)).collect::<Vec<_>>());
}

#[test]
fn a_refused_value_is_a_failure_of_the_rename() {
    let size =
        |way| refusal(way, "volumes/db1", "size_total", "10737418240", "10GB").printing("10737418240\n");
    let rules = |way| {
        refusal(way, "policies/nfs", "rules", "10.0.0.2", "a b").printing("10.0.0.1\n10.0.0.2\n@hosts\n")
    };
    check(&REPLACING.iter().flat_map(|way| [size(way), rules(way)]).collect::<Vec<_>>());
}

#[test]
fn a_list_renamed_into_place_is_made_before_the_old_one_is_broken() {
    let rules = |way: &str| done(script(way, "policies/nfs", "rules", "10.0.0.2", "10.0.0.9"), REPLACED);
    check(&REPLACING.iter().map(|(way, ..)| rules(way)).collect::<Vec<_>>());
    check(&[
        done(
            "cd policies/nfs; sed -i /10.0.0.2/d rules; cat rules",
            &["ensure_policy_rules_absent(nfs, 10.0.0.2)"],
        )
        .printing("10.0.0.1\n@hosts\n"),
        done("cd policies/nfs; sed -i '$a 10.0.0.9' rules", &["ensure_policy_rules_present(nfs, 10.0.0.9)"]),
        done("cd policies/nfs; sed -i 's/.*@/# who\\n@/' rules", &[]),
        // Nothing is no list, as with `: > rules`.
        done("cd policies/nfs; sed -i d rules; cat rules", &[]).printing("10.0.0.1\n10.0.0.2\n@hosts\n"),
        done(
            "cd policies/nfs; sed -i -e '1!d' -e s/.*/none/ rules; cat rules",
            &["ensure_policy_rules_absent(nfs, 10.0.0.1 10.0.0.2 @hosts)"],
        )
        .printing(""),
    ]);
}

#[test]
fn config_and_defaults_are_edited_in_place() {
    const BOTH: &[&str] = &["patch_volume(db1, size_total=11811160064 comment=hello)"];
    let config = |way: &str| script(way, "volumes/db1", "config", "10737418240", "11G\ncomment hello");
    check(&[
        done("cd volumes/db1; sed -i 's/^comment.*/comment hello/; s/10737418240/11G/' config", BOTH),
        done("cd volumes/db1; perl -i -pe 's/^comment.*/comment hello/; s/10737418240/11G/' config", BOTH),
        done("cd volumes/db1; sed -i '/size_total/!d; s/.*/size_total 10G/' config", &[]),
        refused(
            config(r#"sed -i "s/$OLD/11G\ncomment a/; s/^comment/comment b/" config"#),
            4,
            &["Invalid argument"],
            &["errno=EINVAL op=rename", "given twice"],
        ),
        done("sed -i 's/one/x/; $a size_total 11G' defaults; cat defaults", &[])
            .after("echo comment one > defaults")
            .printing("size_total 11811160064\ncomment x\n"),
        refused(
            "sed -i s/comment/words/ defaults",
            4,
            &["Invalid argument"],
            &["op=rename", "no key \"words\""],
        )
        .after("echo comment one > defaults"),
    ]);
}

#[test]
fn rsync_in_place_writes_the_file() {
    let rsync = |value: &str, options: &str| {
        format!(
            "cd volumes/db1; echo {value} > $T/size_total; rsync {options} $T/size_total .; code=$?; cat size_total; exit $code"
        )
    };
    check(&[
        done(rsync("11G", "--inplace"), PATCHED).printing("11811160064\n"),
        done(rsync("11G", "-a --inplace"), PATCHED).printing("11811160064\n"),
        done(rsync("11G", "-c --inplace --no-whole-file"), PATCHED).printing("11811160064\n"),
        refused(
            rsync("10GB", "--inplace"),
            11,
            &["Invalid argument (22)"],
            &["errno=EINVAL op=write", "10GB"],
        )
        .printing("10737418240\n"),
        // It adds bytes to what is there: of a shorter text none, and a longer one is no value.
        done(rsync("11G", "--inplace --append"), &[]).printing("10737418240\n"),
        refused(
            rsync("107374182400", "--inplace --append"),
            11,
            &["Invalid argument (22)"],
            &["errno=EINVAL op=write", "write the value from the beginning"],
        )
        .printing("10737418240\n"),
    ]);
}

#[test]
fn rsync_copies_nothing_of_the_same_size_and_time_unless_it_compares() {
    let rsync = |options: &str| {
        format!(
            "cd volumes/db1; echo 21474836480 > $T/size_total; touch -r size_total $T/size_total
                 rsync {options} $T/size_total .; cat size_total"
        )
    };
    check(&[
        done(rsync("-a"), &[]).printing("10737418240\n"),
        done(rsync("-ac"), &["patch_volume(db1, size_total=21474836480)"]).printing("21474836480\n"),
    ]);
}

#[test]
fn what_removes_the_old_file_first_is_refused_and_told_how_to_write_it() {
    const UNLINK: &str = "errno=EPERM op=unlink path=/dummy/volumes/db1/size_total ";
    const WRITE: &str = "to change a value, write it: cp NEW size_total, tar x --overwrite";
    let size = |way: &str| {
        format!("cd volumes/db1; echo 11G > $T/size_total; {way}; code=$?; cat size_total; exit $code")
    };
    let unlinked =
        |way: &str, code, says| refused(size(way), code, &[says], &[UNLINK, WRITE]).printing("10737418240\n");
    check(&[
        unlinked("mv $T/size_total size_total", 1, "unable to remove target: Operation not permitted"),
        unlinked("mv -f $T/size_total .", 1, "unable to remove target: Operation not permitted"),
        unlinked(
            "install $T/size_total size_total",
            1,
            "cannot remove 'size_total': Operation not permitted",
        ),
        unlinked("install -m 644 -t . $T/size_total", 1, "Operation not permitted"),
        unlinked("cp --remove-destination $T/size_total .", 1, "cannot remove './size_total'"),
        unlinked("tar c -C $T size_total | tar x", 2, "size_total: Cannot open: File exists"),
        unlinked("rsync --temp-dir=$T $T/size_total .", 23, "Operation not permitted (1)"),
        // What says so and fails not: it goes on to the next file.
        refused(
            size("ruby -i -pe '$_ = %(11G)' size_total"),
            0,
            &["Can't remove size_total: Operation not permitted"],
            &[UNLINK, WRITE],
        )
        .printing("10737418240\n"),
        refused(
            "cd policies/nfs; echo 10.0.0.9 > $T/rules; mv $T/rules rules",
            1,
            &["unable to remove target"],
            &[
                "errno=EPERM op=unlink path=/dummy/policies/nfs/rules ",
                "to change the list, write it: cp NEW rules",
            ],
        ),
        refused(
            "cd volumes/db1; echo admin1 > $T/lock; install $T/lock lock",
            1,
            &["cannot remove 'lock'"],
            &["errno=EPERM op=unlink", "to take or free a lock, write it: echo HOST > lock"],
        ),
        refused(
            "echo size_total 11G > $T/defaults; mv $T/defaults defaults",
            1,
            &["unable to remove target"],
            &["errno=EPERM op=unlink path=/dummy/defaults ", "to change a value, write it: cp NEW defaults"],
        ),
        // The ways that it names; and of these two `mv` overwrites what it may not remove.
        done(
            size("python3 -c 'import shutil, sys; shutil.move(sys.argv[1], \"size_total\")' $T/size_total"),
            PATCHED,
        ),
        done(
            size(r#"ruby -e 'require "fileutils"; FileUtils.mv(ARGV[0], "size_total")' $T/size_total"#),
            PATCHED,
        ),
        done(size("cp $T/size_total size_total"), PATCHED),
        done(size("tar c -C $T size_total | tar x --overwrite"), PATCHED),
    ]);
}

#[test]
fn a_copy_of_the_old_file_by_rename_is_refused() {
    let renamed = |way: &str, code, says| {
        let size =
            format!("cd volumes/db1; echo 11G > $T/size_total; {way}; code=$?; cat size_total; exit $code");
        let last_error =
            ["errno=EPERM op=rename path=/dummy/volumes/db1/size_total ", "to change a value, write it"];
        refused(size, code, &[says], &last_error).printing("10737418240\n")
    };
    check(&[
        renamed("sed -i.bak s/.*/11G/ size_total", 4, "cannot rename size_total: Operation not permitted"),
        renamed("perl -i.bak -pe s/.*/11G/ size_total", 1, "Can't rename size_total"),
        // Goes on with a copy, of its own.
        done(
            "cd volumes/db1; echo 11G > $T/size_total; rsync -b $T/size_total .; cat size_total~; rm size_total~",
            PATCHED,
        )
        .printing("10737418240\n"),
        renamed("cp -b $T/size_total .", 1, "cannot backup './size_total': Operation not permitted"),
        renamed("mv size_total comment", 1, "Operation not permitted"),
    ]);
}
