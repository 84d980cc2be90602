//! What came of every change and refusal: `.ctl/last_error`, `errors`, `audit`, `events`, `metrics`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde::Serialize;

use super::limits::{AUDIT, CALLERS, ERRORS, EVENTS};
use super::table::Caller;
use crate::backend::Error;
use crate::backend::names::unprintable;

/// One operation that changed something, or was refused.
pub struct Outcome<'a> {
    /// The operation: `write`, `mkdir` ...
    pub op: &'static str,
    /// Where, from the root of the mount.
    pub path: String,
    /// Where to, of a rename.
    pub to: Option<String>,
    /// By whom.
    pub caller: Caller,
    /// The program.
    pub command: String,
    /// How long it took.
    pub took: Duration,
    /// Whether it asked for a change.
    pub change: bool,
    /// Why it was refused, and the errno.
    pub refusal: Option<(&'static str, &'a Error)>,
}

/// The memory of a mount.
#[derive(Default)]
pub struct Outcomes {
    requests: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The text of the last refusal of each caller; a success removes it. With its age.
    last: HashMap<(u32, u32), (u64, String)>,
    errors: VecDeque<(u32, String)>,
    audit: VecDeque<(u32, String)>,
    events: VecDeque<String>,
    event: u64,
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    time: &'a str,
    errno: &'a str,
    op: &'a str,
    path: &'a str,
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
    time: &'a str,
    uid: u32,
    gid: u32,
    pid: u32,
    command: &'a str,
    op: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    result: &'a str,
    ms: f64,
    request: u64,
}

impl Outcomes {
    /// Keeps an outcome. A success of a change clears the caller's last error.
    pub fn record(&self, outcome: &Outcome<'_>) {
        let request = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let result = outcome.refusal.map_or("ok", |(errno, _)| errno);
        let caller = &outcome.caller;
        if let Some((errno, error)) = outcome.refusal {
            tracing::warn!(request, errno, op = outcome.op, uid = caller.uid, path = %printable(&outcome.path),
                reason = %printable(&error.to_string()), "refused");
        }
        let mut kept = self.kept.lock();
        *kept.counts.entry((outcome.op, result)).or_default() += 1;
        let who = (caller.uid, caller.session);
        match outcome.refusal {
            Some((errno, error)) => {
                let line = ErrorLine {
                    time: &time,
                    errno,
                    op: outcome.op,
                    path: &outcome.path,
                    request,
                    uid: caller.uid,
                    message: error.to_string(),
                    input: error.input.as_ref().map(|input| input.text.as_str()),
                    hint: error.hint.as_deref(),
                };
                push(&mut kept.errors, AUDIT, (caller.uid, json(&line)));
                kept.last.insert(who, (request, explain(&line, error)));
                forget_oldest(&mut kept.last);
            }
            None => drop(kept.last.remove(&who)),
        }
        if outcome.change {
            let line = AuditLine {
                time: &time,
                uid: caller.uid,
                gid: caller.gid,
                pid: caller.pid,
                command: &outcome.command,
                op: outcome.op,
                path: &outcome.path,
                to: outcome.to.as_deref(),
                result,
                ms: (outcome.took.as_secs_f64() * 1e6).round() / 1e3,
                request,
            };
            push(&mut kept.audit, AUDIT, (caller.uid, json(&line)));
        }
        if outcome.change && outcome.refusal.is_none() {
            kept.event += 1;
            let kind = match outcome.op {
                "mkdir" => "create",
                "rmdir" => "delete",
                "rename" => "rename",
                _ => "modify",
            };
            let line = format!("{} {time} {kind} {}", kept.event, printable(&outcome.path));
            push(&mut kept.events, EVENTS, line);
        }
    }

    /// A change was asked for, and there was nothing to do: that too is a success.
    pub fn succeeded(&self, caller: &Caller) {
        self.kept.lock().last.remove(&(caller.uid, caller.session));
    }

    /// The last result of this caller.
    pub fn last_error(&self, caller: &Caller) -> String {
        let kept = self.kept.lock();
        kept.last.get(&(caller.uid, caller.session)).map_or("ok\n".into(), |(_, text)| text.clone())
    }

    /// The last refusals that this caller may see, one JSON object a line.
    pub fn errors(&self, caller: &Caller) -> String {
        visible(&self.kept.lock().errors, caller, ERRORS)
    }

    /// The last changes that this caller may see, one JSON object a line.
    pub fn audit(&self, caller: &Caller) -> String {
        visible(&self.kept.lock().audit, caller, AUDIT)
    }

    /// The last changes: `SEQ TIME KIND PATH`.
    pub fn events(&self) -> String {
        self.kept.lock().events.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Changes and refusals by operation and result, for Prometheus.
    pub fn metrics(&self) -> String {
        let mut text = String::from(
            "# HELP filerfs_operations_total Changes and refusals by operation and result.\n\
             # TYPE filerfs_operations_total counter\n",
        );
        for ((op, result), count) in &self.kept.lock().counts {
            let _ = writeln!(text, "filerfs_operations_total{{op=\"{op}\",result=\"{result}\"}} {count}");
        }
        text
    }
}

fn push<T>(lines: &mut VecDeque<T>, most: usize, line: T) {
    if lines.len() == most {
        lines.pop_front();
    }
    lines.push_back(line);
}

fn forget_oldest(last: &mut HashMap<(u32, u32), (u64, String)>) {
    if last.len() > CALLERS
        && let Some(oldest) = last.iter().min_by_key(|(_, (request, _))| *request).map(|(who, _)| *who)
    {
        last.remove(&oldest);
    }
}

/// Root sees all lines; others see those about themselves.
fn visible(lines: &VecDeque<(u32, String)>, caller: &Caller, most: usize) -> String {
    let seen: Vec<_> =
        lines.iter().filter(|(uid, _)| caller.uid == 0 || caller.uid == *uid).map(|(_, line)| line).collect();
    seen[seen.len().saturating_sub(most)..].iter().map(|line| format!("{line}\n")).collect()
}

fn json(line: &impl Serialize) -> String {
    // JSON leaves the characters from DEL on as they are, and terminals obey some of them.
    let text = serde_json::to_string(line).unwrap_or_default();
    let escape = |c: char| format!("\\u{:04x}", c as u32);
    text.chars().map(|c| if unprintable(c) { escape(c) } else { c.to_string() }).collect()
}

/// The text of `last_error`: a line for machines, the sentence, the input with a caret, a hint.
fn explain(line: &ErrorLine<'_>, error: &Error) -> String {
    let path = printable(line.path).replace(' ', "\\x20");
    let mut text = format!(
        "time={} errno={} op={} path=/{path} request={}\n{}\n",
        line.time,
        line.errno,
        line.op,
        line.request,
        printable(&line.message)
    );
    if let Some(input) = &error.input {
        // A long value is shown around the place of the trouble.
        let before = printable(input.text.get(..input.at).unwrap_or_default());
        let after = printable(input.text.get(input.at..).unwrap_or(&input.text));
        let before: String = before.chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
        let after: String = after.chars().take(60).collect();
        let _ = writeln!(text, "  {before}{after}\n  {}^", " ".repeat(before.chars().count()));
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(text, "{}", printable(hint));
    }
    text
}

/// The text with everything escaped that a terminal would obey.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if unprintable(c) { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}
