//! What a mount shows and refuses while its registry cannot be asked.

use std::sync::Arc;
use std::time::Duration;

use filerfs::backend::{Kind, NewVolume, Settings, StorageBackend, Volume, VolumeName};
use filerfs::backends::memory::Memory;
use filerfs::registry::{Registered, Registry};
use tokio::time::sleep;

use crate::damage::{damages, put, text};
use crate::given::*;

const SHORT: Duration = Duration::from_secs(1);

fn vol(name: &str) -> VolumeName {
    VolumeName::new(name).unwrap()
}

/// The mark that memory has no place for.
fn protected(volume: &Volume) -> Option<bool> {
    volume.settings.protect
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_are_read_and_not_changed_while_the_registry_is_down() {
    let (etcd, storage) = (Etcd::start(1), Arc::new(Memory::new()));
    let mount = || {
        let registry: Arc<dyn Registry> = at(etcd.endpoints(), SHORT);
        Registered::new("e", host("a"), storage.clone(), registry)
    };
    let (seen, fresh) = (mount(), mount());
    let settings = Settings { size_total: Some(1 << 30), ..Settings::default() };
    let new = NewVolume { settings, aggregate_name: None };
    for name in ["plain", "marked"] {
        seen.create_volume(&vol(name), &new).await.unwrap();
    }
    let protect = Settings { protect: Some(true), ..Settings::default() };
    seen.patch_volume(&vol("marked"), &protect).await.unwrap();
    seen.volumes().await.unwrap();
    etcd.kill(0);
    for round in 0..2 {
        let listed = seen.volumes().await.unwrap();
        assert_eq!(protected(&listed[0]), Some(true), "round {round}");
        assert_eq!(protected(&listed[1]), Some(false));
        assert_eq!(protected(&seen.get_volume(&vol("marked")).await.unwrap()), Some(true));
        // Nobody knows, so nobody says "no".
        assert!(fresh.volumes().await.unwrap().iter().all(|volume| protected(volume).is_none()));
        assert_eq!(protected(&fresh.get_volume(&vol("marked")).await.unwrap()), None);
        for mount in [&seen, &fresh] {
            unavailable(mount.restrict_volume(&vol("plain")).await);
            unavailable(mount.patch_volume(&vol("plain"), &protect).await);
            unavailable(mount.locks(&vol("plain")).await);
        }
        sleep(Duration::from_millis(600)).await;
    }
    etcd.restart(0);
    etcd.ready(0);
    sleep(Duration::from_millis(600)).await;
    assert_eq!(protected(&fresh.volumes().await.unwrap()[0]), Some(true));
    fresh.restrict_volume(&vol("plain")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_damaged_marks_of_one_volume_hide_no_other() {
    let (etcd, storage) = (Etcd::start(1), Arc::new(Memory::new()));
    let mount = || Registered::new("e", host("a"), storage.clone(), at(etcd.endpoints(), LONG));
    let (seen, new) = (mount(), NewVolume::default());
    for name in ["good", "hurt"] {
        seen.create_volume(&vol(name), &new).await.unwrap();
    }
    let protect = Settings { protect: Some(true), ..Settings::default() };
    seen.patch_volume(&vol("hurt"), &protect).await.unwrap();
    let hurt = seen.get_volume(&vol("hurt")).await.unwrap().identity;
    let key = key("marks", hurt.0);
    for (damaged, words) in damages(&text(&etcd, &key)) {
        put(&etcd, &key, &damaged);
        let mount = mount();
        let listed = mount.volumes().await.unwrap();
        assert_eq!(listed.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(), ["good", "hurt"]);
        // Not known is not "no".
        assert_eq!(protected(&listed[1]), None);
        assert_eq!(protected(&mount.get_volume(&vol("good")).await.unwrap()), Some(false));
        mount
            .patch_volume(&vol("good"), &Settings { size_total: Some(1), ..Settings::default() })
            .await
            .unwrap();
        for said in [
            refused(Kind::Remote, mount.get_volume(&vol("hurt")).await),
            refused(Kind::Remote, mount.patch_volume(&vol("hurt"), &protect).await),
        ] {
            assert!(said.contains(&key) && said.contains(words), "{said}");
        }
    }
}
