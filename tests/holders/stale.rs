//! A host that lost its lock without knowing: what it changes after that is told, or refused.

use std::fs;
use std::time::Duration;

use filerfs::simulator::{Fault, FaultKind};

use crate::Shared;
use crate::filer::Filer;
use crate::process::{Daemon, until};

/// A change, its call on the filer, and the file or directory it is about.
struct Case {
    call: &'static str,
    make: fn(&Daemon) -> std::io::Result<()>,
}

fn volume(daemon: &Daemon, path: &str) -> std::path::PathBuf {
    daemon.path("netapp/volumes/db1").join(path)
}

const CASES: [Case; 3] = [
    Case { call: "volume-size", make: |host| fs::write(volume(host, "size_total"), "20G\n") },
    Case { call: "snapshot-delete", make: |host| fs::remove_dir(volume(host, "snapshots/s1")) },
    Case { call: "volume-modify-iter", make: |host| fs::write(volume(host, "policy"), "nfs\n") },
];

/// The daemon sleeps while its change is made; meanwhile its lock lapses, and another host takes the volume.
#[test]
fn no_change_of_a_host_that_lost_its_lock_stays_untold() {
    for shared in Shared::all() {
        for case in &CASES {
            let filer = Filer::small();
            let config =
                |host: &str| format!("[mount]\nhost = \"{host}\"\n{}{}", shared.toml(), filer.toml(""));
            let at = |name: &str| filer.file(name, &config(name)).display().to_string();
            let hosts = ["host1", "host2"].map(|host| Daemon::start("", &["-c", &at(host)]));
            let lock = |host: &Daemon, text: &str| fs::write(volume(host, "lock"), format!("{text}\n"));
            let told = |file: &str| fs::read_to_string(hosts[0].path(".ctl").join(file)).unwrap();
            let resize = || fs::write(volume(&hosts[0], "size_total"), "30G\n");
            lock(&hosts[0], "host1 ttl=3").unwrap();
            // The filer makes it at once, and answers when the lock is lost.
            let by = Duration::from_secs(2);
            let planted = filer.running.inject(Fault::once(case.call, FaultKind::Delay { by }));
            filer.running.forget_calls();
            let made = std::thread::scope(|scope| {
                let change = scope.spawn(|| (case.make)(&hosts[0]));
                until("the call", || planted.fired() > 0);
                hosts[0].signal("STOP");
                until("the lapse", || fs::read(volume(&hosts[1], "lock")).unwrap().is_empty());
                lock(&hosts[1], "host2").unwrap();
                hosts[0].signal("CONT");
                change.join().unwrap()
            });
            assert_eq!(made.unwrap_err().raw_os_error(), Some(libc::ENOLCK), "{}", case.call);
            assert_eq!(filer.count(case.call), 1);
            let said = told("last_error");
            assert!(said.contains("errno=ENOLCK") && said.contains("host2 holds the lock"), "{said}");
            let audit = told("audit");
            assert!(audit.lines().any(|line| line.contains("\"result\":\"ENOLCK\"")), "{audit}");
            // And the next one is not made at all.
            filer.running.forget_calls();
            assert_eq!(resize().unwrap_err().raw_os_error(), Some(libc::EBUSY));
            assert_eq!(filer.count("volume-size"), 0);
            // Nor when nobody has the lock any more: whoever works on does not know that somebody had.
            lock(&hosts[1], "").unwrap();
            assert_eq!(resize().unwrap_err().raw_os_error(), Some(libc::ENOLCK));
            let said = told("last_error");
            assert!(said.contains("is lost") && said.contains("echo host1 > lock"), "{said}");
            let audit = told("audit");
            let flagged = audit.lines().filter(|line| line.contains("\"result\":\"ENOLCK\""));
            assert_eq!(flagged.count(), 2, "{audit}");
            assert_eq!(filer.count("volume-size"), 0);
            lock(&hosts[0], "").unwrap();
            resize().unwrap();
            assert_eq!(filer.count("volume-size"), 1);
        }
    }
}
