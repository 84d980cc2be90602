//! An ONTAP filer to test against: its wire protocol over the memory model, with faults on demand.
//!
//! A codec, not a second truth: volumes, snapshots and policies are those of [`crate::backends::memory`]; beside
//! them stands only what ONTAP alone knows (`filer`). How faithful it is, recorded traffic tells
//! (`tests/simulator/`).

mod certificate;
pub mod command;
mod control;
mod fault;
mod filer;
mod http;
mod load;
mod server;
mod zapi;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use tokio::runtime::{Builder, Runtime};

use crate::backend::Error;
use crate::backends::memory::Content;
use certificate::Certificate;
use filer::Filer;
use server::Server;

pub use fault::{Fault, FaultKind, Planted};
pub use zapi::SERVLET;

/// A release of ONTAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ontap {
    /// The release of the recordings.
    #[value(name = "9.1")]
    V9_1,
    /// One of the last with ZAPI.
    #[value(name = "9.15")]
    V9_15,
}

impl Ontap {
    /// Its version of ZAPI.
    pub fn ontapi(self) -> &'static str {
        match self {
            Ontap::V9_1 => "1.110",
            Ontap::V9_15 => "1.251",
        }
    }

    fn tuple(self) -> (u32, u32, u32) {
        match self {
            Ontap::V9_1 => (9, 1, 0),
            Ontap::V9_15 => (9, 15, 1),
        }
    }

    /// Snapshots that a volume can have.
    pub fn most_snapshots(self) -> usize {
        match self {
            Ontap::V9_1 => 255,
            Ontap::V9_15 => 1023,
        }
    }

    fn largest_volume(self) -> u64 {
        match self {
            Ontap::V9_1 => 100 << 40,
            Ontap::V9_15 => 300 << 40,
        }
    }
}

/// Whose address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// The cluster's: calls are for the cluster, or tunnelled to the SVM.
    Cluster,
    /// The SVM's own: every call is for the SVM.
    Svm,
}

/// How a simulator is.
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The SVM for data.
    pub svm: String,
    /// Whose address it answers on.
    pub address: Address,
    /// The account.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The release.
    pub ontap: Ontap,
    /// Unknown elements are refused, which the filer ignores.
    pub strict: bool,
    /// How long each call takes.
    pub latency: Duration,
    /// After this time without a request a connection is closed.
    pub idle: Duration,
    /// After this many requests a connection is closed.
    pub requests: u32,
    /// What is on the filer. Fields that a volume lacks here it lacks in answers.
    pub content: Content,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            svm: "vs1".to_owned(),
            address: Address::Cluster,
            user: "filerfs".to_owned(),
            password: "secret".to_owned(),
            ontap: Ontap::V9_1,
            strict: false,
            latency: Duration::ZERO,
            idle: Duration::from_secs(5),
            requests: 100,
            content: Content::default(),
        }
    }
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The content cannot be on a filer.
    #[error("the content cannot be loaded: {0}")]
    Content(#[from] Error),
    /// The address cannot be had.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// No certificate can be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
}

/// Starts simulators.
pub struct Simulator;

impl Simulator {
    /// Starts one on threads of its own.
    pub fn start(mut settings: Settings) -> Result<Running, StartError> {
        let listener = TcpListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let certificate = Certificate::new(address.ip()).map_err(StartError::Certificate)?;
        let filer = Filer::new(&settings.svm, settings.ontap, std::mem::take(&mut settings.content))?;
        let server = Arc::new(Server::new(settings, filer));
        let runtime =
            Builder::new_multi_thread().worker_threads(2).thread_name("simulator").enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(http::accept(listener, certificate.acceptor(), server.clone()));
        Ok(Running { address, certificate, server, runtime: Some(runtime) })
    }
}

/// A simulator at work; it stops when dropped.
pub struct Running {
    address: SocketAddr,
    certificate: Certificate,
    server: Arc<Server>,
    runtime: Option<Runtime>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The SHA-256 of its certificate, in hexadecimal digits.
    pub fn certificate_sha256(&self) -> &str {
        &self.certificate.sha256
    }

    /// Its certificate, for who trusts by file.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate.pem
    }

    /// Calls by name since the start or [`forget_calls`](Running::forget_calls). Those without the right
    /// password are `unauthorized`.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.server.calls.lock().clone()
    }

    /// Counts from zero again.
    pub fn forget_calls(&self) {
        self.server.calls.lock().clear();
    }

    /// Spoils the next matching calls.
    pub fn inject(&self, fault: Fault) -> Planted {
        self.server.faults.plant(fault)
    }

    /// Takes every fault away.
    pub fn forget_faults(&self) {
        self.server.faults.clear();
    }

    /// Closes every connection, as when the address moves to another node.
    pub fn close_connections(&self) {
        self.server.closing.notify_waiters();
    }

    /// An NFS client takes a lock on a file of a volume.
    pub fn lock(&self, volume: &str, client: &str) -> Result<(), UnknownVolume> {
        self.server.filer.lock().lock(volume, client).map_err(|_| UnknownVolume)
    }
}

/// There is no such volume.
#[derive(Debug, thiserror::Error)]
#[error("there is no such volume")]
pub struct UnknownVolume;

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({})", self.address)
    }
}
