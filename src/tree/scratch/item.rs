//! One scratch file: its bytes, whose it is, where it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::{New, dir_row, file_row};
use crate::backend::{Error, Identity, Kind, Result};
use crate::tree::Done;
use crate::tree::inodes::Node;
use crate::tree::limits::SCRATCH_BYTES;
use crate::tree::place::{Object, Stat};

/// A scratch file or directory.
pub struct Item {
    /// What tells it from all others.
    pub identity: Identity,
    /// Who made it: nobody else may read it.
    pub owner: (u32, u32),
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Where it is now.
    at: Mutex<At>,
    state: Mutex<State>,
    /// How often it is open.
    open: AtomicUsize,
}

/// Where one is.
#[derive(Clone)]
pub(super) struct At {
    /// The directory.
    pub dir: Arc<Node>,
    /// The name in it.
    pub name: String,
}

struct State {
    content: Vec<u8>,
    mode: u32,
    time: SystemTime,
    used: Instant,
}

/// The permission bits of an owner.
const OWNER: u32 = 0o700;

impl Item {
    pub(super) fn new(identity: Identity, new: New, at: At, time: SystemTime) -> Item {
        let state = State { content: Vec::new(), mode: new.mode & OWNER, time, used: Instant::now() };
        let open = AtomicUsize::new(0);
        Item {
            identity,
            owner: new.owner,
            is_dir: new.is_dir,
            at: Mutex::new(at),
            state: Mutex::new(state),
            open,
        }
    }

    /// Its path from the root of the mount.
    pub fn path(&self) -> String {
        let at = self.at();
        format!("{}/{}", at.dir.path(), at.name)
    }

    /// Where it is now.
    pub(super) fn at(&self) -> At {
        self.at.lock().clone()
    }

    /// It is elsewhere from now on.
    pub(super) fn move_to(&self, at: At) {
        *self.at.lock() = at;
    }

    /// Its node.
    pub(super) fn node(self: &Arc<Self>) -> Arc<Node> {
        let row = if self.is_dir { dir_row() } else { file_row() };
        Node::new(self.at().dir.place.at(Object::Scratch(self.clone())), row)
    }

    /// Its size.
    pub fn stat(&self) -> Stat {
        let size = self.state.lock().content.len() as u64;
        Stat { size, used: size }
    }

    /// When it was last written.
    pub fn time(&self) -> SystemTime {
        self.state.lock().time
    }

    /// Its permission bits.
    pub fn mode(&self) -> u32 {
        self.state.lock().mode
    }

    /// chmod: nobody but the owner gets at it, whatever is asked.
    pub(super) fn set_mode(&self, mode: u32) {
        self.state.lock().mode = mode & OWNER;
    }

    /// Whether nobody has used it for so long.
    pub(super) fn is_over(&self, ttl: Duration) -> bool {
        self.open.load(Ordering::Relaxed) == 0 && self.state.lock().used.elapsed() > ttl
    }

    /// All its bytes.
    pub(super) fn content(&self) -> Vec<u8> {
        self.state.lock().content.clone()
    }

    /// It is used now.
    pub(super) fn touch(&self) {
        self.state.lock().used = Instant::now();
    }

    /// It is opened.
    pub(in crate::tree) fn opened(&self, truncates: bool) {
        self.open.fetch_add(1, Ordering::Relaxed);
        if truncates {
            let _ = self.resize(0);
        }
        self.touch();
    }

    /// It is closed.
    pub(in crate::tree) fn closed(&self) {
        let _ = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| open.checked_sub(1));
        self.touch();
    }

    /// Part of its content.
    pub(in crate::tree) fn read(&self, offset: u64, size: u32) -> Vec<u8> {
        let mut state = self.state.lock();
        state.used = Instant::now();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(state.content.len());
        let to = from.saturating_add(size as usize).min(state.content.len());
        state.content[from..to].to_vec()
    }

    /// Bytes for its content: at an offset, or behind all others.
    pub(in crate::tree) fn write(&self, offset: Option<u64>, data: &[u8]) -> Result<Done> {
        let end = offset.unwrap_or(self.stat().size).saturating_add(data.len() as u64);
        self.change(end, |content, end| {
            content.resize(content.len().max(end), 0);
            content[end - data.len()..end].copy_from_slice(data);
        })?;
        Ok(Done::scratch())
    }

    /// truncate.
    pub(super) fn resize(&self, size: u64) -> Result<()> {
        self.change(size, |content, size| content.resize(size, 0))
    }

    fn change(&self, end: u64, change: impl FnOnce(&mut Vec<u8>, usize)) -> Result<()> {
        let end = usize::try_from(end).ok().filter(|end| *end <= SCRATCH_BYTES).ok_or_else(|| {
            let error = Error::new(Kind::TooBig, format!("{end} bytes are more than a scratch file takes"));
            error.hint(format!("accepted: up to {SCRATCH_BYTES} bytes"))
        })?;
        let mut state = self.state.lock();
        change(&mut state.content, end);
        (state.time, state.used) = (SystemTime::now(), Instant::now());
        Ok(())
    }
}
