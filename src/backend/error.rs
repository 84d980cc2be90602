//! What can go wrong, typed once: a closed [`Kind`] for programs, sentences for people.

use std::fmt;

/// The kind of a failure. `mount::errno` gives each exactly one errno; `docs/errors.md` explains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// There is no such volume, snapshot, policy or file.
    NotFound,
    /// The object was deleted, and another now has its name.
    Replaced,
    /// The name is taken.
    Exists,
    /// A value or name that cannot be understood or is not one of those accepted.
    Invalid,
    /// A number outside its range.
    OutOfRange,
    /// A value over its limit in bytes.
    TooBig,
    /// A name over its limit in bytes.
    NameTooLong,
    /// Another host holds the lock.
    Locked,
    /// A change was made by a host that lost the lock meanwhile.
    LockLost,
    /// A change by a host that has lost the lock it took before, and was not made.
    NotHeld,
    /// A process asked for a lock by flock or fcntl that somebody else holds.
    Contended,
    /// In use: a snapshot with a dependant, a policy on a volume, a rollback over newer snapshots.
    InUse,
    /// A scratch directory with files in it.
    NotEmpty,
    /// A process that unlinks what it finds goes on to remove directories.
    RecursiveDelete,
    /// The filer's limit of snapshots is reached.
    TooManySnapshots,
    /// The aggregate is full.
    NoSpace,
    /// A quota is reached.
    Quota,
    /// The filer or the access rules refuse the caller.
    Denied,
    /// Not a thing one can do here.
    NotPermitted,
    /// The mount is read-only.
    ReadOnly,
    /// The back-end cannot do it.
    Unsupported,
    /// The filer refuses the credentials.
    Credentials,
    /// The deadline passed after the request was sent: the outcome is unknown.
    TimedOut,
    /// The filer is unreachable; nothing was sent.
    Unreachable,
    /// The filer failed, or its answer makes no sense.
    Remote,
    /// The caller was interrupted.
    Interrupted,
    /// Our own bug.
    Bug,
}

impl Kind {
    /// Every kind, for tables and tests.
    pub const ALL: [Kind; 27] = [
        Kind::NotFound,
        Kind::Replaced,
        Kind::Exists,
        Kind::Invalid,
        Kind::OutOfRange,
        Kind::TooBig,
        Kind::NameTooLong,
        Kind::Locked,
        Kind::LockLost,
        Kind::NotHeld,
        Kind::Contended,
        Kind::InUse,
        Kind::NotEmpty,
        Kind::RecursiveDelete,
        Kind::TooManySnapshots,
        Kind::NoSpace,
        Kind::Quota,
        Kind::Denied,
        Kind::NotPermitted,
        Kind::ReadOnly,
        Kind::Unsupported,
        Kind::Credentials,
        Kind::TimedOut,
        Kind::Unreachable,
        Kind::Remote,
        Kind::Interrupted,
        Kind::Bug,
    ];
}

impl Kind {
    /// Its name, for counters.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NotFound => "not_found",
            Kind::Replaced => "replaced",
            Kind::Exists => "exists",
            Kind::Invalid => "invalid",
            Kind::OutOfRange => "out_of_range",
            Kind::TooBig => "too_big",
            Kind::NameTooLong => "name_too_long",
            Kind::Locked => "locked",
            Kind::LockLost => "lock_lost",
            Kind::NotHeld => "not_held",
            Kind::Contended => "contended",
            Kind::InUse => "in_use",
            Kind::NotEmpty => "not_empty",
            Kind::RecursiveDelete => "recursive_delete",
            Kind::TooManySnapshots => "too_many_snapshots",
            Kind::NoSpace => "no_space",
            Kind::Quota => "quota",
            Kind::Denied => "denied",
            Kind::NotPermitted => "not_permitted",
            Kind::ReadOnly => "read_only",
            Kind::Unsupported => "unsupported",
            Kind::Credentials => "credentials",
            Kind::TimedOut => "timed_out",
            Kind::Unreachable => "unreachable",
            Kind::Remote => "remote",
            Kind::Interrupted => "interrupted",
            Kind::Bug => "bug",
        }
    }
}

/// Whether the request that failed had left this host. Retrying a change depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing was sent: nothing happened.
    No,
    /// The filer answered: it refused.
    Answered,
    /// It was sent and no answer came: it may have happened.
    Unknown,
}

/// The value that was refused, and where in it the trouble is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The value as given.
    pub text: String,
    /// Byte offset of the first character that could not be accepted.
    pub at: usize,
}

/// A failure: what went wrong, with which value, and what would be accepted.
#[derive(Clone, Debug)]
pub struct Error(Box<Failure>);

/// The parts of an [`Error`].
#[derive(Clone, Debug)]
pub struct Failure {
    /// For programs.
    pub kind: Kind,
    /// One sentence: what went wrong, with which value.
    pub message: String,
    /// What would be accepted, or how to mend it.
    pub hint: Option<String>,
    /// The refused value.
    pub input: Option<Input>,
    /// Whether the request had left this host.
    pub sent: Sent,
    /// Another try may succeed.
    pub transient: bool,
    /// The failure beneath, in its own words.
    pub source: Option<String>,
}

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure of this kind, in one sentence.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        let message = message.into();
        Error(Box::new(Failure {
            kind,
            message,
            hint: None,
            input: None,
            sent: Sent::No,
            transient: false,
            source: None,
        }))
    }

    /// [`Kind::Invalid`]: the value in `text` cannot be accepted from byte `at` on.
    pub fn invalid(message: impl Into<String>, text: &str, at: usize) -> Error {
        Error::new(Kind::Invalid, message).input(text, at)
    }

    /// [`Kind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Error {
        Error::new(Kind::NotFound, message)
    }

    /// [`Kind::Unsupported`]: what the back-end cannot do.
    pub fn unsupported(what: &str) -> Error {
        Error::new(Kind::Unsupported, format!("this back-end cannot {what}"))
    }

    /// Adds what would be accepted.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the refused value.
    pub fn input(mut self, text: &str, at: usize) -> Error {
        self.0.input = Some(Input { text: text.to_owned(), at });
        self
    }

    /// Says whether the request had left this host.
    pub fn sent(mut self, sent: Sent) -> Error {
        self.0.sent = sent;
        self
    }

    /// Says that another try may succeed.
    pub fn transient(mut self) -> Error {
        self.0.transient = true;
        self
    }

    /// Adds the failure beneath.
    pub fn source(mut self, source: impl fmt::Display) -> Error {
        self.0.source = Some(source.to_string());
        self
    }

    /// The same failure with more context in front of its sentence.
    pub fn context(mut self, context: impl fmt::Display) -> Error {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// For programs.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }
}

impl std::ops::Deref for Error {
    type Target = Failure;
    fn deref(&self) -> &Failure {
        &self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The causes of a failure, from the outside in, without the failure itself: of a request, that would be its address.
pub fn causes(failure: &dyn std::error::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = failure.source();
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    causes.dedup();
    causes.join(": ")
}
