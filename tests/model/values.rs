//! What a text means: the reference's own reading of section 3 of the contract.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use filerfs::backend::Kind;

/// The attributes of a volume that can be changed, as `config` lists them.
pub const KEYS: [&str; 11] = [
    "size_total",
    "percentage_snapshot_reserve",
    "compression_enabled",
    "inline_compression",
    "caching_policy",
    "autosize_enabled",
    "max_autosize",
    "junction_path",
    "comment",
    "protect",
    "policy",
];

/// The key of `defaults` and the file of a staged volume that no volume takes.
pub const AGGREGATE: &str = "aggregate_name";

/// What a volume shows that was created without any field.
pub fn unset(key: &str) -> &'static str {
    match key {
        "caching_policy" | "junction_path" | "comment" | "policy" => "",
        _ => "0",
    }
}

/// The value as it will be read.
pub fn parse(key: &str, text: &str) -> Result<String, Kind> {
    match key {
        "size_total" | "max_autosize" => size(text),
        "percentage_snapshot_reserve" => match text.bytes().all(|b| b.is_ascii_digit()) {
            true => size(text),
            false => Err(Kind::Invalid),
        },
        "compression_enabled" | "inline_compression" | "autosize_enabled" | "protect" => match text {
            "1" | "yes" | "on" | "true" => Ok("1".into()),
            "0" | "no" | "off" | "false" => Ok("0".into()),
            _ => Err(Kind::Invalid),
        },
        "junction_path" if text.is_empty() => Ok(String::new()),
        "junction_path" if !text.starts_with('/') || text.ends_with('/') => Err(Kind::Invalid),
        "junction_path" if text.contains(char::is_control) => Err(Kind::Invalid),
        "junction_path" if encoded(text).len() > 255 => Err(Kind::NameTooLong),
        "policy" => policy(text),
        AGGREGATE => name(text),
        _ if text.contains(char::is_control) => Err(Kind::Invalid),
        _ => Ok(text.to_owned()),
    }
}

/// A name of a snapshot or an aggregate.
pub fn name(text: &str) -> Result<String, Kind> {
    if text.contains('/') { Err(Kind::Invalid) } else { policy(text) }
}

/// A name of a policy: filers have some that are named as networks.
fn policy(text: &str) -> Result<String, Kind> {
    match text {
        "" => Err(Kind::Invalid),
        _ if text.starts_with('-') || text.contains(char::is_control) => Err(Kind::Invalid),
        _ if encoded(text).len() > 255 => Err(Kind::NameTooLong),
        _ => Ok(text.to_owned()),
    }
}

/// A name of a volume or a host.
pub fn plain(text: &str, also: &str) -> Result<String, Kind> {
    let good = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
    if text.chars().all(good) {
        name(&text.replace('/', "_")).map(|_| text.to_owned())
    } else {
        Err(Kind::Invalid)
    }
}

fn size(text: &str) -> Result<String, Kind> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit {
        "" => 0,
        "K" | "Ki" => 10,
        "M" | "Mi" => 20,
        "G" | "Gi" => 30,
        "T" | "Ti" => 40,
        "P" | "Pi" => 50,
        _ => return Err(Kind::Invalid),
    };
    if digits.is_empty() {
        return Err(Kind::Invalid);
    }
    // However many digits: two values that are written into each other are a number too.
    let bytes = digits.parse::<u64>().ok().map(|number| u128::from(number) << shift);
    match bytes {
        Some(bytes) if bytes < 1 << 63 => Ok(bytes.to_string()),
        _ => Err(Kind::OutOfRange),
    }
}

/// A rule in the one form in which rules are compared; `None` if it is none.
pub fn canonical(rule: &str) -> Option<String> {
    if let Ok(address) = rule.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    if let Some((address, mask)) = rule.split_once('/') {
        return network(address.parse().ok()?, mask);
    }
    let word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if let Some(group) = rule.strip_prefix('@') {
        return (!group.is_empty() && word(group)).then(|| rule.to_owned());
    }
    let host = rule.strip_prefix('.').unwrap_or(rule);
    let labels =
        host.split('.').all(|label| !label.is_empty() && label.len() < 64 && !label.starts_with('-'));
    let numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (word(host) && labels && !numeric).then(|| rule.to_ascii_lowercase())
}

fn network(address: IpAddr, mask: &str) -> Option<String> {
    let bits: Option<u32> = mask.parse().ok();
    let (first, bits, all) = match address {
        IpAddr::V4(v4) => {
            let dotted = |mask: Ipv4Addr| u32::from(mask).leading_ones();
            let bits = bits.or_else(|| mask.parse().ok().map(dotted)).filter(|bits| *bits <= 32)?;
            let kept = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            (Ipv4Addr::from(u32::from(v4) & kept).to_string(), bits, 32)
        }
        IpAddr::V6(v6) => {
            let bits = bits.filter(|bits| *bits <= 128)?;
            let kept = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            (Ipv6Addr::from(u128::from(v6) & kept).to_string(), bits, 128)
        }
    };
    // A network of one address is that address.
    Some(if bits == all { first } else { format!("{first}/{bits}") })
}

/// The file name of an object.
pub fn encoded(name: &str) -> String {
    let plain = name.replace('%', "%25").replace('/', "%2F");
    match plain.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => plain,
    }
}

/// A value without what is ignored around it.
pub fn trimmed(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text).trim_matches([' ', '\t'])
}

/// The lines that mean something.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.split('\n').map(|line| line.trim_matches([' ', '\t', '\r']));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}
