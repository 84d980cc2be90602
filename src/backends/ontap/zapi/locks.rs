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
        let mut clients: Vec<String> =
            records.into_iter().filter(|record| !waiting(record)).filter_map(|record| record.client_address).collect();
        clients.sort();
        clients.dedup();
        Ok(clients)
    }

    /// Breaks all locks of a client. What a client gave back meanwhile is no failure.
    pub(super) async fn break_locks(&self, volume: &VolumeName, client: &str) -> Result<()> {
        if !possible(volume) {
            return Err(missing(volume));
        }
        let query = self.held(volume).text("client-address", client);
        let arguments = Element::new()
            .child("query", Element::new().child("lock-info", query))
            .text("continue-on-failure", true)
            .text("max-records", super::PAGE);
        let counted: Counted = self.call("lock-break-iter", arguments).await?;
        match counted.failures.each.first() {
            Some(failure) => Err(errors::refusal("lock-break-iter", &failure.errno, &failure.reason)),
            None if counted.failed > 0 => {
                Err(Error::new(Kind::Remote, format!("{} locks of {client} were not broken", counted.failed)))
            }
            None => Ok(()),
        }
    }

    fn held(&self, volume: &VolumeName) -> Element {
        Element::new().text("volume", volume).maybe("vserver", self.svm.as_deref())
    }
}
