//! The rows that the namespace is made of, and what a row can do.
//!
//! Everything is derived from rows: lookup, readdir, getattr, open, read, write, mkdir, rmdir, `describe`.
//! A value is one row; a kind of directory is one file in `nodes/`.

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use super::place::{Place, Stat};
use crate::backend::{Error, Kind, Result};

/// One name, or one kind of name, in the tree.
pub struct Row {
    /// The file name; of the members of a collection, a placeholder in capitals.
    pub name: &'static str,
    /// The path below the directory of the object it belongs to; empty for that directory itself.
    pub path: &'static str,
    /// Meaning, unit, and what may be written.
    pub help: &'static str,
    /// What is there.
    pub node: Node,
    /// Whether the lock of another host forbids to change it: to write a file, to remove or rename an object.
    pub guarded: bool,
}

/// What a row stands for.
pub enum Node {
    /// A directory with fixed rows, and perhaps members.
    Dir {
        /// The fixed rows.
        rows: fn() -> &'static [Row],
        /// The objects that users name.
        members: Option<Box<dyn Members>>,
    },
    /// An interface file.
    File(File),
    /// A symbolic link.
    Link(Box<dyn Show>),
    /// A scratch file: the one thing that is no row of the table.
    Scratch,
}

/// How a file takes what is written to it.
pub enum File {
    /// It takes nothing.
    ReadOnly(Box<dyn Show>),
    /// One value.
    Scalar(Box<dyn Write>),
    /// Lines of `KEY VALUE`, each write one change.
    Keyed(Box<dyn Write>),
    /// One item a line.
    List(Box<dyn List>),
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Process or thread; 0 if it cannot be seen from here.
    pub pid: u32,
    /// What the system tells of processes: asked only where it matters, as most requests need nothing of it.
    pub processes: &'static dyn Processes,
}

/// What the system tells of the process behind a request.
pub trait Processes: Sync + Debug {
    /// What a shell prompt, a cron job or an Ansible run have in common.
    fn session(&self, thread: u32) -> u32;
    /// The number of the process of a thread; 0 if it cannot be seen. May be asked of anybody, at any time.
    fn process_id(&self, thread: u32) -> u32;
    /// The process of a thread that waits for us. Of another one it might take for ever: one in execve(2) lets
    /// nobody see when it was started, and may be waiting for us to close its files.
    fn process(&self, thread: u32) -> Process;
    /// The name of its program, as `ps` shows it.
    fn command(&self, thread: u32) -> String;
    /// The groups of a thread beside its own.
    fn groups(&self, thread: u32) -> Vec<u32>;
    /// Whether its program removes a directory, when it is to remove all that is in it, without looking.
    fn removes_unseen(&self, thread: u32) -> bool;
}

/// What is told of a process that cannot be seen.
#[derive(Debug)]
pub struct Unseen;

impl Processes for Unseen {
    fn session(&self, _: u32) -> u32 {
        0
    }
    fn process_id(&self, _: u32) -> u32 {
        0
    }
    fn process(&self, _: u32) -> Process {
        (0, 0)
    }
    fn command(&self, _: u32) -> String {
        "filerfs".into()
    }
    fn groups(&self, _: u32) -> Vec<u32> {
        Vec::new()
    }
    fn removes_unseen(&self, _: u32) -> bool {
        false
    }
}

/// Who asks if nobody does: the mount itself.
pub const NOBODY: Caller = Caller { uid: 0, gid: 0, pid: 0, processes: &Unseen };

/// A process for as long as it lives: its number, and when it was started.
pub type Process = (u32, u64);

impl Caller {
    /// The session of the process: one shell prompt, one cron job.
    pub fn session(&self) -> u32 {
        self.processes.session(self.pid)
    }

    /// The process, whichever of its threads asks.
    pub fn process(&self) -> Process {
        self.processes.process(self.pid)
    }

    /// The number of the process.
    pub fn process_id(&self) -> u32 {
        self.processes.process_id(self.pid)
    }

    /// Whether a thread is of the same process.
    pub fn is_of_process(&self, thread: u32) -> bool {
        self.pid == thread || self.process_id() == self.processes.process_id(thread)
    }

    /// The program and the process, as `COMMAND[PID]`.
    pub fn program(&self) -> String {
        format!("{}[{}]", self.processes.command(self.pid), self.pid)
    }

    /// The groups that the caller is in, beside its own.
    pub fn groups(&self) -> Vec<u32> {
        self.processes.groups(self.pid)
    }

    /// Whether a rmdir of this caller may be the beginning of a recursive delete.
    pub fn removes_unseen(&self) -> bool {
        self.processes.removes_unseen(self.pid)
    }
}

/// The work that is left of a change once everything that can be known has been checked.
pub type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A checked change: nothing if all is as asked already.
pub type Change = Option<Work>;

/// Makes a change of a future.
pub fn change(work: impl Future<Output = Result<()>> + Send + 'static) -> Result<Change> {
    Ok(Some(Box::pin(work)))
}

/// A text to read.
#[async_trait]
pub trait Show: Send + Sync {
    /// The text, if it is known without asking the storage: what most requests want, at no cost.
    fn known(&self, _at: &Place) -> Option<String> {
        None
    }

    /// Whether it is a log, to which lines are added: whoever has read it to its end may read on.
    fn is_log(&self) -> bool {
        false
    }

    /// The text as it is now; `None` where this object has no such value.
    async fn show(&self, at: &Place, caller: &Caller) -> Result<Option<String>>;
}

/// A text to write.
#[async_trait]
pub trait Write: Show {
    /// Checks a value against all that is known, and says what is left to do.
    async fn plan(&self, at: &Place, text: &str, caller: &Caller) -> Result<Change>;
}

/// A list whose lines are changes of their own.
#[async_trait]
pub trait List: Show {
    /// Makes these lines true, each on its own; nothing if one of them is malformed.
    async fn plan(&self, at: &Place, lines: &[&str]) -> Result<Change>;

    /// Checks the beginning of a line that is not complete.
    fn check_begun(&self, line: &str) -> Result<()>;

    /// Brings the list down to these lines, in this order.
    async fn finish(&self, at: &Place, lines: &[String]) -> Result<Change>;
}

/// A named object in a collection.
pub struct Member {
    /// Where it is.
    pub place: Place,
    /// Its row.
    pub row: &'static Row,
    /// Its size and times.
    pub stat: Stat,
    /// It was made, and not looked at since: nothing of it may be remembered.
    pub unseen: bool,
}

/// The members of a collection: as they are, or how to make them of a list that may be the same as last time.
pub enum Listed {
    /// The members.
    Members(Vec<Member>),
    /// A list, and the members that are made of it.
    Of(Edition, Box<dyn FnOnce() -> Result<Vec<Member>> + Send>),
}

/// A list at one address is the same list.
pub type Edition = Arc<dyn Any + Send + Sync>;

/// The objects of a collection.
#[async_trait]
pub trait Members: Send + Sync {
    /// The row of a member, for descriptions.
    fn row(&self) -> &'static Row;

    /// One member by its file name, if it is known without asking the storage; `Some(None)` if it is known that
    /// there is none.
    fn known(&self, _at: &Place, _name: &str) -> Option<Option<Member>> {
        None
    }

    /// One member by its file name.
    async fn find(&self, at: &Place, name: &str) -> Result<Member>;

    /// All members.
    async fn list(&self, at: &Place) -> Result<Listed>;

    /// mkdir.
    async fn make(&self, _at: &Place, name: &str) -> Result<Member> {
        Err(Error::new(Kind::NotPermitted, format!("{name:?} cannot be created here")))
    }

    /// rmdir.
    async fn remove(&self, _at: &Place, name: &str) -> Result<()> {
        Err(Error::new(Kind::NotPermitted, format!("{name:?} cannot be removed")))
    }

    /// rename(2) of a member to another place: `to` is the collection it shall be in, `row` that directory.
    async fn rename(
        &self,
        _at: &Place,
        name: &str,
        _to: &Place,
        _row: &'static Row,
        _new: &str,
    ) -> Result<()> {
        Err(Error::new(Kind::NotPermitted, format!("{name:?} cannot be renamed")))
    }
}

impl Row {
    /// A directory.
    pub fn dir(
        name: &'static str,
        path: &'static str,
        help: &'static str,
        rows: fn() -> &'static [Row],
        members: Option<Box<dyn Members>>,
    ) -> Row {
        Row { name, path, help, node: Node::Dir { rows, members }, guarded: false }
    }

    /// A file in the directory of its object.
    pub fn file(name: &'static str, help: &'static str, file: File) -> Row {
        Row { name, path: name, help, node: Node::File(file), guarded: false }
    }

    /// A file that takes nothing.
    pub fn read_only(name: &'static str, help: &'static str, show: impl Show + 'static) -> Row {
        Row::file(name, help, File::ReadOnly(Box::new(show)))
    }

    /// A file that takes one value.
    pub fn scalar(name: &'static str, help: &'static str, write: impl Write + 'static) -> Row {
        Row::file(name, help, File::Scalar(Box::new(write)))
    }

    /// A file of `KEY VALUE` lines.
    pub fn keyed(name: &'static str, help: &'static str, write: impl Write + 'static) -> Row {
        Row::file(name, help, File::Keyed(Box::new(write)))
    }

    /// The same, which the lock of another host guards.
    pub fn guarded(self) -> Row {
        Row { guarded: true, ..self }
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        matches!(self.node, Node::Dir { .. })
    }

    /// Whether it takes writes.
    pub fn writable(&self) -> bool {
        matches!(self.node, Node::File(File::Scalar(_) | File::Keyed(_) | File::List(_)))
    }

    /// The row of this name in this directory.
    pub fn child(&self, name: &str) -> Option<&'static Row> {
        self.rows().iter().find(|row| row.name == name)
    }

    /// The fixed rows of this directory.
    pub fn rows(&self) -> &'static [Row] {
        match &self.node {
            Node::Dir { rows, .. } => rows(),
            _ => &[],
        }
    }

    /// The members of this directory.
    pub fn members(&self) -> Option<&dyn Members> {
        match &self.node {
            Node::Dir { members, .. } => members.as_deref(),
            _ => None,
        }
    }
}

impl File {
    fn shows(&self) -> &dyn Show {
        match self {
            File::ReadOnly(file) => &**file,
            File::Scalar(file) | File::Keyed(file) => &**file,
            File::List(file) => &**file,
        }
    }

    /// The text that it shows, if it is known without asking the storage.
    pub fn known(&self, at: &Place) -> Option<String> {
        self.shows().known(at)
    }

    /// Whether it is a log.
    pub fn is_log(&self) -> bool {
        self.shows().is_log()
    }

    /// The text that it shows.
    pub async fn show(&self, at: &Place, caller: &Caller) -> Result<Option<String>> {
        match self.known(at) {
            Some(text) => Ok(Some(text)),
            None => self.shows().show(at, caller).await,
        }
    }

    /// The most bytes that it takes.
    pub fn limit(&self) -> usize {
        match self {
            File::ReadOnly(_) => 0,
            File::Scalar(_) => super::limits::VALUE_BYTES,
            File::Keyed(_) | File::List(_) => super::limits::LIST_BYTES,
        }
    }
}

/// No fixed rows.
pub fn none() -> &'static [Row] {
    &[]
}
