//! A host whose way to the registry is cut.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::histories::{cluster, histories, hosts};
use crate::net::{cut, heal, run};
use crate::process::until;
use crate::{read, write};

#[test]
fn histories_are_possible_while_one_host_is_cut_off() {
    let shared = cluster();
    let hosts = hosts(&shared, 3);
    let told = histories(&hosts, None, Duration::from_secs(7), || {
        sleep(Duration::from_secs(2));
        cut(&hosts[0]);
        sleep(Duration::from_secs(3));
        assert!(heal(&hosts[0]) > 0, "nothing was cut");
    });
    let failed = told.refused.into_inner() + told.unknown.into_inner();
    assert!(failed > 0, "nobody has noticed that a host was cut off");
}

#[test]
fn a_host_that_is_cut_off_takes_no_lock_for_free_and_reads_on() {
    let shared = cluster();
    let hosts = hosts(&shared, 2);
    write(&hosts[1], "lock", "host2").unwrap();
    write(&hosts[0], "comment", "seen").unwrap_err();
    assert_eq!(read(&hosts[0], "lock"), "host2\n");
    cut(&hosts[0]);
    let volume = hosts[0].path("dummy/volumes/vol00001");
    let unavailable = |error: std::io::Error| {
        let errno = error.raw_os_error();
        assert!([Some(libc::ETIMEDOUT), Some(libc::EHOSTDOWN)].contains(&errno), "{error}");
        let said = fs::read_to_string(hosts[0].path(".ctl/last_error")).unwrap();
        assert!(said.contains("registry") || said.contains("etcd"), "{said}");
    };
    for file in ["lock", "lock.info", "info.json"] {
        unavailable(fs::read_to_string(volume.join(file)).unwrap_err());
    }
    for line in ["host1", "-host2", "host1 ttl=9"] {
        unavailable(write(&hosts[0], "lock", line).unwrap_err());
    }
    unavailable(write(&hosts[0], "size_total", "20G").unwrap_err());
    unavailable(fs::remove_dir(&volume).unwrap_err());
    // What is no business of the lock is read.
    assert_eq!(fs::read_dir(hosts[0].path("dummy/volumes")).unwrap().count(), 4);
    assert!(fs::read_dir(&volume).unwrap().any(|entry| entry.unwrap().file_name() == "lock"));
    assert!(read(&hosts[0], "size_total").trim_end().parse::<u64>().is_ok());
    run(&format!("df {}", volume.display()));
    assert!(heal(&hosts[0]) > 0);
    until("the registry", || fs::read_to_string(volume.join("lock")).is_ok());
    assert_eq!(read(&hosts[0], "lock"), "host2\n");
    write(&hosts[1], "lock", "").unwrap();
    write(&hosts[0], "size_total", "20G").unwrap();
}

#[test]
fn a_host_that_comes_up_without_its_registry_knows_of_no_protection() {
    let shared = cluster();
    (0..3).for_each(|node| shared.etcd().kill(node));
    let host = shared.host("host1");
    let volume = host.path("dummy/volumes/vol00001");
    let refused = |error: std::io::Error, why: &str| {
        assert_eq!(error.raw_os_error(), Some(libc::EHOSTDOWN), "{error}");
        let said = fs::read_to_string(host.path(".ctl/last_error")).unwrap();
        assert!(said.contains(why), "{said}");
    };
    let unknown = "it is not known whether volume vol00001 is protected";
    refused(fs::read_to_string(volume.join("protect")).unwrap_err(), unknown);
    for line in ["0", "1"] {
        refused(write(&host, "protect", line).unwrap_err(), unknown);
    }
    refused(fs::remove_dir(&volume).unwrap_err(), "volume vol00001: etcd");
    assert!(fs::read_dir(&volume).unwrap().any(|entry| entry.unwrap().file_name() == "protect"));
    (0..3).for_each(|node| shared.etcd().restart(node));
    until("the registry", || fs::read_to_string(volume.join("protect")).is_ok());
    write(&host, "protect", "1").unwrap();
    // By a process that has not listed it.
    let rmdir = Command::new("rmdir").arg(&volume).output().unwrap();
    assert!(String::from_utf8_lossy(&rmdir.stderr).contains("Operation not permitted"));
}
