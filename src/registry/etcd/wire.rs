//! The messages of etcd's JSON gateway: bytes as base64, 64-bit numbers as text, and what is zero, false or empty
//! left out of answers.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

fn base64(bytes: &str) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// The key was changed at this revision last; 0: there is no such key.
pub fn changed_at(key: &str, revision: u64) -> Value {
    json!({"target": "MOD", "result": "EQUAL", "key": base64(key), "mod_revision": revision.to_string()})
}

/// Writes a key. With a lease it goes when that lapses; 0 is none.
pub fn put(key: &str, value: &str, lease: u64) -> Value {
    let (key, value) = (base64(key), base64(value));
    json!({"request_put": {"key": key, "value": value, "lease": lease.to_string()}})
}

/// Removes a key, if it is there.
pub fn delete(key: &str) -> Value {
    json!({"request_delete_range": {"key": base64(key)}})
}

/// Reads a key.
pub fn get(key: &str) -> Value {
    json!({"request_range": {"key": base64(key)}})
}

/// Reads a key, by itself.
pub fn range(key: &str) -> Value {
    json!({"key": base64(key)})
}

/// Reads the keys that begin so, by itself.
pub fn prefixed(prefix: &str) -> Value {
    // The first key after them. All that we write is ASCII.
    let mut end = prefix.to_owned();
    let last = end.pop().map(|last| char::from(u8::try_from(last).unwrap_or(u8::MAX).saturating_add(1)));
    end.extend(last);
    json!({"key": base64(prefix), "range_end": base64(&end)})
}

/// One step: these operations if all this is so, else those.
pub fn txn(compare: &[Value], success: &[Value], failure: &[Value]) -> Value {
    json!({"compare": compare, "success": success, "failure": failure})
}

/// A lease of so many seconds.
pub fn grant(seconds: u64) -> Value {
    json!({"TTL": seconds.to_string()})
}

/// The end of a lease, and of what hangs on it.
pub fn revoke(lease: u64) -> Value {
    json!({"ID": lease.to_string()})
}

/// What every answer begins with.
#[derive(Deserialize)]
pub struct Header {
    /// Of the whole store, when it answered.
    #[serde(deserialize_with = "number")]
    pub revision: u64,
}

/// What came of a transaction.
#[derive(Deserialize)]
pub struct Txn {
    /// Its revision is that of what was written.
    pub header: Header,
    /// All that was compared was so.
    #[serde(default)]
    pub succeeded: bool,
    #[serde(default)]
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    response_range: Option<Entries>,
}

#[derive(Deserialize)]
struct Entries {
    #[serde(default)]
    kvs: Vec<Entry>,
}

impl Txn {
    /// The key that it read, if that is there.
    pub fn entry(self) -> Option<Entry> {
        self.entries().next().flatten()
    }

    /// The keys that it read, one after another, as far as they are there.
    pub fn entries(self) -> impl Iterator<Item = Option<Entry>> {
        let ranges = self.responses.into_iter().filter_map(|response| response.response_range);
        ranges.map(|entries| entries.kvs.into_iter().next())
    }
}

/// What was read.
#[derive(Deserialize)]
pub struct Range {
    /// Its revision is that of what was read.
    pub header: Header,
    /// The keys.
    #[serde(default)]
    pub kvs: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Deserialize)]
pub struct Entry {
    /// The key.
    #[serde(deserialize_with = "bytes")]
    pub key: Vec<u8>,
    /// The value.
    #[serde(default, deserialize_with = "bytes")]
    pub value: Vec<u8>,
    /// The revision that made it, when it was not there before.
    #[serde(deserialize_with = "number")]
    pub create_revision: u64,
    /// The revision that changed it last.
    #[serde(deserialize_with = "number")]
    pub mod_revision: u64,
    /// The lease that it hangs on; 0 is none.
    #[serde(default, deserialize_with = "number")]
    pub lease: u64,
}

/// A lease.
#[derive(Deserialize)]
pub struct Grant {
    /// Its number.
    #[serde(rename = "ID", deserialize_with = "number")]
    pub id: u64,
}

/// An answer that nobody reads.
#[derive(Deserialize)]
pub struct Done {}

/// An answer that is a refusal.
#[derive(Default, Deserialize)]
pub struct Refusal {
    /// In words.
    pub error: String,
    /// As gRPC numbers them.
    pub code: u32,
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    BASE64_STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
}
