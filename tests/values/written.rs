//! What is written to files, and what is read back.

use std::time::{Duration, SystemTime};

use filerfs::backend::Kind;
use filerfs::tree::values::{
    boolean, integer, junction_path, line, lines, near, show_boolean, show_time, size, text, utf8, value,
};
use proptest::prelude::*;

use super::refused;

const LARGEST: u128 = i64::MAX as u128;
const UNITS: [(&str, u32); 10] = [
    ("K", 10),
    ("M", 20),
    ("G", 30),
    ("T", 40),
    ("P", 50),
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
];

/// What a size means, read anew: `Err` holds the kind of its refusal.
fn size_due(text: &str) -> Result<u64, Kind> {
    let unit = UNITS.iter().rev().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, *bits)));
    let (digits, bits) = unit.unwrap_or((text, 0));
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Kind::Invalid);
    }
    let digits = digits.trim_start_matches('0');
    if digits.len() > 19 {
        return Err(Kind::OutOfRange);
    }
    let bytes = digits.bytes().fold(0_u128, |number, b| number * 10 + u128::from(b - b'0')) << bits;
    if bytes > LARGEST { Err(Kind::OutOfRange) } else { Ok(bytes as u64) }
}

fn near_size() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,22}[KMGTP]?i?",
        "[ +-]?[0-9.,_]{0,6}[KMGTPEkmgtpib]{0,3}",
        "0{0,30}[0-9]{1,4}Pi?",
        ".{0,8}"
    ]
}

proptest! {
    #[test]
    fn a_size_is_read_as_it_is_documented_or_refused(text in near_size()) {
        match size_due(&text) {
            Ok(bytes) => prop_assert_eq!(size(&text).unwrap(), bytes),
            Err(kind) => refused(kind, size(&text)),
        }
    }

    #[test]
    fn a_whole_number_is_digits_in_range(text in prop_oneof!["[0-9]{1,24}", "[+-]?[0-9]{0,4}.{0,2}"]) {
        // An integer is a size without a unit.
        let with_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
        match if with_unit { Err(Kind::Invalid) } else { size_due(&text) } {
            Ok(number) => prop_assert_eq!(integer(&text).unwrap(), number),
            Err(kind) => refused(kind, integer(&text)),
        }
    }

    #[test]
    fn every_number_that_is_shown_can_be_written(number in 0..=i64::MAX as u64) {
        prop_assert_eq!(size(&number.to_string()).unwrap(), number);
        prop_assert_eq!(integer(&number.to_string()).unwrap(), number);
    }

    #[test]
    fn only_eight_words_are_yes_or_no(
        text in prop_oneof!["[01]{0,2}", "(?i)(yes|no|on|off|true|false)", ".{0,5}"],
    ) {
        match text.as_str() {
            "1" | "yes" | "on" | "true" => prop_assert!(boolean(&text).unwrap()),
            "0" | "no" | "off" | "false" => prop_assert!(!boolean(&text).unwrap()),
            _ => refused(Kind::Invalid, boolean(&text)),
        }
    }

    /// A value is one line of the text, and holds neither what is ignored around it nor a newline.
    #[test]
    fn any_bytes_are_a_value_or_refused(bytes in any_bytes()) {
        match value(&bytes) {
            Ok(value) => {
                prop_assert!(!value.contains(['\n', '\0']) && value.trim_matches([' ', '\t']) == value);
                prop_assert!(std::str::from_utf8(&bytes).unwrap().contains(value));
            }
            Err(error) => refused::<()>(Kind::Invalid, Err(error)),
        }
    }

    #[test]
    fn any_bytes_are_lines_or_refused(bytes in any_bytes()) {
        match lines(&bytes) {
            Ok(lines) => for line in lines {
                prop_assert!(!line.is_empty() && !line.starts_with('#') && !line.contains(['\n', '\0']));
                prop_assert_eq!(line.trim_matches([' ', '\t', '\r']), line);
            },
            Err(error) => refused::<()>(Kind::Invalid, Err(error)),
        }
        prop_assert_eq!(lines(&bytes).is_ok(), utf8(&bytes).is_ok());
        prop_assert_eq!(utf8(&bytes).is_ok(), String::from_utf8(bytes.clone()).is_ok() && !bytes.contains(&0));
    }

    #[test]
    fn blanks_one_newline_and_a_carriage_return_are_ignored(
        kept in "([a-z0-9é#]([a-z é\t]{0,6}[a-z0-9é])?)?", before in "[ \t]{0,3}", after in "[ \t]{0,3}",
        end in prop::sample::select(vec!["", "\n", "\r\n", "\r"]),
    ) {
        let written = format!("{before}{kept}{after}{end}");
        prop_assert_eq!(value(written.as_bytes()).unwrap(), kept.as_str());
        if !end.is_empty() {
            refused(Kind::Invalid, value(format!("x{written}\n\n").as_bytes()));
        }
    }

    #[test]
    fn blank_lines_and_comments_are_no_lines(
        items in prop::collection::vec(("([a-z@.0-9-][a-z #]{0,4}[a-z])?", "[ \t]{0,2}", ignored()), 0..6),
    ) {
        let written = items.iter().map(|(item, blanks, ignored)| format!("{blanks}{item}{blanks}{ignored}"));
        let written: String = written.collect();
        let due: Vec<_> = items.iter().map(|(item, ..)| item).filter(|item| !item.is_empty()).collect();
        prop_assert_eq!(lines(written.as_bytes()).unwrap(), due);
    }

    #[test]
    fn what_is_read_can_be_written(kept in "([!-~é]([ -~é]{0,9}[!-~é])?)?") {
        let read = line(&text(&kept).unwrap());
        prop_assert_eq!(value(read.as_bytes()).unwrap(), kept.as_str());
        prop_assert_eq!(read.is_empty(), kept.is_empty());
    }

    #[test]
    fn a_time_is_shown_in_whole_seconds_of_utc(
        seconds in 0..253_402_300_800_u64, nanos in 0..1_000_000_000_u32,
    ) {
        let shown = show_time(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
        prop_assert_eq!(shown.len(), "2025-01-31T12:00:00Z".len());
        let again = humantime::parse_rfc3339(&shown).unwrap();
        prop_assert_eq!(again.duration_since(SystemTime::UNIX_EPOCH).unwrap(), Duration::from_secs(seconds));
    }

    #[test]
    fn a_junction_path_is_absolute_or_empty(
        path in prop_oneof!["(/[a-z.%é-]{0,3}){0,4}", "[/a\n\u{202e}]{0,6}"],
    ) {
        let parts: Vec<&str> = path.split('/').collect();
        let good = path.is_empty()
            || parts.len() > 1 && parts[0].is_empty() && parts[1..].iter().all(|part| !part.is_empty());
        match good && !path.contains(['\n', '\u{202e}']) {
            true => prop_assert_eq!(junction_path(&path).unwrap(), path),
            false => refused(Kind::Invalid, junction_path(&path)),
        }
    }
}

/// The end of a line, and maybe a line that counts for nothing.
fn ignored() -> impl Strategy<Value = String> {
    "\r?\n([ \t\r]{0,2}\n|#[a-z# ]{0,5}\n|  # x\n)?"
}

/// Bytes that make sense often enough.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(prop::sample::select(b"a1# \t\r\n\0\xc3\xa9".as_slice()), 0..12),
        "[a-z# \t\r\n]{0,20}".prop_map(String::into_bytes),
    ]
}

#[test]
fn sizes_at_the_edges() {
    let good = [
        ("0", 0),
        ("00", 0),
        ("1", 1),
        ("5G", 5 << 30),
        ("5Gi", 5 << 30),
        ("0P", 0),
        ("8191P", 8191 << 50),
        ("9223372036854775807", i64::MAX as u64),
        ("007K", 7 << 10),
    ];
    for (text, bytes) in good {
        assert_eq!(size(text).unwrap(), bytes, "{text}");
    }
    assert_eq!(size(&format!("{}5", "0".repeat(4000))).unwrap(), 5);
    for text in [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "8192P",
        "16384Pi",
        "9007199254740992K",
    ] {
        refused(Kind::OutOfRange, size(text));
    }
    refused(Kind::OutOfRange, size(&"9".repeat(4096)));
    let bad = [
        "", "K", "Gi", "10GB", "10GiB", "1.5T", "1,5", "+5G", "-5", "-0", "5g", "5gi", "5k", "5E", "5 G",
        " 5", "5\n", "1e9", "0x10", "1_000", "١٢", "５", "5К", "5G5", "GG", "5i", "10%", "∞", "NaN", "\0",
    ];
    for text in bad {
        refused(Kind::Invalid, size(text));
        refused(Kind::Invalid, integer(text));
    }
    for text in ["5G", "5Ki", "1P"] {
        refused(Kind::Invalid, integer(text));
    }
}

#[test]
fn booleans_are_read_back_as_they_are_shown() {
    for yes in [true, false] {
        assert_eq!(boolean(&show_boolean(yes)).unwrap(), yes);
    }
}

#[test]
fn values_that_are_more_or_less_than_one_line_of_text() {
    for bytes in
        [b"a\nb".as_slice(), b"a\n\n", b"\n\n", b"\na", b"a\0", b"\0", b"\xff", b"a\xc3", b"\xc3\x28\n"]
    {
        refused(Kind::Invalid, value(bytes));
    }
    for empty in [b"".as_slice(), b"\n", b"\r\n", b"  \n", b"\t", b" \r\n"] {
        assert_eq!(value(empty).unwrap(), "");
    }
}

#[test]
fn a_text_holds_nothing_that_a_terminal_obeys() {
    for good in ["", "two words", "grüße 日本 🎉", "-x", "\"'`$(x)"] {
        assert_eq!(text(good).unwrap(), good);
    }
    for bad in
        ["\u{1b}[2J", "a\tb", "a\rb", "\u{9b}", "\u{202e}", "\u{2066}a", "\u{61c}", "a\u{200b}b", "\u{7f}"]
    {
        refused(Kind::Invalid, text(bad));
    }
}

#[test]
fn a_junction_path_takes_255_bytes_as_a_file_name() {
    junction_path(&format!("/{}", "a".repeat(252))).unwrap();
    refused(Kind::NameTooLong, junction_path(&format!("/{}", "a".repeat(253))));
    refused(Kind::NameTooLong, junction_path(&"/a".repeat(2048)));
}

#[test]
fn near_names_come_nearest_first_and_are_few() {
    assert_eq!(near("x", []), "there are none");
    let known = ["alpha", "default", "defaults", "nfs", "zeta", "omega", "rho"];
    let said = near("defalt", known);
    assert!(said.starts_with("known: default, defaults, "), "{said}");
    assert_eq!(said.split(", ").count(), 5);
}
