//! What every registry promises of marks.

use std::collections::HashMap;

use filerfs::backend::Identity;
use filerfs::registry::{Marks, MarksChange, Subject};

use crate::given::*;

fn protect(on: bool) -> MarksChange {
    MarksChange { protect: Some(on), comment: None }
}

fn comment(text: &str) -> MarksChange {
    MarksChange { protect: None, comment: Some(text.to_owned()) }
}

fn marks(protect: bool, comment: &str) -> Marks {
    Marks { protect, comment: comment.to_owned() }
}

pub async fn a_volume_without_marks_has_none([one, _]: Two) {
    assert_eq!(one.marks(&subject(1)).await.unwrap(), Marks::default());
    assert_eq!(one.all_marks("e").await.unwrap(), HashMap::new());
    assert_eq!(one.known_marks(&subject(1)), Some(Marks::default()));
}

pub async fn marks_are_kept_and_listed_by_endpoint([one, two]: Two) {
    let other = Subject { endpoint: "e2".into(), volume: Identity(1) };
    one.change_marks(&subject(1), &protect(true)).await.unwrap();
    assert_eq!(one.known_marks(&subject(1)), Some(marks(true, "")));
    two.change_marks(&subject(1), &comment("größer\n\"x\" ")).await.unwrap();
    one.change_marks(&subject(u64::MAX), &comment("y")).await.unwrap();
    one.change_marks(&other, &comment("z")).await.unwrap();
    for registry in [&one, &two] {
        assert_eq!(registry.marks(&subject(1)).await.unwrap(), marks(true, "größer\n\"x\" "));
        let all = HashMap::from([
            (Identity(1), marks(true, "größer\n\"x\" ")),
            (Identity(u64::MAX), marks(false, "y")),
        ]);
        assert_eq!(registry.all_marks("e").await.unwrap(), all);
        assert_eq!(registry.all_marks("e2").await.unwrap().len(), 1);
        assert_eq!(registry.all_marks("").await.unwrap().len(), 0);
        assert_eq!(registry.known_marks(&other), Some(marks(false, "z")));
    }
}

pub async fn marks_that_are_default_again_are_gone([one, two]: Two) {
    one.change_marks(&subject(1), &protect(false)).await.unwrap();
    one.change_marks(&subject(1), &comment("x")).await.unwrap();
    two.change_marks(&subject(1), &comment("")).await.unwrap();
    assert_eq!(one.all_marks("e").await.unwrap(), HashMap::new());
    assert_eq!(one.known_marks(&subject(1)), Some(Marks::default()));
}

pub async fn marks_changed_by_two_at_once_are_all_kept([one, two]: Two) {
    for round in 0..20 {
        let (text, of) = (format!("c{round}"), subject(round % 3));
        let (on, said) = (protect(round % 2 == 0), comment(&text));
        let (first, second) = tokio::join!(one.change_marks(&of, &on), two.change_marks(&of, &said));
        first.and(second).unwrap();
        assert_eq!(two.marks(&of).await.unwrap(), marks(round % 2 == 0, &text));
    }
}
