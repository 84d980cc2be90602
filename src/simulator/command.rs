//! `filerfs simulate`.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Ontap, Settings, Simulator, StartError};
use crate::backends::memory::{Content, Generate};

/// What it takes.
#[derive(Debug, Args)]
pub struct Options {
    /// The address; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The SVM for data.
    #[arg(long, value_name = "NAME", default_value = "vs1")]
    svm: String,
    /// The account.
    #[arg(long, default_value = "filerfs")]
    user: String,
    /// A file that holds the password and that only its owner can read.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// What is on the filer: the format of `load` in the configuration.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["volumes", "snapshots"])]
    load: Option<PathBuf>,
    /// Make up so many volumes.
    #[arg(long, value_name = "N")]
    volumes: Option<u32>,
    /// Make up so many snapshots of each.
    #[arg(long, value_name = "M", requires = "volumes")]
    snapshots: Option<u32>,
    /// How long each call takes.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    latency: Duration,
    /// The release of ONTAP.
    #[arg(long, value_enum, default_value = "9.1")]
    ontap: Ontap,
    /// Refuse unknown elements, which the filer ignores.
    #[arg(long)]
    strict: bool,
}

/// Why it ended.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A file cannot be used.
    #[error("{path}: {fault}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        fault: String,
    },
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The ready line or the signals failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Serves until SIGTERM or SIGINT.
pub fn run(options: Options) -> Result<(), CommandError> {
    let content = match (&options.load, options.volumes) {
        (Some(path), _) => read_content(path)?,
        (None, Some(volumes)) => Generate { volumes, snapshots: options.snapshots.unwrap_or(0) }.content(),
        (None, None) => Content::default(),
    };
    let running = Simulator::start(Settings {
        listen: options.listen,
        password: read_password(&options.password_file)?,
        svm: options.svm,
        user: options.user,
        ontap: options.ontap,
        strict: options.strict,
        latency: options.latency,
        content,
        ..Settings::default()
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut out = io::stdout();
        writeln!(
            out,
            "filerfs: simulating on https://{} with certificate SHA-256 {}",
            running.address(),
            running.certificate_sha256()
        )?;
        out.flush()?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

fn read_content(path: &Path) -> Result<Content, CommandError> {
    let text = fs::read_to_string(path).map_err(|error| unusable(path, error))?;
    serde_json::from_str(&text).map_err(|error| unusable(path, error))
}

fn read_password(path: &Path) -> Result<String, CommandError> {
    let mode = fs::metadata(path).map_err(|error| unusable(path, error))?.mode();
    if mode & 0o077 != 0 {
        let fault = format!("others can read the password (mode {:o}): chmod 600", mode & 0o777);
        return Err(unusable(path, fault));
    }
    let text = fs::read_to_string(path).map_err(|error| unusable(path, error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn unusable(path: &Path, fault: impl ToString) -> CommandError {
    CommandError::File { path: path.to_owned(), fault: fault.to_string() }
}
