//! Locks and marks as text, for registries that outlive the mount: `VERSION SUM JSON`. What is of another format,
//! or damaged, is refused, never guessed.

use std::hash::Hasher;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::Marks;
use crate::backend::{By, Error, HostName, Kind, Lock, NewLock, Result, Scope};
use crate::clock::boot_id;

/// The format that is written, and the only one that is read.
const VERSION: &str = "1";

/// A lock, as it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockRecord {
    holder: HostName,
    #[serde(with = "time")]
    since: SystemTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
    uid: u32,
    process: String,
    /// It goes with the process.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    by_process: bool,
    boot_id: String,
    request: String,
}

impl LockRecord {
    /// A lock that is taken now, on this host.
    pub fn new(new: &NewLock) -> LockRecord {
        LockRecord {
            holder: new.host.clone(),
            since: SystemTime::now(),
            ttl_ms: new.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
            uid: new.uid,
            process: new.process.clone(),
            by_process: new.by != By::Writing,
            boot_id: boot_id().to_owned(),
            request: new.request.clone(),
        }
    }

    /// The same lock, when its holder has asked for it again.
    pub fn again(self, new: &NewLock) -> LockRecord {
        LockRecord {
            since: self.since,
            boot_id: self.boot_id.clone(),
            ..LockRecord::new(&new.again(&self.taken()))
        }
    }

    /// The host that holds it.
    pub fn holder(&self) -> &HostName {
        &self.holder
    }

    /// What was asked for last.
    pub fn taken(&self) -> NewLock {
        NewLock {
            host: self.holder.clone(),
            ttl: self.ttl_ms.map(Duration::from_millis),
            uid: self.uid,
            process: self.process.clone(),
            request: self.request.clone(),
            by: if self.by_process { By::Process } else { By::Writing },
        }
    }

    /// The lock, with what only the registry knows of it.
    pub fn lock(self, token: u64, scope: Scope, registry: &'static str) -> Lock {
        Lock { taken: self.taken(), since: self.since, boot_id: self.boot_id, token, scope, registry }
    }
}

/// Marks, as they are kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarksRecord {
    protect: bool,
    comment: String,
}

impl From<Marks> for MarksRecord {
    fn from(Marks { protect, comment }: Marks) -> MarksRecord {
        MarksRecord { protect, comment }
    }
}

impl From<MarksRecord> for Marks {
    fn from(MarksRecord { protect, comment }: MarksRecord) -> Marks {
        Marks { protect, comment }
    }
}

/// A record as text.
pub fn text(record: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string(record)
        .map_err(|e| Error::new(Kind::Bug, "an entry cannot be written").source(e))?;
    Ok(format!("{VERSION} {:016x} {json}", sum(&json)))
}

/// A record from text; `at` says where it stands.
pub fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8], at: &str) -> Result<T> {
    let damaged = || {
        let error = Error::new(Kind::Remote, format!("{at} in the registry is damaged"));
        error.hint("nothing was overwritten; mend or remove it by hand")
    };
    let text = std::str::from_utf8(bytes).map_err(|_| damaged())?;
    let (version, rest) = text.split_once(' ').ok_or_else(damaged)?;
    if version != VERSION && !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()) {
        let message =
            format!("{at} in the registry is of format {version}, and this filerfs knows {VERSION} alone");
        return Err(Error::new(Kind::Remote, message).hint("nothing was overwritten; use a newer filerfs"));
    }
    let (kept, json) = rest.split_once(' ').ok_or_else(damaged)?;
    if version != VERSION || kept != format!("{:016x}", sum(json)) {
        return Err(damaged());
    }
    serde_json::from_str(json).map_err(|_| damaged())
}

fn sum(json: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(json.as_bytes());
    hasher.finish()
}

/// Times as RFC 3339.
mod time {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_rfc3339_millis(*time))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        humantime::parse_rfc3339(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
