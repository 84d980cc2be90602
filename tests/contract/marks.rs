//! Marks: protection from `rmdir`, and comments.

use filerfs::backend::{Kind, Settings};

use crate::given::*;

fn protect(on: bool) -> Settings {
    Settings { protect: Some(on), ..Settings::default() }
}

fn comment(text: &str) -> Settings {
    Settings { comment: Some(text.to_owned()), ..Settings::default() }
}

/// A back-end that lacks a mark refuses it wherever it could be given, and changes nothing.
async fn lacks(b: &Backend, mark: Settings) {
    volume(b, "v").await;
    snapshots(b, "v", &["s"]).await;
    let before = all_volumes(b).await;
    let with = |settings: Settings| settings.overlaid(&mark);
    refused(Kind::Unsupported, b.patch_volume(&vol("v"), &mark).await);
    refused(Kind::Unsupported, b.patch_volume(&vol("v"), &with(only_size(9 * GIB))).await);
    refused(Kind::Unsupported, b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &mark).await);
    let mut new = plain("w");
    new.settings = with(new.settings);
    refused(Kind::Unsupported, b.create_volume(&vol("w"), &new).await);
    assert_eq!(all_volumes(b).await, before);
}

/// The back-end, if it keeps the protect mark.
async fn keeping_protection(b: Backend) -> Option<Backend> {
    if b.capabilities().protect {
        return Some(b);
    }
    lacks(&b, protect(true)).await;
    lacks_shown(&b, |settings| settings.protect == Some(true)).await;
    None
}

/// The back-end, if it keeps comments.
async fn keeping_comments(b: Backend) -> Option<Backend> {
    if b.capabilities().comments {
        return Some(b);
    }
    lacks(&b, comment("text")).await;
    lacks_shown(&b, |settings| settings.comment.is_some()).await;
    None
}

async fn lacks_shown(b: &Backend, shown: impl Fn(&Settings) -> bool) {
    for volume in all_volumes(b).await {
        assert!(!shown(&volume.settings), "{volume:?} shows what the back-end lacks");
    }
}

/// No mark is the same as a mark that says no.
async fn is_protected(b: &Backend, name: &str) -> bool {
    found(b, name).await.settings.protect.unwrap_or(false)
}

pub async fn a_new_volume_is_not_protected(b: Backend) {
    let Some(b) = keeping_protection(b).await else { return };
    volume(&b, "v").await;
    assert!(!is_protected(&b, "v").await);
}

pub async fn protection_is_set_and_taken_away(b: Backend) {
    let Some(b) = keeping_protection(b).await else { return };
    let before = volume(&b, "v").await;
    volume(&b, "w").await;
    b.patch_volume(&vol("v"), &protect(true)).await.unwrap();
    assert!(is_protected(&b, "v").await && !is_protected(&b, "w").await);
    let marked = before.settings.clone().overlaid(&protect(true));
    assert_eq!(found(&b, "v").await.settings, marked);
    b.patch_volume(&vol("v"), &protect(false)).await.unwrap();
    assert!(!is_protected(&b, "v").await);
}

pub async fn protection_is_set_at_creation(b: Backend) {
    let Some(b) = keeping_protection(b).await else { return };
    let mut new = plain("v");
    new.settings.protect = Some(true);
    let made = b.create_volume(&vol("v"), &new).await.unwrap();
    assert_eq!(made.settings.protect, Some(true));
    snapshots(&b, "v", &["s"]).await;
    let clone = clone(&b, "c", ("v", "s"), &protect(true)).await;
    assert_eq!(clone.settings.protect, Some(true));
    assert!(is_protected(&b, "v").await && is_protected(&b, "c").await);
}

pub async fn a_protected_volume_is_not_restricted(b: Backend) {
    let Some(b) = keeping_protection(b).await else { return };
    volume(&b, "v").await;
    b.patch_volume(&vol("v"), &protect(true)).await.unwrap();
    let before = found(&b, "v").await;
    let said = refused(Kind::NotPermitted, b.restrict_volume(&vol("v")).await);
    assert!(said.contains("volume v is protected"), "{said}");
    assert_eq!(found(&b, "v").await, before);
    b.patch_volume(&vol("v"), &protect(false)).await.unwrap();
    b.restrict_volume(&vol("v")).await.unwrap();
    refused(Kind::NotFound, b.get_volume(&vol("v")).await);
}

pub async fn protection_is_not_cloned(b: Backend) {
    let Some(b) = keeping_protection(b).await else { return };
    volume(&b, "v").await;
    b.patch_volume(&vol("v"), &protect(true)).await.unwrap();
    snapshots(&b, "v", &["s"]).await;
    b.clone_volume(&vol("c"), &vol("v"), &snap("s"), &Settings::default()).await.unwrap();
    assert!(!is_protected(&b, "c").await);
    b.patch_volume(&vol("v"), &protect(false)).await.unwrap();
    b.patch_volume(&vol("c"), &protect(true)).await.unwrap();
    assert!(!is_protected(&b, "v").await);
}

pub async fn protection_is_patched_with_the_rest_or_not_at_all(b: Backend) {
    let Some(b) = keeping_protection(b).await else { return };
    let before = volume(&b, "v").await;
    refused(Kind::Invalid, b.patch_volume(&vol("v"), &protect(true).overlaid(&only_policy("missing"))).await);
    assert_eq!(found(&b, "v").await, before);
    b.patch_volume(&vol("v"), &protect(true).overlaid(&only_size(2 * GIB))).await.unwrap();
    let after = found(&b, "v").await;
    assert_eq!((after.settings.protect, after.settings.size_total), (Some(true), Some(2 * GIB)));
}

pub async fn a_comment_is_kept_as_written(b: Backend) {
    let Some(b) = keeping_comments(b).await else { return };
    assert_eq!(volume(&b, "v").await.settings.comment.as_deref(), Some(""));
    for text in ["x", "two words", "grüße 日本", "\"quoted\" <tag> & 100%", "-starts", " between blanks ", ""]
    {
        let before = found(&b, "v").await;
        b.patch_volume(&vol("v"), &comment(text)).await.unwrap();
        assert_eq!(found(&b, "v").await.settings, before.settings.clone().overlaid(&comment(text)));
    }
}

pub async fn a_comment_does_not_survive_its_volume(b: Backend) {
    let Some(b) = keeping_comments(b).await else { return };
    let mut new = plain("v");
    new.settings.comment = Some("the old one".into());
    let made = b.create_volume(&vol("v"), &new).await.unwrap();
    assert_eq!(made.settings.comment.as_deref(), Some("the old one"));
    b.restrict_volume(&vol("v")).await.unwrap();
    match b.create_volume(&vol("v"), &plain("v")).await {
        Ok(made) => assert_eq!(made.settings.comment.as_deref(), Some("")),
        // The name may stay taken.
        Err(error) => assert_eq!(error.kind(), Kind::Exists),
    }
}

pub async fn a_listing_shows_the_marks_that_a_record_shows(b: Backend) {
    let Some(b) = keeping_protection(b).await else { return };
    for name in ["u", "v", "w"] {
        volume(&b, name).await;
    }
    b.patch_volume(&vol("v"), &protect(true)).await.unwrap();
    b.patch_volume(&vol("w"), &protect(true)).await.unwrap();
    b.patch_volume(&vol("w"), &protect(false)).await.unwrap();
    let listed = all_volumes(&b).await;
    let protected: Vec<_> = listed.iter().map(|volume| volume.settings.protect.unwrap_or(false)).collect();
    assert_eq!(protected, [false, true, false]);
    for volume in listed {
        assert_eq!(found(&b, volume.name.as_str()).await, volume);
    }
}
