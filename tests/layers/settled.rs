//! Changes whose answer was lost: a look at the storage settles whether they were made, and none is made twice.

use filerfs::backend::Kind;
use filerfs::gate::Limits;

use crate::changes::{all, prepare};
use crate::common::counting::Fault;
use crate::{PATIENT, SHORT, everything, gated, lost, never, next};

#[tokio::test]
async fn a_change_that_was_made_is_a_success_though_its_answer_was_lost() {
    for change in all() {
        let (storage, gate) = gated(PATIENT);
        prepare(&**storage.inner()).await;
        let before = everything(&**storage.inner()).await;
        next(&storage, Fault::Lose(lost()));
        let done = (change.make)(&gate).await;
        assert_eq!(done.is_ok(), change.can_be_seen, "{}: {done:?}", change.name);
        assert_eq!(storage.take_changes().len(), 1, "{}", change.name);
        assert_ne!(everything(&**storage.inner()).await, before, "{} changes nothing", change.name);
    }
}

#[tokio::test]
async fn a_change_that_was_not_made_is_a_failure_and_is_not_made_again() {
    for change in all() {
        let (storage, gate) = gated(PATIENT);
        prepare(&**storage.inner()).await;
        let before = everything(&**storage.inner()).await;
        next(&storage, Fault::Refuse(lost()));
        let error = (change.make)(&gate).await.expect_err(change.name);
        assert_eq!(error.message, lost().message, "{}", change.name);
        assert_eq!(storage.take_changes().len(), 1, "{}", change.name);
        assert_eq!(everything(&**storage.inner()).await, before, "{}", change.name);
    }
}

#[tokio::test]
async fn a_change_that_was_made_after_its_deadline_is_a_success_too() {
    for change in all() {
        let (storage, gate) = gated(Limits { change_timeout: SHORT, ..PATIENT });
        prepare(&**storage.inner()).await;
        next(&storage, Fault::Answer(never()));
        let done = (change.make)(&gate).await;
        assert_eq!(done.is_ok(), change.can_be_seen, "{}: {done:?}", change.name);
        assert_eq!(storage.take_changes().len(), 1, "{}", change.name);
    }
}

#[tokio::test]
async fn where_nobody_can_look_the_change_is_a_failure() {
    for change in all() {
        let (storage, gate) = gated(PATIENT);
        prepare(&**storage.inner()).await;
        next(&storage, Fault::Lose(lost()));
        next(&storage, Fault::Refuse(lost()));
        assert_eq!((change.make)(&gate).await.expect_err(change.name).kind(), Kind::Remote);
        assert_eq!(storage.take_changes().len(), 1, "{}", change.name);
    }
}
