//! Locks that NFS clients hold on files of a volume.

use filerfs::backend::Kind;

use crate::given::*;

/// The back-end, if it knows of NFS locks. One that declares that it does not must say so to every operation.
async fn knowing_clients(b: Backend) -> Option<Backend> {
    if b.capabilities().nfs_locks {
        return Some(b);
    }
    volume(&b, "v").await;
    refused(Kind::Unsupported, b.nfs_locks(&vol("v")).await);
    refused(Kind::Unsupported, b.all_nfs_locks().await);
    refused(Kind::Unsupported, b.break_nfs_locks(&vol("v"), "10.0.0.1").await);
    None
}

async fn clients(b: &Backend, volume: &str) -> Vec<String> {
    b.nfs_locks(&vol(volume)).await.unwrap()
}

pub async fn clients_that_hold_locks_are_told_each_once(b: Backend) {
    let Some(b) = knowing_clients(b).await else { return };
    volume(&b, "v").await;
    assert!(clients(&b, "v").await.is_empty());
    for client in ["10.0.0.2", "10.0.0.1", "fd00::1", "10.0.0.2"] {
        b.client_takes_lock("v", client);
    }
    assert_eq!(clients(&b, "v").await, ["10.0.0.1", "10.0.0.2", "fd00::1"]);
}

pub async fn all_locks_of_one_client_are_broken_and_no_others(b: Backend) {
    let Some(b) = knowing_clients(b).await else { return };
    volume(&b, "v").await;
    // Many more than a page of them.
    for _ in 0..45 {
        b.client_takes_lock("v", "10.0.0.1");
    }
    b.client_takes_lock("v", "10.0.0.11");
    b.break_nfs_locks(&vol("v"), "10.0.0.1").await.unwrap();
    assert_eq!(clients(&b, "v").await, ["10.0.0.11"]);
}

pub async fn to_break_what_nobody_holds_is_no_failure(b: Backend) {
    let Some(b) = knowing_clients(b).await else { return };
    volume(&b, "v").await;
    b.break_nfs_locks(&vol("v"), "10.0.0.1").await.unwrap();
    b.client_takes_lock("v", "10.0.0.1");
    b.break_nfs_locks(&vol("v"), "10.0.0.2").await.unwrap();
    // A client's name is no pattern.
    b.break_nfs_locks(&vol("v"), "10.0.0.*").await.unwrap();
    assert_eq!(clients(&b, "v").await, ["10.0.0.1"]);
}

pub async fn nfs_locks_of_two_volumes_are_apart(b: Backend) {
    let Some(b) = knowing_clients(b).await else { return };
    volume(&b, "v").await;
    volume(&b, "w").await;
    b.client_takes_lock("v", "10.0.0.1");
    b.client_takes_lock("w", "10.0.0.1");
    b.client_takes_lock("w", "10.0.0.2");
    b.break_nfs_locks(&vol("w"), "10.0.0.1").await.unwrap();
    assert_eq!(clients(&b, "v").await, ["10.0.0.1"]);
    assert_eq!(clients(&b, "w").await, ["10.0.0.2"]);
}

pub async fn the_nfs_locks_of_all_volumes_are_those_of_each(b: Backend) {
    let Some(b) = knowing_clients(b).await else { return };
    for name in ["v", "w", "none"] {
        volume(&b, name).await;
    }
    assert!(b.all_nfs_locks().await.unwrap().values().all(Vec::is_empty));
    for client in ["10.0.0.2", "10.0.0.1", "10.0.0.2"] {
        b.client_takes_lock("v", client);
    }
    b.client_takes_lock("w", "10.0.0.2");
    let all = b.all_nfs_locks().await.unwrap();
    for name in ["none", "v", "w"] {
        let of_it = all.get(&vol(name)).cloned().unwrap_or_default();
        assert_eq!(of_it, clients(&b, name).await, "{name}");
    }
}

pub async fn nfs_locks_of_a_missing_volume_are_refused(b: Backend) {
    let Some(b) = knowing_clients(b).await else { return };
    volume(&b, "gone").await;
    b.client_takes_lock("gone", "10.0.0.1");
    b.restrict_volume(&vol("gone")).await.unwrap();
    for name in ["missing", "gone"] {
        refused(Kind::NotFound, b.nfs_locks(&vol(name)).await);
        refused(Kind::NotFound, b.break_nfs_locks(&vol(name), "10.0.0.1").await);
    }
}
