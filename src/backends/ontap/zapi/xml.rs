//! Messages on the wire: requests are built, answers are read by serde.

use quick_xml::Reader;
use quick_xml::de::from_str;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::Event;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::errors::refusal;
use crate::backend::{Error, Kind, Result, Sent};

/// An element of a request, with what is in it.
#[derive(Clone, Debug, Default)]
pub struct Element(String);

impl Element {
    /// Nothing in it yet.
    pub fn new() -> Element {
        Element::default()
    }

    /// Adds `<name>value</name>`.
    pub fn text(mut self, name: &str, value: impl ToString) -> Element {
        let value = value.to_string();
        self.0.push_str(&format!("<{name}>{}</{name}>", escape(&value)));
        self
    }

    /// Adds it, if there is a value.
    pub fn maybe(self, name: &str, value: Option<impl ToString>) -> Element {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// Adds an element with others in it.
    pub fn child(mut self, name: &str, child: Element) -> Element {
        self.0.push_str(&format!("<{name}>{}</{name}>", child.0));
        self
    }

    /// Adds empty elements: the fields that shall be in the answer.
    pub fn names(mut self, names: &[&str]) -> Element {
        names.iter().for_each(|name| self.0.push_str(&format!("<{name}/>")));
        self
    }

    /// Adds all that is in another.
    pub fn joined(mut self, other: &Element) -> Element {
        self.0.push_str(&other.0);
        self
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The whole message that calls `api`, run in the scope of an SVM if one is given.
    pub fn message(&self, api: &str, svm: Option<&str>) -> String {
        let tunnel = svm.map(|svm| format!(" vfiler=\"{}\"", escape(svm))).unwrap_or_default();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<netapp xmlns=\"http://www.netapp.com/filer/admin\" \
             version=\"1.0\" nmsdk_app=\"filerfs\"{tunnel}><{api}>{}</{api}></netapp>",
            self.0
        )
    }
}

/// How deep records are: `netapp`, `results`, `attributes-list`, record.
const RECORD: usize = 4;

/// The envelope of every answer, with what is in its `results`.
#[derive(Deserialize)]
struct Envelope<T> {
    results: T,
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "@status")]
    status: String,
    #[serde(rename = "@errno", default)]
    errno: String,
    #[serde(rename = "@reason", default)]
    reason: String,
}

/// An answer that says nothing but that it is done.
#[derive(Debug, Deserialize)]
pub struct Done {}

/// Reads an answer to `api`: what it holds, or the filer's refusal.
pub fn read<T: DeserializeOwned>(api: &str, body: &[u8]) -> Result<T> {
    let text = clean(api, body)?;
    let status: Envelope<Status> = from_str(&text).map_err(|e| garbage(api, e))?;
    let status = status.results;
    match status.status.as_str() {
        "passed" => {
            from_str::<Envelope<T>>(&text).map(|envelope| envelope.results).map_err(|e| garbage(api, e))
        }
        "failed" => Err(refusal(api, &status.errno, &status.reason)),
        other => Err(garbage(api, format!("its status is {other:?}"))),
    }
}

/// The tag to ask for the next page with, to the last blank: serde would trim it.
pub fn next_tag(api: &str, body: &[u8]) -> Result<Option<String>> {
    let text = clean(api, body)?;
    let Some((_, rest)) = text.split_once("<next-tag>") else { return Ok(None) };
    let Some((tag, _)) = rest.split_once("</next-tag>") else {
        return Err(garbage(api, "its next-tag does not end"));
    };
    unescape(tag).map(|tag| Some(tag.into_owned())).map_err(|e| garbage(api, e))
}

/// Each record of a list as an answer of its own.
pub fn records_alone(api: &str, body: &[u8]) -> Result<Vec<String>> {
    let text = clean(api, body)?;
    let mut reader = Reader::from_str(&text);
    let (mut records, mut depth, mut from) = (Vec::new(), 0, 0);
    loop {
        let before = reader.buffer_position();
        let event = reader.read_event().map_err(|e| garbage(api, e))?;
        let (opens, closes) = match event {
            Event::Start(_) => (true, false),
            Event::End(_) => (false, true),
            Event::Empty(_) => (true, true),
            Event::Eof => return Ok(records),
            _ => continue,
        };
        depth += usize::from(opens);
        if opens && depth == RECORD {
            from = before;
        }
        if closes && depth == RECORD {
            let record = usize::try_from(from).ok().zip(usize::try_from(reader.buffer_position()).ok());
            let record = record.and_then(|(from, to)| text.get(from..to)).unwrap_or_default();
            records.push(format!("<netapp><results status=\"passed\"><attributes-list>{record}</attributes-list></results></netapp>"));
        }
        depth -= usize::from(closes);
    }
}

/// The text of an answer: UTF-8 whatever its headers say, without the control characters that XML forbids
/// and filers send. A document type may name a file, which nobody reads; it may not define anything.
fn clean(api: &str, body: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(body).map_err(|e| garbage(api, e))?;
    if text.contains("<!ENTITY") || text.split_once("<!DOCTYPE").is_some_and(|(_, rest)| subset(rest)) {
        return Err(garbage(api, "it defines entities"));
    }
    Ok(text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).collect())
}

/// Whether a document type has definitions of its own.
fn subset(declaration: &str) -> bool {
    declaration.split('>').next().is_some_and(|head| head.contains('['))
}

/// An answer that makes no sense. It came, so the outcome of a change is unknown.
pub fn garbage(api: &str, why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Remote, format!("the answer to {api} cannot be read")).source(why).sent(Sent::Unknown)
}
