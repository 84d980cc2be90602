//! Rules of export policies: which texts are rules, which are equal, and how they begin.

use std::net::{Ipv4Addr, Ipv6Addr};

use filerfs::backend::{Kind, Rule};
use proptest::prelude::*;

use super::refused;

fn v6_groups(address: Ipv6Addr) -> String {
    address.segments().map(|group| format!("{group:X}")).join(":")
}

fn mask(bits: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::MAX.checked_shl(32 - bits).unwrap_or(0))
}

/// An IPv6 address, with runs of zeroes more often than chance has it.
fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let group = prop_oneof![2 => Just(0_u16), 1 => any::<u16>()];
    let mapped = any::<Ipv4Addr>().prop_map(|address| address.to_ipv6_mapped());
    prop_oneof![4 => prop::array::uniform8(group).prop_map(Ipv6Addr::from), 1 => mapped]
}

/// Every kind of rule.
fn valid() -> impl Strategy<Value = String> {
    let label = "[a-zA-Z_]([a-zA-Z0-9_-]{0,8}[a-zA-Z0-9])?";
    let host = prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."));
    let numbers = "[0-9]{1,4}(\\.[0-9]{1,3}){0,1}\\.[a-z]{2,3}|[1-9][0-9]?(\\.[1-9][0-9]?){3}\\.[a-z]{2,4}";
    let v6_net = |bits: u8| v6().prop_map(move |address| format!("{address}/{bits}"));
    prop_oneof![
        any::<Ipv4Addr>().prop_map(|address| address.to_string()),
        (any::<Ipv4Addr>(), 0..=32_u32).prop_map(|(address, bits)| format!("{address}/{bits}")),
        (any::<Ipv4Addr>(), 0..=32_u32).prop_map(|(address, bits)| format!("{address}/{}", mask(bits))),
        v6().prop_map(|address| address.to_string()),
        v6().prop_map(v6_groups),
        (0..=128_u8).prop_flat_map(v6_net),
        host.clone(),
        host.prop_map(|host| format!(".{host}")),
        numbers,
        "@[a-zA-Z0-9._-]{1,20}",
    ]
}

fn rule(text: &str) -> Rule {
    Rule::new(text).unwrap()
}

proptest! {
    #[test]
    fn a_rule_is_kept_as_given(text in valid()) {
        let rule = Rule::new(&text).unwrap();
        prop_assert_eq!(rule.as_str(), &text);
        prop_assert_eq!(rule.to_string(), text.clone());
        let stored = serde_json::to_string(&rule).unwrap();
        let again: Rule = serde_json::from_str(&stored).unwrap();
        prop_assert!(again == rule && again.as_str() == text);
    }

    #[test]
    fn every_beginning_of_a_rule_may_begin_one(text in valid()) {
        for at in 0..=text.len() {
            prop_assert!(Rule::may_begin(&text[..at]), "{:?} of {:?}", &text[..at], text);
        }
    }

    #[test]
    fn no_text_is_a_rule_and_cannot_begin_one(
        text in prop_oneof!["[0-9./]{0,12}", "[0-9a-f:/]{0,14}", "[a-z@._!-]{0,8}", ".{0,8}"],
    ) {
        match Rule::new(&text) {
            Ok(rule) => {
                prop_assert!(Rule::may_begin(&text));
                prop_assert!(!rule.as_str().starts_with('-') && !rule.as_str().contains(char::is_whitespace));
            }
            Err(error) => {
                // Whatever follows a hopeless beginning, it is no rule.
                if !Rule::may_begin(&text) {
                    for more in ["a", "0", ".org", "::", "/24", ".0.0.0"] {
                        let longer = Rule::new(&(text.clone() + more));
                        prop_assert!(is_number_quad(&text) || longer.is_err(), "{:?}", longer);
                    }
                }
                refused::<()>(Kind::Invalid, Err(error));
            }
        }
    }

    #[test]
    fn networks_are_equal_if_they_hold_the_same_addresses(
        a in 0..4_u32, b in 0..4_u32, bits_a in 28..=32_u32, bits_b in 28..=32_u32, spelled in any::<bool>(),
    ) {
        let net = |host: u32, bits: u32, spelled: bool| {
            let address = Ipv4Addr::from(0x0a00_0000 | host << 2);
            if spelled { format!("{address}/{}", mask(bits)) } else { format!("{address}/{bits}") }
        };
        let (one, other) = (rule(&net(a, bits_a, false)), rule(&net(b, bits_b, spelled)));
        let same = bits_a == bits_b && (a << 2) >> (32 - bits_a) == (b << 2) >> (32 - bits_b);
        prop_assert_eq!(one == other, same, "{} {}", one, other);
    }

    #[test]
    fn a_network_of_one_address_is_that_address(four in any::<Ipv4Addr>(), six in v6()) {
        prop_assert_eq!(rule(&format!("{four}/32")), rule(&four.to_string()));
        prop_assert_eq!(rule(&format!("{four}/255.255.255.255")), rule(&four.to_string()));
        prop_assert_eq!(rule(&format!("{six}/128")), rule(&six.to_string()));
        prop_assert_ne!(rule(&format!("{six}/127")), rule(&six.to_string()));
    }

    #[test]
    fn an_address_is_the_same_in_any_spelling(six in v6()) {
        prop_assert_eq!(rule(&v6_groups(six)), rule(&six.to_string()));
        prop_assert_eq!(rule(&six.to_string().to_uppercase()), rule(&six.to_string()));
    }
}

/// Four numbers are refused at once unless they are an address.
fn is_number_quad(text: &str) -> bool {
    text.split('.').count() == 4 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[test]
fn equal_and_different_rules() {
    let equal = [
        ("10.0.0.0/24", "10.0.0.255/24"),
        ("10.0.0.0/8", "10.1.2.3/255.0.0.0"),
        ("0.0.0.0/0", "1.2.3.4/0.0.0.0"),
        ("Host.Example.ORG", "host.example.org"),
        (".Example.org", ".example.ORG"),
        ("fd00::1", "FD00:0:0::0001"),
        ("fd00::/64", "fd00::1:2/64"),
        ("10.0.0.0/24", "10.0.0.0/024"),
        ("@hosts", "@hosts"),
    ];
    for (one, other) in equal {
        assert_eq!(rule(one), rule(other));
    }
    let different = [
        ("10.0.0.1", "10.0.0.2"),
        ("10.0.0.0/24", "10.0.0.0/25"),
        ("10.0.0.0", "10.0.0.0/24"),
        ("@hosts", "hosts"),
        ("@hosts", "@Hosts"),
        (".example.org", "example.org"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::/0", "0.0.0.0/0"),
    ];
    for (one, other) in different {
        assert_ne!(rule(one), rule(other));
    }
}

#[test]
fn texts_that_are_no_rules() {
    let long_label = "a".repeat(64);
    let long_host = ["a".repeat(63).as_str(); 4].join(".");
    let texts = [
        "",
        " ",
        "-",
        "-10.0.0.1",
        "--",
        "#x",
        "10.0.0.0/99",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+24",
        "10.0.0.0/",
        "10.0.0.0/255.0.255.0",
        "10.0.0.0/255.255.255.1",
        "10.0.0.0/24/24",
        "10.0.0.0/ffff::",
        "fd00::/255.0.0.0",
        "10.0.0/24",
        "/24",
        "/",
        "10.0.0.256",
        "10.0.0",
        "10",
        "10.0.0.0.0",
        "010.0.0.1",
        "10.0.0.1.",
        "10..0.1",
        "10.0.0.1,10.0.0.2",
        "10.0.0.1 10.0.0.2",
        " 10.0.0.1",
        "10.0.0.1\n",
        "10.0.0.1:80",
        "fd00::/129",
        "fd00:::1",
        "fd00::1::",
        "12345::",
        "1:2:3:4:5:6:7",
        "fd00::1%eth0",
        "[fd00::1]",
        "::/ffff:0:ffff::",
        "a..b",
        ".",
        "..",
        "..a",
        "host.",
        "a.-b",
        "@",
        "@@a",
        "@a b",
        "@a/b",
        "a@b",
        "bad!",
        "a/b",
        "host/24",
        "*.org",
        "é.org",
        "१०.0.0.1",
        "\u{202e}a",
        "\0",
        &long_label,
        &long_host,
    ];
    for text in texts {
        refused(Kind::Invalid, Rule::new(text));
    }
}

#[test]
fn a_host_name_takes_253_bytes_and_no_more() {
    let start = format!("{}.", "a".repeat(63)).repeat(3);
    let longest = start.clone() + &"a".repeat(61);
    assert_eq!(rule(&longest).as_str().len(), 253);
    refused(Kind::Invalid, Rule::new(&(start + &"a".repeat(62))));
    assert!(Rule::may_begin(&longest) && !Rule::may_begin(&(longest + "a")));
}

#[test]
fn hopeless_beginnings_are_known() {
    let long_label = "a".repeat(64);
    let hopeless = [
        "bad!",
        "10.0.0.0/99",
        "10.0.0.0/33",
        "10.0.0.0/256",
        "10.0.0.0/255.0.1",
        "10.0.0.0/255.255.255.1.",
        "10.0.0.0/+",
        "10.0.0.0/-",
        "10.0.0.0/a",
        "10.0.0.0/24/",
        "10.0.0.0/24 ",
        "10.0.0.256",
        "1.2.3.04",
        "10.0.0/",
        "host/",
        "fd00::/129",
        "fd00::/x",
        "12345:",
        "fd00:::",
        "fd00::1::",
        "fd00::1%",
        "x:",
        "10.0.0.1:80",
        "a..",
        "..",
        "a.-",
        "-",
        "-10.0.0.1",
        "@a b",
        "@!",
        "a b",
        " ",
        "10.0.0.1,",
        "é",
        "\0",
        "[",
        &long_label,
    ];
    for text in hopeless {
        assert!(!Rule::may_begin(text), "{text:?}");
    }
}

#[test]
fn beginnings_that_a_guess_might_miss() {
    let hopeful = [
        "",
        "1",
        "10.",
        "10.0.0.0/",
        "10.0.0.0/255.255.255.1",
        "10.0.0.0/255.255.255.12",
        "10.0.0.0/255.19",
        "10.0.0.0/2",
        "10.0.0.0/24",
        "10.0.0.0/22",
        "10.0.0.0/240",
        "4.3.2.1.",
        "4.3.2.1.in-",
        "360",
        "360.c",
        "fd00:",
        "fd00::",
        "fd00:1:2:3:4:5:6",
        ":",
        "1:2:3:4:5:6:7:",
        "::ffff:1",
        "::ffff:10.",
        "::ffff:10.0.0",
        "fd00::/",
        "fd00::/12",
        "fd00::/ff",
        "fd00::/ffff:f",
        "@",
        "@a.",
        ".",
        ".org",
        "a.",
        "a-",
        "_x",
    ];
    for text in hopeful {
        assert!(Rule::may_begin(text), "{text:?}");
    }
}
