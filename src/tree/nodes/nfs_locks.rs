//! `nfs_locks`: the clients that hold NFS locks on files of the volume.

use async_trait::async_trait;

use crate::backend::{Error, Result};
use crate::tree::place::Place;
use crate::tree::table::{Caller, Change, List, Show, change};
use crate::tree::values::line;

/// Reads as one client a line; `-CLIENT` breaks all locks of that client. Clients take locks themselves.
pub struct NfsLocks;

#[async_trait]
impl Show for NfsLocks {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let backend = at.backend()?;
        if !backend.capabilities().nfs_locks {
            return Ok(None);
        }
        let volume = at.volume().await?;
        let clients = backend.nfs_locks(&volume.name).await?;
        Ok(Some(clients.iter().map(|client| line(client)).collect()))
    }
}

#[async_trait]
impl List for NfsLocks {
    async fn plan(&self, at: &Place, lines: &[&str]) -> Result<Change> {
        let volume = at.volume().await?;
        let backend = at.backend()?;
        let clients = backend.nfs_locks(&volume.name).await?;
        let mut broken = Vec::new();
        for text in lines {
            match text.strip_prefix('-') {
                Some(client) => {
                    check(client, text)?;
                    if clients.iter().any(|holder| holder == client) {
                        broken.push(client.to_owned());
                    }
                }
                None if clients.iter().any(|holder| holder == text) => {}
                None => {
                    let error = Error::invalid(
                        format!("{text} holds no NFS lock, and takes one only by itself"),
                        text,
                        0,
                    );
                    return Err(error.hint("accepted: -CLIENT, which breaks that client's locks"));
                }
            }
        }
        if broken.is_empty() {
            return Ok(None);
        }
        change(async move {
            for client in broken {
                backend.break_nfs_locks(&volume.name, &client).await?;
            }
            Ok(())
        })
    }

    fn check_begun(&self, line: &str) -> Result<()> {
        check(line.strip_prefix('-').unwrap_or(line), line)
    }

    /// A client that is not named keeps its locks.
    async fn finish(&self, _: &Place, _: &[String]) -> Result<Change> {
        Ok(None)
    }
}

/// A client ends in a query, where other characters would mean more than one.
fn check(client: &str, text: &str) -> Result<()> {
    match client.find(|c: char| !c.is_ascii_alphanumeric() && !".:_-".contains(c)) {
        Some(at) => {
            let error = Error::invalid(
                format!("{client:?} is not the address of a client"),
                text,
                text.len() - client.len() + at,
            );
            Err(error.hint("accepted: an address or host name as the file shows it"))
        }
        None => Ok(()),
    }
}
