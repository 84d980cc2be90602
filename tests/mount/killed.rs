//! Programs that a signal ends while they write: what they left is no whole text.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::mounted::Mount;
use crate::common::shell::{SHELLS, bash, run};

/// Each shell, and each signal that ends it. zsh catches a HUP, and exits as always: nobody can tell.
fn deaths() -> impl Iterator<Item = (&'static [&'static str], &'static str)> {
    let each = |shell| ["INT", "TERM", "HUP", "KILL", "PIPE"].map(|signal| (shell, signal));
    SHELLS.into_iter().flat_map(each).filter(|(shell, signal)| !(shell[0] == "zsh" && *signal == "HUP"))
}

/// The first of a list's lines came, and the others never do.
#[test]
fn a_list_whose_writer_was_killed_takes_nothing_away() {
    for (shell, signal) in deaths() {
        let mount = Mount::small();
        let before = mount.read("dummy/policies/nfs/rules");
        let script = format!("exec > rules; echo 10.9.9.9; kill -{signal} $$; echo 10.9.9.8");
        let ran = run(shell, &mount.path("dummy/policies/nfs"), &script);
        assert_ne!(ran.code, 0, "{shell:?} {signal}");
        assert_eq!(mount.read("dummy/policies/nfs/rules"), before + "10.9.9.9\n", "{shell:?} {signal}");
        assert!(mount.read(".ctl/errors").contains("nothing is taken away"), "{shell:?} {signal}");
    }
}

/// The change that is under way is made, as always; the file is closed meanwhile.
#[test]
fn a_list_whose_writer_was_killed_while_the_filer_was_slow_takes_nothing_away() {
    let mount = Mount::small();
    let (dir, before) = (mount.path("dummy/policies/nfs"), mount.read("dummy/policies/nfs/rules"));
    mount.backend.take_changes();
    *mount.backend.delay.lock() = Duration::from_secs(1);
    let mut writer = Command::new("bash");
    let writer = writer.args(["-c", "exec > rules; echo 10.9.9.9; echo 10.9.9.8"]).current_dir(dir);
    let mut writer = writer.spawn().unwrap();
    while mount.backend.take_changes().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    *mount.backend.delay.lock() = Duration::ZERO;
    let begun = Instant::now();
    while !mount.read(".ctl/errors").contains("nothing is taken away") {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", mount.read(".ctl/audit"));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(mount.read("dummy/policies/nfs/rules"), before + "10.9.9.9\n");
    assert_eq!(mount.backend.take_changes(), Vec::<String>::new());
}

#[test]
fn a_line_whose_writer_was_killed_is_not_applied() {
    for (shell, signal) in deaths() {
        let mount = Mount::small();
        for (file, half) in [("size_total", "5"), ("snapshots/s1/clone", "new"), ("lock", "host")] {
            let script = format!("exec > {file}; printf {half}; kill -{signal} $$; printf 0G");
            run(shell, &mount.path("dummy/volumes/db1"), &script);
        }
        assert_eq!(mount.backend.take_changes(), Vec::<String>::new(), "{shell:?} {signal}");
        assert!(mount.read(".ctl/errors").contains("in the middle of a line"), "{shell:?} {signal}");
    }
}

/// A program that ends leaves its files to the kernel, with many threads as with one.
#[test]
fn what_was_written_by_a_program_that_ended_is_whole() {
    let ends = [
        "exec > FILE; printf 'TEXT'; exit 3",
        "python3 -c 'import os, sys; os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC), sys.argv[2].encode()); os._exit(3)' FILE 'TEXT'",
        "python3 -c 'import os, sys, threading, time
for _ in range(8): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC), sys.argv[2].encode()); os._exit(3)' FILE 'TEXT'",
        "node -e 'const f = require(\"fs\"); f.writeSync(f.openSync(process.argv[1], \"w\"), process.argv[2]); process.exit(3)' FILE 'TEXT'",
    ];
    let files = [
        ("dummy/volumes/db1/size_total", "50G", "53687091200\n"),
        ("dummy/policies/nfs/rules", "10.9.9.9\n10.9.9.8\n", "10.9.9.9\n10.9.9.8\n"),
    ];
    for script in ends {
        for (file, text, then) in files {
            let mount = Mount::small();
            let script = script.replace("FILE", file).replace("TEXT", text);
            assert_eq!(bash(mount.root(), &script).code, 3, "{script}");
            assert_eq!(mount.read(file), then, "{script}");
        }
    }
}

/// It has a copy of a descriptor that it never uses; or it wrote one whole line of several.
#[test]
fn a_child_that_is_killed_ends_no_edit_that_goes_on_without_it() {
    for child in ["sh -c 'kill -KILL $$'", "timeout -s KILL 0.1 sleep 5"] {
        let mount = Mount::small();
        let script = format!("{{ echo 10.9.9.9; {child}; echo 10.9.9.8; }} > rules 2>/dev/null");
        assert_eq!(bash(&mount.path("dummy/policies/nfs"), &script).code, 0, "{script}");
        assert_eq!(mount.read("dummy/policies/nfs/rules"), "10.9.9.9\n10.9.9.8\n", "{script}");
    }
}
