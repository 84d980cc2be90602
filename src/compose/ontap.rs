//! An ONTAP endpoint: a cache before a gate before the filer.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use super::private;
use crate::backend::StorageBackend;
use crate::backends::ontap::zapi::Zapi;
use crate::backends::ontap::{Http, Secret, Server, Trust};
use crate::cache::Cache;
use crate::config::{Config, ConfigError, Endpoint};
use crate::gate::{Gate, Limits};

/// Nothing is sent yet: the mount comes up without the network.
pub fn endpoint(config: &Config, endpoint: &Endpoint) -> Result<Arc<dyn StorageBackend>, ConfigError> {
    let needs = |key: &str| {
        config.source.fault(&endpoint.name.span(), format!("an endpoint of kind ontap needs {key}"))
    };
    let text = |key: &str, value: &Option<Spanned<String>>| {
        value.as_ref().map(|value| value.get_ref().clone()).ok_or_else(|| needs(key))
    };
    let time = |value: &Option<Spanned<crate::config::Duration>>, default| {
        value.as_ref().map_or(Duration::from_secs(default), |value| value.get_ref().0)
    };
    let limits = Limits {
        read_timeout: time(&endpoint.read_timeout, 10),
        change_timeout: time(&endpoint.change_timeout, 60),
        max_calls: endpoint.max_calls.as_ref().map_or(16, |calls| *calls.get_ref()),
    };
    let host = text("host", &endpoint.host)?;
    let server = Server {
        port: endpoint.port.as_ref().map_or(443, |port| *port.get_ref()),
        user: text("user", &endpoint.user)?,
        password: password(config, endpoint)?,
        trust: trust(config, endpoint, &host)?,
        timeout: limits.read_timeout.max(limits.change_timeout),
        host,
    };
    let http = Http::new(server).map_err(|e| config.source.fault(&endpoint.name.span(), e))?;
    let svm = endpoint.svm.as_ref().map(|svm| svm.get_ref().clone());
    let gate = Gate::new(Arc::new(Zapi::new(http, svm)), limits);
    // The rest of the time is for the announcer's look at an answer of that age, and for telling who watches.
    Ok(Arc::new(Cache::new(Arc::new(gate), config.mount.cache_ttl.0 * 4 / 5)))
}

/// From a file that nobody else can read, an environment variable or a systemd credential.
fn password(config: &Config, endpoint: &Endpoint) -> Result<Secret, ConfigError> {
    let secret = match (&endpoint.password_file, &endpoint.password_env, &endpoint.password_credential) {
        (Some(file), None, None) => {
            let path = config.source.resolve(file.get_ref());
            private(&path).map_err(|message| config.source.fault(&file.span(), message))?
        }
        (None, Some(name), None) => std::env::var(name.get_ref()).map_err(|_| {
            config.source.fault(&name.span(), format!("the environment has no {}", name.get_ref()))
        })?,
        (None, None, Some(name)) => {
            let dir = std::env::var_os("CREDENTIALS_DIRECTORY").unwrap_or_default();
            let path = Path::new(&dir).join(name.get_ref());
            let fault = |e| format!("systemd gives no credential {}: {e}", name.get_ref());
            fs::read_to_string(&path).map_err(|e| config.source.fault(&name.span(), fault(e)))?
        }
        _ => {
            let message =
                "an endpoint of kind ontap needs one of password_file, password_env, password_credential";
            return Err(config.source.fault(&endpoint.name.span(), message));
        }
    };
    Ok(Secret::new(secret.trim_end_matches(['\n', '\r']).to_owned()))
}

fn trust(config: &Config, endpoint: &Endpoint, host: &str) -> Result<Trust, ConfigError> {
    let insecure = endpoint.insecure.as_ref().filter(|insecure| *insecure.get_ref());
    match (&endpoint.ca_file, &endpoint.certificate_sha256, insecure) {
        (None, None, None) => Ok(Trust::System),
        (Some(file), None, None) => {
            let path = config.source.resolve(file.get_ref());
            let read = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()));
            Ok(Trust::Authorities(read.map_err(|message| config.source.fault(&file.span(), message))?))
        }
        (None, Some(digest), None) => {
            let hex: String = digest.get_ref().chars().filter(|c| *c != ':').collect();
            let bytes: Option<Vec<u8>> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
                .collect();
            let pin = bytes.and_then(|bytes| bytes.try_into().ok());
            let message = "it is not a SHA-256; accepted: 64 hexadecimal digits, with or without colons";
            pin.map(Trust::Pinned).ok_or_else(|| config.source.fault(&digest.span(), message))
        }
        (None, None, Some(_)) => {
            tracing::warn!(host, "the certificate of this filer is not checked: insecure = true");
            Ok(Trust::Insecure)
        }
        _ => {
            let message = "ca_file, certificate_sha256 and insecure exclude each other";
            Err(config.source.fault(&endpoint.name.span(), message))
        }
    }
}
