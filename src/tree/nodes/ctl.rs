//! `.ctl/`: the mount itself.

use std::fmt::Write as _;
use std::sync::LazyLock;

use async_trait::async_trait;

use crate::backend::{Api, CallCount, Error, Result};
use crate::tree::limits;
use crate::tree::place::Place;
use crate::tree::shared::Shared;
use crate::tree::table::{Caller, Change, File, Node, Row, Show, Write, change};
use crate::tree::values::{line, near};

/// Version of the interface: of names, formats and meanings in the tree.
const ABI: u32 = 1;

/// The directory of the mount itself.
pub fn row() -> Row {
    Row::dir(".ctl", ".ctl", "the mount itself", rows, None)
}

fn rows() -> &'static [Row] {
    static ROWS: LazyLock<[Row; 12]> = LazyLock::new(|| {
        [
            text(".ctl/abi", "version of this interface", |_, _| line(&ABI.to_string())),
            text(".ctl/version", "version of filerfs", |_, _| line(env!("CARGO_PKG_VERSION"))),
            text(".ctl/host", "the name locks are taken under", |shared, _| {
                line(shared.options.host.as_str())
            }),
            text(
                ".ctl/last_error",
                "the last result of the caller's own session: `ok`, or what was refused and why",
                |shared, caller| shared.outcomes.last_error(caller),
            ),
            text(
                ".ctl/errors",
                "the last 64 refusals that the reader may see, JSON lines",
                |shared, caller| shared.outcomes.errors(caller),
            ),
            text(
                ".ctl/audit",
                "the last 1024 changes that the reader may see, JSON lines",
                |shared, caller| shared.outcomes.audit(caller),
            ),
            file(
                ".ctl/events",
                "the last 256 changes by anyone, and up to as many before: `SEQ TIME KIND PATH`",
                File::ReadOnly(Box::new(Events)),
            ),
            text(
                ".ctl/health",
                "how each endpoint does: `ENDPOINT.api` ok, degraded or down, and more",
                |shared, _| health(shared),
            ),
            text(".ctl/metrics", "counters for Prometheus", |shared, _| metrics(shared)),
            file(
                ".ctl/refresh",
                "takes a path or an empty line: what is remembered of it is dropped; reads as empty",
                File::Scalar(Box::new(Refresh)),
            ),
            file(
                ".ctl/log_level",
                "how much is logged: error warn info debug trace",
                File::Scalar(Box::new(Level)),
            ),
            Row::dir("limits", ".ctl/limits", "the limits of the tree", limit_rows, None),
        ]
    });
    &*ROWS
}

fn limit_rows() -> &'static [Row] {
    static ROWS: LazyLock<[Row; 8]> = LazyLock::new(|| {
        [
            text(".ctl/limits/name_bytes", "the longest file name, in bytes", |_, _| {
                line(&limits::NAME_BYTES.to_string())
            }),
            text(".ctl/limits/value_bytes", "the longest value, in bytes", |_, _| {
                line(&limits::VALUE_BYTES.to_string())
            }),
            text(".ctl/limits/list_bytes", "the longest list or keyed text, in bytes", |_, _| {
                line(&limits::LIST_BYTES.to_string())
            }),
            text(".ctl/limits/errors", "lines of errors", |_, _| line(&limits::ERRORS.to_string())),
            text(".ctl/limits/audit", "lines of audit", |_, _| line(&limits::AUDIT.to_string())),
            text(".ctl/limits/events", "lines that events is cut back to, at twice as many", |_, _| {
                line(&limits::EVENTS.to_string())
            }),
            text(".ctl/limits/scratch_bytes", "the longest scratch file, in bytes", |_, _| {
                line(&limits::SCRATCH_BYTES.to_string())
            }),
            text(".ctl/limits/scratch_files", "scratch files in one directory and below it", |_, _| {
                line(&limits::SCRATCH_FILES.to_string())
            }),
        ]
    });
    &*ROWS
}

fn file(path: &'static str, help: &'static str, file: File) -> Row {
    let name = path.rsplit('/').next().unwrap_or(path);
    Row { name, path, help, node: Node::File(file), guarded: false }
}

fn text(path: &'static str, help: &'static str, show: fn(&Shared, &Caller) -> String) -> Row {
    file(path, help, File::ReadOnly(Box::new(Text(show))))
}

struct Text(fn(&Shared, &Caller) -> String);

#[async_trait]
impl Show for Text {
    async fn show(&self, at: &Place, caller: &Caller) -> Result<Option<String>> {
        Ok(Some((self.0)(&at.shared, caller)))
    }
}

struct Events;

#[async_trait]
impl Show for Events {
    fn is_log(&self) -> bool {
        true
    }

    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok(Some(at.shared.outcomes.events()))
    }
}

fn health(shared: &Shared) -> String {
    let mut text = String::new();
    for endpoint in &shared.endpoints {
        let (name, health) = (&endpoint.name, endpoint.backend.health());
        let _ = writeln!(text, "{name}.api {}", api(health.api));
        if let Some(latency) = health.latency {
            let _ = writeln!(text, "{name}.latency_ms {:.1}", latency.as_secs_f64() * 1e3);
        }
        if let Some(age) = health.cache_age {
            let _ = writeln!(text, "{name}.cache_age_s {:.1}", age.as_secs_f64());
        }
    }
    text
}

fn api(api: Api) -> &'static str {
    match api {
        Api::Ok => "ok",
        Api::Degraded => "degraded",
        Api::Down => "down",
    }
}

fn metrics(shared: &Shared) -> String {
    let mut text = shared.outcomes.metrics();
    text.push_str(
        "# HELP filerfs_endpoint_up Whether the endpoint answers.\n# TYPE filerfs_endpoint_up gauge\n",
    );
    for endpoint in &shared.endpoints {
        let up = i32::from(endpoint.backend.health().api != Api::Down);
        let _ = writeln!(text, "filerfs_endpoint_up{{endpoint=\"{}\"}} {up}", endpoint.name);
    }
    let calls: Vec<_> = shared
        .endpoints
        .iter()
        .flat_map(|endpoint| endpoint.backend.calls().into_iter().map(move |call| (&endpoint.name, call)))
        .collect();
    type Value = fn(&CallCount) -> String;
    let counters: [(&str, &str, Value); 2] = [
        ("filerfs_calls_total", "Calls of the storage by operation and result.", |call| {
            call.count.to_string()
        }),
        ("filerfs_call_seconds_total", "Seconds that they took together.", |call| call.seconds.to_string()),
    ];
    for (counter, help, value) in counters {
        let _ = writeln!(text, "# HELP {counter} {help}\n# TYPE {counter} counter");
        for (endpoint, count) in &calls {
            let (call, result) = (count.call, count.result);
            let labels = format!("endpoint=\"{endpoint}\",call=\"{call}\",result=\"{result}\"");
            let _ = writeln!(text, "{counter}{{{labels}}} {}", value(count));
        }
    }
    text
}

struct Refresh;

#[async_trait]
impl Show for Refresh {
    async fn show(&self, _: &Place, _: &Caller) -> Result<Option<String>> {
        Ok(Some(String::new()))
    }
}

#[async_trait]
impl Write for Refresh {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        let first = text.trim_start_matches('/').split('/').next().unwrap_or_default();
        let endpoints = &at.shared.endpoints;
        let chosen: Vec<_> =
            endpoints.iter().filter(|e| first.is_empty() || e.name == first).cloned().collect();
        if chosen.is_empty() && !first.is_empty() {
            let error = Error::not_found(format!("there is no endpoint {first:?}")).input(text, 0);
            return Err(error.hint(near(first, endpoints.iter().map(|endpoint| endpoint.name.as_str()))));
        }
        change(async move {
            chosen.iter().for_each(|endpoint| endpoint.backend.refresh());
            Ok(())
        })
    }
}

struct Level;

#[async_trait]
impl Show for Level {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok(Some(line(&at.shared.log_level.get())))
    }
}

#[async_trait]
impl Write for Level {
    async fn plan(&self, at: &Place, text: &str, _: &Caller) -> Result<Change> {
        const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
        let Some(level) = LEVELS.into_iter().find(|level| *level == text) else {
            let error = Error::invalid(format!("{text:?} is not a level"), text, 0);
            return Err(error.hint(format!("accepted: {}", LEVELS.join(" "))));
        };
        if at.shared.log_level.get() == level {
            return Ok(None);
        }
        let shared = at.shared.clone();
        change(async move {
            shared.log_level.set(level);
            Ok(())
        })
    }
}
