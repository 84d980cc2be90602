//! What somebody watches by inotify, in a form that tells when it is another.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::inodes::Node;
use super::place::{Object, Place};
use super::table::{Listed, Member, NOBODY, Node as Is};
use super::{ROOT, Tree};

/// One name that is watched, by itself or by its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// Its path from the root of the mount.
    pub path: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Another for another value, or for another object of the name.
    pub print: u64,
}

impl Tree {
    /// What there is to see of a node: of a file its value, of a directory its files or its members. Nothing if
    /// the storage does not answer: that is no change.
    pub async fn prints(&self, ino: u64) -> Option<Vec<Print>> {
        let node = self.inodes.get(ino).ok()?;
        let control = matches!(node.place.object, Object::Mount) && ino != ROOT;
        if control && node.row.name == "events" {
            return Some(vec![self.events(node.path()).await]);
        }
        match &node.row.node {
            Is::File(_) if !control => Some(vec![self.print(&node).await?]),
            Is::Dir { .. } if control => Some(vec![self.events(format!("{}/events", node.path())).await]),
            Is::Dir { members: None, .. } => {
                let mut prints = Vec::new();
                for row in node.row.rows() {
                    let file = Node::new(node.place.clone(), row);
                    // Clients come and go, and asking for them is a call each time: that file is watched by itself.
                    if matches!(row.node, Is::File(_))
                        && row.name != "nfs_locks"
                        && let Some(print) = self.print(&file).await
                    {
                        prints.push(print);
                    }
                }
                Some(prints)
            }
            Is::Dir { members: Some(members), .. } => {
                let members = match members.list(&node.place).await.ok()? {
                    Listed::Members(members) => members,
                    Listed::Of(_, members) => members().ok()?,
                };
                let print = |Member { place, row, .. }| Print {
                    path: format!("{}/{}", node.path(), place.file_name()),
                    is_dir: true,
                    print: place.ino(row),
                };
                Some(members.into_iter().map(print).collect())
            }
            _ => Some(Vec::new()),
        }
    }

    /// `.ctl/events`: others' changes are looked for first.
    async fn events(&self, path: String) -> Print {
        for endpoint in &self.shared.endpoints {
            let place = Place::root(&self.shared).at(Object::Endpoint(endpoint.clone()));
            // Who cannot be reached has not changed, as far as anybody knows.
            let _ = place.volumes().await;
        }
        Print { path, is_dir: false, print: self.shared.outcomes.event() }
    }

    async fn print(&self, node: &Node) -> Option<Print> {
        let Is::File(file) = &node.row.node else { return None };
        let mut hasher = SipHasher13::new();
        hasher.write(file.show(&node.place, &NOBODY).await.ok()??.as_bytes());
        Some(Print { path: node.path(), is_dir: false, print: hasher.finish() })
    }
}
