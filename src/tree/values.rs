//! Texts to values and back: what may be written, and what is read.

use std::time::SystemTime;

use crate::backend::names::unprintable;
use crate::backend::{Error, Kind, Result};

const SIZE_HINT: &str = "accepted: bytes, or a whole number with K M G T P or Ki Mi Gi Ti Pi (powers of 1024), \
                         for example 21474836480, 20G or 20Gi";

/// The value in what was written: without the blanks around it, one newline and `\r` before that.
pub fn value(bytes: &[u8]) -> Result<&str> {
    let text = utf8(bytes)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text).trim_matches([' ', '\t']);
    if let Some(at) = text.find('\n') {
        return Err(Error::invalid("this file takes one value, not several lines", text, at));
    }
    Ok(text)
}

/// The lines in what was written, without blanks, comments and empty ones.
pub fn lines(bytes: &[u8]) -> Result<Vec<&str>> {
    let lines = utf8(bytes)?.lines().map(|line| line.trim_matches([' ', '\t', '\r']));
    Ok(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect())
}

/// The text in what was written.
pub fn utf8(bytes: &[u8]) -> Result<&str> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let shown = String::from_utf8_lossy(bytes);
        Error::invalid("the value is not UTF-8", &shown, e.valid_up_to())
    })?;
    match text.find('\0') {
        Some(at) => Err(Error::invalid("the value holds a NUL byte", text, at)),
        None => Ok(text),
    }
}

/// A size in bytes.
pub fn size(text: &str) -> Result<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let factor = match &text[digits..] {
        "" => 1,
        "K" | "Ki" => 1 << 10,
        "M" | "Mi" => 1 << 20,
        "G" | "Gi" => 1 << 30,
        "T" | "Ti" => 1 << 40,
        "P" | "Pi" => 1_u64 << 50,
        _ => return Err(Error::invalid(format!("{text:?} is not a size"), text, digits).hint(SIZE_HINT)),
    };
    if digits == 0 {
        return Err(Error::invalid(format!("{text:?} is not a size"), text, 0).hint(SIZE_HINT));
    }
    let number = text[..digits].parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    in_range(number, text)
}

/// A whole number.
pub fn integer(text: &str) -> Result<u64> {
    if let Some(at) = text.find(|c: char| !c.is_ascii_digit()).or(text.is_empty().then_some(0)) {
        let error = Error::invalid(format!("{text:?} is not a whole number"), text, at);
        return Err(error.hint("accepted: digits only"));
    }
    in_range(text.parse().ok(), text)
}

fn in_range(number: Option<u64>, text: &str) -> Result<u64> {
    number.filter(|number| *number <= i64::MAX as u64).ok_or_else(|| {
        let error = Error::new(Kind::OutOfRange, format!("{text} is too large")).input(text, 0);
        error.hint("accepted: 0 to 9223372036854775807")
    })
}

/// A yes or no.
pub fn boolean(text: &str) -> Result<bool> {
    match text {
        "1" | "yes" | "on" | "true" => Ok(true),
        "0" | "no" | "off" | "false" => Ok(false),
        _ => {
            let error = Error::invalid(format!("{text:?} is neither yes nor no"), text, 0);
            Err(error.hint("accepted: 0 1 no yes off on false true"))
        }
    }
}

/// Text that a terminal can show.
pub fn text(text: &str) -> Result<String> {
    match text.find(unprintable) {
        Some(at) => Err(Error::invalid("the text holds a control character", text, at)),
        None => Ok(text.to_owned()),
    }
}

/// A path in the filer's namespace; empty for none.
pub fn junction_path(path: &str) -> Result<String> {
    let hint = "accepted: an absolute path such as /db1, or nothing to unmount the volume";
    let bad = |message: &str, at| {
        Err(Error::invalid(format!("{path:?} is not a junction path: {message}"), path, at).hint(hint))
    };
    match path {
        "" => Ok(String::new()),
        "/" => bad("the root of the namespace is taken", 0),
        _ if !path.starts_with('/') => bad("it does not begin with /", 0),
        _ if path.ends_with('/') => bad("it ends with /", path.len() - 1),
        _ if path.contains("//") => bad("it holds an empty name", path.find("//").unwrap_or(0)),
        _ if crate::backend::names::encoded(path).len() > crate::backend::names::NAME_BYTES => {
            Err(Error::new(Kind::NameTooLong, "the junction path is too long")
                .hint("accepted: 255 bytes as a file name"))
        }
        _ => text(path),
    }
}

/// `0` or `1`.
pub fn show_boolean(value: bool) -> String {
    if value { "1" } else { "0" }.to_owned()
}

/// UTC, RFC 3339, whole seconds.
pub fn show_time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The text of a file: one newline at the end; nothing for an empty value.
pub fn line(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 1);
    text.push_str(value);
    if !value.is_empty() {
        text.push('\n');
    }
    text
}

/// What in `known` looks like `name`, for a hint.
pub fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<(f64, &str)> = known.into_iter().map(|k| (strsim::jaro_winkler(name, k), k)).collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let near: Vec<&str> = known.iter().take(5).map(|(_, known)| *known).collect();
    if near.is_empty() { "there are none".to_owned() } else { format!("known: {}", near.join(", ")) }
}
