//! Talking to a cluster: from one node to the next until one answers or the time is over.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use super::Cluster;
use super::wire::Refusal;
use crate::backend::{Error, Kind, Result, Sent, causes};
use crate::tls;

/// The largest answer.
const BODY: usize = 64 << 20;
/// How long a connection may take to come about: nodes are near.
const CONNECT: Duration = Duration::from_secs(1);
/// After all nodes failed, before they are asked again: an election takes about a second.
const ROUND: Duration = Duration::from_millis(100);
/// How long operations fail at once after one that got no answer, so that a listing does not wait for each.
const PAUSE: Duration = Duration::from_millis(500);
/// No request is sent for less.
const LEAST: Duration = Duration::from_millis(20);

/// When an operation must be over.
#[derive(Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// A client for one cluster.
pub struct Client {
    http: reqwest::Client,
    endpoints: Vec<String>,
    /// The endpoint that answered last.
    good: AtomicUsize,
    timeout: Duration,
    trouble: Mutex<Option<(Instant, Error)>>,
}

impl Client {
    /// Nothing is sent yet.
    pub fn new(cluster: &Cluster) -> Result<Client> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client(&cluster.trust, cluster.identity.as_ref())?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT.min(cluster.timeout / 2))
            .user_agent(concat!("filerfs/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::new(Kind::Bug, "the HTTP client cannot be set up").source(causes(&e)))?;
        Ok(Client {
            http,
            endpoints: cluster.endpoints.clone(),
            good: AtomicUsize::new(0),
            timeout: cluster.timeout,
            trouble: Mutex::default(),
        })
    }

    /// Begins an operation, unless one has just failed.
    pub fn begin(&self) -> Result<Deadline> {
        match &*self.trouble.lock() {
            Some((since, error)) if since.elapsed() < PAUSE => {
                let message = "etcd is not asked: it failed less than half a second ago";
                Err(Error::new(Kind::Unreachable, message).source(error))
            }
            _ => Ok(self.deadline()),
        }
    }

    /// The time of one operation, from now on.
    pub fn deadline(&self) -> Deadline {
        Deadline(Instant::now() + self.timeout)
    }

    /// Asks what may be asked twice.
    pub async fn ask<T: DeserializeOwned>(&self, until: Deadline, path: &str, message: &Value) -> Result<T> {
        self.send(until, path, message, true).await
    }

    /// Asks what may be done only once: what may have reached a node is not sent again (`Sent::Unknown`). Half of
    /// the time is left to find out.
    pub async fn once<T: DeserializeOwned>(&self, until: Deadline, path: &str, message: &Value) -> Result<T> {
        self.send(until, path, message, false).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        until: Deadline,
        path: &str,
        message: &Value,
        again: bool,
    ) -> Result<T> {
        let (count, mut sent, mut last) = (self.endpoints.len(), false, None);
        'rounds: loop {
            let first = self.good.load(Ordering::Relaxed);
            for at in (first..first + count).map(|at| at % count) {
                if until.left() < LEAST {
                    break 'rounds;
                }
                let answer = self.post(&self.endpoints[at], path, message, until.left() / 2).await;
                match answer.and_then(|body| read(&body)) {
                    Err(error) if error.sent != Sent::Answered => {
                        sent |= error.sent == Sent::Unknown;
                        if sent && !again {
                            return Err(error);
                        }
                        last = Some(error);
                    }
                    answer => {
                        self.good.store(at, Ordering::Relaxed);
                        *self.trouble.lock() = None;
                        return answer;
                    }
                }
            }
            if !sent {
                break;
            }
            sleep(ROUND.min(until.left())).await;
        }
        let error = self.failed(sent, last);
        *self.trouble.lock() = Some((Instant::now(), error.clone()));
        Err(error)
    }

    fn failed(&self, sent: bool, last: Option<Error>) -> Error {
        let error = match sent {
            false => Error::new(Kind::Unreachable, "etcd cannot be reached").transient(),
            true => Error::new(Kind::TimedOut, format!("etcd did not answer within {:?}", self.timeout))
                .sent(Sent::Unknown),
        };
        match last {
            Some(last) => match &last.hint {
                Some(hint) => error.hint(hint).source(last),
                None => error.source(last),
            },
            None => error,
        }
    }

    async fn post(&self, endpoint: &str, path: &str, message: &Value, limit: Duration) -> Result<Vec<u8>> {
        let request = self.http.post(format!("{endpoint}/v3/{path}")).timeout(limit.max(LEAST));
        let request = request.header(CONTENT_TYPE, "application/json").body(message.to_string());
        let response = request.send().await.map_err(|e| lost(endpoint, &e))?;
        let status = response.status();
        let body = body(response, endpoint).await?;
        if status == StatusCode::OK { Ok(body) } else { Err(refused(endpoint, status, &body)) }
    }
}

async fn body(mut response: Response, endpoint: &str) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| lost(endpoint, &e))? {
        if body.len() + piece.len() > BODY {
            let message = format!("{endpoint} answers with more than {} MiB", BODY >> 20);
            return Err(Error::new(Kind::Remote, message).sent(Sent::Answered));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let message = "the answer of etcd makes no sense";
    serde_json::from_slice(body).map_err(|e| Error::new(Kind::Remote, message).source(e).sent(Sent::Answered))
}

/// There was no answer.
fn lost(endpoint: &str, e: &reqwest::Error) -> Error {
    let why = causes(e);
    // The node has shut the door, in words of TLS, before it read anything.
    if why.contains("received fatal alert") {
        let error = Error::new(Kind::Credentials, format!("{endpoint} refuses our certificate")).source(why);
        return error.sent(Sent::Answered).hint("set cert_file and key_file in [registry]");
    }
    if e.is_connect() && why.contains("certificate") {
        let message = format!("the certificate of {endpoint} is not trusted");
        return Error::new(Kind::Unreachable, message).source(why).hint("set ca_file in [registry]");
    }
    if e.is_connect() {
        return Error::new(Kind::Unreachable, format!("{endpoint} cannot be reached")).source(why);
    }
    Error::new(Kind::TimedOut, format!("{endpoint} does not answer")).source(why).sent(Sent::Unknown)
}

/// It answered, but not as it should.
fn refused(endpoint: &str, status: StatusCode, body: &[u8]) -> Error {
    let Refusal { error, code } = serde_json::from_slice(body).unwrap_or_else(|_| Refusal {
        error: format!("HTTP {status}"),
        code: if status.is_server_error() { UNAVAILABLE } else { 0 },
    });
    let answered = |kind, message| Error::new(kind, message).source(&error).sent(Sent::Answered);
    match code {
        // Canceled, unknown, deadline exceeded, internal: as unavailable (no leader, no quorum, a leader that has
        // just changed), they leave open what came of the request.
        1 | 2 | 4 | 13 | UNAVAILABLE => {
            Error::new(Kind::TimedOut, format!("{endpoint} does not know")).source(&error).sent(Sent::Unknown)
        }
        5 if error.contains("lease not found") => {
            answered(Kind::NotFound, format!("{endpoint} knows of no such lease"))
        }
        7 => answered(Kind::Denied, format!("{endpoint} does not let us do that")),
        16 => answered(Kind::Credentials, format!("{endpoint} does not let us in")),
        _ => answered(Kind::Remote, format!("{endpoint} refuses the request")),
    }
}

const UNAVAILABLE: u32 = 14;
