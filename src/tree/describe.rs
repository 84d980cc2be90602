//! The table of the tree for people and programs: `filerfs describe`, `docs/namespace.md`.

use serde::Serialize;

use super::table::{File, Node, Row};

/// One row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// Its path; names in capitals stand for what users name.
    pub path: String,
    /// `dir`, `link`, `value`, `keyed`, `list`.
    pub kind: &'static str,
    /// `rw`, `ro`; for a directory `mkdir` if objects are created there.
    pub access: &'static str,
    /// Whether the lock of another host forbids to change it.
    pub guarded: bool,
    /// Meaning, unit, and what may be written.
    pub help: &'static str,
}

/// Every row, depth first.
pub fn rows() -> Vec<Description> {
    let mut rows = Vec::new();
    walk("", super::table(), &mut rows);
    rows
}

fn walk(above: &str, row: &'static Row, rows: &mut Vec<Description>) {
    let path = if above.is_empty() { row.name.to_owned() } else { format!("{above}/{}", row.name) };
    if !path.is_empty() {
        let (kind, access) = kind(row);
        rows.push(Description { path: path.clone(), kind, access, guarded: row.guarded, help: row.help });
    }
    for child in row.rows() {
        walk(&path, child, rows);
    }
    if let Some(members) = row.members() {
        walk(&path, members.row(), rows);
    }
}

fn kind(row: &Row) -> (&'static str, &'static str) {
    match &row.node {
        Node::Dir { members: Some(_), .. } if row.name != "junctions" => ("dir", "mkdir"),
        Node::Dir { .. } => ("dir", ""),
        Node::Link(_) => ("link", "ro"),
        Node::Scratch | Node::File(File::ReadOnly(_)) => ("value", "ro"),
        Node::File(File::Scalar(_)) => ("value", "rw"),
        Node::File(File::Keyed(_)) => ("keyed", "rw"),
        Node::File(File::List(_)) => ("list", "rw"),
    }
}

fn guard(row: &Description) -> &'static str {
    if row.guarded { "lock" } else { "" }
}

/// For a terminal.
pub fn text() -> String {
    let rows = rows();
    let width = rows.iter().map(|row| row.path.len()).max().unwrap_or(0);
    rows.iter()
        .map(|row| {
            format!("{:width$}  {:5}  {:5}  {:4}  {}\n", row.path, row.kind, row.access, guard(row), row.help)
        })
        .collect()
}

/// For `docs/namespace.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# The tree\n\nOutput of `filerfs describe --format markdown`; a test compares them. Names in capitals stand for what\n\
         users name. Formats and the rules of writing are in [semantics.md](semantics.md). Where `lock` says so, a\n\
         change (of a file: to write it, of a directory: to remove or rename it) is refused with EBUSY while\n\
         another host holds the lock of the volume.\n\n\
         | path | kind | access | lock | meaning |\n|---|---|---|---|---|\n",
    );
    for row in rows() {
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            row.path,
            row.kind,
            row.access,
            guard(&row),
            row.help
        ));
    }
    text
}

/// For programs.
pub fn json() -> String {
    let rows = serde_json::to_string_pretty(&rows()).unwrap_or_default();
    format!("{rows}\n")
}
