//! Locks that NFS clients hold on files of a volume.

use serde::Deserialize;

use super::volumes::{missing, possible};
use super::xml::Element;
use super::{Counted, Zapi, errors, records};
use crate::backend::{Error, Kind, Result, VolumeName};

const GET: &str = "lock-get-iter";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Info {
    client_address: Option<String>,
    lock_state: Option<String>,
}

records!(Locks, "lock-info", Info);

impl Zapi {
    /// The clients, each once. One usually holds many locks.
    pub(super) async fn lock_clients(&self, volume: &VolumeName) -> Result<Vec<String>> {
        if !possible(volume) {
            return Err(missing(volume));
        }
        let wanted = Element::new().names(&["volume", "lock-state", "client-address"]);
        let arguments = Element::new()
            .child("query", Element::new().child("lock-info", self.held(volume)))
            .child("desired-attributes", Element::new().child("lock-info", wanted));
        let records = self.list::<Locks>(GET, arguments).await?;
        let waiting = |record: &Info| record.lock_state.as_deref() == Some("waiting");
        let mut clients: Vec<String> = records
            .into_iter()
            .filter(|record| !waiting(record))
            .filter_map(|record| record.client_address)
            .collect();
        clients.sort();
        clients.dedup();
        if clients.is_empty() {
            self.is_shown(volume).await?;
        }
        Ok(clients)
    }

    /// Breaks all locks of a client. What a client gave back meanwhile is no failure.
    pub(super) async fn break_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        if !possible(volume) {
            return Err(missing(volume));
        }
        // In a query, other characters would be patterns; no client has such an address.
        if !client.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-_%".contains(&b))
            || client.contains("..")
        {
            return self.one_volume(volume).await.map(drop);
        }
        let query = self.held(volume).text("client-address", client);
        let arguments = Element::new()
            .child("query", Element::new().child("lock-info", query))
            .text("continue-on-failure", true)
            .text("max-records", super::PAGE);
        loop {
            let counted: Counted = self.call("lock-break-iter", arguments.clone()).await?;
            match counted.failures.each.first() {
                Some(failure) => {
                    return Err(errors::refusal("lock-break-iter", &failure.errno, &failure.reason));
                }
                None if counted.failed > 0 => {
                    let message = format!("{} locks of {client} were not broken", counted.failed);
                    return Err(Error::new(Kind::Remote, message));
                }
                None if counted.succeeded == 0 => return self.one_volume(volume).await.map(drop),
                // A full page: there may be more.
                None if counted.succeeded >= u64::from(super::PAGE) => {}
                None => return Ok(()),
            }
        }
    }

    fn held(&self, volume: &VolumeName) -> Element {
        Element::new().text("volume", volume).maybe("vserver", self.svm.as_deref())
    }
}
