//! Names are types, checked before any call: they end in XML, URLs and terminals.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use uuid::Uuid;

use super::error::{Error, Kind, Result};

/// The longest name in bytes, as a file name in the tree.
pub const NAME_BYTES: usize = 255;

/// What tells an object from every other that has or had its name, in any run of any host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub u64);

impl Identity {
    /// Derived from what the storage itself keeps for the object: its uuid, or its place and creation.
    pub fn of(parts: &[&str]) -> Identity {
        let mut hasher = SipHasher13::new();
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part.as_bytes());
        }
        Identity(hasher.finish())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and takes a name.
            pub fn new(name: &str) -> Result<$name> {
                if !is_simple(name) {
                    $check($what, name)?;
                }
                Ok($name(name.into()))
            }
            /// The name as the storage knows it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(name: String) -> Result<$name> {
                $name::new(&name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }
    };
}

name!(
    /// The name of a volume: letters, digits and `:/_.-`.
    VolumeName, "volume", plain
);
name!(
    /// The name of a snapshot: printable text without `/`.
    SnapshotName, "snapshot", printable
);
name!(
    /// The name of an export policy: printable text. Filers have policies named as networks: `10.0.0.0/25`.
    PolicyName, "policy", policy
);
name!(
    /// The name of an aggregate: printable text without `/`.
    AggregateName, "aggregate", printable
);
name!(
    /// The host that holds a volume: letters, digits and `._-`, as host names are.
    HostName, "host", host
);

impl HostName {
    /// One that nobody else has.
    pub fn unique() -> HostName {
        HostName(Uuid::new_v4().to_string().into())
    }
}

/// Whether every grammar takes a name as it is, which then is its file name, too: most are like that.
fn is_simple(name: &str) -> bool {
    let simple = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=NAME_BYTES).contains(&name.len()) && !name.starts_with(['-', '.']) && name.bytes().all(simple)
}

fn plain(what: &str, name: &str) -> Result<()> {
    allowed(what, name, "letters, digits and : / _ . -", |c| c.is_ascii_alphanumeric() || ":/_.-".contains(c))
}

fn host(what: &str, name: &str) -> Result<()> {
    allowed(what, name, "letters, digits and . _ -", |c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn printable(what: &str, name: &str) -> Result<()> {
    allowed(what, name, "printable characters without /", |c| c != '/' && !unprintable(c))?;
    no_outer_blanks(what, name)
}

fn policy(what: &str, name: &str) -> Result<()> {
    allowed(what, name, "printable characters", |c| !unprintable(c))?;
    no_outer_blanks(what, name)
}

fn no_outer_blanks(what: &str, name: &str) -> Result<()> {
    if name.trim() != name {
        return Err(Error::invalid(format!("the {what} name begins or ends with a blank"), name, 0));
    }
    Ok(())
}

/// Characters that a terminal would obey rather than show.
pub fn unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn allowed(what: &str, name: &str, accepted: &str, ok: impl Fn(char) -> bool) -> Result<()> {
    let hint =
        || format!("a {what} name is 1 to {NAME_BYTES} bytes of {accepted}, and does not begin with -");
    if name.is_empty() {
        return Err(Error::invalid(format!("the {what} name is empty"), name, 0).hint(hint()));
    }
    if let Some((at, c)) = name.char_indices().find(|&(_, c)| !ok(c)) {
        let message = format!("a {what} name cannot hold {:?}", c.to_string());
        return Err(Error::invalid(message, name, at).hint(hint()));
    }
    // Commands would take it for an option, and `-HOST` is how a lock is broken.
    if name.starts_with('-') {
        return Err(Error::invalid(format!("a {what} name cannot begin with -"), name, 0).hint(hint()));
    }
    let bytes = encoded(name).len();
    if bytes > NAME_BYTES {
        let message = format!("the {what} name takes {bytes} bytes as a file name");
        return Err(Error::new(Kind::NameTooLong, message).hint(hint()));
    }
    Ok(())
}

/// The file name of an object: `%XX` where a file name cannot hold it. The mapping is reversible.
pub fn encoded(name: &str) -> Cow<'_, str> {
    let needs = |at: usize, c: char| matches!(c, '/' | '%') || c.is_ascii_control() || (at == 0 && c == '.');
    if is_simple(name) || !name.char_indices().any(|(at, c)| needs(at, c)) {
        return name.into();
    }
    let mut file = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        if needs(at, c) {
            file.push_str(&format!("%{:02X}", c as u32));
        } else {
            file.push(c);
        }
    }
    file.into()
}

/// The object's name that a file name stands for; `None` if [`encoded`] never makes such a file name.
pub fn decoded(file: &str) -> Option<Cow<'_, str>> {
    if is_simple(file) {
        return Some(file.into());
    }
    if !file.contains('%') {
        return matches!(encoded(file), Cow::Borrowed(_)).then_some(file.into());
    }
    let mut bytes = Vec::with_capacity(file.len());
    let mut rest = file.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    (encoded(&name) == file).then_some(name.into())
}
