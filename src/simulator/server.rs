//! One request, one answer, and the faults between.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::fault::{FaultKind, Faults};
use super::filer::Filer;
use super::zapi::call::Refusal;
use super::{Address, Ontap, Settings, zapi};

/// What every connection shares.
pub struct Server {
    pub filer: Mutex<Filer>,
    pub faults: Faults,
    pub calls: Mutex<BTreeMap<String, u64>>,
    /// Tells every connection to end.
    pub closing: Notify,
    pub idle: Duration,
    pub requests: u32,
    ontap: Ontap,
    address: Address,
    strict: bool,
    latency: Duration,
    /// The only `Authorization` that is accepted.
    authorization: String,
}

/// What goes back.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The body of an answer in XML.
    Xml(String),
    /// The same, with its end missing.
    Cut(String),
    /// The same, a few bytes at a time.
    Drip(String, Duration),
    /// The same, until the connection breaks.
    Broken(String),
    /// Only a status, and a page for people.
    Page(u16),
    /// The connection is closed.
    Nothing,
}

impl Server {
    pub fn new(settings: Settings, filer: Filer) -> Server {
        let credentials = STANDARD.encode(format!("{}:{}", settings.user, settings.password));
        Server {
            filer: Mutex::new(filer),
            faults: Faults::default(),
            calls: Mutex::default(),
            closing: Notify::new(),
            idle: settings.idle,
            requests: settings.requests,
            ontap: settings.ontap,
            address: settings.address,
            strict: settings.strict,
            latency: settings.latency,
            authorization: format!("Basic {credentials}"),
        }
    }

    pub fn authorizes(&self, authorization: Option<&str>) -> bool {
        authorization == Some(&self.authorization)
    }

    pub fn count(&self, call: &str) {
        *self.calls.lock().entry(call.to_owned()).or_default() += 1;
    }

    /// Answers a request of ZAPI.
    pub async fn zapi(&self, body: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(body);
        let request = match zapi::read(&text) {
            Ok(request) => request,
            Err(refusal) => {
                self.count("malformed");
                return Answer::Xml(zapi::write(self.ontap, &Err(refusal)));
            }
        };
        let name = request.call.name.to_string();
        self.count(&name);
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        match self.faults.fire(&name, FaultKind::is_early) {
            Some(FaultKind::Hang) => std::future::pending().await,
            Some(FaultKind::CloseBefore) => return Answer::Nothing,
            Some(FaultKind::Http { status }) => return Answer::Page(status),
            Some(FaultKind::Errno { errno, reason }) => {
                return Answer::Xml(zapi::write(self.ontap, &Err(Refusal::new(errno, reason))));
            }
            _ => {}
        }
        let mut reply = zapi::run(&mut self.filer.lock(), &request, self.address, self.strict);
        let fault = self.faults.fire(&name, |kind| kind.can_spoil(&request.call, &reply));
        if let Some(fault) = &fault {
            fault.spoil(&request.call, &mut reply);
        }
        let text = zapi::write(self.ontap, &reply);
        match fault {
            Some(FaultKind::Delay { by }) => {
                tokio::time::sleep(by).await;
                Answer::Xml(text)
            }
            Some(FaultKind::Drip { every }) => Answer::Drip(text, every),
            Some(FaultKind::Cut) => Answer::Cut(text[..text.floor_char_boundary(text.len() / 2)].to_owned()),
            Some(FaultKind::CloseWithin) => Answer::Broken(text),
            Some(FaultKind::CloseAfter) => Answer::Nothing,
            _ => Answer::Xml(text),
        }
    }
}
