//! One HTTP client for one filer: what it sends, and what it makes of answers that are no answers.

use std::fmt;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, redirect};

use crate::backend::{Error, Kind, Result, Sent, causes};
use crate::tls::{self, Trust};

/// The largest answer.
const BODY: usize = 64 << 20;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// The filer closes an idle connection after 5 s; we are first.
const IDLE: Duration = Duration::from_secs(4);

/// A password. It is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps a password.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("withheld")
    }
}

/// Where a filer is, and as whom to talk to it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// Usually 443.
    pub port: u16,
    /// Account.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// How its certificate is checked.
    pub trust: Trust,
    /// The longest that one call may take, whoever asks.
    pub timeout: Duration,
}

/// A client for one filer.
pub struct Http {
    client: Client,
    base: String,
    server: Server,
}

impl Http {
    /// A client for this filer. Nothing is sent yet.
    pub fn new(server: Server) -> Result<Http> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client(&server.trust, None)?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(true)
            .http1_only()
            .connect_timeout(CONNECT.min(server.timeout))
            .timeout(server.timeout)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("filerfs/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::new(Kind::Bug, "the HTTP client cannot be set up").source(causes(&e)))?;
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        Ok(Http { client, base: format!("https://{host}:{}", server.port), server })
    }

    /// The name of the filer.
    pub fn host(&self) -> &str {
        &self.server.host
    }

    /// Sends a message and takes the answer of a filer that understood it.
    pub async fn post(&self, path: &str, body: String) -> Result<Vec<u8>> {
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request.basic_auth(&self.server.user, Some(&self.server.password.0));
        let request = request.header(CONTENT_TYPE, "application/xml").header("X-Dot-Client-App", "filerfs");
        let response = request.body(body).send().await.map_err(|e| self.unsent(&e))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(self.refused(status));
        }
        self.body(response).await
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|e| self.broken(&e))? {
            if body.len() + piece.len() > BODY {
                let message = format!("{} answers with more than {} MiB", self.server.host, BODY >> 20);
                return Err(Error::new(Kind::Remote, message).sent(Sent::Answered));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// No answer began.
    fn unsent(&self, e: &reqwest::Error) -> Error {
        let (host, why) = (&self.server.host, causes(e));
        if e.is_connect() {
            if why.contains("certificate") {
                let error =
                    Error::new(Kind::Unreachable, format!("the certificate of {host} is not trusted"))
                        .source(why);
                return error.hint("set ca_file or certificate_sha256 of the endpoint");
            }
            return Error::new(Kind::Unreachable, format!("{host} cannot be reached"))
                .source(why)
                .transient();
        }
        if e.is_timeout() {
            let message = format!("{host} did not answer within {:?}", self.server.timeout);
            return Error::new(Kind::TimedOut, message).sent(Sent::Unknown);
        }
        self.broken(e)
    }

    /// The connection broke after the request was on its way.
    fn broken(&self, e: &reqwest::Error) -> Error {
        if e.is_timeout() {
            let message =
                format!("{} did not end its answer within {:?}", self.server.host, self.server.timeout);
            return Error::new(Kind::TimedOut, message).sent(Sent::Unknown);
        }
        let message = format!("the connection to {} broke before its answer ended", self.server.host);
        Error::new(Kind::Remote, message).source(causes(e)).sent(Sent::Unknown).transient()
    }

    /// It answered, but not to the message.
    fn refused(&self, status: StatusCode) -> Error {
        let (host, user) = (&self.server.host, &self.server.user);
        let answered = |kind, message: String| Error::new(kind, message).sent(Sent::Answered);
        match status.as_u16() {
            401 => answered(
                Kind::Credentials,
                format!("{host} refuses the account {user} or its password (HTTP 401)"),
            ),
            403 => answered(Kind::Denied, format!("{host} does not let {user} use its API (HTTP 403)")),
            404 => answered(Kind::Remote, format!("{host} has no such API (HTTP 404)")),
            429 => answered(Kind::Remote, format!("{host} has too many requests (HTTP 429)"))
                .sent(Sent::No)
                .transient(),
            // Somebody in between may have let the request through.
            500.. => answered(Kind::Remote, format!("{host} failed (HTTP {status})"))
                .sent(Sent::Unknown)
                .transient(),
            _ => answered(Kind::Remote, format!("{host} answers HTTP {status}")),
        }
    }
}
