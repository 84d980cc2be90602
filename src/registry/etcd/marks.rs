//! Protection and comments: one key a volume that has any.

use std::collections::HashMap;
use std::time::Instant;

use super::wire::{self, Done, Entry, Range};
use super::{Store, Swapped};
use crate::backend::{Error, Identity, Kind, Result};
use crate::registry::record::{self, MarksRecord};
use crate::registry::{Marks, MarksChange, Subject};

impl Store {
    pub async fn marks_of(&self, of: &Subject) -> Result<Marks> {
        let (until, asked) = (self.client.begin()?, Instant::now());
        let range: Range = self.client.ask(until, "kv/range", &wire::range(&self.key("marks", of))).await?;
        let marks = read(range.kvs.first())?.0;
        self.marks.learn(of, asked, range.header.revision, marks.clone());
        Ok(marks)
    }

    pub async fn all_marks(&self, endpoint: &str) -> Result<HashMap<Identity, Marks>> {
        let (until, asked) = (self.client.begin()?, Instant::now());
        let prefix = format!("{}/marks/{endpoint}/", self.prefix);
        let range: Range = self.client.ask(until, "kv/range", &wire::prefixed(&prefix)).await?;
        let one = |entry: &Entry| Ok((identity(entry, &prefix)?, read(Some(entry))?.0));
        let marks: HashMap<_, _> = range.kvs.iter().map(one).collect::<Result<_>>()?;
        self.marks.learn_all(endpoint, asked, range.header.revision, marks.clone());
        Ok(marks)
    }

    pub async fn change_marks(&self, of: &Subject, change: &MarksChange) -> Result<()> {
        let (until, key) = (self.client.begin()?, self.key("marks", of));
        // A volume without any is what there is most often.
        let (mut marks, mut revision) = (Marks::default(), 0);
        loop {
            let (changed, asked) = (marks.with(change), Instant::now());
            let then = match changed == Marks::default() {
                true => wire::delete(&key),
                false => wire::put(&key, &record::text(&MarksRecord::from(changed.clone()))?, 0),
            };
            match self.swap(&key, revision, then, until).await? {
                Swapped::Done(at) => {
                    self.marks.learn(of, asked, at, changed);
                    return Ok(());
                }
                Swapped::Not(now) => (marks, revision) = read(now.as_ref())?,
            }
        }
    }

    /// Its identity is never another volume's: nothing is compared.
    pub async fn forget(&self, of: &Subject) -> Result<()> {
        self.ours.lock().remove(of);
        let both = ["locks", "marks"].map(|kind| wire::delete(&self.key(kind, of)));
        let until = self.client.begin()?;
        self.client.ask::<Done>(until, "kv/txn", &wire::txn(&[], &both, &[])).await.map(drop)
    }
}

/// The marks that stand there, and since which revision.
fn read(entry: Option<&Entry>) -> Result<(Marks, u64)> {
    let Some(entry) = entry else { return Ok((Marks::default(), 0)) };
    Ok((
        record::read::<MarksRecord>(&entry.value, &String::from_utf8_lossy(&entry.key))?.into(),
        entry.mod_revision,
    ))
}

fn identity(entry: &Entry, prefix: &str) -> Result<Identity> {
    let key = String::from_utf8_lossy(&entry.key);
    let identity = key.strip_prefix(prefix).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let message = || format!("{key} in the registry is not a key of filerfs");
    identity.map(Identity).ok_or_else(|| Error::new(Kind::Remote, message()))
}
