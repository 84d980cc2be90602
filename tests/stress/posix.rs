//! pjdfstest, in scratch directories: each of its cases ends as docs/tools.md says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use glob::Pattern;
use tempfile::TempDir;

use crate::{Stressed, lasts};

/// All that Linux has, short naps, and users of Debian's.
const CONFIG: &str = r#"
[features]
posix_fallocate = {}
rename_ctime = {}
utime_now = {}
utimensat = {}
[settings]
naptime = 0.01
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
"#;

/// As many cases it has.
const CASES: usize = 398;

/// What it says of each of its cases, or why it ran none.
fn pjdfstest(place: &Path) -> Result<BTreeMap<String, String>, String> {
    let program = std::env::var("FILERFS_PJDFSTEST")
        .expect("FILERFS_PJDFSTEST is the program pjdfstest; scripts/test installs it and sets it");
    let outside = TempDir::new().unwrap();
    let config = outside.path().join("pjdfstest.toml");
    fs::write(&config, CONFIG).unwrap();
    let mut command = Command::new("timeout");
    // Alone it takes two seconds; what takes so long hangs.
    command.args(["-s", "KILL", "300", &program, "-c"]).arg(config);
    command.arg("-p").arg(place).arg("-s").arg(outside.path());
    let output = command.env("RUST_BACKTRACE", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}: {output:?}", place.display());
    let said = String::from_utf8_lossy(&output.stdout);
    let words = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let cases: BTreeMap<_, _> = words
        .filter_map(|words| match *words {
            [case, end @ ("ok" | "FAILED" | "skipped")] => Some((case.to_owned(), end.to_owned())),
            _ => None,
        })
        .collect();
    match cases.len() {
        0 => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        CASES => Ok(cases),
        _ => panic!("{}: {said}", place.display()),
    }
}

/// The cases that do not pass, and what is said of them: the table of docs/tools.md.
fn exceptions() -> Vec<(Pattern, String)> {
    let text = fs::read_to_string("docs/tools.md").unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| cases of pjdfstest |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [cases, end, why] = *cells else { panic!("{row}") };
        assert!(!why.is_empty(), "{row}");
        let cases = cases.split(", ").map(|case| Pattern::new(case.trim_matches('`')).unwrap());
        cases.map(|case| (case, end.to_owned())).collect::<Vec<_>>()
    })
    .collect()
}

/// What differs from the table, both ways.
fn differences(cases: &BTreeMap<String, String>) -> Vec<String> {
    let exceptions = exceptions();
    let expected = |case: &str| exceptions.iter().find(|(pattern, _)| pattern.matches(case));
    let other = cases.iter().filter_map(|(case, end)| {
        let expected = expected(case).map_or("ok", |(_, end)| end);
        (end != expected).then(|| format!("{case}: {end}, and not {expected}"))
    });
    let idle = exceptions.iter().filter(|(pattern, _)| !cases.keys().any(|case| pattern.matches(case)));
    other.chain(idle.map(|(pattern, _)| format!("{pattern}: no such case"))).collect()
}

#[test]
fn pjdfstest_passes_in_scratch_directories_but_for_what_is_listed() {
    let stressed = Stressed::new();
    let refused = [".", "d/volumes", "d/staging", "d/policies", "d/volumes/vol00001/snapshots"];
    for place in refused {
        let said = pjdfstest(&stressed.daemon.path(place)).expect_err(place);
        assert!(said.contains("Invalid argument"), "{place}: {said}");
    }
    let begun = Instant::now();
    while begun.elapsed() < lasts() {
        let places = ["d", "d/volumes/vol00001", "d/volumes/vol00002", "d/policies/default"];
        std::thread::scope(|scope| {
            for place in places.map(|place| stressed.daemon.path(place)) {
                scope.spawn(move || {
                    let cases =
                        pjdfstest(&place).unwrap_or_else(|said| panic!("{}: {said}", place.display()));
                    assert_eq!(differences(&cases), Vec::<String>::new(), "{}", place.display());
                });
            }
        });
    }
    stressed.ended_well("");
}
