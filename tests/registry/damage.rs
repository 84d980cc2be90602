//! Entries that nobody can read are refused, and stay as they are.

use filerfs::backend::Kind;
use filerfs::registry::{MarksChange, Registry};

use crate::given::*;

/// What a text can have become.
pub fn damages(text: &str) -> Vec<(Vec<u8>, &'static str)> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    for end in [0, 1, 2, 10, 19, 20, bytes.len() / 2, bytes.len() - 1] {
        all.push((bytes[..end].to_vec(), "damaged"));
    }
    for at in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.to_vec();
        // Not a digit's: that would be another format.
        flipped[at] ^= 0x80;
        all.push((flipped, "damaged"));
    }
    all.push((text.replacen("1 ", "2 ", 1).into_bytes(), "is of format 2"));
    all.push((text.replacen('a', "b", 1).into_bytes(), "damaged"));
    all
}

/// Sets a key.
pub fn put(etcd: &Etcd, key: &str, value: &[u8]) {
    let empty: &[_] = if value.is_empty() { &[""] } else { &[] };
    etcd.ctl(&[&["put", key], empty].concat(), value);
}

/// The value of a key.
fn value(etcd: &Etcd, key: &str) -> Vec<u8> {
    use base64::Engine;
    let json: serde_json::Value = serde_json::from_str(&etcd.ctl(&["get", key, "-w", "json"], b"")).unwrap();
    let value = json["kvs"][0]["value"].as_str().unwrap_or_default();
    base64::prelude::BASE64_STANDARD.decode(value).unwrap()
}

pub fn text(etcd: &Etcd, key: &str) -> String {
    String::from_utf8(value(etcd, key)).unwrap()
}

#[tokio::test]
async fn a_damaged_lock_is_neither_free_nor_overwritten() {
    let etcd = Etcd::start(1);
    let (registry, key) = (at(etcd.endpoints(), LONG), key("locks", 1));
    registry.take(&subject(1), &new("a")).await.unwrap();
    for (damaged, words) in damages(&text(&etcd, &key)) {
        put(&etcd, &key, &damaged);
        let (of, a) = (subject(1), host("a"));
        for said in [
            refused(Kind::Remote, registry.lock(&of).await),
            refused(Kind::Remote, registry.take(&of, &new("a")).await),
            refused(Kind::Remote, registry.take(&of, &new("b")).await),
            refused(Kind::Remote, registry.release(&of, &a.clone().into()).await),
            refused(Kind::Remote, registry.guard(&of, &a).await),
        ] {
            assert!(said.contains(&key) && said.contains(words), "{said}");
        }
        assert_eq!(value(&etcd, &key), damaged);
    }
    // Of a volume that is gone, it does not matter.
    registry.forget(&subject(1)).await.unwrap();
    assert_eq!(held(&*registry, &subject(1)).await, None);
}

#[tokio::test]
async fn damaged_marks_are_neither_none_nor_overwritten() {
    let etcd = Etcd::start(1);
    let (registry, key) = (at(etcd.endpoints(), LONG), key("marks", 1));
    let change = MarksChange { protect: Some(true), comment: Some("a comment".to_owned()) };
    registry.change_marks(&subject(1), &change).await.unwrap();
    for (damaged, words) in damages(&text(&etcd, &key)) {
        put(&etcd, &key, &damaged);
        for said in [
            refused(Kind::Remote, registry.marks(&subject(1)).await),
            refused(Kind::Remote, registry.all_marks("e").await),
            refused(Kind::Remote, registry.change_marks(&subject(1), &change).await),
        ] {
            assert!(said.contains(&key) && said.contains(words), "{said}");
        }
        assert_eq!(value(&etcd, &key), damaged);
    }
}

#[tokio::test]
async fn a_key_of_somebody_else_among_the_marks_is_named() {
    let etcd = Etcd::start(1);
    etcd.ctl(&["put", "/filerfs/marks/e/mine", "x"], b"");
    let said = refused(Kind::Remote, at(etcd.endpoints(), LONG).all_marks("e").await);
    assert_eq!(said, "/filerfs/marks/e/mine in the registry is not a key of filerfs");
}
