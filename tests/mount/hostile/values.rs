//! Values for every file.

use std::fs;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{close, write};

use super::{check_last_error, lives_on};
use crate::common::mounted::Mount;

/// Values, by file, and why each is refused.
fn values() -> Vec<(&'static str, Vec<u8>, Errno)> {
    let (db1, s1) = ("dummy/volumes/db1", "dummy/volumes/db1/snapshots/s1");
    let mut all = Vec::new();
    let mut refuse = |file: &str, errno, values: &[&[u8]]| {
        let path: &'static str = match file {
            "clone" => format!("{s1}/clone").leak(),
            "origin" => "dummy/staging/v/origin",
            "staged size" => "dummy/staging/v/size_total",
            "rules" => "dummy/policies/nfs/rules",
            "defaults" => "dummy/defaults",
            "log_level" | "refresh" => format!(".ctl/{file}").leak(),
            file => format!("{db1}/{file}").leak(),
        };
        all.extend(values.iter().map(|value| (path, value.to_vec(), errno)));
    };
    let (long, longer, longest, huge) = ([b'a'; 256], [b'a'; 4095], [b'a'; 4097], vec![b'a'; 1 << 20]);
    let digits = [b'9'; 4096];
    for size in ["size_total", "max_autosize", "staged size"] {
        refuse(
            size,
            Errno::EINVAL,
            &[
                b"10GB",
                b"-5",
                b"+5G",
                b"1.5T",
                "١٢".as_bytes(),
                "５".as_bytes(),
                b"5\0",
                b"\0",
                b"0x10",
                b"1e3",
                b"5 G",
                b"5G5",
                b"G",
                b"\x1b[2J",
                b"\xff",
                b"5\n6",
                b"5\r\n6",
                b"NaN",
                b"5,0",
                b"5g",
                b"5Q",
                b"5GiB",
            ],
        );
        refuse(
            size,
            Errno::ERANGE,
            &[
                b"18446744073709551616",
                b"18446744073709551615",
                b"9223372036854775808",
                b"16384P",
                b"8192P",
                &digits,
            ],
        );
        refuse(size, Errno::E2BIG, &[&longest, &huge]);
    }
    refuse("percentage_snapshot_reserve", Errno::EINVAL, &[b"-5", b"5%", b"1.5", "١٢".as_bytes(), b"5K"]);
    refuse("percentage_snapshot_reserve", Errno::ERANGE, &[b"18446744073709551616"]);
    refuse("protect", Errno::EINVAL, &[b"2", b"TRUE", b"y", b"01", b"\xff", "１".as_bytes()]);
    for text in ["comment", "caching_policy"] {
        refuse(
            text,
            Errno::EINVAL,
            &[b"a\0b", b"a\nb", b"\x1b[2J", b"\xff", b"a\x7f", "a\u{202e}b".as_bytes(), b"a\rb"],
        );
        refuse(text, Errno::E2BIG, &[&longest, &huge]);
    }
    refuse(
        "junction_path",
        Errno::EINVAL,
        &[b"a", b"/", b"/a/", b"//a", b"/a\0", b"/a\nb", b"/\x1b[2J", b"/\xff"],
    );
    refuse(
        "junction_path",
        Errno::ENAMETOOLONG,
        &[&[b"/".as_slice(), &longer].concat(), &[b"/".as_slice(), &[b'a'; 253]].concat()],
    );
    refuse(
        "policy",
        Errno::EINVAL,
        &[b"none", b"a/b", b"..", b"-nfs", b"a%2Fb", b"nf", b"nfs\0", b"\xff", b"nfs\nnfs", b"\x1b[2J"],
    );
    refuse("policy", Errno::ENAMETOOLONG, &[&long, &longer]);
    refuse(
        "lock",
        Errno::EINVAL,
        &[b"a b", b"a/b", b"--", b"-", b"-a b", b"h%2Fh", b"\xff", b"a\nb", b"h\0", b"\x1b[2J"],
    );
    refuse("lock", Errno::ENAMETOOLONG, &[&long, &longer, &[b"-".as_slice(), &long].concat()]);
    refuse(
        "clone",
        Errno::EINVAL,
        &[b"a b", b"-rf", b"a%2Fb", b"*", b"\xff", b"a\nb", b"a\0", b"\x1b[2J", "日本".as_bytes()],
    );
    refuse("clone", Errno::EEXIST, &[b"db1", b"db2"]);
    refuse("clone", Errno::ENAMETOOLONG, &[&long, &longer]);
    refuse("rollback", Errno::EINVAL, &[b"-s2", b"a/b", b"\xff", b"s2\ns2", b"s2\0", b"\x1b[2J"]);
    refuse("rollback", Errno::ENOENT, &[b"s", b"s2%2F", b"..", b"s2 discard", b"discard-newer"]);
    refuse("rollback", Errno::ENAMETOOLONG, &[&long, &longer]);
    refuse(
        "origin",
        Errno::EINVAL,
        &[
            b"db1",
            b"@",
            b"db1@",
            b"@s1",
            b"-db1@s1",
            b"db1@-s1",
            b"db1@a/b",
            b"d b@s1",
            b"\xff@s1",
            b"db1@s1\0",
            b"db1%2F@s1",
        ],
    );
    refuse("origin", Errno::ENOENT, &[b"db1@s9", b"db9@s1", b"db1@s1@s1"]);
    refuse(
        "origin",
        Errno::ENAMETOOLONG,
        &[&[b"db1@".as_slice(), &long].concat(), &[&long, b"@s1".as_slice()].concat()],
    );
    refuse("config", Errno::EINVAL, &[b"size_total", b"protect"]);
    for keyed in ["config", "defaults"] {
        refuse(
            keyed,
            Errno::EINVAL,
            &[
                b"size_total 10GB".as_slice(),
                b"nonsense 1",
                b"comment a\0",
                b"comment \xff",
                b"comment \x1b[2J",
                b"protect 1\nprotect 1",
                b"protect 1\nnonsense",
                b"\x1b[2J",
                &longer,
            ],
        );
        refuse(keyed, Errno::ERANGE, &[b"protect 1\nsize_total 16384P"]);
        refuse(keyed, Errno::E2BIG, &[&huge, &huge.repeat(2)]);
    }
    refuse(
        "rules",
        Errno::EINVAL,
        &[
            b"10.0.0.256",
            b"10.0.0.0/33",
            b"10.0.0.0/-1",
            b"10.0.0.0/+8",
            b"fd00::/129",
            b"::1::",
            b"@",
            b".",
            b"a b",
            b"--10.0.0.1",
            b"10.0.0.1,10.0.0.2",
            b"a\0",
            b"\xff",
            b"10.0.0.1\x1b[2J",
            "١٠.0.0.1".as_bytes(),
            b"a..b",
            &longer,
            b"10.0.0.9\n10.0.0.256",
        ],
    );
    refuse("rules", Errno::E2BIG, &[&huge, &huge.repeat(2)]);
    refuse("log_level", Errno::EINVAL, &[b"loud", b"", b"\xff", b"info\ninfo"]);
    refuse("refresh", Errno::ENOENT, &[b"nowhere", b"/nowhere/x"]);
    all
}

#[test]
fn hostile_values_are_refused_with_the_right_errno_and_no_call() {
    let mount = Mount::small();
    fs::create_dir(mount.path("dummy/staging/v")).unwrap();
    for (path, value, errno) in values() {
        let newline = [&value, b"\n".as_slice()].concat();
        let shown = String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned();
        let before = mount.read(path);
        // The beginning of a rule may be no rule yet: without a newline it is for `rules.rs`.
        let texts = if path.ends_with("rules") { vec![newline] } else { vec![newline, value] };
        for text in texts.iter().filter(|text| !text.is_empty()) {
            let at = format!("{shown:?} of {} bytes to {path}", text.len());
            mount.backend.take_changes();
            let file = open(&mount.path(path), OFlag::O_WRONLY | OFlag::O_TRUNC, Mode::empty()).unwrap();
            assert_eq!(write(&file, text), Err(errno), "{at}");
            assert_eq!(close(file), Ok(()), "{at}");
            assert_eq!(mount.backend.take_changes(), [""; 0], "{at}");
            assert_eq!(mount.read(path), before, "{at}");
            check_last_error(&mount, errno, false, &at);
        }
    }
    lives_on(&mount);
}

#[test]
fn values_at_the_limit_are_taken() {
    let mount = Mount::small();
    for (path, value) in [
        ("size_total", "9223372036854775807".to_owned()),
        ("size_total", format!("{}5", "0".repeat(4095))),
        ("comment", "a".repeat(4096)),
        ("comment", "é".repeat(2048)),
        ("junction_path", format!("/{}", "a".repeat(252))),
        ("lock", "a".repeat(255)),
        ("snapshots/s1/clone", "a".repeat(255)),
        ("snapshots/s1/clone", "/".repeat(85)),
    ] {
        let path = format!("dummy/volumes/db1/{path}");
        mount.backend.take_changes();
        fs::write(mount.path(&path), format!("{value}\n")).unwrap();
        assert_eq!(mount.backend.take_changes().len(), 1, "{path}");
    }
    fs::write(mount.path("dummy/volumes/db1/lock"), format!("-{}\n", "a".repeat(255))).unwrap();
    lives_on(&mount);
}
