//! ONTAP over ZAPI: every operation in the fewest calls, one file per subject.

mod clones;
mod efficiency;
pub mod errors;
mod locks;
mod patch;
mod policies;
mod rules;
mod snapshots;
mod storage;
mod system;
mod volumes;
pub mod xml;

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use tokio::sync::{Mutex, OnceCell};

use super::http::Http;
use crate::backend::{ByVolume, Error, Kind, Result, Sent, VolumeName};
use xml::{Done, Element, next_tag, read, records_alone};

/// Where ZAPI is served.
const PATH: &str = "/servlets/netapp.servlets.admin.XMLrequest_filer";
/// Records of a page. The filer's own default is 20.
const PAGE: u32 = 500;

/// A filer, spoken to over ZAPI.
pub struct Zapi {
    http: Http,
    /// The SVM, if the filer is addressed as a cluster; none if the address is an SVM's own.
    svm: Option<String>,
    /// Rules are named by their index, which another change could give to another rule.
    rule_changes: Mutex<()>,
    /// Asked for once: a filer does not change it while it answers.
    release: OnceCell<String>,
}

/// A page of a list.
#[derive(Deserialize)]
#[serde(bound = "L: DeserializeOwned + Default")]
struct Page<L> {
    #[serde(rename = "attributes-list", default)]
    list: L,
}

/// The records in an `attributes-list`, whatever they are called.
trait Records: DeserializeOwned + Default {
    type Record;
    fn records(self) -> Vec<Self::Record>;
}

/// Names the element that the records of a list have.
macro_rules! records {
    ($list:ident, $element:literal, $record:ty) => {
        #[derive(serde::Deserialize, Default)]
        struct $list {
            #[serde(rename = $element, default)]
            records: Vec<$record>,
        }

        impl super::Records for $list {
            type Record = $record;
            fn records(self) -> Vec<$record> {
                self.records
            }
        }
    };
}
use records;

/// A reply to a modify-iter or break-iter call.
#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "num-succeeded", default)]
    succeeded: u64,
    #[serde(rename = "num-failed", default)]
    failed: u64,
    #[serde(rename = "failure-list", default)]
    failures: Failures,
}

#[derive(Deserialize, Default)]
struct Failures {
    #[serde(rename = "$value", default)]
    each: Vec<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "error-code", default)]
    errno: String,
    #[serde(rename = "error-message", default)]
    reason: String,
}

impl Zapi {
    /// Speaks ZAPI through this client, to one SVM of it.
    pub fn new(http: Http, svm: Option<String>) -> Zapi {
        Zapi { http, svm, rule_changes: Mutex::default(), release: OnceCell::new() }
    }

    /// One call in the scope of the SVM.
    async fn call<T: DeserializeOwned>(&self, api: &str, arguments: Element) -> Result<T> {
        let body = self.http.post(PATH, arguments.message(api, self.svm.as_deref())).await?;
        read(api, &body)
    }

    /// One call whose answer is that it is done.
    async fn tell(&self, api: &str, arguments: Element) -> Result<()> {
        self.call::<Done>(api, arguments).await.map(drop)
    }

    /// All records of a list, page by page. `arguments` are `query` and `desired-attributes`.
    async fn list<L: Records>(&self, api: &str, arguments: Element) -> Result<Vec<L::Record>> {
        let mut records = Vec::new();
        let mut tags: Vec<String> = Vec::new();
        loop {
            let page = Element::new().text("max-records", PAGE).maybe("tag", tags.last());
            let page = page.joined(&arguments).message(api, self.svm.as_deref());
            let body = self.http.post(PATH, page).await?;
            records.extend(records_of::<L>(api, &body)?);
            match next_tag(api, &body)? {
                // A known fault of filers: the same pages for ever.
                Some(next) if tags.contains(&next) => {
                    tracing::warn!(api, "the filer repeats a page; the list ends here");
                    return Ok(records);
                }
                Some(next) => tags.push(next),
                None => return Ok(records),
            }
        }
    }

    /// A change of the records that a query finds: exactly one, or it is a refusal.
    async fn change_one(&self, api: &str, arguments: Element, missing: impl FnOnce() -> Error) -> Result<()> {
        let counted: Counted = self.call(api, arguments).await?;
        match counted.failures.each.first() {
            Some(failure) => Err(errors::refusal(api, &failure.errno, &failure.reason)),
            None if counted.failed > 0 => {
                Err(Error::new(Kind::Remote, format!("{api} failed and does not say why")))
            }
            None if counted.succeeded == 0 => Err(missing()),
            None => Ok(()),
        }
    }
}

/// The records of a page. If they cannot be read together, each is read alone: one bad record hides no other.
fn records_of<L: Records>(api: &str, body: &[u8]) -> Result<Vec<L::Record>> {
    let read = |body: &[u8]| read::<Page<L>>(api, body).map(|page| page.list.records());
    let error = match read(body) {
        Err(error) if error.sent == Sent::Unknown => error,
        whole => return whole,
    };
    let alone = records_alone(api, body)?;
    if alone.is_empty() {
        return Err(error);
    }
    Ok(understood(api, alone, |record| read(record.as_bytes()).map(Some)).into_iter().flatten().collect())
}

/// Takes what an answer must hold. Which one, and in what call, is the message.
fn required<'a>(api: &str, field: &str, value: &'a Option<String>) -> Result<&'a str> {
    value.as_deref().ok_or_else(|| Error::new(Kind::Remote, format!("the answer to {api} lacks {field}")))
}

/// Takes a value of a type from its text.
fn typed<T: std::str::FromStr>(api: &str, field: &str, value: &str) -> Result<T> {
    let bad = || Error::new(Kind::Remote, format!("the answer to {api} has a strange {field}: {value:?}"));
    value.parse().map_err(|_| bad())
}

/// The same, if there is one: absent stays absent.
fn optional<T: std::str::FromStr>(api: &str, field: &str, value: &Option<String>) -> Result<Option<T>> {
    value.as_deref().map(|value| typed(api, field, value)).transpose()
}

/// Keeps the records that can be understood; the others are logged and left out.
fn understood<R, T>(api: &str, records: Vec<R>, read: impl Fn(R) -> Result<Option<T>>) -> Vec<T> {
    let keep = |record| match read(record) {
        Ok(record) => record,
        Err(error) => {
            tracing::warn!(api, reason = %error, "a record is left out");
            None
        }
    };
    records.into_iter().filter_map(keep).collect()
}

/// Puts records to the volumes that they name; those that name none are left out.
fn by_volume<R>(api: &str, records: Vec<R>, name: fn(&R) -> &Option<String>) -> ByVolume<R> {
    let named = |record| Ok(Some((VolumeName::new(required(api, "volume", name(&record))?)?, record)));
    let mut all: ByVolume<R> = HashMap::new();
    for (volume, record) in understood(api, records, named) {
        all.entry(volume).or_default().push(record);
    }
    all
}

/// Says how far a change of several steps came.
fn after(done: &[&str], error: Error) -> Error {
    if done.is_empty() { error } else { error.context(format!("after {} was done", done.join(", "))) }
}
