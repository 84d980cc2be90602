//! What a back-end together with a registry promises beyond the contract.

use std::sync::Arc;

use filerfs::backend::{Kind, Settings};
use filerfs::backends::memory::{Generate, Memory};
use filerfs::registry::{MarksChange, MemoryRegistry, Registered, Registry, Subject};

use crate::given::*;

fn protected() -> Settings {
    Settings { protect: Some(true), ..Settings::default() }
}

#[tokio::test]
async fn a_volume_replaced_elsewhere_is_neither_locked_nor_protected() {
    let storage = memory();
    let b = Backend::of(Registered::new(
        "e",
        host("a"),
        storage.storage.clone(),
        Arc::new(MemoryRegistry::default()),
    ));
    volume(&b, "v").await;
    b.create_lock(&vol("v"), &host("a").into()).await.unwrap();
    b.patch_volume(&vol("v"), &protected()).await.unwrap();
    storage.restrict_volume(&vol("v")).await.unwrap();
    refused(Kind::NotFound, b.locks(&vol("v")).await);
    volume(&storage, "v").await;
    assert_eq!(b.locks(&vol("v")).await.unwrap(), None);
    assert_ne!(found(&b, "v").await.settings.protect, Some(true));
    assert_ne!(all_volumes(&b).await[0].settings.protect, Some(true));
    b.create_lock(&vol("v"), &host("b").into()).await.unwrap();
}

/// Two filers may hold the same identities: generated content does.
#[tokio::test]
async fn endpoints_that_share_a_registry_are_apart() {
    let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::default());
    let filer = || Arc::new(Memory::with(Generate { volumes: 1, snapshots: 0 }.content()).unwrap());
    let one = Backend::of(Registered::new("one", host("a"), filer(), registry.clone()));
    let two = Backend::of(Registered::new("two", host("a"), filer(), registry));
    let v = vol("vol00001");
    assert_eq!(one.get_volume(&v).await.unwrap().identity, two.get_volume(&v).await.unwrap().identity);
    one.create_lock(&v, &host("a").into()).await.unwrap();
    one.patch_volume(&v, &protected()).await.unwrap();
    assert_eq!(two.locks(&v).await.unwrap(), None);
    assert_ne!(two.get_volume(&v).await.unwrap().settings.protect, Some(true));
    assert_ne!(all_volumes(&two).await[0].settings.protect, Some(true));
    two.create_lock(&v, &host("b").into()).await.unwrap();
    two.remove_lock(&v, &host("b").into()).await.unwrap();
    assert_eq!(*one.locks(&v).await.unwrap().unwrap().holder(), host("a"));
}

#[tokio::test]
async fn nothing_of_a_restricted_volume_is_left_in_the_registry() {
    let registry = Arc::new(MemoryRegistry::default());
    let b = Backend::of(Registered::new("e", host("a"), memory().storage, registry.clone()));
    let of = Subject { endpoint: "e".into(), volume: volume(&b, "v").await.identity };
    b.create_lock(&vol("v"), &host("a").into()).await.unwrap();
    let comment = MarksChange { protect: None, comment: Some("text".into()) };
    registry.change_marks(&of, &comment).await.unwrap();
    assert_eq!(*registry.lock(&of).await.unwrap().unwrap().holder(), host("a"));
    assert_eq!(registry.all_marks("e").await.unwrap().len(), 1);
    b.restrict_volume(&vol("v")).await.unwrap();
    assert_eq!(registry.lock(&of).await.unwrap(), None);
    assert!(registry.all_marks("e").await.unwrap().is_empty());
}

/// What the storage keeps itself, it keeps alone.
#[tokio::test]
async fn only_what_the_storage_lacks_is_kept_in_the_registry() {
    let storage = memory();
    let b = Backend::of(Registered::new(
        "e",
        host("a"),
        storage.storage.clone(),
        Arc::new(MemoryRegistry::default()),
    ));
    let settings = Settings { comment: Some("text".into()), ..protected() };
    b.create_volume(&vol("v"), &plain("v")).await.unwrap();
    b.patch_volume(&vol("v"), &settings).await.unwrap();
    let beneath = storage.get_volume(&vol("v")).await.unwrap();
    assert_eq!((beneath.settings.comment.as_deref(), beneath.settings.protect), (Some("text"), Some(false)));
    assert_eq!(storage.capabilities().comments, b.capabilities().comments);
}
