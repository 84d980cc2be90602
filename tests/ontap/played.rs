//! A filer that plays what it is told, over TLS, and keeps what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use filerfs::backends::ontap::zapi::Zapi;
use filerfs::backends::ontap::{Http, Trust};
use parking_lot::Mutex;
use rcgen::KeyPair;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::element::Element;
use crate::filer::server;

/// What it does with a request.
pub enum Play {
    /// HTTP 200 with this body.
    Body(Vec<u8>),
    /// HTTP 200 with so many bytes in chunks.
    Bytes(usize),
    /// These bytes, whatever they are; then the end of the connection.
    Raw(Vec<u8>),
}

impl Play {
    /// An answer of a filer with this in its `netapp`.
    pub fn results(results: &str) -> Play {
        Play::Body(answer(results).into_bytes())
    }

    /// The records of the only page of a list.
    pub fn list(records: &str) -> Play {
        let list = format!("<attributes-list>{records}</attributes-list><num-records>1</num-records>");
        Play::results(&format!("<results status=\"passed\">{list}</results>"))
    }

    /// A list without records.
    pub fn empty() -> Play {
        Play::results("<results status=\"passed\"><num-records>0</num-records></results>")
    }

    /// It is done.
    pub fn done() -> Play {
        Play::results("<results status=\"passed\"/>")
    }
}

/// The envelope of answers.
pub fn answer(results: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8' ?>\n<!DOCTYPE netapp SYSTEM 'file:/etc/netapp_gx.dtd'>\n\
         <netapp version='1.110' xmlns='http://www.netapp.com/filer/admin'>\n{results}</netapp>"
    )
}

/// A volume as lists show it.
pub fn volume(name: &str) -> String {
    format!(
        "<volume-attributes><volume-id-attributes><containing-aggregate-name>aggr1</containing-aggregate-name>\
         <junction-path>/{name}</junction-path><name>{name}</name><owning-vserver-name>vs1</owning-vserver-name><uuid>uuid-{name}</uuid>\
         </volume-id-attributes><volume-space-attributes><size-total>30003200</size-total>\
         <size-used>204800</size-used></volume-space-attributes><volume-state-attributes><state>online</state>\
         </volume-state-attributes></volume-attributes>"
    )
}

type Answers = dyn Fn(&str, &str) -> Play + Send + Sync;

/// The filer. Its threads end with the test.
pub struct Played {
    address: SocketAddr,
    pem: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Played {
    /// `answers` gets the name of a call and the whole request.
    pub fn start(answers: impl Fn(&str, &str) -> Play + Send + Sync + 'static) -> Played {
        let key = KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(vec![certificate.der().clone()], private).unwrap());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let (answers, kept): (Arc<Answers>, _) = (Arc::new(answers), asked.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let tls = ServerConnection::new(config.clone()).unwrap();
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let stream = StreamOwned::new(tls, stream);
                let (answers, kept) = (answers.clone(), kept.clone());
                thread::spawn(move || serve(stream, &*answers, &kept));
            }
        });
        Played { address, pem: certificate.pem(), asked }
    }

    /// It does the same with every request.
    pub fn always(play: impl Fn() -> Play + Send + Sync + 'static) -> Played {
        Played::start(move |_, _| play())
    }

    /// The client of this filer, for the SVM `vs1`.
    pub fn zapi(&self) -> Zapi {
        self.zapi_of("vs1")
    }

    /// The client of this filer, for this SVM.
    pub fn zapi_of(&self, svm: &str) -> Zapi {
        let server = server(self.address, Trust::Authorities(self.pem.clone().into_bytes()));
        Zapi::new(Http::new(server).unwrap(), Some(svm.to_owned()))
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// What was asked since the last time: whole requests.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock())
    }

    /// The same: the calls alone, each with its name.
    pub fn take_calls(&self) -> Vec<Element> {
        self.take_asked().iter().map(|message| Element::body(message)).collect()
    }
}

/// One connection. How it ends concerns the client alone.
fn serve(stream: StreamOwned<ServerConnection, TcpStream>, answers: &Answers, asked: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = request(&mut stream) {
        let name = Element::body(&request).name;
        asked.lock().push(request.clone());
        let stream = stream.get_mut();
        let sent = match answers(&name, &request) {
            Play::Body(body) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body))
            }
            Play::Bytes(count) => endless(stream, count),
            Play::Raw(bytes) => {
                if stream.write_all(&bytes).and_then(|()| stream.flush()).is_ok() {
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
                return;
            }
        };
        if sent.and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

fn endless(stream: &mut impl Write, count: usize) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let piece = vec![b' '; 1 << 16];
    for _ in 0..count.div_ceil(piece.len()) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
        stream.write_all(&piece)?;
        stream.write_all(b"\r\n")?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// The body of a request; none when the connection has ended.
fn request(stream: &mut impl BufRead) -> Option<String> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(String::from_utf8(body).unwrap())
}
