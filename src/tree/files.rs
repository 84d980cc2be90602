//! Open, read, write, close: when what is written is applied.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::handles::Handle;
use super::inodes::Node;
use super::place::{Object, Place};
use super::table::{Caller, Change, File, List, Node as Is, Write};
use super::writes::{Form, Staged, Writing};
use super::{Done, Tree, gone, values};
use crate::backend::{Error, Kind, Result};

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    /// `O_WRONLY`, `O_RDWR`.
    pub writes: bool,
    /// `O_APPEND`.
    pub append: bool,
    /// `O_TRUNC`.
    pub truncates: bool,
}

impl Tree {
    /// Opens a file. Emptying it by `O_TRUNC` is no change.
    pub fn open(&self, ino: u64, mode: Opening, caller: &Caller) -> Result<u64> {
        self.open_node(self.inodes.get(ino)?, *caller, mode)
    }

    pub(super) fn open_node(&self, node: Arc<Node>, opener: Caller, mode: Opening) -> Result<u64> {
        if let Object::Scratch(item) = &node.place.object {
            item.opened(mode.truncates);
            return Ok(self.handles.open(node, opener, mode));
        }
        if mode.writes {
            check_writable(&node)?;
        }
        Ok(self.handles.open(node, opener, mode))
    }

    /// Reads from a file: the text as it was when its beginning was read; at the end of a log, as it is now.
    pub async fn read(
        &self,
        ino: u64,
        handle: u64,
        offset: u64,
        size: u32,
        caller: &Caller,
    ) -> Result<Vec<u8>> {
        let handle = self.handles.file(handle, || self.inodes.get(ino))?;
        if let Object::Scratch(item) = &handle.node.place.object {
            return Ok(item.read(offset, size));
        }
        let is_log = file(&handle.node)?.is_log();
        let is_known = |text: &String| !(is_log && offset >= text.len() as u64);
        if offset == 0 || !handle.text.lock().as_ref().is_some_and(is_known) {
            let node = self.now(&handle);
            let shown = file(&node)?.show(&node.place, caller).await?.ok_or_else(gone)?;
            *handle.text.lock() = Some(shown);
        }
        let text = handle.text.lock();
        let text = text.as_deref().unwrap_or_default().as_bytes();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
        let to = from.saturating_add(size as usize).min(text.len());
        Ok(text[from..to].to_vec())
    }

    /// Writes to a file.
    pub async fn write(
        &self,
        ino: u64,
        handle: u64,
        offset: u64,
        data: &[u8],
        caller: &Caller,
    ) -> Result<Done> {
        let handle = self.handles.file(handle, || self.inodes.get(ino))?;
        handle.writer.store(caller.pid, Ordering::Relaxed);
        if let Object::Scratch(item) = &handle.node.place.object {
            return item.write((!handle.append).then_some(offset), data);
        }
        let node = self.now(&handle);
        let (file, place) = (file(&node)?, &node.place);
        let to = Target { node: &node, caller: &handle.opener };
        let one_value = matches!(file, File::Scalar(_));
        let form = Form { limit: file.limit(), one_value, append: handle.append };
        let mut writing = handle.writing.lock().await;
        let written = match writing.stage(form, offset, data) {
            Ok(staged) => match file {
                File::ReadOnly(_) => Err(Error::new(Kind::NotPermitted, "this file cannot be written")),
                File::Scalar(file) => write_whole(&**file, values::value, to, &mut writing, staged).await,
                File::Keyed(file) => write_whole(&**file, values::utf8, to, &mut writing, staged).await,
                File::List(list) => write_lines(&**list, place, &mut writing, staged).await,
            },
            Err(error) => Err(error),
        };
        let changed = written.inspect_err(|_| writing.refuse())?;
        Ok(self.done(&node, changed))
    }

    /// Closes one descriptor of a file: applies what waited for its newline. Another process than the one that
    /// has written closes only a copy, if the path is open yet in that one. A list that was emptied comes down to the
    /// lines that came, unless the process that opened the file, or the one that closes it, has the path open yet:
    /// then more lines may come. If a signal has ended one of them, what waits is no whole text.
    pub async fn flush(&self, ino: u64, handle: u64, caller: &Caller, closing: impl Closing) -> Result<Done> {
        let handle = self.handles.file(handle, || self.inodes.get(ino))?;
        let (opener, writer) = (handle.opener.pid, handle.writer.load(Ordering::Relaxed));
        let is_of = |thread| thread != 0 && caller.is_of_process(thread);
        let is_writer = writer == 0 || is_of(writer);
        if (is_writer || is_of(opener)) && closing.was_killed(caller.pid).await {
            return abandon(&handle).await;
        }
        // A child closes its copies when it runs another program. That is no close: half a text may have come,
        // and what comes of it is for the process to hear that writes it.
        if !is_writer {
            if closing.has_open([writer, opener], self.now(&handle).path()).await {
                return Ok(Done::default());
            }
            // A signal ends a shell and its children at once, and any of them may be the first to close.
            for process in [caller.pid, writer, opener] {
                if closing.was_killed(process).await {
                    return abandon(&handle).await;
                }
            }
        }
        self.finish(&handle, is_writer, |path| closing.has_open([opener, caller.pid], path)).await
    }

    /// Whether a close of this open file can have anything to do.
    pub fn owes(&self, handle: u64) -> bool {
        self.handles.owes(handle)
    }

    /// The last descriptor of a file of which nothing is owed is closed.
    pub fn close(&self, handle: u64) {
        if let Some(handle) = self.handles.close(handle)
            && let Object::Scratch(item) = &handle.node.place.object
        {
            item.closed();
        }
    }

    /// The last descriptor of a file is closed. Nobody hears of a failure any more; nothing but what no close
    /// has done can be owed here.
    pub async fn release(&self, handle: u64) -> Result<Done> {
        match self.handles.close(handle) {
            Some(handle) => self.finish(&handle, false, |_| std::future::ready(false)).await,
            None => Ok(Done::default()),
        }
    }

    async fn finish<F: Future<Output = bool> + Send>(
        &self,
        handle: &Handle,
        is_writer: bool,
        still_open: impl Fn(String) -> F + Send + Sync,
    ) -> Result<Done> {
        let node = self.now(handle);
        let mut writing = handle.writing.lock().await;
        if is_writer && let Some(error) = writing.untold.take() {
            return Err(error);
        }
        let to = Target { node: &node, caller: &handle.opener };
        let finished = apply_rest(to, &mut writing, still_open).await;
        if !is_writer {
            writing.untold = finished.as_ref().err().cloned();
        }
        drop(writing);
        Ok(self.done(&node, finished?))
    }

    /// Refuses a caller that could not open the file for writing.
    pub(in crate::tree) fn check_may_write(&self, node: &Node, caller: &Caller) -> Result<()> {
        if self.shared.access.of(node.row, || node.path()).lets_write(caller) {
            return Ok(());
        }
        let error = Error::new(Kind::Denied, format!("you may not write {}", node.row.name));
        Err(error.hint("ls -l shows who may; [[access]] in the configuration says so"))
    }

    /// A value or list as a whole, as if it were written to the emptied file and closed.
    pub(super) async fn write_all(&self, node: &Node, content: &[u8], caller: &Caller) -> Result<Done> {
        check_writable(node)?;
        // Emptiness is no value, as with an open that truncates.
        if content.is_empty() {
            return Ok(Done::default());
        }
        let (file, place, to) = (file(node)?, &node.place, Target { node, caller });
        let mut writing = Writing::new(true);
        let form = Form { limit: file.limit(), one_value: true, append: false };
        let text = writing.stage(form, 0, content)?.text;
        let changed = match file {
            File::ReadOnly(_) => false,
            File::Scalar(file) => apply_whole(&**file, values::value(&text)?, to).await?,
            File::Keyed(file) => apply_whole(&**file, values::utf8(&text)?, to).await?,
            File::List(list) => {
                let made = apply_lines(&**list, place, &mut writing, &text).await?;
                let lines = writing.replacement().map(<[String]>::to_vec).unwrap_or_default();
                run(list.finish(place, &lines).await?).await? || made
            }
        };
        Ok(self.done(node, changed))
    }

    /// What a handle stands for now: a snapshot may have another name since it was opened.
    fn now(&self, handle: &Handle) -> Arc<Node> {
        self.inodes.get(handle.node.ino).unwrap_or_else(|_| handle.node.clone())
    }

    fn done(&self, node: &Node, changed: bool) -> Done {
        if changed {
            node.place.own();
        }
        Done {
            changed,
            scratch: false,
            stale: if changed { self.stale(&node.place, node.row) } else { Vec::new() },
        }
    }
}

/// What the system tells of processes that close a file. It may take a while.
pub trait Closing: Send + Sync {
    /// Whether one of these has a file of this path open.
    fn has_open(&self, processes: [u32; 2], path: String) -> impl Future<Output = bool> + Send;

    /// Whether a signal has ended it, as far as that can be told.
    fn was_killed(&self, process: u32) -> impl Future<Output = bool> + Send;
}

/// Where nobody is killed.
impl<A: Future<Output = bool> + Send, F: Fn([u32; 2], String) -> A + Send + Sync> Closing for F {
    fn has_open(&self, processes: [u32; 2], path: String) -> impl Future<Output = bool> + Send {
        self(processes, path)
    }

    fn was_killed(&self, _: u32) -> impl Future<Output = bool> + Send {
        std::future::ready(false)
    }
}

/// Nothing comes of what waits for a close.
async fn abandon(handle: &Handle) -> Result<Done> {
    let mut writing = handle.writing.lock().await;
    let message = match (writing.replacement(), writing.owes()) {
        (Some(_), _) => "a signal ended the program before the list was whole: nothing is taken away",
        (None, true) => "a signal ended the program in the middle of a line, which is not applied",
        (None, false) => return Ok(Done::default()),
    };
    writing.refuse();
    Err(Error::new(Kind::Interrupted, message).hint("what was written before is applied; write it again"))
}

/// What is written to, and by whom.
#[derive(Clone, Copy)]
struct Target<'a> {
    node: &'a Node,
    caller: &'a Caller,
}

/// A scalar or a keyed text: applied once it ends in a newline, checked before.
async fn write_whole(
    file: &dyn Write,
    read: fn(&[u8]) -> Result<&str>,
    to: Target<'_>,
    writing: &mut Writing,
    staged: Staged,
) -> Result<bool> {
    let text = read(&staged.text)?;
    if staged.text.ends_with(b"\n") {
        let changed = apply_whole(file, text, to).await?;
        writing.take(staged, 0);
        return Ok(changed);
    }
    // What is applied asks for the lock by itself.
    if file.plan(&to.node.place, text, to.caller).await?.is_some() && to.node.row.guarded {
        to.node.place.check_lock().await?;
    }
    let rest = staged.text.len();
    writing.take(staged, rest);
    Ok(false)
}

async fn apply_whole(file: &dyn Write, text: &str, to: Target<'_>) -> Result<bool> {
    run(file.plan(&to.node.place, text, to.caller).await?).await
}

/// What waited for a close; and a list comes down to what came.
async fn apply_rest<F: Future<Output = bool> + Send>(
    to: Target<'_>,
    writing: &mut Writing,
    still_open: impl Fn(String) -> F + Send + Sync,
) -> Result<bool> {
    let (file, place, pending) = (file(to.node)?, &to.node.place, writing.close());
    let mut changed = false;
    if !pending.is_empty() {
        let applied = match file {
            File::ReadOnly(_) => Ok(false),
            File::Scalar(file) => apply_whole(&**file, values::value(&pending)?, to).await,
            File::Keyed(file) => apply_whole(&**file, values::utf8(&pending)?, to).await,
            File::List(list) => apply_lines(&**list, place, writing, &pending).await,
        };
        changed = applied.inspect_err(|_| writing.failed = true)?;
    }
    if let File::List(list) = file
        && let Some(lines) = writing.replacement().map(<[String]>::to_vec)
        && !still_open(to.node.path()).await
    {
        // Tried once: whoever closed has heard of a refusal, and the release must not do it after all.
        writing.owed = false;
        changed |= run(list.finish(place, &lines).await?).await?;
    }
    Ok(changed)
}

/// A list: each complete line at once; the beginning of another is checked.
async fn write_lines(list: &dyn List, place: &Place, writing: &mut Writing, staged: Staged) -> Result<bool> {
    if staged.restarts {
        writing.named.clear();
    }
    let complete = staged.text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (lines, begun) = staged.text.split_at(complete);
    if let Some(line) = values::lines(begun)?.first() {
        list.check_begun(line)?;
    }
    let rest = begun.len();
    let changed = apply_lines(list, place, writing, lines).await?;
    writing.take(staged, rest);
    Ok(changed)
}

async fn apply_lines(list: &dyn List, place: &Place, writing: &mut Writing, text: &[u8]) -> Result<bool> {
    let lines = values::lines(text)?;
    if lines.is_empty() {
        return Ok(false);
    }
    let changed = run(list.plan(place, &lines).await?).await?;
    writing.named.extend(lines.iter().map(|line| (*line).to_owned()));
    writing.owed = true;
    Ok(changed)
}

async fn run(change: Change) -> Result<bool> {
    match change {
        Some(work) => work.await.map(|()| true),
        None => Ok(false),
    }
}

/// Root may open whatever it likes, as far as the kernel is concerned.
fn check_writable(node: &Node) -> Result<()> {
    if node.row.writable() {
        return Ok(());
    }
    let error = Error::new(Kind::NotPermitted, format!("{} is read-only", node.row.name));
    Err(error.hint("ls -l shows which files take a value"))
}

fn file(node: &Node) -> Result<&File> {
    match &node.row.node {
        Is::File(file) => Ok(file),
        _ => Err(Error::new(Kind::Bug, "a directory was opened as a file")),
    }
}
