//! Registries: the rules that each keeps, and what an etcd cluster does to them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/etcd.rs"]
mod etcd;
#[path = "../common/signal.rs"]
mod signal;

mod check;
mod damage;
mod faults;
mod files;
mod given;
mod lost;
mod marks;
mod proxy;
mod rules;
mod shown;
#[cfg(feature = "simulator")]
mod tls;

/// Runs the rules on a registry: a name, and an expression that makes two of one store, fresh and empty.
macro_rules! registries {
    ($($registry:ident: $fresh:expr;)+) => { $(mod $registry {
        all_rules! { $fresh }
    })+ };
}

macro_rules! run {
    ($fresh:expr, $($topic:ident { $($rule:ident)+ })+) => { $(mod $topic {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $rule() {
            crate::$topic::$rule($fresh).await;
        })+
    })+ };
}

macro_rules! all_rules {
    ($fresh:expr) => {
        run! { $fresh,
            rules {
                a_volume_is_free_until_a_host_takes_it
                the_same_host_again_keeps_its_token
                another_host_is_told_who_holds_it
                only_the_holder_releases_a_lock
                to_release_what_is_free_is_no_failure
                each_taking_has_a_greater_token
                a_guard_tells_the_token_nothing_or_the_holder
                a_lock_with_a_ttl_lapses_and_is_prolonged
                a_guard_after_a_lapse_tells_who_took_it_since
                a_ttl_can_be_taken_away
                who_prolongs_leaves_a_later_request_alone
                what_a_request_took_is_freed_by_it_and_by_its_host_alone
                a_process_leaves_what_somebody_has_written_as_it_is
                what_a_process_took_is_whose_process_takes_it_next_and_whoever_writes_it
                what_was_freed_or_broken_is_prolonged_only_if_it_may_have_lapsed
                what_a_process_counts_on_is_broken_but_not_freed
                of_hosts_that_take_one_lock_exactly_one_wins
                a_volume_that_is_forgotten_has_neither_lock_nor_marks
            }
            marks {
                a_volume_without_marks_has_none
                marks_are_kept_and_listed_by_endpoint
                marks_that_are_default_again_are_gone
                marks_changed_by_two_at_once_are_all_kept
            }
        }
    };
}

registries! {
    on_memory: crate::given::memory();
    on_file: crate::given::file();
    on_etcd: crate::given::shared_etcd();
}
