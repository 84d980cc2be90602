//! Rules of export policies: add, remove, order.

use filerfs::backend::Kind;

use crate::given::*;

async fn present(b: &Backend, policy: &str, text: &str) {
    b.ensure_policy_rules_present(&pol(policy), &rules(&[text])).await.unwrap();
}

async fn absent(b: &Backend, policy: &str, text: &str) {
    b.ensure_policy_rules_absent(&pol(policy), &rules(&[text])).await.unwrap();
}

pub async fn rules_are_kept_in_order_and_as_given(b: Backend) {
    let given = [
        "10.0.0.9",
        "fd00::1",
        "10.0.0.5/24",
        "10.1.0.0/255.255.0.0",
        "Host.Example.org",
        ".example.org",
        "@hosts",
        "10.0.0.1",
        "FD00:0::/64",
    ];
    policy(&b, "p", &given).await;
    assert_eq!(kept_rules(&b, "p").await, given);
}

pub async fn equal_rules_are_kept_once(b: Backend) {
    policy(&b, "p", &["10.0.0.0/24", "10.0.0.1", "10.0.0.7/255.255.255.0", "10.0.0.1/32"]).await;
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.0/24", "10.0.0.1"]);
}

pub async fn a_rule_that_is_added_comes_last(b: Backend) {
    policy(&b, "p", &["10.0.0.5"]).await;
    present(&b, "p", "10.0.0.1").await;
    present(&b, "p", "10.0.0.9").await;
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.5", "10.0.0.1", "10.0.0.9"]);
    absent(&b, "p", "10.0.0.5").await;
    present(&b, "p", "10.0.0.5").await;
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.1", "10.0.0.9", "10.0.0.5"]);
}

pub async fn a_rule_that_is_present_stays_as_it_is(b: Backend) {
    policy(&b, "p", &["10.0.0.0/24", "Host.example.org"]).await;
    let before = b.get_policy(&pol("p")).await.unwrap();
    for again in ["10.0.0.0/24", "10.0.0.9/24", "10.0.0.0/255.255.255.0", "host.EXAMPLE.org"] {
        present(&b, "p", again).await;
        assert_eq!(kept_rules(&b, "p").await, ["10.0.0.0/24", "Host.example.org"], "{again}");
    }
    assert_eq!(b.get_policy(&pol("p")).await.unwrap(), before);
}

pub async fn a_rule_is_removed_by_any_spelling(b: Backend) {
    let spellings = [
        ("10.0.0.0/24", "10.0.0.1/255.255.255.0"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("10.0.0.1/32", "10.0.0.1"),
        ("fd00:0:0::1", "FD00::1"),
        ("fd00::/64", "fd00::1/64"),
        ("Host.example.org", "host.Example.org"),
    ];
    for (kept, named) in spellings {
        policy(&b, "p", &["10.9.9.1", kept, "10.9.9.2"]).await;
        absent(&b, "p", named).await;
        assert_eq!(kept_rules(&b, "p").await, ["10.9.9.1", "10.9.9.2"], "{kept} by {named}");
        b.remove_policy(&pol("p")).await.unwrap();
    }
}

pub async fn a_rule_that_is_absent_stays_so(b: Backend) {
    policy(&b, "p", &["10.0.0.1"]).await;
    for other in ["10.0.0.2", "10.0.0.1/24", "10.0.0.0/32", "@10.0.0.1", ".10.0.0.1.org"] {
        absent(&b, "p", other).await;
        assert_eq!(kept_rules(&b, "p").await, ["10.0.0.1"], "{other}");
    }
}

pub async fn several_rules_are_added_and_removed_at_once(b: Backend) {
    policy(&b, "p", &["10.0.0.5", "10.0.0.6"]).await;
    let new = rules(&["10.0.0.9", "10.0.0.6/32", "10.0.0.1", "10.0.0.9/32"]);
    b.ensure_policy_rules_present(&pol("p"), &new).await.unwrap();
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.5", "10.0.0.6", "10.0.0.9", "10.0.0.1"]);
    let gone = rules(&["10.0.0.1/32", "10.0.0.7", "10.0.0.5", "10.0.0.1"]);
    b.ensure_policy_rules_absent(&pol("p"), &gone).await.unwrap();
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.6", "10.0.0.9"]);
    b.ensure_policy_rules_present(&pol("p"), &[]).await.unwrap();
    b.ensure_policy_rules_absent(&pol("p"), &[]).await.unwrap();
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.6", "10.0.0.9"]);
}

pub async fn a_policy_stays_when_its_last_rule_goes(b: Backend) {
    policy(&b, "p", &["10.0.0.1"]).await;
    let identity = b.get_policy(&pol("p")).await.unwrap().identity;
    absent(&b, "p", "10.0.0.1").await;
    let empty = b.get_policy(&pol("p")).await.unwrap();
    assert_eq!((empty.rules.len(), empty.identity), (0, identity));
    refused(Kind::Exists, b.create_policy(&pol("p"), &[]).await);
}

pub async fn rules_are_put_in_order(b: Backend) {
    policy(&b, "p", &["10.0.0.1", "10.0.0.2", "10.0.0.0/24"]).await;
    b.order_policy_rules(&pol("p"), &rules(&["10.0.0.9/24", "10.0.0.2", "10.0.0.1"])).await.unwrap();
    // The order names rules; it does not spell them anew.
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.0/24", "10.0.0.2", "10.0.0.1"]);
}

pub async fn rules_not_named_keep_their_order_at_the_end(b: Backend) {
    policy(&b, "p", &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]).await;
    b.order_policy_rules(&pol("p"), &rules(&["10.0.0.4", "10.0.0.2"])).await.unwrap();
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.4", "10.0.0.2", "10.0.0.1", "10.0.0.3"]);
}

/// Some filers number rules, and leave gaps where one was.
pub async fn rules_are_put_in_order_after_others_were_removed(b: Backend) {
    let all: Vec<_> = (1..=7).map(|i| format!("10.0.0.{i}")).collect();
    policy(&b, "p", &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    b.ensure_policy_rules_absent(&pol("p"), &rules(&["10.0.0.2", "10.0.0.4", "10.0.0.5"])).await.unwrap();
    for order in [["7", "6", "3", "1"], ["3", "7", "1", "6"], ["6", "1", "7", "3"]] {
        let order = order.map(|i| format!("10.0.0.{i}"));
        b.order_policy_rules(&pol("p"), &rules(&order.each_ref().map(String::as_str))).await.unwrap();
        assert_eq!(kept_rules(&b, "p").await, order);
    }
}

pub async fn an_order_adds_nothing_and_removes_nothing(b: Backend) {
    policy(&b, "p", &["10.0.0.1", "10.0.0.2"]).await;
    b.order_policy_rules(&pol("p"), &rules(&["10.0.0.7", "10.0.0.2", "10.0.0.2"])).await.unwrap();
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.2", "10.0.0.1"]);
    b.order_policy_rules(&pol("p"), &[]).await.unwrap();
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.2", "10.0.0.1"]);
}

pub async fn rules_of_two_policies_are_apart(b: Backend) {
    policy(&b, "p", &["10.0.0.1", "10.0.0.2"]).await;
    policy(&b, "q", &["10.0.0.1", "10.0.0.2"]).await;
    present(&b, "p", "10.0.0.3").await;
    absent(&b, "p", "10.0.0.1").await;
    b.order_policy_rules(&pol("p"), &rules(&["10.0.0.3"])).await.unwrap();
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.3", "10.0.0.2"]);
    assert_eq!(kept_rules(&b, "q").await, ["10.0.0.1", "10.0.0.2"]);
}

pub async fn rules_of_a_missing_policy_are_refused(b: Backend) {
    let (p, r) = (pol("missing"), rules(&["10.0.0.1"]));
    refused(Kind::NotFound, b.ensure_policy_rules_present(&p, &r).await);
    refused(Kind::NotFound, b.ensure_policy_rules_absent(&p, &r).await);
    refused(Kind::NotFound, b.order_policy_rules(&p, &r).await);
    for none in [&r[..0], &rules(&["10.0.0.2"])] {
        refused(Kind::NotFound, b.ensure_policy_rules_present(&p, none).await);
        refused(Kind::NotFound, b.ensure_policy_rules_absent(&p, none).await);
        refused(Kind::NotFound, b.order_policy_rules(&p, none).await);
    }
    assert!(listed_policies(&b).await.is_empty());
}

/// What is removed while others are put in order is gone, and no other with it.
pub async fn rules_can_be_removed_while_they_are_put_in_order(b: Backend) {
    let all: Vec<_> = (0..16).map(|i| format!("10.0.0.{i}")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    policy(&b, "p", &all).await;
    at_once(&b, |b, i| {
        let order: Vec<_> = (0..16).map(|j| format!("10.0.0.{}", (j * 3 + i) % 16)).collect();
        async move {
            let order: Vec<_> = order.iter().map(String::as_str).collect();
            b.order_policy_rules(&pol("p"), &rules(&order)).await.unwrap();
            absent(&b, "p", &format!("10.0.0.{i}")).await;
        }
    })
    .await;
    let mut kept = kept_rules(&b, "p").await;
    kept.sort();
    let mut due = all[8..].to_vec();
    due.sort();
    assert_eq!(kept, due);
}

pub async fn concurrent_rules_are_all_kept_once(b: Backend) {
    policy(&b, "p", &[]).await;
    at_once(&b, |b, i| async move {
        for j in 0..20 {
            present(&b, "p", &format!("10.0.0.{j}")).await;
            present(&b, "p", &format!("10.1.{i}.{j}")).await;
        }
    })
    .await;
    let mut kept = kept_rules(&b, "p").await;
    assert_eq!(kept.len(), 20 + 8 * 20);
    kept.sort();
    kept.dedup();
    assert_eq!(kept.len(), 20 + 8 * 20);
    at_once(&b, |b, i| async move {
        for j in 0..20 {
            absent(&b, "p", &format!("10.1.{i}.{j}")).await;
        }
    })
    .await;
    assert_eq!(kept_rules(&b, "p").await.len(), 20);
}
