//! Where locks and marks are kept.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use toml::Spanned;

use super::{each, private};
use crate::config::{Config, ConfigError, RegistryKind, with_hint};
use crate::registry::{Cluster, EtcdRegistry, FileRegistry, MemoryRegistry, Registry};
use crate::tls::{Identity, Trust};

/// What our keys begin with, if nothing else is said.
const PREFIX: &str = "/filerfs";
/// How long an operation may take, if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The registry of a configuration. Nothing is sent yet.
pub fn registry(config: &Config) -> Result<Arc<dyn Registry>, ConfigError> {
    if let Some((key, span)) = config.registry.misplaced() {
        let message = format!("a registry of this kind does not take {key}; docs/operating.md says who does");
        return Err(config.source.fault(&span, message));
    }
    match config.registry.kind() {
        RegistryKind::Memory => Ok(Arc::new(MemoryRegistry::default())),
        RegistryKind::File => Ok(Arc::new(file(config)?)),
        RegistryKind::Etcd => Ok(Arc::new(etcd(config)?)),
    }
}

fn file(config: &Config) -> Result<FileRegistry, ConfigError> {
    let Some(path) = &config.registry.path else {
        let here = config.registry.kind.as_ref().map(Spanned::span).unwrap_or_default();
        return Err(config.source.fault(&here, "a registry of kind file needs path, a directory of its own"));
    };
    let opened = FileRegistry::open(&config.source.resolve(path.get_ref()));
    opened.map_err(|message| config.source.fault(&path.span(), message))
}

fn etcd(config: &Config) -> Result<EtcdRegistry, ConfigError> {
    let given = &config.registry;
    let here = given.kind.as_ref().map(Spanned::span).unwrap_or_default();
    let endpoints = match &given.endpoints {
        None => return Err(config.source.fault(&here, "a registry of kind etcd needs endpoints")),
        Some(none) if none.get_ref().is_empty() => {
            return Err(config
                .source
                .fault(&none.span(), "there is none; accepted: http(s)://HOST:PORT, each"));
        }
        Some(endpoints) => each(endpoints.get_ref().iter().map(|endpoint| {
            let tls = given.cert_file.is_some() || given.ca_file.is_some();
            url(endpoint.get_ref(), tls).map_err(|message| config.source.fault(&endpoint.span(), message))
        })),
    };
    let parts = (endpoints, prefix(config), trust(config), identity(config), timeout(config));
    let (endpoints, prefix, trust, identity, timeout) = match parts {
        (Ok(endpoints), Ok(prefix), Ok(trust), Ok(identity), Ok(timeout)) => {
            (endpoints, prefix, trust, identity, timeout)
        }
        (endpoints, prefix, trust, identity, timeout) => {
            let faults = [endpoints.err(), prefix.err(), trust.err(), identity.err(), timeout.err()];
            return Err(ConfigError::Several(faults.into_iter().flatten().collect()));
        }
    };
    let cluster = Cluster { endpoints, prefix, trust, identity, timeout, fresh: config.mount.cache_ttl.0 };
    EtcdRegistry::new(&cluster).map_err(|e| {
        let files = [&given.ca_file, &given.cert_file].into_iter().flatten().next();
        config.source.fault(&files.map_or(here, Spanned::span), with_hint(&e))
    })
}

/// The address of a node, without a slash at its end.
fn url(text: &str, tls: bool) -> Result<String, String> {
    let base = text.strip_suffix('/').unwrap_or(text);
    let authority = base.split_once("://").map(|(_, authority)| authority).unwrap_or_default();
    let port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let plain = !authority.contains(['/', '?', '#', '@']);
    let scheme = Url::parse(base).ok().map(|url| url.scheme().to_owned());
    match scheme.as_deref() {
        Some("http") if port && plain && tls => {
            Err(format!("{text:?} is not encrypted, but there are certificates; accepted: https://HOST:PORT"))
        }
        Some("http" | "https") if port && plain => Ok(base.to_owned()),
        _ => Err(format!("{text:?} is not the address of a node; accepted: http(s)://HOST:PORT")),
    }
}

fn prefix(config: &Config) -> Result<String, ConfigError> {
    let Some(prefix) = &config.registry.prefix else { return Ok(PREFIX.to_owned()) };
    let text = prefix.get_ref();
    if text.len() > 1 && text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.clone());
    }
    let message = format!("{text:?} is not a prefix of keys; accepted: /NAME of printable ASCII");
    Err(config.source.fault(&prefix.span(), message))
}

fn timeout(config: &Config) -> Result<Duration, ConfigError> {
    let Some(timeout) = &config.registry.timeout else { return Ok(TIMEOUT) };
    let least = Duration::from_millis(100);
    let message = || "no node can answer so soon; accepted: 100ms and more";
    let given = Some(timeout.get_ref().0).filter(|timeout| *timeout >= least);
    given.ok_or_else(|| config.source.fault(&timeout.span(), message()))
}

fn trust(config: &Config) -> Result<Trust, ConfigError> {
    config
        .registry
        .ca_file
        .as_ref()
        .map_or(Ok(Trust::System), |file| read(config, file).map(Trust::Authorities))
}

fn identity(config: &Config) -> Result<Option<Identity>, ConfigError> {
    let (certificate, key) = match (&config.registry.cert_file, &config.registry.key_file) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(file), None) => return Err(config.source.fault(&file.span(), "cert_file needs key_file")),
        (None, Some(file)) => return Err(config.source.fault(&file.span(), "key_file needs cert_file")),
    };
    let secret = private(&config.source.resolve(key.get_ref()));
    let secret = secret.map_err(|message| config.source.fault(&key.span(), message))?;
    let identity = Identity::from_pem(&read(config, certificate)?, secret.as_bytes());
    identity.map(Some).map_err(|e| config.source.fault(&certificate.span(), with_hint(&e)))
}

fn read(config: &Config, file: &Spanned<PathBuf>) -> Result<Vec<u8>, ConfigError> {
    let path = config.source.resolve(file.get_ref());
    let read = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()));
    read.map_err(|message| config.source.fault(&file.span(), message))
}
