//! `[journal]`: where every change is written down.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

/// The journal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Journal {
    /// Whether there is one.
    pub enabled: bool,
    /// Its file. If not given: one by the mount point's name, unless every endpoint ends with the mount.
    pub path: Option<Spanned<PathBuf>>,
}

impl Default for Journal {
    fn default() -> Journal {
        Journal { enabled: true, path: None }
    }
}
