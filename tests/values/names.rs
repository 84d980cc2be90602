//! File names and the names they stand for.

use filerfs::backend::names::{NAME_BYTES, decoded, encoded};
use filerfs::backend::{AggregateName, HostName, Kind, PolicyName, Result, SnapshotName, VolumeName};
use proptest::prelude::*;

use super::refused;

/// Characters that a terminal obeys, a file name cannot hold, or a reader does not see.
const HOSTILE: &[char] = &[
    '\0', '\u{1}', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{80}', '\u{9b}', '\u{9f}', '\u{61c}', '\u{200b}',
    '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}',
    '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}', '\u{feff}',
];

/// Any text, with more than its share of what is special in names.
fn any_name() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec!['/', '%', '.', '-', '_', ':', ' ', '2', 'F', 'E', 'é', '日']);
    let one = prop_oneof![
        4 => prop::char::range('a', 'z'),
        3 => special,
        1 => prop::sample::select(HOSTILE),
        1 => any::<char>(),
    ];
    let short = prop::collection::vec(one, 0..12).prop_map(String::from_iter);
    let long = ("[a-z/.%é]{1,3}", 1..300_usize).prop_map(|(part, times)| part.repeat(times));
    prop_oneof![8 => short, 1 => long]
}

/// As many bytes as the name takes as a file name, counted anew.
fn file_bytes(name: &str) -> usize {
    let of = |(at, c): (usize, char)| match c {
        '.' if at == 0 => 3,
        '/' | '%' | '\0'..='\u{1f}' | '\u{7f}' => 3,
        c => c.len_utf8(),
    };
    name.char_indices().map(of).sum()
}

proptest! {
    #[test]
    fn every_name_comes_back_from_its_file_name(name in any_name()) {
        let file = encoded(&name);
        prop_assert_eq!(decoded(&file), Some(name.as_str().into()));
    }

    #[test]
    fn a_file_name_holds_nothing_that_a_file_name_cannot(name in any_name()) {
        let file = encoded(&name);
        prop_assert!(!file.contains('/') && !file.bytes().any(|b| b.is_ascii_control()), "{:?}", file);
        prop_assert!(!file.starts_with('.'), "{:?}", file);
        prop_assert_eq!(file.is_empty(), name.is_empty());
        prop_assert_eq!(file.len(), file_bytes(&name));
    }

    #[test]
    fn a_file_name_stands_for_a_name_only_if_it_is_that_of_the_name(file in any_name()) {
        if let Some(name) = decoded(&file) {
            prop_assert_eq!(encoded(&name), file.as_str());
        }
    }

    /// Any character written as an escape, and any escape written otherwise, is another file name.
    #[test]
    fn another_spelling_of_a_file_name_stands_for_nothing(
        name in "[a-z/.%é\u{1b}]{1,8}", at in any::<prop::sample::Index>(),
    ) {
        let file = encoded(&name);
        let at = at.index(file.chars().count());
        let (before, after) = file.split_at(file.char_indices().nth(at).unwrap().0);
        let c = after.chars().next().unwrap();
        let escaped: String = c.to_string().bytes().map(|b| format!("%{b:02X}")).collect();
        let respelled = format!("{before}{escaped}{}", &after[c.len_utf8()..]);
        // An escaped % may stand for a name of its own, never for this one.
        prop_assert_ne!(decoded(&respelled), Some(name.as_str().into()));
        if file.contains('%') && file.to_lowercase() != file {
            let lowered = file.to_lowercase();
            prop_assert!(decoded(&lowered).is_none_or(|other| other != name), "{:?}", lowered);
        }
    }

    #[test]
    fn a_volume_name_is_what_its_documentation_says(name in any_name()) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '_' | '.' | '-');
        let due = due(&name, plain);
        check(due, VolumeName::new(&name).map(|name| name.as_str().to_owned()), &name);
    }

    #[test]
    fn a_host_name_is_what_its_documentation_says(name in any_name()) {
        let due = due(&name, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        check(due, HostName::new(&name).map(|name| name.as_str().to_owned()), &name);
    }

    #[test]
    fn other_names_hold_nothing_hostile_and_no_slash_but_in_policies(name in any_name()) {
        let results: [(Result<String>, bool); 3] = [
            (SnapshotName::new(&name).map(String::from), false),
            (PolicyName::new(&name).map(String::from), true),
            (AggregateName::new(&name).map(String::from), false),
        ];
        for (result, slash) in results {
            match result {
                Ok(kept) => {
                    prop_assert_eq!(&kept, &name);
                    prop_assert!((slash || !kept.contains('/')) && !kept.contains(HOSTILE), "{:?}", kept);
                    prop_assert!(!kept.contains(char::is_control) && !kept.starts_with('-'), "{:?}", kept);
                    prop_assert!(!kept.is_empty() && kept.trim() == kept, "{:?}", kept);
                    prop_assert!(file_bytes(&kept) <= NAME_BYTES);
                }
                Err(error) => prop_assert!(matches!(error.kind(), Kind::Invalid | Kind::NameTooLong)),
            }
        }
    }
}

/// What becomes of a name of these characters; `None` if it is accepted.
fn due(name: &str, allowed: impl Fn(char) -> bool) -> Option<Kind> {
    if name.is_empty() || name.starts_with('-') || !name.chars().all(allowed) {
        return Some(Kind::Invalid);
    }
    (file_bytes(name) > 255).then_some(Kind::NameTooLong)
}

#[track_caller]
fn check(due: Option<Kind>, result: Result<String>, name: &str) {
    match due {
        Some(kind) => refused(kind, result),
        None => assert_eq!(result.unwrap(), name),
    }
}

#[test]
fn file_names_that_stand_for_nothing() {
    let none = [
        "%", "a%", "%2", "%2G", "%zz", "%+F", "%-1", "% F", "%%", "%2f", "%2e", "%41", "a%2Eb", "%C3%A9",
        "%FF", "%C3", "%2E%2E", ".", "..", ".hidden", "a/b", "/", "a\nb", "\0", "\u{7f}", "%é", "%2é",
    ];
    for file in none {
        assert_eq!(decoded(file), None, "{file:?}");
    }
}

#[test]
fn file_names_of_awkward_names() {
    let pairs = [
        (".", "%2E"),
        ("..", "%2E."),
        ("...", "%2E.."),
        (".a.b", "%2Ea.b"),
        ("a/b", "a%2Fb"),
        ("%2F", "%252F"),
        ("a%", "a%25"),
        ("\u{1b}[m", "%1B[m"),
        ("\0", "%00"),
        ("\n", "%0A"),
        ("\u{7f}", "%7F"),
        ("-rf", "-rf"),
        ("node:/vol/x", "node:%2Fvol%2Fx"),
        ("é 日", "é 日"),
    ];
    for (name, file) in pairs {
        assert_eq!(encoded(name), file);
        assert_eq!(decoded(file).as_deref(), Some(name));
    }
}

#[test]
fn every_hostile_character_is_refused_in_every_name_wherever_it_stands() {
    for c in HOSTILE {
        for name in [format!("{c}"), format!("{c}a"), format!("a{c}"), format!("a{c}b")] {
            refused(Kind::Invalid, VolumeName::new(&name));
            refused(Kind::Invalid, SnapshotName::new(&name));
            refused(Kind::Invalid, PolicyName::new(&name));
            refused(Kind::Invalid, AggregateName::new(&name));
            refused(Kind::Invalid, HostName::new(&name));
        }
    }
}

#[test]
fn hostile_names_are_refused_by_every_type() {
    let names = ["", "-", "-rf", "--", "-a b", " ", " a", "a ", "\u{a0}a", "a\u{3000}", "a\n", "\u{1b}[2Ja"];
    for name in names {
        refused(Kind::Invalid, VolumeName::new(name));
        refused(Kind::Invalid, SnapshotName::new(name));
        refused(Kind::Invalid, PolicyName::new(name));
        refused(Kind::Invalid, AggregateName::new(name));
        refused(Kind::Invalid, HostName::new(name));
    }
    for name in ["a%2Fb", "%2F", "a b", "é", "a@b", "a,b", "a\\b", "a*", "$(x)", "'", "\""] {
        refused(Kind::Invalid, VolumeName::new(name));
        refused(Kind::Invalid, HostName::new(name));
        SnapshotName::new(name).unwrap();
    }
    for name in ["a/b", "/", "../../etc"] {
        refused(Kind::Invalid, SnapshotName::new(name));
        refused(Kind::Invalid, HostName::new(name));
        PolicyName::new(name).unwrap();
        VolumeName::new(name).unwrap();
    }
}

#[test]
fn a_name_takes_255_bytes_as_a_file_name_and_no_more() {
    for (name, fits) in [
        ("a".repeat(255), true),
        ("a".repeat(256), false),
        ("a".repeat(4095), false),
        ("/".repeat(85), true),
        ("/".repeat(86), false),
        (format!(".{}", "a".repeat(252)), true),
        (format!(".{}", "a".repeat(253)), false),
    ] {
        let result = VolumeName::new(&name);
        assert_eq!(result.is_ok(), fits, "{name}");
        if !fits {
            refused(Kind::NameTooLong, result);
        }
    }
    SnapshotName::new(&"é".repeat(127)).unwrap();
    refused(Kind::NameTooLong, SnapshotName::new(&"é".repeat(128)));
    SnapshotName::new(&"%".repeat(85)).unwrap();
    refused(Kind::NameTooLong, SnapshotName::new(&"%".repeat(86)));
    refused(Kind::NameTooLong, PolicyName::new(&"a".repeat(4095)));
    refused(Kind::NameTooLong, HostName::new(&"a".repeat(256)));
}

#[test]
fn names_are_checked_when_they_are_read_from_a_file_too() {
    assert_eq!(serde_json::from_str::<VolumeName>("\"a/b\"").unwrap(), VolumeName::new("a/b").unwrap());
    for bad in ["\"\"", "\"-a\"", "\"a b\"", "\"a\\u0000\"", "1", "null"] {
        assert!(serde_json::from_str::<VolumeName>(bad).is_err(), "{bad}");
    }
}
