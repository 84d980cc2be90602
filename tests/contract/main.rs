//! The contract of `StorageBackend`: one function per rule, run on every back-end.
//!
//! A rule takes a fresh, empty back-end. It is named in the one list below; one that is not is dead code, and
//! does not compile. What a back-end declares as lacking must answer `Unsupported`: no rule is skipped.
//! Rules of one back-end alone are tests in files of their own: `memory`, `load`, `registered`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![deny(dead_code)]

#[path = "../common/etcd.rs"]
mod etcd;
#[path = "../common/signal.rs"]
mod signal;

mod clones;
mod given;
mod load;
mod locks;
mod marks;
mod memory;
mod nfs_locks;
mod policies;
mod registered;
mod rollbacks;
mod rules;
mod snapshots;
mod stacks;
mod volumes;

/// Runs the rules on a back-end: a name, and an expression that makes one, fresh and empty.
macro_rules! contract {
    ($($backend:ident: $fresh:expr;)+) => { $(mod $backend {
        all_rules! { $fresh }
    })+ };
}

macro_rules! run {
    ($fresh:expr, $($topic:ident { $($rule:ident)+ })+) => { $(mod $topic {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $rule() {
            crate::$topic::$rule($fresh).await;
        })+
    })+ };
}

macro_rules! all_rules {
    ($fresh:expr) => {
        run! { $fresh,
            volumes {
                a_fresh_back_end_has_nothing
                a_created_volume_is_answered_listed_and_found
                a_created_volume_has_what_was_asked_for
                volumes_are_listed_by_name
                a_volume_that_exists_is_not_created_again
                a_missing_volume_is_not_found_by_any_operation
                a_restricted_volume_is_neither_listed_nor_found
                a_recreated_volume_is_another_one
                a_restricted_volume_leaves_its_junction_path
                an_unknown_aggregate_is_refused
                an_unknown_policy_of_a_new_volume_is_refused
                two_volumes_cannot_have_one_junction_path
                a_junction_path_that_is_left_is_free
                a_patch_changes_what_it_names_and_nothing_else
                an_empty_patch_changes_nothing
                a_patch_is_applied_whole_or_not_at_all
                a_volume_keeps_its_identity_through_changes
                of_tasks_that_create_one_volume_exactly_one_wins
                concurrent_patches_of_different_fields_are_all_kept
            }
            snapshots {
                a_created_snapshot_is_answered_listed_and_found
                snapshots_are_listed_oldest_first
                a_snapshot_that_exists_is_not_created_again
                a_missing_snapshot_is_not_found_by_any_operation
                a_deleted_snapshot_is_neither_listed_nor_found
                a_recreated_snapshot_is_another_one
                snapshots_of_two_volumes_are_apart
                the_snapshots_of_all_volumes_are_those_of_each
                a_snapshot_keeps_its_identity_through_changes
                a_renamed_snapshot_is_the_same_one
                a_rename_onto_another_snapshot_is_refused
                the_source_of_a_rename_is_checked_before_the_target
                the_name_that_a_rename_leaves_is_free
                snapshots_go_with_their_volume
                a_snapshot_takes_space_and_gives_it_back
                the_limit_of_snapshots_is_a_refusal_of_its_own
                of_tasks_that_create_one_snapshot_exactly_one_wins
                of_tasks_that_delete_one_snapshot_exactly_one_wins
                concurrent_snapshots_of_one_volume_are_all_kept
            }
            clones {
                a_clone_is_a_volume_of_its_own
                a_clone_is_as_its_source_was_but_not_mounted_there
                settings_of_a_clone_take_the_place_of_the_source_s
                the_source_of_a_clone_is_checked_before_the_target
                a_clone_does_not_replace_a_volume
                a_clone_with_bad_settings_is_not_created
                a_clone_uses_its_policy
                a_clone_can_be_cloned
                a_clone_takes_the_space_of_its_snapshot
                of_tasks_that_clone_to_one_name_exactly_one_wins
            }
            rollbacks {
                a_rollback_to_the_newest_snapshot_is_done
                a_rollback_over_newer_snapshots_is_refused
                a_rollback_that_discards_destroys_the_newer_snapshots_alone
                newer_means_created_later_whatever_the_name
                a_rollback_gives_the_space_of_newer_snapshots_back
                a_rollback_can_be_repeated
                names_of_discarded_snapshots_are_free
                a_rollback_to_a_missing_snapshot_changes_nothing
            }
            policies {
                a_created_policy_is_answered_listed_and_found
                policies_are_listed_by_name
                a_policy_without_rules_is_not_the_same_as_none
                a_policy_that_exists_is_not_created_again
                a_missing_policy_is_not_found_by_any_operation
                a_removed_policy_is_neither_listed_nor_found
                a_recreated_policy_is_another_one
                a_policy_keeps_its_identity_through_changes
                a_policy_put_in_force_is_shown_by_its_volume
                an_unknown_policy_cannot_be_put_in_force
                the_volume_is_checked_before_the_policy
                a_policy_in_use_cannot_be_removed
                of_tasks_that_create_one_policy_exactly_one_wins
            }
            rules {
                rules_are_kept_in_order_and_as_given
                equal_rules_are_kept_once
                a_rule_that_is_added_comes_last
                a_rule_that_is_present_stays_as_it_is
                a_rule_is_removed_by_any_spelling
                a_rule_that_is_absent_stays_so
                several_rules_are_added_and_removed_at_once
                a_policy_stays_when_its_last_rule_goes
                rules_are_put_in_order
                rules_not_named_keep_their_order_at_the_end
                rules_are_put_in_order_after_others_were_removed
                an_order_adds_nothing_and_removes_nothing
                rules_of_two_policies_are_apart
                rules_of_a_missing_policy_are_refused
                rules_can_be_removed_while_they_are_put_in_order
                concurrent_rules_are_all_kept_once
            }
            locks {
                a_volume_is_free_until_a_host_takes_it
                the_holder_may_take_its_lock_again
                another_host_is_told_who_holds_the_lock
                only_the_holder_frees_a_lock
                a_lock_that_is_freed_can_be_taken_by_another
                to_free_a_free_volume_is_no_failure
                locks_of_two_volumes_are_apart
                locks_of_a_missing_volume_are_refused
                a_lock_does_not_survive_its_volume
                a_lock_is_not_cloned
                a_lock_survives_changes_of_its_volume
                of_hosts_that_take_one_lock_exactly_one_wins
            }
            nfs_locks {
                clients_that_hold_locks_are_told_each_once
                all_locks_of_one_client_are_broken_and_no_others
                to_break_what_nobody_holds_is_no_failure
                nfs_locks_of_two_volumes_are_apart
                the_nfs_locks_of_all_volumes_are_those_of_each
                nfs_locks_of_a_missing_volume_are_refused
            }
            marks {
                a_new_volume_is_not_protected
                protection_is_set_and_taken_away
                protection_is_set_at_creation
                a_protected_volume_is_not_restricted
                protection_is_not_cloned
                protection_is_patched_with_the_rest_or_not_at_all
                a_comment_is_kept_as_written
                a_comment_does_not_survive_its_volume
                a_listing_shows_the_marks_that_a_record_shows
            }
        }
    };
}

contract! {
    on_memory: crate::stacks::memory();
    on_registered_memory: crate::stacks::registered();
    on_memory_registered_in_files: crate::stacks::registered_in_files();
    on_memory_registered_in_etcd: crate::stacks::registered_in_etcd();
    on_cached_memory: crate::stacks::cached();
    on_zapi: crate::stacks::zapi();
    on_cached_zapi: crate::stacks::zapi_cached();
}
