//! The command line, from one clap definition: commands, completions, man page.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tokio::signal::unix::{SignalKind, signal};

use crate::compose::{compose, compose_journalled, registry};
use crate::config::{Config, ConfigError, MountOption, RegistryKind, with_hint};
use crate::logging::{self, LogFormat};
use crate::mount::{MountError, Mounted};
use crate::tree::describe;

/// A filer as a directory tree: snapshot, clone, lock, resize and export volumes with ls, cat, echo and mkdir.
#[derive(Debug, Parser)]
#[command(name = "filerfs", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Mount the tree and serve it until SIGTERM, SIGINT or umount.
    Mount {
        /// The configuration; without one, an empty filer in memory is mounted as `dummy`.
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Mount options.
        #[arg(short = 'o', value_name = "OPTIONS", value_delimiter = ',')]
        options: Vec<MountOption>,
        /// How log lines look.
        #[arg(long, value_enum, default_value = "text")]
        log_format: LogFormat,
        /// How much is logged: error, warn, info, debug or trace; `.ctl/log_level` changes it later.
        #[arg(long, default_value = "info", value_parser = logging::parse)]
        log_level: tracing::Level,
        /// An empty directory.
        mount_point: PathBuf,
    },
    /// Read the configuration, resolve its users and files, and ask each endpoint and the registry; exit 1 if there
    /// is a fault.
    Check {
        /// The configuration.
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print the table of the tree: every path, what it means and takes.
    Describe {
        /// How it looks.
        #[arg(long, value_enum, default_value = "text")]
        format: DescribeFormat,
    },
    /// Be an ONTAP filer, for tests and for who has none.
    #[cfg(feature = "simulator")]
    Simulate(crate::simulator::command::Options),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DescribeFormat {
    Text,
    Markdown,
    Json,
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Mount(#[from] MountError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[cfg(feature = "simulator")]
    #[error(transparent)]
    Simulate(#[from] crate::simulator::command::CommandError),
    /// A sentence for each part that does not let us in.
    #[error("{}", .0.join("\n"))]
    Parts(Vec<String>),
}

/// Runs the command that was asked for.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Mount { config, options, log_format, log_level, mount_point } => {
            mount(config, &options, log_format, log_level, &mount_point)
        }
        Command::Check { config } => check(config),
        Command::Describe { format } => print(&match format {
            DescribeFormat::Text => describe::text(),
            DescribeFormat::Markdown => describe::markdown(),
            DescribeFormat::Json => describe::json(),
        }),
        #[cfg(feature = "simulator")]
        Command::Simulate(options) => crate::simulator::command::run(options).map_err(Failure::from),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "filerfs", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
        Command::Man => man(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            failure.to_string().lines().for_each(|sentence| eprintln!("filerfs: {sentence}"));
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> Result<(), Failure> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn man() -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    for command in Cli::command().get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("filerfs-{}", command.get_name());
        clap_mangen::Man::new(command.clone().name(name)).render(&mut page)?;
    }
    print(&String::from_utf8_lossy(&page))
}

fn read(config: Option<PathBuf>) -> Result<Config, ConfigError> {
    config.map_or_else(|| Ok(Config::default()), |path| Config::read(&path))
}

fn mount(
    config: Option<PathBuf>,
    options: &[MountOption],
    format: LogFormat,
    level: tracing::Level,
    mount_point: &std::path::Path,
) -> Result<(), Failure> {
    let config = read(config)?;
    let log_level = logging::start(format, level);
    let (tree, journal) = compose_journalled(&config, options, Box::new(log_level), mount_point)?;
    let read_only = options.contains(&MountOption::Ro) || config.mount.options.contains(&MountOption::Ro);
    let runtime = runtime()?;
    let mut mounted = Mounted::new(tree.into(), mount_point, read_only, runtime.handle())?;
    if let Some(journal) = journal {
        runtime.spawn(async move { journal.settle().await });
    }
    let served = runtime.block_on(async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        eprintln!("filerfs: ready on {}", mounted.path().display());
        // Without systemd there is nobody to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        tokio::select! {
            ended = mounted.ended() => return Ok(ended?),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        Ok(mounted.unmount().await?)
    });
    // A thread that looks at a process in execve(2) waits as long as that does: perhaps for ever.
    runtime.shutdown_background();
    served
}

fn check(config: Option<PathBuf>) -> Result<(), Failure> {
    let config = read(config)?;
    let tree = compose(&config, &[], Box::new(logging::Silent))?;
    let registry = registry(&config)?;
    runtime()?.block_on(async {
        let mut faults = Vec::new();
        for endpoint in &tree.shared.endpoints {
            match endpoint.backend.identify().await {
                Ok(what) => print(&format!("{}: ok, {what}\n", endpoint.name))?,
                Err(error) => faults.push(format!("endpoint {}: {}", endpoint.name, with_hint(&error))),
            }
        }
        match registry.check().await {
            Ok(()) if config.registry.kind() == RegistryKind::Memory => {}
            Ok(()) => print("[registry]: ok\n")?,
            Err(error) => faults.push(format!("[registry]: {}", with_hint(&error))),
        }
        if faults.is_empty() { Ok(()) } else { Err(Failure::Parts(faults)) }
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}
