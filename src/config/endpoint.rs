//! `[[endpoint]]`: one table for every kind of back-end; which keys a kind takes is checked by `compose`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::{Duration, Scalar};
use crate::backends::memory::Generate;

/// One back-end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its directory.
    pub name: Spanned<String>,
    /// What it is.
    pub kind: EndpointKind,
    /// What `mkdir volumes/V` creates with.
    #[serde(default)]
    pub defaults: BTreeMap<String, Spanned<Scalar>>,

    /// Memory: a file to start with.
    pub load: Option<Spanned<PathBuf>>,
    /// Memory: how much to make up.
    pub generate: Option<Spanned<Generate>>,

    /// ONTAP: how to speak to it.
    pub protocol: Option<Spanned<Protocol>>,
    /// ONTAP: name or address of the filer.
    pub host: Option<Spanned<String>>,
    /// ONTAP: 443 if not given.
    pub port: Option<Spanned<u16>>,
    /// ONTAP: the SVM, if the host is a cluster.
    pub svm: Option<Spanned<String>>,
    /// ONTAP: the account.
    pub user: Option<Spanned<String>>,
    /// ONTAP: a file with its password.
    pub password_file: Option<Spanned<PathBuf>>,
    /// ONTAP: an environment variable with its password.
    pub password_env: Option<Spanned<String>>,
    /// ONTAP: a systemd credential with its password.
    pub password_credential: Option<Spanned<String>>,
    /// ONTAP: authorities that the filer's certificate is checked by.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// ONTAP: the SHA-256 of the filer's certificate.
    pub certificate_sha256: Option<Spanned<String>>,
    /// ONTAP: the certificate is not checked.
    pub insecure: Option<Spanned<bool>>,
    /// ONTAP: how long a read may take.
    pub read_timeout: Option<Spanned<Duration>>,
    /// ONTAP: how long a change may take.
    pub change_timeout: Option<Spanned<Duration>>,
    /// ONTAP: calls in flight at once.
    pub max_calls: Option<Spanned<usize>>,
}

/// Kinds of back-ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointKind {
    /// In memory.
    Memory,
    /// NetApp ONTAP.
    Ontap,
}

/// How to speak to ONTAP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Whatever this version of filerfs speaks best to it: ZAPI.
    #[default]
    Auto,
    /// ZAPI, that is ONTAPI.
    Zapi,
}

impl Endpoint {
    /// The keys that are given and that only the other kind takes, each with its place.
    pub fn misplaced(&self) -> Option<(&'static str, std::ops::Range<usize>)> {
        macro_rules! given {
            ($($key:ident),*) => { [$((stringify!($key), self.$key.as_ref().map(Spanned::span))),*] };
        }
        let memory = given!(load, generate);
        let ontap = given!(
            protocol,
            host,
            port,
            svm,
            user,
            password_file,
            password_env,
            password_credential,
            ca_file,
            certificate_sha256,
            insecure,
            read_timeout,
            change_timeout,
            max_calls
        );
        let others: &[_] = if self.kind == EndpointKind::Memory { &ontap } else { &memory };
        others.iter().find_map(|(key, span)| Some((*key, span.clone()?)))
    }
}
