//! A call as a row of a table: its name, where it exists, what it takes, and what it does.

use super::list::List;
use super::xml::Element;
use crate::backend::{Error, Kind};
use crate::simulator::filer::Filer;

/// Where a call exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// For the cluster and for an SVM.
    Any,
    /// For the cluster alone.
    Cluster,
    /// For an SVM alone: by its own address, or tunnelled.
    Svm,
}

/// One row.
pub struct Call {
    pub name: &'static str,
    pub scope: Scope,
    /// Paths of its arguments.
    pub arguments: &'static [&'static str],
    /// Of a call over a list: what may stand in `query`, `desired-attributes` and `attributes`.
    pub list: Option<&'static List>,
    pub run: fn(&mut Context<'_>, &Element) -> Reply,
}

/// What a call works on.
pub struct Context<'a> {
    pub filer: &'a mut Filer,
    /// The call speaks for one SVM, not for the cluster.
    pub in_svm: bool,
}

/// The children of `<results>`, or why not.
pub type Reply = Result<Vec<Element>, Refusal>;

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub errno: u32,
    pub reason: String,
}

impl Refusal {
    pub fn new(errno: u32, reason: impl Into<String>) -> Refusal {
        Refusal { errno, reason: reason.into() }
    }

    /// An argument that makes no sense.
    pub fn invalid(argument: &str, value: &str) -> Refusal {
        Refusal::new(13115, format!("Invalid input: \"{value}\" is not valid for {argument}"))
    }

    /// As recorded for policies and snapshots.
    pub fn no_entry() -> Refusal {
        Refusal::new(15661, "entry doesn't exist")
    }

    pub fn no_volume(name: &str) -> Refusal {
        Refusal::new(13040, format!("Volume \"{name}\" does not exist."))
    }
}

/// What the memory model refuses by itself; where ONTAP has a number of its own, the call asks beforehand.
impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let errno = match error.kind() {
            Kind::NotFound => 15661,
            Kind::Exists => 13130,
            Kind::InUse => 15704,
            Kind::TooManySnapshots => 13022,
            Kind::NoSpace => 159,
            Kind::Invalid | Kind::NameTooLong => 13115,
            _ => 13001,
        };
        Refusal::new(errno, error.to_string())
    }
}

impl Call {
    /// Names the first element that the call does not know.
    pub fn strict(&self, request: &Element) -> Result<(), Refusal> {
        let mut path = Vec::new();
        match self.unknown(request, &mut path) {
            Some(unknown) => {
                Err(Refusal::new(13115, format!("Unexpected element \"{unknown}\" in {}", self.name)))
            }
            None => Ok(()),
        }
    }

    fn unknown<'a>(&self, at: &'a Element, path: &mut Vec<&'a str>) -> Option<String> {
        at.children.iter().find_map(|child| {
            path.push(&child.name);
            let joined = path.join("/");
            let unknown = if self.knows(&joined) { self.unknown(child, path) } else { Some(joined) };
            path.pop();
            unknown
        })
    }

    fn knows(&self, path: &str) -> bool {
        let argument = self.arguments.iter().any(|known| leads_to(path, known));
        argument
            || self.list.is_some_and(|list| {
                let of = if self.name.ends_with("-get-iter") { "desired-attributes" } else { "attributes" };
                let places = ["query", of].map(|place| format!("{place}/{}", list.record));
                places.iter().any(|place| match path.strip_prefix(&format!("{place}/")) {
                    Some(field) => list.knows(field),
                    None => leads_to(path, place),
                })
            })
    }
}

/// Whether a path is the known one or on the way to it.
pub fn leads_to(path: &str, known: &str) -> bool {
    known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
