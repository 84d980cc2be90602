//! Messages of ZAPI, flat: every leaf with its path, in order.

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::Event;

pub fn envelope(attributes: &str, call: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n\
         <netapp xmlns=\"http://www.netapp.com/filer/admin\" version=\"1.0\"{attributes}>{call}</netapp>"
    )
}

/// A message: what stands before the call or the results, and every leaf and attribute of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub prolog: String,
    pub attributes: Vec<(String, String)>,
    /// Paths below `<results>`, or below `<netapp>` of a request. Empty elements are leaves, too.
    pub leaves: Vec<(String, String)>,
}

impl Answer {
    pub fn read(text: &str) -> Answer {
        let prolog = text.split("<results").next().unwrap().to_owned();
        let mut answer = Answer { prolog, ..Answer::default() };
        let mut reader = Reader::from_str(text);
        let (mut path, mut text, mut leaf): (Vec<String>, String, bool) = Default::default();
        loop {
            let event = reader.read_event().unwrap();
            match &event {
                Event::Start(start) | Event::Empty(start) => {
                    path.push(start.local_name().as_ref().to_owned());
                    (text, leaf) = (String::new(), true);
                    if path.len() == 2 {
                        answer.attributes = start
                            .attributes()
                            .map(|attribute| {
                                let attribute = attribute.unwrap();
                                let value = unescape(&attribute.value).unwrap().into_owned();
                                (attribute.key.as_ref().to_owned(), value)
                            })
                            .collect();
                    }
                }
                Event::Text(more) => text.push_str(more),
                Event::GeneralRef(entity) => match entity.resolve_char_ref().unwrap() {
                    Some(c) => text.push(c),
                    None => text.push_str(resolve_predefined_entity(entity).unwrap()),
                },
                Event::Eof => return answer,
                _ => {}
            }
            if matches!(event, Event::End(_) | Event::Empty(_)) {
                if leaf && path.len() > 2 {
                    answer.leaves.push((path[2..].join("/"), std::mem::take(&mut text)));
                }
                leaf = false;
                path.pop();
            }
        }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The same, if the call passed.
    pub fn passed(self) -> Answer {
        assert_eq!(self.attribute("status"), Some("passed"), "{self:?}");
        self
    }

    /// The number and the words of a refusal.
    pub fn refused(&self) -> (u32, &str) {
        assert_eq!(self.attribute("status"), Some("failed"), "{self:?}");
        (self.attribute("errno").unwrap().parse().unwrap(), self.attribute("reason").unwrap())
    }

    pub fn errno(&self) -> u32 {
        self.refused().0
    }

    /// Every value whose path ends so.
    pub fn all(&self, path: &str) -> Vec<&str> {
        let below = format!("/{path}");
        let found = self.leaves.iter().filter(|(at, _)| at == path || at.ends_with(&below));
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The only value whose path ends so.
    pub fn one(&self, path: &str) -> &str {
        let found = self.all(path);
        assert_eq!(found.len(), 1, "{path} in {self:?}");
        found[0]
    }
}
