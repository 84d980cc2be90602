//! One rule of an export policy: who may mount.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::error::{Error, Result};

const ACCEPTED: &str = "an address (10.0.0.1, fd00::1), a network (10.0.0.0/24, 10.0.0.0/255.255.255.0), \
                        a host name, a .domain or a @netgroup";

/// A client of an export policy. Kept as given; compared in canonical form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rule {
    given: Arc<str>,
    canonical: Arc<str>,
}

impl Rule {
    /// Checks and takes a rule.
    pub fn new(text: &str) -> Result<Rule> {
        let canonical = canonical(text).map_err(|(message, at)| {
            Error::invalid(format!("{text:?} is not a rule: {message}"), text, at)
                .hint(format!("accepted: {ACCEPTED}"))
        })?;
        Ok(Rule { given: text.into(), canonical: canonical.into() })
    }

    /// Whether more characters could make a rule of this text: a write may end in the middle of a line.
    ///
    /// Four numbers must be an address: a host name could begin so, but a mistake is far more likely.
    pub fn may_begin(text: &str) -> bool {
        // One of these completes whatever can be completed, but a mask.
        const MORE: [&str; 11] = ["", "0", "a", ".a", ":", "::", ".0", ".0.0", ".0.0.0", "0.0", "0.0.0"];
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if text.split('.').count() == 4 && text.split('.').all(number) {
            return text.parse::<IpAddr>().is_ok();
        }
        MORE.iter().any(|more| canonical(&format!("{text}{more}")).is_ok())
            || text.split_once('/').is_some_and(|(address, mask)| may_begin_mask(address, mask))
    }

    /// The rule as it was given.
    pub fn as_str(&self) -> &str {
        &self.given
    }
}

fn canonical(text: &str) -> std::result::Result<String, (String, usize)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    if let Some((address, mask)) = text.split_once('/') {
        return network(address, mask, text.len() - mask.len());
    }
    if let Some(group) = text.strip_prefix('@') {
        return words(group, 1, "a netgroup", &|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            .map(|()| format!("@{group}"));
    }
    let host = text.strip_prefix('.').unwrap_or(text);
    words(host, text.len() - host.len(), "a host name", &|c| c.is_ascii_alphanumeric() || ".-_".contains(c))?;
    if host.split('.').any(|label| label.is_empty() || label.len() > 63 || label.starts_with('-')) {
        return Err(("a label of the host name is empty, over 63 bytes or begins with -".into(), 0));
    }
    if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(("it is neither an IPv4 address nor a host name".into(), 0));
    }
    Ok(text.to_ascii_lowercase())
}

fn network(address: &str, mask: &str, at: usize) -> std::result::Result<String, (String, usize)> {
    let address: IpAddr = address.parse().map_err(|_| (format!("{address:?} is not an address"), 0))?;
    let net = match (mask.parse::<IpAddr>(), mask.parse::<u8>()) {
        (Ok(mask), _) if mask.is_ipv4() == address.is_ipv4() => IpNet::with_netmask(address, mask).ok(),
        (_, Ok(bits)) if !mask.starts_with('+') => IpNet::new(address, bits).ok(),
        _ => None,
    };
    let net = net.ok_or_else(|| (format!("{mask:?} is not a prefix length or mask for {address}"), at))?;
    Ok(if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.trunc().to_string()
    })
}

/// Whether a prefix length or mask for the address begins like this.
fn may_begin_mask(address: &str, mask: &str) -> bool {
    let Ok(host) = address.parse::<IpAddr>().map(IpNet::from) else { return false };
    (0..=host.max_prefix_len()).filter_map(|bits| IpNet::new(host.addr(), bits).ok()).any(|net| {
        let spelled = [net.prefix_len().to_string(), net.netmask().to_string()];
        spelled.iter().any(|spelled| spelled.starts_with(mask))
    })
}

fn words(
    text: &str,
    from: usize,
    what: &str,
    ok: &dyn Fn(char) -> bool,
) -> std::result::Result<(), (String, usize)> {
    if text.is_empty() || text.len() > 253 {
        return Err((format!("{what} is 1 to 253 bytes"), from));
    }
    match text.char_indices().find(|&(_, c)| !ok(c)) {
        Some((at, c)) => Err((format!("{what} cannot hold {:?}", c.to_string()), from + at)),
        None => Ok(()),
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Rule {}

impl Hash for Rule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl TryFrom<String> for Rule {
    type Error = Error;
    fn try_from(text: String) -> Result<Rule> {
        Rule::new(&text)
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> String {
        rule.given.as_ref().to_owned()
    }
}
