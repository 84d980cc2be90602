//! Takes whose answer is lost: what is reported is what is so, at once or after a while.

use std::time::{Duration, Instant};

use filerfs::backend::{By, Kind, NewLock, Sent};
use filerfs::registry::Registry;
use tokio::time::{sleep, timeout};

use crate::given::*;
use crate::proxy::{Proxy, Way};

const SHORT: Duration = Duration::from_secs(2);
/// After this, what is in doubt has been settled.
const SETTLED: Duration = Duration::from_secs(5);

/// A node, and a bad way to it.
fn behind_a_proxy() -> (Etcd, Proxy) {
    let etcd = Etcd::start(1);
    let proxy = Proxy::before(&etcd.endpoint(0));
    (etcd, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_whose_answer_is_lost_is_found_out_by_another_way() {
    let (etcd, proxy) = behind_a_proxy();
    for (volume, way) in [(1, Way::Deaf), (2, Way::Cut)] {
        let registry = at(vec![proxy.endpoint(), etcd.endpoint(0)], SHORT);
        proxy.is(way);
        let lock = registry.take(&subject(volume), &new("a")).await.unwrap();
        proxy.is(Way::Open);
        assert_eq!(held(&*at(etcd.endpoints(), LONG), &subject(volume)).await.unwrap().taken, lock.taken);
        assert_eq!(registry.guard(&subject(volume), &host("a")).await.unwrap(), Some(lock.token));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lost_take_of_another_s_lock_is_still_a_refusal() {
    let (etcd, proxy) = behind_a_proxy();
    at(etcd.endpoints(), LONG).take(&subject(1), &new("b")).await.unwrap();
    let registry = at(vec![proxy.endpoint(), etcd.endpoint(0)], SHORT);
    proxy.is(Way::Deaf);
    refused(Kind::Locked, registry.take(&subject(1), &new("a")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_that_comes_late_is_not_made_any_more() {
    let (etcd, proxy) = behind_a_proxy();
    let registry = at(vec![proxy.endpoint(), etcd.endpoint(0)], SHORT);
    proxy.is(Way::Jammed);
    let lock = registry.take(&subject(1), &new("a")).await.unwrap();
    assert_eq!(registry.guard(&subject(1), &host("a")).await.unwrap(), Some(lock.token));
    registry.release(&subject(1), &host("a").into()).await.unwrap();
    // What was cut off arrives only now.
    proxy.is(Way::Open);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(held(&*registry, &subject(1)).await, None);
}

/// A daemon that slept, for one.
#[tokio::test(flavor = "multi_thread")]
async fn a_take_that_comes_when_its_ttl_is_over_is_made_with_another() {
    let (etcd, proxy) = behind_a_proxy();
    let (registry, direct) = (at(vec![proxy.endpoint()], LONG), at(etcd.endpoints(), LONG));
    let new = lapsing("a", Duration::from_secs(1));
    proxy.is(Way::Undecided);
    let take = tokio::spawn(async move { registry.take(&subject(1), &new).await });
    sleep(Duration::from_secs(4)).await;
    assert_eq!(etcd.ctl(&["lease", "list"], b"").lines().next(), Some("found 0 leases"));
    proxy.is(Way::Open);
    let taken = take.await.unwrap().unwrap();
    assert_eq!(held(&*direct, &subject(1)).await.unwrap().token, taken.token);
    freed(&*direct, &subject(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_that_was_reported_as_failed_is_undone() {
    let (etcd, proxy) = behind_a_proxy();
    let (registry, direct) = (at(vec![proxy.endpoint()], SHORT), at(etcd.endpoints(), LONG));
    for (volume, way) in [(1, Way::Deaf), (2, Way::Cut), (3, Way::Jammed)] {
        proxy.is(way);
        let begun = Instant::now();
        let error = registry.take(&subject(volume), &new("a")).await.unwrap_err();
        assert!(begun.elapsed() < SHORT + Duration::from_millis(500), "{:?}", begun.elapsed());
        assert_eq!((error.kind(), error.sent), (Kind::TimedOut, Sent::Unknown), "{error}");
        assert!(error.to_string().starts_with("it is unknown whether the lock was taken"), "{error}");
        assert_eq!(held(&*direct, &subject(volume)).await.is_some(), way != Way::Jammed);
        proxy.is(Way::Open);
        sleep(SETTLED).await;
        assert_eq!(held(&*direct, &subject(volume)).await, None);
        direct.take(&subject(volume), &new("b")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_that_nobody_waits_for_any_more_is_undone() {
    let (etcd, proxy) = behind_a_proxy();
    let (registry, direct) = (at(vec![proxy.endpoint()], SHORT), at(etcd.endpoints(), LONG));
    proxy.is(Way::Deaf);
    let waited = timeout(Duration::from_millis(300), registry.take(&subject(1), &new("a"))).await;
    assert!(waited.is_err());
    assert!(held(&*direct, &subject(1)).await.is_some());
    proxy.is(Way::Open);
    freed(&*direct, &subject(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_with_the_same_request_keeps_what_the_first_made() {
    let (etcd, proxy) = behind_a_proxy();
    let (registry, direct) = (at(vec![proxy.endpoint()], SHORT), at(etcd.endpoints(), LONG));
    for (volume, way) in [(1, Way::Deaf), (2, Way::Jammed)] {
        let new = new("a");
        proxy.is(way);
        refused(Kind::TimedOut, registry.take(&subject(volume), &new).await);
        proxy.is(Way::Open);
        // It is not asked right after a failure.
        sleep(Duration::from_millis(600)).await;
        let lock = registry.take(&subject(volume), &new).await.unwrap();
        sleep(SETTLED).await;
        assert_eq!(registry.guard(&subject(volume), &host("a")).await.unwrap(), Some(lock.token));
        assert_eq!(held(&*direct, &subject(volume)).await.unwrap().taken, new);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_was_held_before_stays_when_taking_it_again_fails() {
    let (etcd, proxy) = behind_a_proxy();
    let (registry, direct) = (at(vec![proxy.endpoint()], SHORT), at(etcd.endpoints(), LONG));
    let lock = registry.take(&subject(1), &new("a")).await.unwrap();
    proxy.is(Way::Deaf);
    refused(Kind::TimedOut, registry.take(&subject(1), &new("a")).await);
    let prolongs = NewLock { by: By::Prolonging { late: false }, ..lock.taken.clone() };
    unavailable(registry.take(&subject(1), &prolongs).await);
    proxy.is(Way::Open);
    sleep(SETTLED).await;
    assert_eq!(held(&*direct, &subject(1)).await.unwrap().token, lock.token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_whose_answer_is_lost_is_a_failure_and_frees_nobody_else_s_lock() {
    let (etcd, proxy) = behind_a_proxy();
    let (registry, direct) = (at(vec![proxy.endpoint()], SHORT), at(etcd.endpoints(), LONG));
    registry.take(&subject(1), &new("a")).await.unwrap();
    proxy.is(Way::Jammed);
    refused(Kind::TimedOut, registry.release(&subject(1), &host("a").into()).await);
    direct.release(&subject(1), &host("a").into()).await.unwrap();
    direct.take(&subject(1), &new("a")).await.unwrap();
    proxy.is(Way::Open);
    sleep(Duration::from_millis(500)).await;
    assert!(held(&*direct, &subject(1)).await.is_some());
    // By another way it is done.
    let both = at(vec![proxy.endpoint(), etcd.endpoint(0)], SHORT);
    proxy.is(Way::Deaf);
    both.release(&subject(1), &host("a").into()).await.unwrap();
    assert_eq!(held(&*direct, &subject(1)).await, None);
}
