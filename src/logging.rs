//! The log: tracing to stderr, text or JSON, one line an event, with the level changed while running.

use std::io;

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::tree::shared::LogLevel;

/// How log lines look.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// The level of the running log.
pub struct Running(reload::Handle<LevelFilter, Registry>);

/// No log at all.
pub struct Silent;

/// Begins to log.
pub fn start(format: LogFormat, level: Level) -> Running {
    // All levels to begin with: what fuser logs passes a filter that never changes after this.
    let (filter, handle) = reload::Layer::new(LevelFilter::TRACE);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false).with_ansi(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second start in one process keeps the first log.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    let running = Running(handle);
    running.set(&level.to_string());
    running
}

/// One of `error warn info debug trace`.
pub fn parse(level: &str) -> Result<Level, String> {
    level.parse().map_err(|_| "accepted: error warn info debug trace".to_owned())
}

impl LogLevel for Running {
    fn get(&self) -> String {
        self.0.with_current(|level| level.to_string().to_lowercase()).unwrap_or_default()
    }

    fn set(&self, level: &str) -> bool {
        parse(level).is_ok_and(|level| self.0.reload(LevelFilter::from_level(level)).is_ok())
    }
}

impl LogLevel for Silent {
    fn get(&self) -> String {
        "error".into()
    }

    fn set(&self, _: &str) -> bool {
        false
    }
}
