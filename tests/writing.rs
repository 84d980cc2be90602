//! What is written through one open file, alone: whatever pieces a text comes in, it is the same text.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use filerfs::backend::Kind;
use filerfs::tree::writes::{Form, Writing};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

const SCALAR: Form = Form { limit: 4096, one_value: true, append: false };
const LIST: Form = Form { limit: 1 << 20, one_value: false, append: false };

/// Takes every complete line, as a list does; answers what was applied.
fn lines(writing: &mut Writing, form: Form, offset: usize, data: &[u8]) -> Result<Vec<u8>, Kind> {
    let staged = writing.stage(form, offset as u64, data).map_err(|error| error.kind())?;
    let complete = staged.text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (applied, rest) = (staged.text[..complete].to_vec(), staged.text.len() - complete);
    writing.take(staged, rest);
    Ok(applied)
}

/// Takes the text once it ends in a newline, as a value does.
fn whole(writing: &mut Writing, form: Form, offset: usize, data: &[u8]) -> Result<Vec<u8>, Kind> {
    let staged = writing.stage(form, offset as u64, data).map_err(|error| error.kind())?;
    let (applied, rest) = match staged.text.ends_with(b"\n") {
        true => (staged.text.clone(), 0),
        false => (Vec::new(), staged.text.len()),
    };
    writing.take(staged, rest);
    Ok(applied)
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![4 => prop::sample::select(&b"ab 5G-#"[..]), 1 => Just(b'\n')], 1..200)
}

/// The text in pieces, each with its offset.
fn pieces<'a>(text: &'a [u8], cuts: &[Index]) -> Vec<(usize, &'a [u8])> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).chain([0, text.len()]).collect();
    at.sort_unstable();
    at.dedup();
    at.windows(2).map(|piece| (piece[0], &text[piece[0]..piece[1]])).collect()
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_list_in_pieces_is_the_same_list(text in text(), cuts in vec(any::<Index>(), 0..20), append: bool) {
        let form = Form { append, ..LIST };
        let mut writing = Writing::new(false);
        let mut applied = Vec::new();
        for (offset, piece) in pieces(&text, &cuts) {
            // Where an append goes is not for its offset to say.
            let offset = if append { offset * 7 + 1 } else { offset };
            applied.extend(lines(&mut writing, form, offset, piece).unwrap());
            prop_assert!(applied.is_empty() || applied.ends_with(b"\n"), "only whole lines are applied");
        }
        applied.extend(writing.close());
        prop_assert_eq!(applied, text);
        prop_assert!(writing.close().is_empty(), "what was applied at close is not applied again");
    }

    #[test]
    fn a_value_in_pieces_is_the_same_value(value in "[a-z0-9 ]{1,60}", cuts in vec(any::<Index>(), 0..20), newline: bool) {
        let text = if newline { format!("{value}\n") } else { value };
        let mut writing = Writing::new(true);
        let mut applied = Vec::new();
        for (offset, piece) in pieces(text.as_bytes(), &cuts) {
            prop_assert!(applied.is_empty(), "nothing is applied before the newline");
            applied.extend(whole(&mut writing, SCALAR, offset, piece).unwrap());
        }
        prop_assert_eq!(applied.is_empty(), !newline);
        applied.extend(writing.close());
        prop_assert_eq!(applied, text.as_bytes());
    }

    #[test]
    fn a_second_value_is_refused_and_the_first_may_be_written_again(first in "[a-z]{1,9}\n", second in "[a-z]{1,9}\n") {
        let mut writing = Writing::new(false);
        prop_assert_eq!(whole(&mut writing, SCALAR, 0, first.as_bytes()).unwrap(), first.as_bytes());
        prop_assert_eq!(whole(&mut writing, SCALAR, first.len(), second.as_bytes()), Err(Kind::Invalid));
        prop_assert_eq!(whole(&mut writing, SCALAR, 0, second.as_bytes()).unwrap(), second.as_bytes());
        prop_assert!(writing.close().is_empty());
    }

    #[test]
    fn a_write_that_would_leave_a_hole_is_refused(text in "[a-z]{1,9}", gap in 1_usize..1 << 40, form in prop::sample::select(vec![SCALAR, LIST])) {
        let mut writing = Writing::new(false);
        whole(&mut writing, form, 0, text.as_bytes()).unwrap();
        prop_assert_eq!(whole(&mut writing, form, text.len() + gap, b"x"), Err(Kind::Invalid));
    }

    #[test]
    fn a_refused_write_takes_what_waited_with_it(text in "[a-z]{1,9}", more in "[a-z]{1,9}\n") {
        let mut writing = Writing::new(true);
        whole(&mut writing, LIST, 0, text.as_bytes()).unwrap();
        writing.named.push("named".into());
        writing.owed = true;
        writing.stage(LIST, text.len() as u64, more.as_bytes()).unwrap();
        writing.refuse();
        prop_assert!(writing.close().is_empty(), "half a line is not applied at close");
        prop_assert_eq!(writing.replacement(), None, "after a refusal nothing is removed");
    }

    #[test]
    fn no_way_of_writing_exceeds_the_limit(limit in 1_usize..50, writes in vec((0_usize..60, vec(b'a'..b'c', 0..60)), 1..20)) {
        let form = Form { limit, ..SCALAR };
        let mut writing = Writing::new(false);
        for (offset, data) in writes {
            let _ = whole(&mut writing, form, offset, &data);
        }
        prop_assert!(writing.close().len() <= limit);
    }

    #[test]
    fn no_offset_and_no_size_makes_it_panic(writes in vec((any::<u64>(), vec(any::<u8>(), 0..40)), 1..20), append: bool) {
        let mut writing = Writing::new(false);
        for (offset, data) in writes {
            if let Ok(staged) = writing.stage(Form { append, ..LIST }, offset, &data) {
                prop_assert!(staged.text.ends_with(&data));
                writing.take(staged, 0);
            }
        }
    }
}

#[test]
fn the_limit_counts_the_value_and_not_its_newline() {
    let value = vec![b'x'; SCALAR.limit];
    let line = [&value[..], b"\n"].concat();
    assert_eq!(whole(&mut Writing::new(false), SCALAR, 0, &line), Ok(line));
    let long = [&value[..], b"x"].concat();
    assert_eq!(whole(&mut Writing::new(false), SCALAR, 0, &long), Err(Kind::TooBig));
    let mut writing = Writing::new(false);
    assert_eq!(whole(&mut writing, SCALAR, 0, &value), Ok(Vec::new()));
    assert_eq!(whole(&mut writing, SCALAR, value.len(), b"x"), Err(Kind::TooBig), "in two writes neither");
}

#[test]
fn truncation_is_never_an_operation() {
    for opened in [false, true] {
        let mut writing = Writing::new(opened);
        assert!(writing.close().is_empty());
        writing.truncate();
        assert!(writing.close().is_empty(), "an empty close applies nothing");
        assert_eq!(writing.replacement(), None, "a list that nothing came for keeps what it has");
    }
    let mut writing = Writing::new(false);
    whole(&mut writing, SCALAR, 0, b"5G").unwrap();
    writing.truncate();
    assert!(writing.close().is_empty(), "what waited is gone with the text");
}

#[test]
fn a_list_is_replaced_only_if_it_was_emptied_and_something_came_and_nothing_failed() {
    for (truncated, line, failed, replaced) in [
        (true, Some("10.0.0.1"), false, true),
        (true, Some("10.0.0.1"), true, false),
        (true, None, false, false),
        (false, Some("10.0.0.1"), false, false),
        (false, Some("none"), false, true),
    ] {
        let mut writing = Writing::new(truncated);
        writing.named.extend(line.map(str::to_owned));
        writing.owed = line.is_some();
        if failed {
            writing.refuse();
        }
        assert_eq!(writing.replacement().is_some(), replaced, "{truncated} {line:?} {failed}");
    }
}
