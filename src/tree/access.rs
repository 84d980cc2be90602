//! Who owns a node and with which mode. The kernel decides by it (`default_permissions`).

use glob::{MatchOptions, Pattern};

use super::table::{Caller, Node, Row};

/// One rule of the configuration. The last that matches wins, part by part.
#[derive(Clone, Debug)]
pub struct AccessRule {
    /// The paths that it is about, from the root of the mount.
    pub path: Pattern,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Permission bits.
    pub mode: Option<u32>,
}

/// Owner and mode of everything.
#[derive(Clone, Debug)]
pub struct Access {
    /// Owner where no rule says otherwise.
    pub uid: u32,
    /// Group where no rule says otherwise.
    pub gid: u32,
    /// The rules.
    pub rules: Vec<AccessRule>,
}

/// Owner and mode of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// A `*` stays within one file name.
pub const GLOB: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

impl Access {
    /// Owner and mode of a row; `path` is asked for only if there are rules.
    pub fn of(&self, row: &Row, path: impl FnOnce() -> String) -> Owner {
        let mut owner = Owner { uid: self.uid, gid: self.gid, mode: default_mode(row) };
        if self.rules.is_empty() {
            return owner;
        }
        let path = path();
        // Who may remove an object may try to remove what is in it: only then is a recursive delete seen before
        // it comes to the object itself (`tripwire`).
        if row.path.is_empty()
            && let Some((collection, _)) = path.rsplit_once('/')
        {
            self.ruled(&mut owner, collection);
        }
        self.ruled(&mut owner, &path);
        // A rule cannot make a read-only file writable, nor a file a program.
        owner.mode &= match &row.node {
            Node::Dir { .. } => 0o777,
            Node::File(_) if row.writable() => 0o666,
            Node::File(_) | Node::Scratch => 0o444,
            Node::Link(_) => return Owner { mode: 0o777, ..owner },
        };
        owner
    }

    fn ruled(&self, owner: &mut Owner, path: &str) {
        for rule in self.rules.iter().filter(|rule| rule.path.matches_with(path, GLOB)) {
            owner.uid = rule.uid.unwrap_or(owner.uid);
            owner.gid = rule.gid.unwrap_or(owner.gid);
            owner.mode = rule.mode.unwrap_or(owner.mode);
        }
    }
}

impl Owner {
    /// Whether a caller may write: asked where the kernel does not ask, for a rename onto a file and for a lock.
    pub fn lets_write(&self, caller: &Caller) -> bool {
        let class = match caller {
            _ if caller.uid == 0 => return true,
            _ if caller.uid == self.uid => 6,
            _ if caller.gid == self.gid || caller.groups().contains(&self.gid) => 3,
            _ => 0,
        };
        self.mode >> class & 0o2 != 0
    }
}

fn default_mode(row: &Row) -> u32 {
    match &row.node {
        Node::Dir { .. } => 0o755,
        Node::File(_) if row.writable() => 0o644,
        Node::File(_) | Node::Scratch => 0o444,
        Node::Link(_) => 0o777,
    }
}

/// Whether a glob can match anything in the table: each of its parts a fixed name, or any member.
pub fn matches_table(glob: &str, root: &Row) -> bool {
    let parts: Vec<&str> = glob.split('/').collect();
    reaches(&parts, root)
}

fn reaches(parts: &[&str], row: &Row) -> bool {
    let [first, rest @ ..] = parts else { return true };
    if *first == "**" {
        return true;
    }
    let Ok(pattern) = Pattern::new(first) else { return false };
    let fixed = row.rows().iter().filter(|row| pattern.matches_with(row.name, GLOB));
    let named = row.members().map(|members| members.row());
    fixed.chain(named).any(|row| reaches(rest, row))
}
