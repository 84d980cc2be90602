//! Lists: queries, desired attributes, pages.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::call::{Refusal, Reply, leads_to};
use super::pattern::matches;
use super::xml::{Element, read};

/// Records that a page holds unless more are asked for.
const PAGE: u64 = 20;

/// A kind of record.
pub struct List {
    /// The call that lists it, which names the tag of its pages.
    pub call: &'static str,
    pub record: &'static str,
    /// The paths of its keys, in the order in which records are sorted. Keys are in every answer.
    pub keys: &'static [&'static str],
    /// Every path it may have.
    pub fields: &'static [&'static str],
}

/// A record before it is built: most are never asked for.
pub struct Row<'a> {
    pub key: Vec<Key<'a>>,
    pub record: Box<dyn FnOnce() -> Element + 'a>,
}

/// A key, in the order of bytes or of numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key<'a> {
    Text(Cow<'a, str>),
    Number(u64),
}

impl Key<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Key::Text(text) => Cow::Borrowed(text),
            Key::Number(number) => Cow::Owned(number.to_string()),
        }
    }

    fn cmp_text(&self, text: &str) -> Ordering {
        match self {
            Key::Text(own) => own.as_ref().cmp(text),
            Key::Number(own) => own.cmp(&text.parse().unwrap_or(0)),
        }
    }
}

impl From<String> for Key<'_> {
    fn from(text: String) -> Self {
        Key::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Key<'a> {
        Key::Text(Cow::Borrowed(text))
    }
}

impl List {
    /// Whether a path below the record is a field or leads to one.
    pub fn knows(&self, path: &str) -> bool {
        self.fields.iter().any(|field| leads_to(path, field))
    }

    /// One page, as the children of `<results>`.
    pub fn page<'a>(&self, request: &Element, rows: impl IntoIterator<Item = Row<'a>>) -> Reply {
        let most = usize::try_from(request.number("max-records")?.unwrap_or(PAGE)).unwrap_or(usize::MAX);
        if most == 0 {
            return Err(Refusal::invalid("max-records", "0"));
        }
        let after = request.argument("tag").map(|tag| self.read_tag(tag)).transpose()?;
        let after = after.as_deref();
        let desired = request.child("desired-attributes").and_then(|desired| desired.child(self.record));
        let (mut records, mut last, mut more) = (Vec::new(), Vec::new(), false);
        for (key, record) in self.found(request, rows, after) {
            if records.len() == most {
                more = true;
                break;
            }
            last = key;
            records.push(match desired {
                Some(desired) => select(record, Some(desired), &keys(self.keys)),
                None => record,
            });
        }
        let count = Element::leaf("num-records", records.len());
        let mut results = Vec::new();
        if !records.is_empty() {
            results.push(Element::holding("attributes-list", records));
        }
        if more {
            results.push(Element::leaf("next-tag", self.write_tag(&last)));
        }
        results.push(count);
        Ok(results)
    }

    /// The records that the query names, sorted by key.
    pub fn matching<'a>(&self, request: &Element, rows: impl IntoIterator<Item = Row<'a>>) -> Vec<Element> {
        self.found(request, rows, None).map(|(_, record)| record).collect()
    }

    fn found<'a>(
        &self,
        request: &Element,
        rows: impl IntoIterator<Item = Row<'a>>,
        after: Option<&[String]>,
    ) -> impl Iterator<Item = (Vec<Key<'a>>, Element)> {
        let conditions = self.conditions(request);
        let wanted = |row: &Row<'_>| {
            after.is_none_or(|tag| is_after(&row.key, tag))
                && conditions.iter().all(|(path, pattern)| {
                    let key = self.keys.iter().position(|key| key == path);
                    key.is_none_or(|at| matches(pattern, &row.key[at].text()))
                })
        };
        let mut rows: Vec<_> = rows.into_iter().filter(wanted).collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows.into_iter().filter_map(move |row| {
            let record = (row.record)().sorted();
            let met = |(path, pattern): &(String, String)| {
                record.all(path).iter().any(|value| matches(pattern, &value.text))
            };
            conditions.iter().all(met).then_some((row.key, record))
        })
    }

    /// The fields that the query names, with their patterns. Unknown elements are ignored, as on the filer.
    fn conditions(&self, request: &Element) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if let Some(query) = request.child("query").and_then(|query| query.child(self.record)) {
            self.gather(query, "", &mut found);
        }
        found
    }

    fn gather(&self, at: &Element, path: &str, found: &mut Vec<(String, String)>) {
        for child in &at.children {
            let path =
                if path.is_empty() { child.name.to_string() } else { format!("{path}/{}", child.name) };
            if !child.children.is_empty() {
                self.gather(child, &path, found);
            } else if !child.text.trim().is_empty() && self.fields.contains(&path.as_str()) {
                found.push((path, child.text.trim().to_owned()));
            }
        }
    }

    fn write_tag(&self, key: &[Key<'_>]) -> String {
        let mut tag = format!("<{}-key-td>\n", self.call);
        for (at, part) in key.iter().enumerate() {
            tag.push_str("        ");
            Element::leaf(format!("key-{at}"), part.text()).write(&mut tag);
            tag.push('\n');
        }
        tag.push_str(&format!("</{}-key-td>\n", self.call));
        tag
    }

    fn read_tag(&self, tag: &str) -> Result<Vec<String>, Refusal> {
        let read = read(tag).ok().map(|document| document.root);
        let keys = read.filter(|root| {
            root.name.strip_suffix("-key-td") == Some(self.call) && root.children.len() == self.keys.len()
        });
        let keys = keys.ok_or_else(|| Refusal::invalid("tag", tag))?;
        Ok(keys.children.into_iter().map(|key| key.text).collect())
    }
}

fn is_after(key: &[Key<'_>], tag: &[String]) -> bool {
    let order = key.iter().zip(tag).map(|(key, tag)| key.cmp_text(tag)).find(|order| order.is_ne());
    order == Some(Ordering::Greater)
}

fn keys(paths: &[&'static str]) -> Vec<Vec<&'static str>> {
    paths.iter().map(|path| path.split('/').collect()).collect()
}

/// What is desired of a record, and its keys. An empty element desires all that is below it.
fn select(mut record: Element, desired: Option<&Element>, keys: &[Vec<&'static str>]) -> Element {
    if desired.is_some_and(|desired| desired.children.is_empty()) {
        return record;
    }
    let select_child = |child: Element| {
        let below: Vec<_> = keys.iter().filter(|key| key.first() == Some(&child.name.as_ref())).collect();
        let below: Vec<_> = below.into_iter().map(|key| key[1..].to_vec()).collect();
        let desired = desired.and_then(|desired| desired.child(&child.name));
        let whole =
            desired.is_some_and(|desired| desired.children.is_empty()) || below.iter().any(Vec::is_empty);
        match whole {
            true => Some(child),
            false if desired.is_none() && below.is_empty() => None,
            false => Some(select(child, desired, &below)).filter(|child| !child.children.is_empty()),
        }
    };
    record.children = record.children.into_iter().filter_map(select_child).collect();
    record
}
