//! Elements, read from requests and written in the form that the filer uses.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};

/// No request nests deeper.
const DEPTH: usize = 32;

/// An element: a text or children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    pub name: Cow<'static, str>,
    pub text: String,
    pub children: Vec<Element>,
}

/// A request: the root with its attributes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Document {
    pub attributes: Vec<(String, String)>,
    pub root: Element,
}

impl Element {
    pub fn new(name: impl Into<Cow<'static, str>>) -> Element {
        Element { name: name.into(), ..Element::default() }
    }

    pub fn leaf(name: impl Into<Cow<'static, str>>, value: impl ToString) -> Element {
        Element { name: name.into(), text: value.to_string(), children: Vec::new() }
    }

    pub fn with(mut self, child: Element) -> Element {
        self.children.push(child);
        self
    }

    pub fn holding(name: impl Into<Cow<'static, str>>, children: Vec<Element>) -> Element {
        Element { name: name.into(), text: String::new(), children }
    }

    /// Puts a value at a path below this element. Without a value nothing is put: absent fields stay absent.
    pub fn set(mut self, path: &'static str, value: Option<impl ToString>) -> Element {
        if let Some(value) = value {
            self.make(path).text = value.to_string();
        }
        self
    }

    /// Puts values at a path, one element each: `aggr-list/aggr-name`. Without values nothing is put.
    pub fn set_all<T: ToString>(
        mut self,
        path: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> Element {
        let (parent, item) = path.rsplit_once('/').expect("a list has a wrapper");
        let items: Vec<_> = values.into_iter().map(|value| Element::leaf(item, value)).collect();
        if !items.is_empty() {
            self.make(parent).children.extend(items);
        }
        self
    }

    fn make(&mut self, path: &'static str) -> &mut Element {
        path.split('/').fold(self, |at, name| {
            let found = at.children.iter().position(|child| child.name == name);
            let place = found.unwrap_or_else(|| {
                at.children.push(Element::new(name));
                at.children.len() - 1
            });
            &mut at.children[place]
        })
    }

    /// The same with children in alphabetical order, as the filer writes records.
    pub fn sorted(mut self) -> Element {
        self.children.sort_by(|a, b| a.name.cmp(&b.name));
        self.children = self.children.into_iter().map(Element::sorted).collect();
        self
    }

    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Every element at a path.
    pub fn all<'a>(&'a self, path: &str) -> Vec<&'a Element> {
        path.split('/').fold(vec![self], |found, name| {
            found.iter().flat_map(|at| &at.children).filter(|child| child.name == name).collect()
        })
    }

    pub fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        out.push('>');
        escape(&self.text, out);
        self.children.iter().for_each(|child| child.write(out));
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

/// Writes text as the filer does, in elements and attributes alike.
pub fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
}

/// Reads a document. A DOCTYPE is passed over, never resolved; entities other than the five of XML are faults.
pub fn read(text: &str) -> Result<Document, String> {
    let mut reader = Reader::from_str(text);
    let mut document = Document::default();
    let mut open: Vec<Element> = Vec::new();
    let mut done = false;
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(start) => {
                if open.len() == DEPTH {
                    return Err(format!("elements nest deeper than {DEPTH}"));
                }
                if open.is_empty() {
                    document.attributes = attributes(&start)?;
                }
                open.push(Element::new(name(&start)));
            }
            Event::Empty(start) => {
                let element = Element::new(name(&start));
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => {
                        document.attributes = attributes(&start)?;
                        (document.root, done) = (element, true);
                    }
                }
            }
            Event::End(_) => {
                let mut element = open.pop().ok_or("an element ends that did not begin")?;
                if !element.children.is_empty() {
                    element.text.clear();
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => (document.root, done) = (element, true),
                }
            }
            Event::Text(text) => append(&mut open, &text),
            Event::CData(text) => append(&mut open, &text),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(|e| e.to_string())? {
                Some(c) => append(&mut open, c.encode_utf8(&mut [0; 4])),
                None => append(&mut open, resolve_predefined_entity(&reference).ok_or("unknown entity")?),
            },
            Event::Decl(_) | Event::DocType(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof if done && open.is_empty() => return Ok(document),
            Event::Eof => return Err("the document ends early".to_owned()),
        }
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn name(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}

fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let value = unescape(&attribute.value).map_err(|e| e.to_string())?;
        found.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(found)
}
