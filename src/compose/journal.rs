//! The journal of a mount.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Config, ConfigError, EndpointKind};
use crate::journal::{Journal, ROTATE_AT};

/// Opens the journal of this mount point, if the configuration has one.
pub fn open(config: &Config, mount_point: &Path) -> Result<Option<Arc<Journal>>, ConfigError> {
    let asked = &config.journal;
    let outlives = config.endpoints.iter().any(|endpoint| endpoint.kind != EndpointKind::Memory);
    if !asked.enabled || (asked.path.is_none() && !outlives) {
        return Ok(None);
    }
    let mount_point = place(mount_point);
    let fault = |message: String| match &asked.path {
        Some(path) => config.source.fault(&path.span(), message),
        None => ConfigError::Journal(message),
    };
    let path = match &asked.path {
        Some(path) => config.source.resolve(path.get_ref()),
        None => state_dir().map_err(fault)?.join(format!("{}.journal", escaped(&mount_point))),
    };
    if place(&path).starts_with(&mount_point) {
        return Err(fault(format!("{} is below the mount point; accepted: any other place", path.display())));
    }
    Journal::open(&path, ROTATE_AT).map(Some).map_err(|e| fault(e.to_string()))
}

/// An absolute path without links on the way to it. A dead mount is not looked at.
fn place(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    match (path.parent().map(fs::canonicalize), path.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => path,
    }
}

/// Where a daemon keeps what outlives it: as systemd says, or as the XDG Base Directory Specification does.
fn state_dir() -> Result<PathBuf, String> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(given) = set("STATE_DIRECTORY") {
        // More than one are divided by colons.
        let first = given.as_bytes().split(|byte| *byte == b':').next().unwrap_or_default();
        return Ok(OsStr::from_bytes(first).into());
    }
    if nix::unistd::geteuid().is_root() {
        return Ok("/var/lib/filerfs".into());
    }
    let state = set("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    let none = "there is no place for the journal: HOME is not set; accepted: path in [journal]";
    state.map(|state| state.join("filerfs")).ok_or_else(|| none.to_owned())
}

/// A path as one name, as `systemd-escape --path` makes it.
fn escaped(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let inner = bytes.strip_prefix(b"/").unwrap_or(bytes);
    if inner.is_empty() {
        return "-".into();
    }
    let mut name = String::new();
    for (at, &byte) in inner.iter().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if at == 0 => name.push_str("\\x2e"),
            b':' | b'_' | b'.' => name.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => name.push(byte.into()),
            // Writing to a String does not fail.
            _ => drop(write!(name, "\\x{byte:02x}")),
        }
    }
    name
}
