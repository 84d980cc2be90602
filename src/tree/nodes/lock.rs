//! `lock`: the host that holds the volume.

use async_trait::async_trait;

use crate::backend::{Error, HostName, Kind, Result};
use crate::tree::place::Place;
use crate::tree::table::{Caller, Change, Show, Write, change};
use crate::tree::values::line;

/// `HOST` takes it, an empty line frees our own, `-HOST` breaks exactly that one's.
pub struct Lock;

#[async_trait]
impl Show for Lock {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let volume = at.volume().await?;
        let holder = at.endpoint()?.backend.locks(&volume.name).await?;
        Ok(Some(holder.map(|host| line(host.as_str())).unwrap_or_default()))
    }
}

#[async_trait]
impl Write for Lock {
    async fn plan(&self, at: &Place, text: &str) -> Result<Change> {
        let volume = at.volume().await?;
        let backend = at.backend()?;
        let breaks = text.strip_prefix('-');
        let host = match (text, breaks) {
            ("", _) => at.shared.options.host.clone(),
            (_, Some(host)) => HostName::new(host).map_err(|error| shifted(error, text))?,
            (host, None) => HostName::new(host)?,
        };
        let holder = backend.locks(&volume.name).await?;
        let held_by_host = holder.as_ref() == Some(&host);
        let (place, here) = (at.clone(), host == at.shared.options.host && held_by_host);
        if let ("", Some(process)) = (text, at.shared.claims.holder(at).filter(|_| here)) {
            let message = format!("process {process} of this host holds the lock for as long as it lives");
            return Err(Error::new(Kind::Locked, message).hint(format!("to break it: echo -{host} > lock")));
        }
        match (holder, text) {
            // Nobody to free it from, or not ours to free.
            (None, "") => Ok(None),
            (Some(holder), "") if !held_by_host => Err(held(&holder)),
            (_, _) if text.is_empty() || breaks.is_some() => match held_by_host {
                true => change(async move {
                    place.shared.claims.disown(&place);
                    backend.remove_lock(&volume.name, &host).await
                }),
                false => Ok(None),
            },
            (Some(holder), _) if !held_by_host => Err(held(&holder)),
            // It was a process's, and stays now when that one ends.
            (Some(_), _) if here && at.shared.claims.frees(at) => change(async move {
                place.shared.claims.disown(&place);
                Ok(())
            }),
            (Some(_), _) => Ok(None),
            (None, _) => change(async move { backend.create_lock(&volume.name, &host).await }),
        }
    }
}

fn held(holder: &HostName) -> Error {
    let error = Error::new(Kind::Locked, format!("{holder} holds the lock"));
    error.hint(format!("to break it: echo -{holder} > lock"))
}

fn shifted(error: Error, text: &str) -> Error {
    let at = error.input.as_ref().map_or(0, |input| input.at);
    error.input(text, at + 1)
}
