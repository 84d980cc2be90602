//! Export policies: create, list, find, remove, put in force.

use filerfs::backend::Kind;

use crate::given::*;

pub async fn a_created_policy_is_answered_listed_and_found(b: Backend) {
    let made = b.create_policy(&pol("p"), &rules(&["10.0.0.1"])).await.unwrap();
    assert_eq!(made.name, pol("p"));
    assert_eq!(made.rules, rules(&["10.0.0.1"]));
    assert_eq!(b.get_policy(&pol("p")).await.unwrap(), made);
    assert_eq!(listed_policies(&b).await, ["p"]);
    assert!(b.policies().await.unwrap().contains(&made));
}

pub async fn policies_are_listed_by_name(b: Backend) {
    for name in ["m", "a", "p10", "p9", "B"] {
        policy(&b, name, &[]).await;
    }
    assert_eq!(listed_policies(&b).await, ["B", "a", "m", "p10", "p9"]);
}

pub async fn a_policy_without_rules_is_not_the_same_as_none(b: Backend) {
    policy(&b, "empty", &[]).await;
    assert!(b.get_policy(&pol("empty")).await.unwrap().rules.is_empty());
    refused(Kind::NotFound, b.get_policy(&pol("none")).await);
    volume(&b, "v").await;
    b.set_policy(&vol("v"), &pol("empty")).await.unwrap();
    assert_eq!(found(&b, "v").await.settings.active_policy_name, Some(pol("empty")));
    refused(Kind::Invalid, b.set_policy(&vol("v"), &pol("none")).await);
}

pub async fn a_policy_that_exists_is_not_created_again(b: Backend) {
    let made = b.create_policy(&pol("p"), &rules(&["10.0.0.1"])).await.unwrap();
    let said = refused(Kind::Exists, b.create_policy(&pol("p"), &rules(&["10.0.0.2"])).await);
    assert!(said.contains('p'));
    assert_eq!(b.get_policy(&pol("p")).await.unwrap(), made);
    assert_eq!(listed_policies(&b).await, ["p"]);
}

async fn nothing_is_found(b: &Backend, name: &str) {
    refused(Kind::NotFound, b.get_policy(&pol(name)).await);
    let said = refused(Kind::NotFound, b.remove_policy(&pol(name)).await);
    assert!(said.contains(name), "{said:?} does not name the policy");
}

pub async fn a_missing_policy_is_not_found_by_any_operation(b: Backend) {
    policy(&b, "other", &["10.0.0.1"]).await;
    nothing_is_found(&b, "missing").await;
    assert_eq!(listed_policies(&b).await, ["other"]);
}

pub async fn a_removed_policy_is_neither_listed_nor_found(b: Backend) {
    policy(&b, "gone", &["10.0.0.1"]).await;
    policy(&b, "kept", &[]).await;
    b.remove_policy(&pol("gone")).await.unwrap();
    nothing_is_found(&b, "gone").await;
    assert_eq!(listed_policies(&b).await, ["kept"]);
    volume(&b, "v").await;
    refused(Kind::Invalid, b.set_policy(&vol("v"), &pol("gone")).await);
}

pub async fn a_recreated_policy_is_another_one(b: Backend) {
    let old = b.create_policy(&pol("p"), &rules(&["10.0.0.1"])).await.unwrap();
    b.remove_policy(&pol("p")).await.unwrap();
    let new = b.create_policy(&pol("p"), &[]).await.unwrap();
    assert_ne!(new.identity, old.identity);
    assert!(new.rules.is_empty());
}

pub async fn a_policy_keeps_its_identity_through_changes(b: Backend) {
    let made = b.create_policy(&pol("p"), &rules(&["10.0.0.1", "10.0.0.2"])).await.unwrap();
    policy(&b, "q", &[]).await;
    volume(&b, "v").await;
    b.set_policy(&vol("v"), &pol("p")).await.unwrap();
    b.ensure_policy_rules_present(&pol("p"), &rules(&["10.0.0.3"])).await.unwrap();
    b.order_policy_rules(&pol("p"), &rules(&["10.0.0.3"])).await.unwrap();
    b.ensure_policy_rules_absent(&pol("p"), &rules(&["10.0.0.1"])).await.unwrap();
    b.remove_policy(&pol("q")).await.unwrap();
    b.refresh();
    let all = b.policies().await.unwrap();
    let listed = all.iter().find(|policy| policy.name == pol("p")).unwrap();
    assert_eq!(listed.identity, made.identity);
    assert_eq!(b.get_policy(&pol("p")).await.unwrap(), *listed);
    let others: Vec<_> = all.iter().filter(|policy| policy.identity == made.identity).collect();
    assert_eq!(others.len(), 1);
}

pub async fn a_policy_put_in_force_is_shown_by_its_volume(b: Backend) {
    policy(&b, "p", &["10.0.0.1"]).await;
    policy(&b, "q", &[]).await;
    volume(&b, "v").await;
    let other = volume(&b, "w").await;
    for name in ["p", "q", "q", "p"] {
        let before = found(&b, "v").await;
        b.set_policy(&vol("v"), &pol(name)).await.unwrap();
        let after = found(&b, "v").await;
        assert_eq!(after.settings, before.settings.clone().overlaid(&only_policy(name)));
        assert_eq!(all_volumes(&b).await, [after, other.clone()]);
    }
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.1"]);
}

pub async fn an_unknown_policy_cannot_be_put_in_force(b: Backend) {
    policy(&b, "p", &[]).await;
    volume(&b, "v").await;
    b.set_policy(&vol("v"), &pol("p")).await.unwrap();
    let before = found(&b, "v").await;
    let said = refused(Kind::Invalid, b.set_policy(&vol("v"), &pol("missing")).await);
    assert!(said.contains("missing"), "{said:?} does not name the policy");
    assert_eq!(found(&b, "v").await, before);
}

pub async fn the_volume_is_checked_before_the_policy(b: Backend) {
    refused(Kind::NotFound, b.set_policy(&vol("missing"), &pol("missing")).await);
}

pub async fn a_policy_in_use_cannot_be_removed(b: Backend) {
    policy(&b, "p", &["10.0.0.1"]).await;
    policy(&b, "q", &[]).await;
    volume(&b, "first").await;
    volume(&b, "second").await;
    b.set_policy(&vol("first"), &pol("p")).await.unwrap();
    b.set_policy(&vol("second"), &pol("p")).await.unwrap();
    let said = refused(Kind::InUse, b.remove_policy(&pol("p")).await);
    assert!(said.contains("first"), "{said:?} does not name a volume");
    assert_eq!(kept_rules(&b, "p").await, ["10.0.0.1"]);

    b.set_policy(&vol("first"), &pol("q")).await.unwrap();
    refused(Kind::InUse, b.remove_policy(&pol("p")).await);
    b.set_policy(&vol("second"), &pol("q")).await.unwrap();
    b.remove_policy(&pol("p")).await.unwrap();
    assert_eq!(listed_policies(&b).await, ["q"]);
}

pub async fn of_tasks_that_create_one_policy_exactly_one_wins(b: Backend) {
    let made =
        at_once(
            &b,
            |b, i| async move { b.create_policy(&pol("p"), &rules(&[&format!("10.0.0.{i}")])).await },
        );
    let won = one_winner(Kind::Exists, made.await);
    assert_eq!(kept_rules(&b, "p").await, [format!("10.0.0.{won}")]);
}
