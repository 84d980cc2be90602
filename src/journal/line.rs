//! What stands in a journal: one JSON object a line, the first of which names the format.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::change::Change;
use crate::backend::{Error, HostName};

/// The format that is written, and the only one that is read.
pub const VERSION: u64 = 1;
/// The most characters of a failure's text that are kept.
const MESSAGE: usize = 256;
/// No line of an outcome is longer in bytes, however its text is escaped.
pub const OUTCOME_ROOM: u64 = 2048;

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first one.
    Journal {
        /// The format of the others.
        version: u64,
    },
    /// A change that is about to be sent.
    Intent(Intent),
    /// What came of one.
    Outcome(Outcome),
}

impl Line {
    /// As it stands in the file, with its newline.
    pub fn text(&self) -> std::io::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

/// A change that is about to be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// Tells it from every other.
    pub id: String,
    /// When, by the clock of this host.
    pub time: String,
    /// The host that makes it.
    pub host: HostName,
    /// The endpoint it is made on.
    pub endpoint: String,
    /// What it is.
    #[serde(flatten)]
    pub change: Change,
}

impl Intent {
    /// A change of now.
    pub fn new(host: &HostName, endpoint: &str, change: Change) -> Intent {
        let (host, endpoint) = (host.clone(), endpoint.to_owned());
        Intent { id: Uuid::new_v4().to_string(), time: now(), host, endpoint, change }
    }
}

/// What came of a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// That of the intent.
    pub id: String,
    /// When, by the clock of this host.
    pub time: String,
    /// `ok` or the kind of the failure; of one that was looked for: `made`, `not_made` or `unknown`.
    pub result: String,
    /// The failure in its own words, or what was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Outcome {
    /// The change was answered.
    pub fn answered(intent: &Intent, error: Option<&Error>) -> Outcome {
        let result = error.map_or("ok", |error| error.kind().name());
        Outcome::new(intent, result, error.map(ToString::to_string))
    }

    /// Of this intent.
    pub fn new(intent: &Intent, result: &str, message: Option<String>) -> Outcome {
        let message = message.map(|message| message.chars().take(MESSAGE).collect());
        Outcome { id: intent.id.clone(), time: now(), result: result.to_owned(), message }
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
