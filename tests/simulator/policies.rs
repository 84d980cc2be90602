//! Export policies, their rules, and NFS locks.

use crate::client::Filer;
use crate::message::Answer;
use crate::volumes::{filer, get};

fn policy(filer: &Filer, call: &str, more: &str) -> Answer {
    filer.call(&format!("<export-policy-{call}><policy-name>p1</policy-name>{more}</export-policy-{call}>"))
}

fn rule(filer: &Filer, call: &str, more: &str) -> Answer {
    filer.call(&format!("<export-rule-{call}><policy-name>p1</policy-name>{more}</export-rule-{call}>"))
}

fn client(client: &str) -> String {
    format!(
        "<client-match>{client}</client-match><ro-rule><security-flavor>sys</security-flavor></ro-rule>\
         <rw-rule><security-flavor>sys</security-flavor></rw-rule>"
    )
}

/// Index and client of each rule of `p1`.
fn rules(filer: &Filer) -> Vec<(String, String)> {
    let ask = "<export-rule-get-iter><query><export-rule-info><policy-name>p1</policy-name></export-rule-info>\
        </query></export-rule-get-iter>";
    let found = filer.call(ask).passed();
    let indexes = found.all("rule-index").into_iter().map(str::to_owned);
    indexes.zip(found.all("client-match").into_iter().map(str::to_owned)).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(index, client)| (index.to_owned(), client.to_owned())).to_vec()
}

#[test]
fn a_policy_is_made_renamed_and_destroyed() {
    let filer = filer();
    let made = policy(&filer, "create", "<return-record>true</return-record>").passed();
    assert_eq!(made.one("result/export-policy-info/policy-name"), "p1");
    assert_eq!(policy(&filer, "create", "").errno(), 13130);
    policy(&filer, "rename", "<new-policy-name>p2</new-policy-name>").passed();
    assert_eq!(filer.call("<export-policy-get-iter/>").passed().all("policy-name"), ["default", "p2"]);
    assert_eq!(policy(&filer, "destroy", "").refused(), (15661, "entry doesn't exist"));
    let destroy = |name: &str| {
        filer.call(&format!(
            "<export-policy-destroy><policy-name>{name}</policy-name></export-policy-destroy>"
        ))
    };
    assert_eq!(destroy("default").errno(), 13001);
    destroy("p2").passed();
}

#[test]
fn a_policy_in_force_stays() {
    let filer = filer();
    policy(&filer, "create", "").passed();
    let put = |policy: &str| {
        filer
            .call(&format!(
                "<volume-modify-iter><attributes><volume-attributes><volume-export-attributes><policy>{policy}</policy>\
                 </volume-export-attributes></volume-attributes></attributes><query><volume-attributes>\
                 <volume-id-attributes><name>v1</name></volume-id-attributes></volume-attributes></query>\
                 </volume-modify-iter>"
            ))
            .passed()
    };
    assert_eq!(put("p1").one("num-succeeded"), "1");
    assert_eq!(policy(&filer, "destroy", "").errno(), 15704);
    policy(&filer, "rename", "<new-policy-name>p2</new-policy-name>").passed();
    assert_eq!(get(&filer, "v1").one("volume-export-attributes/policy"), "p2");
    assert_eq!(put("default").one("num-succeeded"), "1");
    filer.call("<export-policy-destroy><policy-name>p2</policy-name></export-policy-destroy>").passed();
}

#[test]
fn rules_shift_on_insertion_and_leave_gaps() {
    let filer = filer();
    policy(&filer, "create", "").passed();
    for host in ["a", "b", "c"] {
        rule(&filer, "create", &client(host)).passed();
    }
    rule(&filer, "create", &format!("<rule-index>2</rule-index>{}", client("d"))).passed();
    assert_eq!(rules(&filer), pairs([("1", "a"), ("2", "d"), ("3", "b"), ("4", "c")]));
    rule(&filer, "destroy", "<rule-index>2</rule-index>").passed();
    assert_eq!(rule(&filer, "destroy", "<rule-index>2</rule-index>").errno(), 15661);
    assert_eq!(rules(&filer), pairs([("1", "a"), ("3", "b"), ("4", "c")]));
    rule(&filer, "set-index", "<rule-index>4</rule-index><new-rule-index>1</new-rule-index>").passed();
    assert_eq!(rules(&filer), pairs([("1", "c"), ("2", "a"), ("4", "b")]));
    for i in 0..9 {
        rule(&filer, "create", &client(&format!("h{i}"))).passed();
    }
    assert_eq!(rules(&filer).last().unwrap(), &("13".to_owned(), "h8".to_owned()), "in the order of numbers");
}

#[test]
fn a_rule_has_its_defaults_and_is_changed() {
    let filer = filer();
    policy(&filer, "create", "").passed();
    rule(&filer, "create", &client("10.0.0.0/8,@hosts")).passed();
    let read = || filer.call("<export-rule-get-iter/>").passed();
    for (field, value) in [
        ("client-match", "10.0.0.0/8,@hosts"),
        ("access-protocol", "any"),
        ("anonymous-user-id", "65534"),
        ("super-user-security/security-flavor", "none"),
        ("is-allow-set-uid-enabled", "true"),
        ("export-chown-mode", "restricted"),
    ] {
        assert_eq!(read().one(field), value, "{field}");
    }
    assert_eq!(rule(&filer, "create", &client("10.0.0.0/8,@hosts")).errno(), 13130);
    assert_eq!(rule(&filer, "create", &client("a b")).errno(), 13115);
    assert_eq!(rule(&filer, "create", "<client-match>a</client-match>").errno(), 13115);
    assert_eq!(rule(&filer, "create", &client("a").replace("sys", "odd")).errno(), 13115);
    let krb = "<rule-index>1</rule-index><rw-rule><security-flavor>krb5</security-flavor></rw-rule>";
    rule(&filer, "modify", krb).passed();
    assert_eq!(read().one("rw-rule/security-flavor"), "krb5");
    assert_eq!(read().one("ro-rule/security-flavor"), "sys");
    let nobody = format!("<policy-name>nobody</policy-name>{}", client("a"));
    assert_eq!(filer.call(&format!("<export-rule-create>{nobody}</export-rule-create>")).errno(), 15661);
}

#[test]
fn nfs_locks_are_listed_and_broken() {
    let filer = filer();
    assert_eq!(filer.call("<lock-get-iter/>").passed().one("num-records"), "0");
    filer.running.lock("v1", "10.0.0.1").unwrap();
    filer.running.lock("v1", "10.0.0.1").unwrap();
    filer.running.lock("v1", "10.0.0.2").unwrap();
    filer.running.lock("nobody", "10.0.0.2").unwrap_err();
    let locks = filer.call("<lock-get-iter/>").passed();
    assert_eq!((locks.one("num-records"), locks.all("lock-state")[0]), ("3", "granted"));
    let ask = "<lock-break-iter><query><lock-info><client-address>10.0.0.1</client-address><volume>v1</volume>\
        </lock-info></query></lock-break-iter>";
    assert_eq!(filer.call(ask).passed().one("num-succeeded"), "2");
    assert_eq!(filer.call(ask).passed().one("num-succeeded"), "0");
    assert_eq!(filer.call("<lock-get-iter/>").passed().all("client-address"), ["10.0.0.2"]);
}
