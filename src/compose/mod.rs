//! From a configuration to a tree of ready endpoints, in one place.

mod journal;
mod ontap;
mod registry;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use glob::Pattern;
use nix::unistd::{Group, User, getegid, geteuid, gethostname};
use toml::Spanned;

use crate::backend::{HostName, NewVolume, StorageBackend};
use crate::backends::memory::{Content, Memory};
use crate::config::{self, Config, ConfigError, EndpointKind, MountOption, with_hint};
use crate::journal::{Journal, Journalled};
use crate::registry::Registered;
use crate::tree::access::{Access, AccessRule, matches_table};
use crate::tree::claims::Claims;
use crate::tree::endpoint::Endpoint;
use crate::tree::limits::{LEASE, SCRATCH_TTL, TRIPWIRE};
use crate::tree::nodes::config::with_default;
use crate::tree::outcomes::Outcomes;
use crate::tree::shared::{LogLevel, Options, Shared};
use crate::tree::{Tree, table};

pub use registry::registry;

/// The endpoint that there is if none is configured.
const ALONE: &str = "dummy";

/// The tree of a configuration, without a journal. `options` are those of the command line, on top.
pub fn compose(
    config: &Config,
    options: &[MountOption],
    log_level: Box<dyn LogLevel>,
) -> Result<Tree, ConfigError> {
    Ok(composed(config, options, log_level, || Ok(None))?.0)
}

/// The tree of a configuration for this mount point, and its journal, which has to be settled.
pub fn compose_journalled(
    config: &Config,
    options: &[MountOption],
    log_level: Box<dyn LogLevel>,
    mount_point: &Path,
) -> Result<(Tree, Option<Arc<Journal>>), ConfigError> {
    composed(config, options, log_level, || journal::open(config, mount_point))
}

/// The journal is opened last: no fault leaves one behind.
fn composed(
    config: &Config,
    options: &[MountOption],
    log_level: Box<dyn LogLevel>,
    journal: impl FnOnce() -> Result<Option<Arc<Journal>>, ConfigError>,
) -> Result<(Tree, Option<Arc<Journal>>), ConfigError> {
    let parts = (storages(config), registry(config), host(config), access(config), lease(config));
    let (storages, registry, host, access, lease) = match parts {
        (Ok(storages), Ok(registry), Ok(host), Ok(access), Ok(lease)) => {
            (storages, registry, host, access, lease)
        }
        (storages, registry, host, access, lease) => {
            let faults = [storages.err(), registry.err(), host.err(), access.err(), lease.err()];
            return Err(ConfigError::Several(faults.into_iter().flatten().collect()));
        }
    };
    let journal = journal()?;
    let endpoint = |Storage { name, backend, defaults }: Storage| {
        let registered = Arc::new(Registered::new(&name, host.clone(), backend, registry.clone()));
        let backend: Arc<dyn StorageBackend> = match &journal {
            Some(journal) => Arc::new(Journalled::new(&name, host.clone(), registered, journal.clone())),
            None => registered,
        };
        Arc::new(Endpoint::new(&name, backend, defaults))
    };
    let endpoints = storages.into_iter().map(endpoint).collect();
    let has = |option| options.contains(&option) || config.mount.options.contains(&option);
    let options = Options {
        host,
        cache_ttl: config.mount.cache_ttl.0,
        protect_new: config.mount.protect_new,
        quiet: has(MountOption::Quiet),
        scratch_ttl: SCRATCH_TTL,
        tripwire: TRIPWIRE,
        lease,
        hide_ctl: has(MountOption::HideCtl),
    };
    let (outcomes, started) = (Outcomes::default(), SystemTime::now());
    let shared =
        Shared { options, endpoints, access, claims: Claims::default(), outcomes, started, log_level };
    Ok((Tree::new(Arc::new(shared)), journal))
}

/// How long a lock that a process holds outlives the daemon.
fn lease(config: &Config) -> Result<Duration, ConfigError> {
    let Some(lease) = &config.mount.lease else { return Ok(LEASE) };
    let message = || "it could not be prolonged in time; accepted: 1s and more";
    let given = Some(lease.get_ref().0).filter(|lease| *lease >= Duration::from_secs(1));
    given.ok_or_else(|| config.source.fault(&lease.span(), message()))
}

/// The name locks are taken under.
fn host(config: &Config) -> Result<HostName, ConfigError> {
    if let Some(host) = &config.mount.host {
        return Ok(host.clone());
    }
    let name = gethostname().unwrap_or_default().to_string_lossy().into_owned();
    HostName::new(&name).map_err(|e| ConfigError::Host(with_hint(&e)))
}

/// All that there are, or every fault.
fn each<T>(results: impl Iterator<Item = Result<T, ConfigError>>) -> Result<Vec<T>, ConfigError> {
    let (mut good, mut faults) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(one) => good.push(one),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(good) } else { Err(ConfigError::Several(faults)) }
}

/// A secret in a file: ours or root's, and closed to others.
fn private(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let meta = fs::metadata(path).map_err(|e| format!("{shown}: {e}"))?;
    let owner = geteuid().as_raw();
    if meta.mode() & 0o077 != 0 {
        let mode = meta.mode() & 0o777;
        return Err(format!(
            "{shown} has mode {mode:04o}; accepted: 0400 or 0600, so that nobody else can read it"
        ));
    }
    if meta.uid() != owner && meta.uid() != 0 {
        return Err(format!("{shown} belongs to user {}; accepted: user {owner} or root", meta.uid()));
    }
    fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))
}

/// A storage that shall be an endpoint.
struct Storage {
    name: String,
    backend: Arc<dyn StorageBackend>,
    defaults: NewVolume,
}

fn storages(config: &Config) -> Result<Vec<Storage>, ConfigError> {
    if config.endpoints.is_empty() {
        let (name, backend) = (ALONE.to_owned(), Arc::new(Memory::new()));
        return Ok(vec![Storage { name, backend, defaults: NewVolume::default() }]);
    }
    let before = |at: usize| config.endpoints[..at].iter().map(|endpoint| endpoint.name.get_ref());
    each(config.endpoints.iter().enumerate().map(|(at, endpoint)| {
        let name = endpoint.name.get_ref();
        let fault = |message: String| config.source.fault(&endpoint.name.span(), message);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        {
            let accepted = "letters, digits and . _ -, a letter or digit first";
            return Err(fault(format!("{name:?} is not the name of an endpoint; accepted: {accepted}")));
        }
        if before(at).any(|other| other == name) {
            return Err(fault(format!("there are two endpoints {name:?}; accepted: each name once")));
        }
        if let Some((key, span)) = endpoint.misplaced() {
            let message =
                format!("an endpoint of this kind does not take {key}; docs/operating.md says who does");
            return Err(config.source.fault(&span, message));
        }
        let backend: Result<Arc<dyn StorageBackend>, ConfigError> = match endpoint.kind {
            EndpointKind::Memory => memory(config, endpoint).map(|memory| Arc::new(memory) as _),
            EndpointKind::Ontap => ontap::endpoint(config, endpoint),
        };
        match (backend, defaults(config, endpoint)) {
            (Ok(backend), Ok(defaults)) => Ok(Storage { name: name.clone(), backend, defaults }),
            (backend, defaults) => {
                Err(ConfigError::Several(backend.err().into_iter().chain(defaults.err()).collect()))
            }
        }
    }))
}

fn memory(config: &Config, endpoint: &config::Endpoint) -> Result<Memory, ConfigError> {
    let content = match (&endpoint.load, &endpoint.generate) {
        (Some(load), Some(_)) => {
            return Err(config
                .source
                .fault(&load.span(), "load and generate exclude each other; accepted: one of them"));
        }
        (Some(load), None) => {
            let path = config.source.resolve(load.get_ref());
            let fault =
                |message: String| config.source.fault(&load.span(), format!("{}: {message}", path.display()));
            let text = fs::read_to_string(&path).map_err(|e| fault(e.to_string()))?;
            let content: Content = serde_json::from_str(&text).map_err(|e| fault(e.to_string()))?;
            return Memory::with(content).map_err(|e| fault(e.to_string()));
        }
        (None, Some(generate)) => {
            let memory = Memory::with(generate.get_ref().content());
            return memory.map_err(|e| config.source.fault(&generate.span(), e));
        }
        (None, None) => Content::default(),
    };
    Memory::with(content).map_err(|e| config.source.fault(&endpoint.name.span(), e))
}

fn defaults(config: &Config, endpoint: &config::Endpoint) -> Result<NewVolume, ConfigError> {
    let mut new = NewVolume::default();
    each(endpoint.defaults.iter().map(|(key, value)| {
        new = with_default(new.clone(), key, &value.get_ref().to_string()).map_err(|error| {
            // The place names the key already.
            let message = with_hint(&error);
            let message = message.strip_prefix(&format!("{key}: ")).unwrap_or(&message);
            config.source.fault(&value.span(), message)
        })?;
        Ok(())
    }))?;
    Ok(new)
}

fn access(config: &Config) -> Result<Access, ConfigError> {
    let rules = each(config.access.iter().map(|rule| {
        let user = |name: &str| User::from_name(name).ok().flatten().map(|user| user.uid.as_raw());
        let group = |name: &str| Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
        let uid = id(config, rule.owner.as_ref(), "user", user);
        let gid = id(config, rule.group.as_ref(), "group", group);
        match (glob(config, &rule.path), uid, gid, mode(config, rule.mode.as_ref())) {
            (Ok(path), Ok(uid), Ok(gid), Ok(mode)) => Ok(AccessRule { path, uid, gid, mode }),
            (path, uid, gid, mode) => {
                let faults = [path.err(), uid.err(), gid.err(), mode.err()];
                Err(ConfigError::Several(faults.into_iter().flatten().collect()))
            }
        }
    }))?;
    Ok(Access { uid: geteuid().as_raw(), gid: getegid().as_raw(), rules })
}

/// Paths in the tree that there can be.
fn glob(config: &Config, path: &Spanned<String>) -> Result<Pattern, ConfigError> {
    let glob = path.get_ref().trim_start_matches('/');
    let fault = |message: String| config.source.fault(&path.span(), message);
    let pattern = Pattern::new(glob).map_err(|e| fault(format!("{glob:?} is not a glob: {e}")))?;
    let mut names = config.endpoints.iter().map(|endpoint| endpoint.name.get_ref().as_str());
    let first = glob.split('/').next().and_then(|first| Pattern::new(first).ok());
    let starts = first.is_some_and(|first| {
        first.matches(".ctl")
            || names.any(|name| first.matches(name))
            || (config.endpoints.is_empty() && first.matches(ALONE))
    });
    if starts && matches_table(glob, table()) {
        return Ok(pattern);
    }
    let message = format!("{glob:?} matches nothing in the tree; see filerfs describe");
    Err(fault(format!("{message}; accepted: paths such as ENDPOINT/volumes/*/lock")))
}

/// Permission bits.
fn mode(config: &Config, mode: Option<&Spanned<String>>) -> Result<Option<u32>, ConfigError> {
    let Some(mode) = mode else { return Ok(None) };
    let bits = u32::from_str_radix(mode.get_ref(), 8).ok().filter(|bits| *bits <= 0o777);
    let message = || format!("{:?} is not a mode; accepted: octal, \"0640\" and the like", mode.get_ref());
    bits.map(Some).ok_or_else(|| config.source.fault(&mode.span(), message()))
}

/// The number of a user or group.
fn id(
    config: &Config,
    name: Option<&Spanned<String>>,
    what: &str,
    find: impl Fn(&str) -> Option<u32>,
) -> Result<Option<u32>, ConfigError> {
    let Some(name) = name else { return Ok(None) };
    let found = name.get_ref().parse().ok().or_else(|| find(name.get_ref()));
    let message = || {
        format!("there is no {what} {:?}; accepted: a name that this host knows, or a number", name.get_ref())
    };
    found.map(Some).ok_or_else(|| config.source.fault(&name.span(), message()))
}
