//! A volume that several work on while it is prepared, or that is given up meanwhile.

use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::common::counting::Fault;
use crate::common::mounted::Mount;
use crate::common::shell::bash;

/// Much longer than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn sure(mount: &Mount, script: &str) {
    let ran = bash(&mount.path("dummy"), &format!("set -e; {script}"));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{script}");
}

fn start(mount: &Mount, script: &str) -> Child {
    Command::new("bash").args(["-c", script]).current_dir(mount.path("dummy")).spawn().unwrap()
}

/// To set the policy asks the filer whether there is one.
#[test]
fn what_several_set_at_one_time_is_all_set() {
    let others = [
        ("echo 20G > staging/v/size_total", "cat staging/v/size_total", "21474836480\n"),
        ("echo aggr1 > staging/v/aggregate_name", "cat staging/v/aggregate_name", "aggr1\n"),
        ("echo > staging/v/comment", "cat staging/v/comment", ""),
    ];
    for (other, shown, value) in others {
        let mount = Mount::small();
        sure(&mount, "mkdir staging/v; echo old > staging/v/comment");
        mount.backend.take_reads();
        let go = Arc::new(Semaphore::new(0));
        mount.backend.faults.lock().push_back(Fault::Wait(go.clone()));
        let mut slow = start(&mount, "echo nfs > staging/v/policy");
        until("the policy was not asked for", || !mount.backend.take_reads().is_empty());
        sure(&mount, other);
        go.add_permits(1);
        assert!(slow.wait().unwrap().success());
        let ran = bash(&mount.path("dummy"), &format!("cat staging/v/policy; {shown}"));
        assert_eq!(ran.stdout, format!("nfs\n{value}"), "{other}");
    }
}

/// What was begun goes on when its caller is killed; what is prepared since is another volume.
#[test]
fn a_volume_that_is_prepared_anew_is_not_the_one_that_is_being_made() {
    let ways = [
        ("rmdir staging/v", "ls staging", ""),
        ("rmdir staging/v; mkdir staging/v; echo new > staging/v/comment", "cat staging/v/comment", "new\n"),
    ];
    for (meanwhile, shown, value) in ways {
        let mount = Mount::small();
        sure(&mount, "mkdir staging/v; echo old > staging/v/comment; ls volumes staging > /dev/null");
        mount.backend.take_changes();
        let go = Arc::new(Semaphore::new(0));
        let makes = go.clone();
        let faults = mount.backend.clone();
        *mount.backend.watch.lock() =
            Some(Box::new(move |_| faults.faults.lock().push_back(Fault::Wait(makes.clone()))));
        let mut killed = start(&mount, "exec mv -T staging/v volumes/w");
        until("the volume was not asked for", || !mount.backend.take_changes().is_empty());
        *mount.backend.watch.lock() = None;
        killed.kill().unwrap();
        killed.wait().unwrap();
        sure(&mount, meanwhile);
        go.add_permits(1);
        until("what came of it is not told", || mount.read(".ctl/audit").contains("\"op\":\"rename\""));
        let (audit, ran) = (mount.read(".ctl/audit"), bash(&mount.path("dummy"), shown));
        let made = |line: &str| line.contains("\"op\":\"rename\"") && line.contains("\"result\":\"ok\"");
        assert!(audit.lines().any(made), "{audit}");
        assert_eq!((ran.stdout.as_str(), mount.read("dummy/volumes/w/comment")), (value, "old\n".into()));
    }
}
