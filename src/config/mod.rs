//! The configuration file: TOML, unknown keys are errors, every fault with file, line and key.

mod endpoint;
mod journal;
mod registry;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time;

use serde::Deserialize;
use toml::Spanned;

pub use endpoint::{Endpoint, EndpointKind, Protocol};
pub use journal::Journal;
pub use registry::{Registry, RegistryKind};

use crate::backend::{Error, HostName};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The mount itself.
    pub mount: Mount,
    /// Its back-ends.
    #[serde(rename = "endpoint")]
    pub endpoints: Vec<Endpoint>,
    /// Where locks and marks live.
    pub registry: Registry,
    /// Where changes are written down.
    pub journal: Journal,
    /// Who may do what.
    pub access: Vec<Access>,
    /// Where it was read from.
    #[serde(skip)]
    pub source: Source,
}

/// `[mount]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mount {
    /// The name locks are taken under; the machine's own if not given.
    #[serde(deserialize_with = "host")]
    pub host: Option<HostName>,
    /// As `-o`.
    pub options: Vec<MountOption>,
    /// How long an answer may be remembered.
    pub cache_ttl: Duration,
    /// Whether new volumes are protected from `rmdir`.
    pub protect_new: bool,
    /// How long a lock that a process holds outlives the daemon.
    pub lease: Option<Spanned<Duration>>,
}

impl Default for Mount {
    fn default() -> Mount {
        Mount {
            host: None,
            options: Vec::new(),
            cache_ttl: Duration(time::Duration::from_secs(2)),
            protect_new: false,
            lease: None,
        }
    }
}

/// What `-o` and `options` take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum MountOption {
    /// Read-only: the kernel refuses every change.
    Ro,
    /// Refused chmod and chown look accepted.
    Quiet,
    /// `.ctl` is left out of the listing of the root.
    HideCtl,
}

/// A value of `defaults`: text, a number, or true and false.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text, a whole number, or true or false")]
pub enum Scalar {
    /// `"20G"`
    Text(String),
    /// `20`
    Number(i64),
    /// `true`
    Boolean(bool),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Text(text) => f.write_str(text),
            Scalar::Number(number) => write!(f, "{number}"),
            Scalar::Boolean(boolean) => write!(f, "{boolean}"),
        }
    }
}

/// `[[access]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// A glob on the tree.
    pub path: Spanned<String>,
    /// A user, by name or number.
    #[serde(default)]
    pub owner: Option<Spanned<String>>,
    /// A group, by name or number.
    #[serde(default)]
    pub group: Option<Spanned<String>>,
    /// Permission bits, in octal.
    #[serde(default)]
    pub mode: Option<Spanned<String>>,
}

/// Where a configuration was read from, to point into it.
#[derive(Clone, Debug, Default)]
pub struct Source {
    path: PathBuf,
    text: String,
}

/// A fault in the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// The machine's own name is none to take locks under.
    #[error("the machine's own name cannot be used: {0}; set another as host in [mount]")]
    Host(String),
    /// There is no journal where it is by default.
    #[error("{0}")]
    Journal(String),
    /// More than one fault, a line each.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<ConfigError>),
    /// A place in it.
    #[error("{file}:{line}: {key}: {message}")]
    At {
        /// The file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// The key, or what stands there instead.
        key: String,
        /// What is wrong, and what would be accepted.
        message: String,
    },
}

impl Config {
    /// Reads a configuration.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError::Unreadable(path.into(), e))?;
        let source = Source { path: path.into(), text };
        let mut config: Config = toml::from_str(&source.text)
            .map_err(|e| source.fault(&e.span().unwrap_or(0..0), in_words_of_toml(e.message())))?;
        config.source = source;
        Ok(config)
    }
}

impl Source {
    /// A fault at a place in the file.
    pub fn fault(&self, span: &Range<usize>, message: impl fmt::Display) -> ConfigError {
        let before = &self.text[..span.start.min(self.text.len())];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        ConfigError::At {
            file: self.path.display().to_string(),
            line: before.matches('\n').count() + 1,
            key: key(line, (before.len() - start).min(line.len())).to_owned(),
            message: message.to_string(),
        }
    }

    /// A path that stands in the configuration, relative to its folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// The key that a place in a line belongs to: the one that stands there, the one of the value that stands
/// there, or that of the line; a header is its own key.
fn key(line: &str, column: usize) -> &str {
    let (before, after) = line.split_at(column);
    let head = |text: &str| text.split('=').next().unwrap_or(text).trim().len();
    let word =
        after.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).next().unwrap_or_default();
    if line.trim_start().starts_with('[') {
        return line.split('#').next().unwrap_or(line).trim();
    }
    if !word.is_empty() && after[word.len()..].trim_start().starts_with('=') {
        return word;
    }
    let inner = before.rsplit(['{', ',']).next().unwrap_or(before).trim_start();
    let of = if inner.is_empty() { line.trim_start() } else { inner };
    &of[..head(of)]
}

/// The parsers name types of Rust; the file has types of TOML.
fn in_words_of_toml(message: &str) -> String {
    let message = message.trim_end().replace('\n', ": ");
    let Some((what, expected)) = message.rsplit_once("expected ") else { return message };
    let expected = match expected {
        "a sequence" if what.contains("type: map") => "a list of tables, each under [[ ]]",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "u32" => "a whole number from 0 to 4294967295",
        "path string" => "a string",
        _ if expected == "a map" || expected.starts_with("struct ") => "a table",
        _ => expected,
    };
    format!("{}expected {expected}", what.replace("type: map", "type: table"))
}

fn host<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<HostName>, D::Error> {
    let host = HostName::new(&String::deserialize(from)?);
    host.map(Some).map_err(|e| serde::de::Error::custom(with_hint(&e)))
}

/// A failure together with what would be accepted.
pub fn with_hint(error: &Error) -> String {
    let hint = error.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{error}{hint}")
}

/// A span of time, written as `500ms`, `2s` or `1m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Duration(pub time::Duration);

impl TryFrom<String> for Duration {
    type Error = String;
    fn try_from(text: String) -> Result<Duration, String> {
        let bad = |e| format!("{text:?} is not a duration ({e}); accepted: 500ms, 2s, 1m and the like");
        humantime::parse_duration(&text).map(Duration).map_err(bad)
    }
}
