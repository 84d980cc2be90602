//! Rules as ONTAP keeps them: by index, with gaps, several clients in one, and rules that we could not have made.

use filerfs::backend::{Kind, StorageBackend};

use crate::filer::{p, r};
use crate::log::Log;
use crate::played::{Play, Played};

fn rule(index: u32, clients: &str) -> String {
    format!(
        "<export-rule-info><client-match>{clients}</client-match><policy-name>nfs</policy-name>\
         <rule-index>{index}</rule-index><vserver-name>vs1</vserver-name></export-rule-info>"
    )
}

/// A filer with one policy of these rules.
fn filer(rules: String) -> Played {
    let policy = "<export-policy-info><policy-id>1</policy-id><policy-name>nfs</policy-name><vserver>vs1</vserver>\
                  </export-policy-info>";
    Played::start(move |call, _| match call {
        "export-policy-get-iter" => Play::list(policy),
        "export-rule-get-iter" => Play::list(&rules),
        _ => Play::done(),
    })
}

#[tokio::test]
async fn rules_come_in_the_order_of_their_index_as_a_number() {
    let played = filer([rule(10, "host10"), rule(9, "host9"), rule(2, "host2")].concat());
    let policy = played.zapi().get_policy(&p("nfs")).await.unwrap();
    assert_eq!(policy.rules, [r("host2"), r("host9"), r("host10")]);
}

#[tokio::test]
async fn a_rule_for_several_clients_shows_as_several() {
    let played = filer([rule(1, "host1,10.0.0.0/8, @hosts"), rule(4, "host4")].concat());
    let policy = played.zapi().get_policy(&p("nfs")).await.unwrap();
    assert_eq!(policy.rules, [r("host1"), r("10.0.0.0/8"), r("@hosts"), r("host4")]);
}

#[tokio::test]
async fn one_client_of_several_loses_its_access_and_the_others_keep_theirs() {
    let played = filer([rule(1, "host1,host2"), rule(4, "host4")].concat());
    played.zapi().ensure_policy_rules_absent(&p("nfs"), &[r("host1")]).await.unwrap();
    let calls = played.take_calls();
    let at = |name: &str| calls.iter().position(|call| call.name == name).unwrap();
    // Never without: the new rule comes before the old one goes.
    assert!(at("export-rule-create") < at("export-rule-destroy"));
    assert_eq!(calls[at("export-rule-create")].text("client-match"), Some("host2"));
    assert_eq!(calls[at("export-rule-destroy")].text("rule-index"), Some("1"));
    assert_eq!(calls.iter().filter(|call| call.name == "export-rule-create").count(), 1);
    assert_eq!(calls.iter().filter(|call| call.name == "export-rule-destroy").count(), 1);
}

#[tokio::test]
async fn two_clients_of_one_rule_are_taken_away_by_one_call() {
    let played = filer([rule(1, "host1,host2"), rule(4, "host4")].concat());
    played.zapi().ensure_policy_rules_absent(&p("nfs"), &[r("host1"), r("host2")]).await.unwrap();
    let calls = played.take_calls();
    assert_eq!(calls.iter().filter(|call| call.name == "export-rule-destroy").count(), 1);
    assert_eq!(calls.iter().filter(|call| call.name == "export-rule-create").count(), 0);
}

#[tokio::test]
async fn rules_of_other_svms_are_not_ours() {
    let log = Log::of(tracing::Level::WARN);
    let other = rule(2, "stranger").replace("vs1", "vs2");
    let played = filer([rule(1, "host1"), other].concat());
    assert_eq!(played.zapi().policies().await.unwrap()[0].rules, [r("host1")]);
    assert_eq!(log.text(), "");
}

#[tokio::test]
async fn a_list_of_rules_that_fails_half_way_says_how_far_it_came() {
    let played = Played::start(|call, request| match call {
        "export-rule-get-iter" => Play::list(&rule(1, "host1")),
        "export-rule-create" if request.contains("host4") => {
            Play::results("<results reason=\"Insufficient privileges\" status=\"failed\" errno=\"13003\"/>")
        }
        _ => Play::done(),
    });
    let rules: Vec<_> = (1..=5).map(|i| r(&format!("host{i}"))).collect();
    let error = played.zapi().ensure_policy_rules_present(&p("nfs"), &rules).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.to_string().starts_with("rule host4, after 2 of 4 were changed: "), "{error}");
    assert!(error.to_string().contains("Insufficient privileges"), "{error}");
    // The one after it was not tried.
    assert_eq!(played.take_calls().iter().filter(|call| call.name == "export-rule-create").count(), 3);
}
