//! `[registry]`: one table for every kind; which keys a kind takes is checked by `compose`.

use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::Duration;

/// Where locks and marks live.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registry {
    /// What it is; memory if not given.
    pub kind: Option<Spanned<RegistryKind>>,

    /// File: the directory that it is kept in.
    pub path: Option<Spanned<PathBuf>>,

    /// etcd: the nodes of the cluster, as `http://HOST:PORT` or `https://HOST:PORT`.
    pub endpoints: Option<Spanned<Vec<Spanned<String>>>>,
    /// etcd: what the keys begin with.
    pub prefix: Option<Spanned<String>>,
    /// etcd: authorities that the certificates of the nodes are checked by.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// etcd: our certificate.
    pub cert_file: Option<Spanned<PathBuf>>,
    /// etcd: the key of our certificate.
    pub key_file: Option<Spanned<PathBuf>>,
    /// etcd: how long an operation may take.
    pub timeout: Option<Spanned<Duration>>,
}

/// Kinds of registries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryKind {
    /// In memory, as long as the mount.
    #[default]
    Memory,
    /// In a directory of this host.
    File,
    /// An etcd cluster that several hosts share.
    Etcd,
}

impl Registry {
    /// What it is.
    pub fn kind(&self) -> RegistryKind {
        self.kind.as_ref().map(|kind| *kind.get_ref()).unwrap_or_default()
    }

    /// A key that is given and that this kind does not take, with its place.
    pub fn misplaced(&self) -> Option<(&'static str, Range<usize>)> {
        macro_rules! given {
            ($($key:ident),*) => { [$((stringify!($key), self.$key.as_ref().map(Spanned::span))),*] };
        }
        let etcd = given!(endpoints, prefix, ca_file, cert_file, key_file, timeout);
        let (file, none): (&[_], &[_]) = (&given!(path), &[]);
        let (file, etcd) = match self.kind() {
            RegistryKind::Memory => (file, &etcd[..]),
            RegistryKind::File => (none, &etcd[..]),
            RegistryKind::Etcd => (file, none),
        };
        file.iter().chain(etcd).find_map(|(key, span)| Some((*key, span.clone()?)))
    }
}
