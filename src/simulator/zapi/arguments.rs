//! What a request says, typed.

use super::call::Refusal;
use super::xml::Element;

impl Element {
    /// An argument as given, unless it is empty.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }

    /// An argument that the call cannot do without.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.argument(name).ok_or_else(|| Refusal::new(13115, format!("Missing input: {name}")))
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.parsed(name, |text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    pub fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.parsed(name, |text| text.parse().ok())
    }

    /// Bytes: digits, with a unit or without.
    pub fn size(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.parsed(name, size)
    }

    /// The items of a list, as `ro-rule/security-flavor`.
    pub fn items(&self, path: &str) -> Vec<String> {
        self.all(path).iter().map(|item| item.text.trim().to_owned()).collect()
    }

    fn parsed<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
        let Some(text) = self.argument(name) else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| Refusal::invalid(name, text))
    }
}

/// `30000000`, `20m`, `36000000.0`.
pub fn size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, c) if c.is_ascii_alphabetic() => {
            (&text[..at], 1_u64 << (10 * (1 + "kmgt".find(c.to_ascii_lowercase())?)))
        }
        _ => (text, 1),
    };
    if let Ok(whole) = digits.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let number = digits.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
    Some((number * unit as f64) as u64)
}

/// The next multiple of the block size.
pub fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(4096).saturating_mul(4096)
}
