//! XML as trees, to compare by meaning.

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};

/// An element. Two are equal whatever the order of their children.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    pub name: String,
    pub text: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
}

impl Element {
    /// The root of a message, its children sorted.
    pub fn read(message: &str) -> Element {
        let mut reader = Reader::from_str(message);
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => open.push(Element::opened(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(Element::opened(&start)),
                Event::End(_) => {
                    let mut closed = open.pop().unwrap();
                    closed.children.sort();
                    open.last_mut().unwrap().children.push(closed);
                }
                Event::Text(text) if open.len() > 1 => open.last_mut().unwrap().text.push_str(&text),
                Event::GeneralRef(entity) => {
                    let text = match entity.resolve_char_ref().unwrap() {
                        Some(c) => c.to_string(),
                        None => resolve_predefined_entity(&entity).unwrap().to_owned(),
                    };
                    open.last_mut().unwrap().text.push_str(&text);
                }
                Event::Eof => return open.remove(0).children.remove(0),
                _ => {}
            }
        }
    }

    fn opened(start: &BytesStart<'_>) -> Element {
        let attribute = |attribute: quick_xml::events::attributes::Attribute<'_>| {
            (attribute.key.as_ref().to_owned(), unescape(&attribute.value).unwrap().into_owned())
        };
        Element {
            name: start.local_name().as_ref().to_owned(),
            attributes: start.attributes().map(|found| attribute(found.unwrap())).collect(),
            ..Element::default()
        }
    }

    /// The call of a request, or the results of an answer.
    pub fn body(message: &str) -> Element {
        let mut children = Element::read(message).children;
        assert_eq!(children.len(), 1, "{message}");
        children.remove(0)
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first element with this path.
    pub fn find(&self, path: &str) -> Option<&Element> {
        let (name, rest) = path.split_once('/').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let child = self.children.iter().find(|child| child.name == name)?;
        rest.map_or(Some(child), |rest| child.find(rest))
    }

    /// Its text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.find(path).map(|found| found.text.as_str())
    }

    /// The same without the elements of these paths.
    pub fn without(mut self, paths: &[&str]) -> Element {
        for path in paths {
            self.cut(path);
        }
        self
    }

    fn cut(&mut self, path: &str) {
        match path.split_once('/') {
            Some((name, rest)) => {
                self.children.iter_mut().filter(|child| child.name == name).for_each(|child| child.cut(rest));
            }
            None => self.children.retain(|child| child.name != path),
        }
    }

    /// Whether every element of the other is here too.
    pub fn holds(&self, other: &Element) -> bool {
        let has =
            |wanted: &Element| self.children.iter().any(|own| own.name == wanted.name && own.holds(wanted));
        self.text == other.text && other.children.iter().all(has)
    }
}
