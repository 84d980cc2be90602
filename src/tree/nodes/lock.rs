//! `lock`: the host that holds the volume; `lock.info`: all that is known of that lock.

use std::time::Duration;

use async_trait::async_trait;

use crate::backend::{self, By, Error, HostName, Kind, NewLock, Result, Unlock, held_by};
use crate::tree::outcomes::printable;
use crate::tree::place::Place;
use crate::tree::table::{Caller, Change, Show, Write, change};
use crate::tree::values::{line, show_time};

/// The longest time that a lock may be asked for: a year.
const LONGEST: u64 = 366 * 24 * 3600;

/// `HOST` takes it, an empty line frees our own, `-HOST` breaks exactly that one's.
pub struct Lock;

#[async_trait]
impl Show for Lock {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        Ok(Some(of(at).await?.map(|lock| line(lock.holder().as_str())).unwrap_or_default()))
    }
}

/// What is asked for.
enum Asked {
    Taken(HostName, Option<Duration>),
    Freed,
    Broken(HostName),
}

#[async_trait]
impl Write for Lock {
    async fn plan(&self, at: &Place, text: &str, caller: &Caller) -> Result<Change> {
        let (volume, backend) = (at.volume().await?, at.backend()?);
        let asked = parse(text)?;
        let lock = backend.locks(&volume.name).await?;
        let (own, place) = (&at.shared.options.host, at.clone());
        let holder = lock.as_ref().map(backend::Lock::holder);
        match (asked, holder) {
            // Lost, but somebody may count on it yet.
            (Asked::Freed, None) if backend.counted_token(volume.identity).is_some() => {
                let lock = own.clone().into();
                change(async move { backend.remove_lock(&volume.name, &lock).await })
            }
            // Nobody to free it from, or not ours to free.
            (Asked::Freed | Asked::Broken(_), None) => Ok(None),
            (Asked::Freed, Some(holder)) if holder != own => Err(held_by(holder)),
            (Asked::Freed, Some(_)) if let Some(process) = process(at, &lock) => {
                let message =
                    format!("process {process} of this host holds the lock for as long as it lives");
                Err(Error::new(Kind::Locked, message).hint(format!("to break it: echo -{own} > lock")))
            }
            (Asked::Broken(host), Some(holder)) if host != *holder => Ok(None),
            (asked @ (Asked::Freed | Asked::Broken(_)), Some(holder)) => {
                let breaks = matches!(asked, Asked::Broken(_));
                let lock = Unlock { breaks, ..holder.clone().into() };
                change(async move {
                    if breaks {
                        place.shared.claims.give_up(&place).await;
                    }
                    backend.remove_lock(&volume.name, &lock).await
                })
            }
            (Asked::Taken(host, _), Some(holder)) if host != *holder => Err(held_by(holder)),
            // Also if it is as asked for already: an earlier request that made it may have been reported as failed, and
            // is undone unless its host has asked again.
            (Asked::Taken(host, ttl), _) => {
                let new = NewLock { ttl, uid: caller.uid, process: caller.program(), ..NewLock::of(host) };
                change(async move {
                    // Of two that come at once, the journal shall know that the host had it before the second.
                    let _turn = place.shared.claims.turn(&place).await;
                    // If it was a process's, it stays now when that one ends.
                    place.shared.claims.disown(&place);
                    backend.create_lock(&volume.name, &new).await.map(drop)
                })
            }
        }
    }
}

/// The process that holds a lock, through this mount or another of this host.
fn process(at: &Place, lock: &Option<backend::Lock>) -> Option<String> {
    let here = at.shared.claims.holder(at).map(|process| process.to_string());
    let there = || lock.as_ref().filter(|lock| lock.taken.by == By::Process);
    here.or_else(|| there().map(|lock| printable(&lock.taken.process)))
}

/// `HOST`, `HOST ttl=SECONDS`, an empty line, `-HOST`.
fn parse(text: &str) -> Result<Asked> {
    if text.is_empty() {
        return Ok(Asked::Freed);
    }
    if let Some(host) = text.strip_prefix('-') {
        return HostName::new(host).map(Asked::Broken).map_err(|error| shifted(error, text, 1));
    }
    let Some((host, ttl)) = text.split_once([' ', '\t']) else {
        return Ok(Asked::Taken(HostName::new(text)?, None));
    };
    let host = HostName::new(host).map_err(|error| shifted(error, text, 0))?;
    let (at, ttl) = (text.len() - ttl.trim_start().len(), ttl.trim_start());
    let hint = format!("accepted: HOST, or HOST ttl=SECONDS with 1 to {LONGEST} seconds");
    let digits =
        ttl.strip_prefix("ttl=").filter(|ttl| !ttl.is_empty() && ttl.bytes().all(|b| b.is_ascii_digit()));
    let Some(digits) = digits else {
        return Err(Error::invalid("after the host, a lock takes a ttl alone", text, at).hint(hint));
    };
    match digits.parse() {
        Ok(seconds @ 1..=LONGEST) => Ok(Asked::Taken(host, Some(Duration::from_secs(seconds)))),
        _ => {
            let error = Error::new(Kind::OutOfRange, format!("a lock cannot be taken for {digits} seconds"));
            Err(error.input(text, at + "ttl=".len()).hint(hint))
        }
    }
}

/// `lock.info`.
pub struct LockInfo;

#[async_trait]
impl Show for LockInfo {
    async fn show(&self, at: &Place, _: &Caller) -> Result<Option<String>> {
        let Some(lock) = of(at).await? else { return Ok(Some(String::new())) };
        let taken = &lock.taken;
        let mut text = format!("holder {}\nsince {}\n", taken.host, show_time(lock.since));
        if let Some(ttl) = taken.ttl {
            text += &format!("ttl {}\n", ttl.as_secs());
        }
        text +=
            &format!("uid {}\nprocess {}\nboot_id {}\n", taken.uid, printable(&taken.process), lock.boot_id);
        text += &format!("token {}\nscope {}\nregistry {}\n", lock.token, lock.scope, lock.registry);
        Ok(Some(text))
    }
}

async fn of(at: &Place) -> Result<Option<backend::Lock>> {
    let volume = at.volume().await?;
    at.endpoint()?.backend.locks(&volume.name).await
}

/// The host stands there in the text.
fn shifted(error: Error, text: &str, by: usize) -> Error {
    let at = error.input.as_ref().map_or(0, |input| input.at);
    error.input(text, at + by)
}
