//! What writes nothing does nothing: truncation, touch, and the FLUSH that every shell sends before its WRITE.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use filerfs::backend::VolumeName;

use crate::common::mounted::Mount;
use crate::common::now;
use crate::common::shell::{SHELLS, bash, run};

/// Ways to open `$FILE` for writing without a byte.
const NOTHING: [&str; 16] = [
    r#": > "$FILE""#,
    r#": >> "$FILE""#,
    r#": 1<> "$FILE""#,
    r#"printf '' > "$FILE""#,
    r#"exec 3> "$FILE"; exec 3>&-"#,
    r#"/bin/true > "$FILE""#,
    r#"( ( : ) ; : ) > "$FILE""#,
    r#"truncate -s 0 "$FILE""#,
    r#"touch "$FILE""#,
    r#"touch -d 2001-01-01 "$FILE""#,
    r#"cp /dev/null "$FILE""#,
    r#"cat /dev/null > "$FILE""#,
    r#"tee "$FILE" < /dev/null"#,
    r#"dd if=/dev/null of="$FILE" status=none conv=fsync"#,
    r#"python3 -c 'import os; f = open(os.environ["FILE"], "w"); f.truncate(0); f.close()'"#,
    r#"perl -e 'truncate $ENV{FILE}, 0 or die "$!"'"#,
];

const FILES: [&str; 9] = [
    "volumes/db1/lock",
    "volumes/db1/size_total",
    "volumes/db1/comment",
    "volumes/db1/policy",
    "volumes/db1/config",
    "volumes/db1/rollback",
    "volumes/db1/snapshots/s1/clone",
    "policies/nfs/rules",
    "defaults",
];

/// A mount on which our own host holds `db1` and everything has a value.
fn prepared() -> Mount {
    let mount = Mount::small();
    let setup =
        "set -e; echo admin1 > volumes/db1/lock; echo words > volumes/db1/comment; echo comment x > defaults";
    assert_eq!(bash(&mount.path("dummy"), setup).code, 0);
    mount.backend.take_changes();
    mount
}

fn contents(mount: &Mount) -> Vec<String> {
    FILES.iter().map(|file| mount.read(&format!("dummy/{file}"))).collect()
}

#[test]
fn what_writes_nothing_changes_nothing() {
    let mount = prepared();
    let before = contents(&mount);
    for file in FILES {
        for nothing in NOTHING {
            let ran = bash(&mount.path("dummy"), &format!("set -e; export FILE={file}; {nothing}"));
            assert_eq!((ran.code, &*ran.stderr), (0, ""), "{nothing} on {file}");
            assert_eq!(mount.backend.take_changes(), [""; 0], "{nothing} on {file}");
        }
        assert_eq!(contents(&mount), before, "{file}");
    }
}

#[test]
fn a_slow_back_end_sees_no_unlocking_before_a_lock_is_taken() {
    std::thread::scope(|threads| {
        for shell in SHELLS {
            threads.spawn(move || hold_the_lock_through(shell));
        }
    });
}

fn hold_the_lock_through(shell: &[&str]) {
    let mount = prepared();
    *mount.backend.delay.lock() = Duration::from_millis(100);
    let over = AtomicBool::new(false);
    let dir = mount.path("dummy/volumes/db1");
    let ran = std::thread::scope(|threads| {
        let looks = threads.spawn(|| look_at_the_lock(&mount, &over));
        let script = "set -e; echo admin1 > lock; : > lock; truncate -s 0 lock; touch lock; cp /dev/null lock; \
                      printf admin1 >> lock";
        let ran = run(shell, &dir, script);
        over.store(true, Ordering::Release);
        assert!(looks.join().unwrap() > 0, "{shell:?}");
        ran
    });
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{shell:?}");
    assert_eq!(mount.backend.take_changes(), ["create_lock(db1, admin1)"; 2], "{shell:?}");
    // Another host is refused, and the lock stays.
    let ran = run(shell, &dir, "set -e; echo other > lock");
    assert_eq!((ran.code, mount.backend.take_changes()), (1, vec![]), "{shell:?}");
    assert_eq!(mount.read("dummy/volumes/db1/lock"), "admin1\n", "{shell:?}");
}

/// Looks at the lock itself, again and again, until told to end. How often.
fn look_at_the_lock(mount: &Mount, over: &AtomicBool) -> u64 {
    let volume = VolumeName::new("db1").unwrap();
    let mut looks = 0;
    while !over.load(Ordering::Acquire) {
        let lock = now(mount.backend.inner().locks(&volume)).unwrap();
        assert_eq!(lock.map(|lock| lock.holder().to_string()).as_deref(), Some("admin1"));
        looks += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    looks
}
