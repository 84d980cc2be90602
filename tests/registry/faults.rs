//! Nodes that are down, hang or have lost touch: a failure within the deadline, and never "free".

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use filerfs::backend::{Kind, Sent};
use filerfs::registry::{Marks, MarksChange, Registry};
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::given::*;

const SHORT: Duration = Duration::from_secs(2);
/// Of a machine that has much else to do.
const SLACK: Duration = Duration::from_millis(700);

/// Every operation fails so, within the deadline.
async fn all_fail(registry: &dyn Registry) {
    let (of, a) = (subject(1), host("a"));
    let change = MarksChange { protect: Some(true), comment: None };
    for operation in 0..8 {
        // So that each is asked, and not only told of the last.
        sleep(Duration::from_millis(550)).await;
        let begun = Instant::now();
        match operation {
            0 => unavailable(registry.lock(&of).await),
            1 => unavailable(registry.take(&of, &new("a")).await),
            2 => unavailable(registry.release(&of, &a.clone().into()).await),
            3 => unavailable(registry.guard(&of, &a).await),
            4 => unavailable(registry.marks(&of).await),
            5 => unavailable(registry.all_marks("e").await),
            6 => unavailable(registry.change_marks(&of, &change).await),
            _ => unavailable(registry.check().await),
        }
        assert!(begun.elapsed() < SHORT + SLACK, "operation {operation}: {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_down_is_unreachable_and_nothing_was_sent() {
    let etcd = Etcd::start(1);
    etcd.kill(0);
    let registry = at(vec![etcd.endpoint(0), "http://127.0.0.1:1".to_owned()], SHORT);
    let error = registry.take(&subject(1), &new("a")).await.unwrap_err();
    assert_eq!((error.kind(), error.sent), (Kind::Unreachable, Sent::No), "{error}");
    assert!(error.to_string().starts_with("etcd cannot be reached"), "{error}");
    all_fail(&*registry).await;
    etcd.restart(0);
    etcd.ready(0);
    registry.take(&subject(1), &new("a")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_nobody_waits_for_a_moment() {
    let etcd = Etcd::start(1);
    let registry = at(etcd.endpoints(), SHORT);
    etcd.pause(0);
    unavailable(registry.lock(&subject(1)).await);
    let begun = Instant::now();
    for _ in 0..100 {
        let said = refused(Kind::Unreachable, registry.lock(&subject(1)).await);
        assert!(said.starts_with("etcd is not asked: it failed less than half a second ago"), "{said}");
    }
    assert!(begun.elapsed() < Duration::from_millis(300), "{:?}", begun.elapsed());
    etcd.resume(0);
    sleep(Duration::from_millis(600)).await;
    assert_eq!(held(&*registry, &subject(1)).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_down_or_hang_are_passed_over() {
    let etcd = Etcd::start(3);
    let mut endpoints = vec!["http://127.0.0.1:1".to_owned()];
    endpoints.extend(etcd.endpoints());
    let registry = at(endpoints, Duration::from_secs(8));
    registry.take(&subject(1), &new("a")).await.unwrap();
    let node = (etcd.leader() + 1) % 3;
    etcd.kill(node);
    registry.guard(&subject(1), &host("a")).await.unwrap();
    etcd.restart(node);
    etcd.ready(node);
    for node in 0..3 {
        etcd.pause(node);
        assert!(held(&*registry, &subject(1)).await.is_some());
        registry.take(&subject(1), &new("a")).await.unwrap();
        etcd.resume(node);
        etcd.ready(node);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_every_operation_fails_until_there_is_one() {
    let etcd = Etcd::start(3);
    let registry = at(etcd.endpoints(), SHORT);
    let token = registry.take(&subject(1), &new("a")).await.unwrap().token;
    let leader = etcd.leader();
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    others.iter().for_each(|node| etcd.kill(*node));
    all_fail(&*registry).await;
    others.iter().for_each(|node| etcd.restart(*node));
    others.iter().for_each(|node| etcd.ready(*node));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(registry.guard(&subject(1), &host("a")).await.unwrap(), Some(token));
}

/// A leader that was away believes for a moment that it still is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_does_not_say_still_yours() {
    let etcd = Etcd::start(3);
    for volume in 0..3 {
        let leader = etcd.leader();
        let stale = at(vec![etcd.endpoint(leader)], Duration::from_secs(8));
        stale.take(&subject(volume), &new("a")).await.unwrap();
        let others = (0..3).filter(|node| *node != leader).map(|node| etcd.endpoint(node)).collect();
        let current = at(others, LONG);
        etcd.pause(leader);
        let asked = {
            let stale = stale.clone();
            tokio::spawn(async move { stale.guard(&subject(volume), &host("a")).await })
        };
        sleep(Duration::from_secs(2)).await;
        current.release(&subject(volume), &host("a").into()).await.unwrap();
        current.take(&subject(volume), &new("b")).await.unwrap();
        etcd.resume(leader);
        // This one was asked while A held it, but the answer is of now, or there is none.
        assert!(asked.await.unwrap().is_err());
        sleep(Duration::from_millis(600)).await;
        let guard = stale.guard(&subject(volume), &host("a")).await.unwrap_err();
        assert!(matches!(guard.kind(), Kind::Locked | Kind::TimedOut), "{guard}");
        let take = stale.take(&subject(volume), &new("a")).await.unwrap_err();
        assert_ne!(take.kind(), Kind::Bug, "{take}");
        etcd.ready(leader);
        assert_eq!(*held(&*current, &subject(volume)).await.unwrap().holder(), host("b"));
    }
}

/// Who believes to hold each volume.
type Holders = Arc<Mutex<HashMap<u64, (String, u64)>>>;

/// Takes and releases, keeping an eye on the others; how many takes and failures there were.
async fn contend(registry: Arc<dyn Registry>, name: String, holders: Holders, until: Instant) -> [usize; 2] {
    let mut counts = [0, 0];
    while Instant::now() < until {
        let volume = (counts[0] + counts[1]) as u64 % 2;
        match registry.take(&subject(volume), &new(&name)).await {
            Ok(lock) => {
                let before = holders.lock().insert(volume, (name.clone(), lock.token));
                if let Some((other, token)) = before.filter(|(other, _)| !other.is_empty()) {
                    panic!("{name} and {other} both hold {volume}: {} and {token}", lock.token);
                }
                sleep(Duration::from_millis(2)).await;
                holders.lock().insert(volume, (String::new(), lock.token));
                counts[0] += 1;
                let mut released = registry.release(&subject(volume), &host(&name).into()).await;
                while released.is_err() {
                    sleep(Duration::from_millis(100)).await;
                    released = registry.release(&subject(volume), &host(&name).into()).await;
                }
            }
            Err(error) if error.kind() == Kind::Locked => sleep(Duration::from_millis(5)).await,
            Err(error) => {
                assert!(matches!(error.kind(), Kind::Unreachable | Kind::TimedOut), "{error}");
                counts[1] += 1;
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_that_are_killed_make_no_two_holders_and_leave_no_lock_behind() {
    let etcd = Etcd::start(3);
    let (holders, until) = (Holders::default(), Instant::now() + Duration::from_secs(12));
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let registry = at(etcd.endpoints(), SHORT);
            tokio::spawn(contend(registry, format!("h{i}"), holders.clone(), until))
        })
        .collect();
    for _ in 0..2 {
        sleep(Duration::from_secs(2)).await;
        let leader = etcd.leader();
        etcd.kill(leader);
        sleep(Duration::from_secs(2)).await;
        etcd.restart(leader);
    }
    let mut sum = [0, 0];
    for task in tasks {
        let [took, failed] = task.await.unwrap();
        sum = [sum[0] + took, sum[1] + failed];
    }
    assert!(sum[0] > 50, "{sum:?}");
    let registry = at(etcd.endpoints(), LONG);
    for volume in 0..2 {
        freed(&*registry, &subject(volume)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_are_remembered_for_so_long_and_no_longer() {
    let etcd = Etcd::start(1);
    let registry = at(etcd.endpoints(), SHORT);
    assert_eq!(registry.known_marks(&subject(1)), None);
    registry.all_marks("e").await.unwrap();
    assert_eq!(registry.known_marks(&subject(1)), Some(Marks::default()));
    let change = MarksChange { protect: Some(true), comment: None };
    registry.change_marks(&subject(1), &change).await.unwrap();
    let marks = Some(Marks { protect: true, comment: String::new() });
    assert_eq!(registry.known_marks(&subject(1)), marks);
    sleep(Duration::from_millis(2100)).await;
    assert_eq!(registry.known_marks(&subject(1)), None);
}
