//! A client of a few lines that hides nothing of what the server sends.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use filerfs::simulator::{Running, SERVLET, Settings, Simulator};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::message::{Answer, envelope};

/// A simulator and what its account may say.
pub struct Filer {
    pub running: Running,
    authorization: String,
    svm: String,
}

/// A response of HTTP.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    head: String,
    pub body: String,
}

/// A connection that lasts as long as the server keeps it.
pub struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Filer {
    pub fn start(settings: Settings) -> Filer {
        let credentials = STANDARD.encode(format!("{}:{}", settings.user, settings.password));
        let (authorization, svm) = (format!("Basic {credentials}"), settings.svm.clone());
        Filer { running: Simulator::start(settings).unwrap(), authorization, svm }
    }

    /// With this content, in the format of `load`.
    pub fn with(content: &str) -> Filer {
        Filer::start(Settings { content: serde_json::from_str(content).unwrap(), ..Settings::default() })
    }

    pub fn connect(&self) -> Connection {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.running.certificate_pem().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        let tls =
            ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        let stream = TcpStream::connect(self.running.address()).unwrap();
        Connection(StreamOwned::new(tls, stream))
    }

    /// The request of an envelope, or `None` when the connection ends without a whole answer.
    pub fn post(&self, connection: &mut Connection, body: &str) -> Option<Response> {
        connection.request("POST", SERVLET, Some(&self.authorization), body)
    }

    /// The answer to a whole envelope.
    pub fn envelope(&self, body: &str) -> Answer {
        let response = self.post(&mut self.connect(), body).unwrap();
        assert_eq!(response.status, 200, "{}", response.body);
        Answer::read(&response.body)
    }

    /// A call for the SVM, by tunnelling.
    pub fn call(&self, call: &str) -> Answer {
        self.envelope(&envelope(&format!(" vfiler=\"{}\"", self.svm), call))
    }

    /// A call for the cluster.
    pub fn cluster(&self, call: &str) -> Answer {
        self.envelope(&envelope("", call))
    }

    /// Something below `/simulator/`.
    pub fn control(&self, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
        let response = self.connect().request(method, path, Some(&self.authorization), body).unwrap();
        (response.status, serde_json::from_str(&response.body).unwrap_or_default())
    }
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Connection {
    /// `None` when the connection ends without a whole answer.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: &str,
    ) -> Option<Response> {
        let authorization =
            authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: filer\r\n{authorization}Content-Length: {length}\r\n\r\n{body}"
        );
        self.0.write_all(request.as_bytes()).ok()?;
        self.0.flush().ok()?;
        self.response()
    }

    fn response(&mut self) -> Option<Response> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte()?);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = Response { status, head, body: String::new() };
        let body = match response.header("content-length") {
            Some(length) => self.take(length.parse().unwrap())?,
            None => self.chunks()?,
        };
        response.body = String::from_utf8(body).unwrap();
        Some(response)
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut size = Vec::new();
            while !size.ends_with(b"\r\n") {
                size.push(self.byte()?);
            }
            let size = usize::from_str_radix(str::from_utf8(&size).unwrap().trim(), 16).unwrap();
            body.extend(self.take(size)?);
            self.take(2)?;
            if size == 0 {
                return Some(body);
            }
        }
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn take(&mut self, size: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; size];
        self.0.read_exact(&mut bytes).ok().map(|()| bytes)
    }

    /// Waits until the server closes the connection; says whether it sent anything before.
    pub fn wait_for_end(&mut self) -> bool {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(read) => read > 0,
            Err(error) => {
                let ends =
                    [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];
                assert!(ends.contains(&error.kind()), "{error}");
                false
            }
        }
    }
}
