//! What a value in a query matches: `a*`, `a|b`, `!a`, `>5`, `1..9`.

/// Whether one of the alternatives matches.
pub fn matches(pattern: &str, value: &str) -> bool {
    pattern.split('|').any(|alternative| one(alternative.trim(), value))
}

fn one(pattern: &str, value: &str) -> bool {
    if let Some(not) = pattern.strip_prefix('!') {
        return !wild(not, value);
    }
    let number = |text: &str| text.parse::<u64>().ok();
    if let (Some((from, to)), Some(value)) = (pattern.split_once(".."), number(value))
        && let (Some(from), Some(to)) = (number(from), number(to))
    {
        return (from..=to).contains(&value);
    }
    match (pattern.get(..1), pattern.get(1..).and_then(number), number(value)) {
        (Some(">"), Some(bound), Some(value)) => value > bound,
        (Some("<"), Some(bound), Some(value)) => value < bound,
        _ => wild(pattern, value),
    }
}

fn wild(pattern: &str, value: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == value };
    let Some(mut left) = value.strip_prefix(begin) else { return false };
    let (middle, end) = rest.rsplit_once('*').map_or((None, rest), |(middle, end)| (Some(middle), end));
    for part in middle.into_iter().flat_map(|middle| middle.split('*')) {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, value, expected) in [
            ("abc", "abc", true),
            ("abc", "abd", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("ab*bc", "abc", false),
            ("*", "", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c", false),
            ("x|abc", "abc", true),
            ("x|y", "abc", false),
            ("!abc", "abc", false),
            ("!a*", "xyz", true),
            (">5", "6", true),
            (">5", "5", false),
            ("<5", "4", true),
            ("1..3", "3", true),
            ("1..3", "4", false),
            ("é*", "été", true),
        ] {
            assert_eq!(matches(pattern, value), expected, "{pattern} on {value}");
        }
    }
}
