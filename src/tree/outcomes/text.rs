//! Outcomes as texts.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Entry, Event, Where};
use crate::backend::names::unprintable;
use crate::tree::values::show_time;

#[derive(Serialize)]
struct ErrorLine<'a> {
    time: String,
    errno: &'a str,
    op: &'a str,
    path: String,
    request: u64,
    uid: u32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct AuditLine<'a> {
    time: String,
    uid: u32,
    gid: u32,
    pid: u32,
    command: String,
    op: &'a str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    result: &'a str,
    ms: f64,
    request: u64,
}

impl Where {
    /// Whether a row of the table has this name: what is renamed to it is its new value.
    fn is_interface_file(&self) -> bool {
        let name = self.child.as_deref().and_then(|child| std::str::from_utf8(child).ok());
        self.node.as_ref().zip(name).is_some_and(|(dir, name)| dir.row.child(name).is_some())
    }

    /// The path from the root of the mount.
    fn path(&self) -> String {
        let mut path = self.node.as_ref().map(|node| node.path()).unwrap_or_default();
        if let Some(child) = &self.child {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&String::from_utf8_lossy(child));
        }
        path
    }
}

impl Entry {
    /// `ok`, or the errno.
    pub fn result(&self) -> &'static str {
        self.outcome.refusal.as_ref().map_or("ok", |(errno, _)| errno)
    }

    /// One line in the log for a refusal.
    pub fn log(&self) {
        let outcome = &self.outcome;
        if let Some((errno, error)) = &outcome.refusal {
            tracing::warn!(request = self.request, errno, op = outcome.op, uid = outcome.caller.uid,
                path = %printable(&outcome.at.path()), reason = %printable(&error.to_string()), "refused");
        }
    }

    /// Of a refusal, for programs.
    pub fn error_line(&self) -> String {
        let outcome = &self.outcome;
        let error = outcome.refusal.as_ref().map(|(_, error)| error);
        json(&ErrorLine {
            time: show_time(self.time),
            errno: self.result(),
            op: outcome.op,
            path: outcome.at.path(),
            request: self.request,
            uid: outcome.caller.uid,
            message: error.map(ToString::to_string).unwrap_or_default(),
            input: error.and_then(|error| error.input.as_ref()).map(|input| input.text.as_str()),
            hint: error.and_then(|error| error.hint.as_deref()),
        })
    }

    /// Of a change, for programs.
    pub fn audit_line(&self) -> String {
        let outcome = &self.outcome;
        let (took, caller) = (outcome.change.unwrap_or_default(), outcome.caller);
        let command = String::from_utf8_lossy(&outcome.command);
        json(&AuditLine {
            time: show_time(self.time),
            uid: caller.uid,
            gid: caller.gid,
            pid: caller.pid,
            command: command.trim_end_matches(['\0', '\n']).to_owned(),
            op: outcome.op,
            path: outcome.at.path(),
            to: outcome.to.as_ref().map(Where::path),
            result: self.result(),
            ms: (took.as_secs_f64() * 1e6).round() / 1e3,
            request: self.request,
        })
    }

    /// The text of `last_error`: a line for programs, the sentence, the input with a caret, a hint.
    pub fn explanation(&self) -> String {
        let outcome = &self.outcome;
        let Some((errno, error)) = &outcome.refusal else { return "ok\n".into() };
        let path = printable(&outcome.at.path()).replace(' ', "\\x20");
        let to =
            outcome.to.as_ref().map(|to| format!(" to=/{}", printable(&to.path()).replace(' ', "\\x20")));
        let mut text = format!(
            "time={} errno={errno} op={} path=/{path}{} request={}\n{}\n",
            show_time(self.time),
            outcome.op,
            to.unwrap_or_default(),
            self.request,
            printable(&error.to_string())
        );
        if let Some(input) = &error.input {
            // A long value is shown around the place of the trouble.
            let before = printable(input.text.get(..input.at).unwrap_or_default());
            let after = printable(input.text.get(input.at..).unwrap_or(&input.text));
            let before: String =
                before.chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
            let after: String = after.chars().take(60).collect();
            let _ = writeln!(text, "  {before}{after}\n  {}^", " ".repeat(before.chars().count()));
        }
        if let Some(hint) = &error.hint {
            let _ = writeln!(text, "{}", printable(hint));
        }
        text
    }
}

impl Event {
    /// For whoever watches.
    pub fn line(&self, number: u64) -> String {
        let (time, kind, path) = match self {
            Event::Elsewhere(kind, path, time) => (*time, *kind, path.clone()),
            Event::Own(entry) => {
                let (outcome, at) = (&entry.outcome, &entry.outcome.at);
                let (kind, at) = match (outcome.op, &outcome.to) {
                    ("mkdir", _) => ("create", at),
                    ("rmdir", _) => ("delete", at),
                    ("rename", Some(to)) if to.is_interface_file() => ("modify", to),
                    ("rename", _) => ("rename", at),
                    _ => ("modify", at),
                };
                (entry.time, kind, at.path())
            }
        };
        format!("{number} {} {kind} {}\n", show_time(time), printable(&path))
    }
}

fn json(line: &impl Serialize) -> String {
    // JSON leaves the characters from DEL on as they are, and terminals obey some of them.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    if text.contains(unprintable) {
        let escape = |c: char| format!("\\u{:04x}", c as u32);
        text = text.chars().map(|c| if unprintable(c) { escape(c) } else { c.to_string() }).collect();
    }
    text.push('\n');
    text
}

/// The text with everything escaped that a terminal would obey.
pub fn printable(text: &str) -> String {
    if !text.contains(unprintable) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if unprintable(c) { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}
