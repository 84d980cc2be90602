//! Locks that NFS clients hold on files of a volume.

use serde::Deserialize;

use super::volumes::{missing, possible};
use super::xml::Element;
use super::{Counted, Zapi, by_volume, errors, records};
use crate::backend::{ByVolume, Error, Kind, Result, VolumeName};

const GET: &str = "lock-get-iter";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Info {
    volume: Option<String>,
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
        let clients = clients(self.lock_records(Some(volume)).await?);
        if clients.is_empty() {
            self.is_shown(volume).await?;
        }
        Ok(clients)
    }

    pub(super) async fn lock_clients_of_all(&self) -> Result<ByVolume<String>> {
        let records = by_volume(GET, self.lock_records(None).await?, |record| &record.volume);
        Ok(records.into_iter().map(|(volume, records)| (volume, clients(records))).collect())
    }

    /// Of one volume, or of all in one listing.
    async fn lock_records(&self, of: Option<&VolumeName>) -> Result<Vec<Info>> {
        let wanted = Element::new().names(&["volume", "lock-state", "client-address"]);
        let arguments = Element::new()
            .child("query", Element::new().child("lock-info", self.held(of)))
            .child("desired-attributes", Element::new().child("lock-info", wanted));
        self.list::<Locks>(GET, arguments).await
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
        let query = self.held(Some(volume)).text("client-address", client);
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

    fn held(&self, volume: Option<&VolumeName>) -> Element {
        Element::new().maybe("volume", volume).maybe("vserver", self.svm.as_deref())
    }
}

/// Those that hold a lock; who waits for one does not.
fn clients(records: Vec<Info>) -> Vec<String> {
    let waiting = |record: &Info| record.lock_state.as_deref() == Some("waiting");
    let holding = records.into_iter().filter(|record| !waiting(record));
    let mut clients: Vec<String> = holding.filter_map(|record| record.client_address).collect();
    clients.sort();
    clients.dedup();
    clients
}
