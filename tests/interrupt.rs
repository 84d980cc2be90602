//! Ctrl-C and kill while a request waits for a slow back-end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::counting::Fault;
use common::mounted::Mount;
use filerfs::backend::{Error, Kind};
use tokio::sync::Semaphore;

/// Much longer than anybody waits who is let go.
const SLOW: Duration = Duration::from_secs(60);
/// Much longer than it takes to let somebody go, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);

/// A small content, and a back-end that has not answered yet.
fn slow_mount() -> Mount {
    let mount = Mount::small();
    // What the paths need is known to the kernel, so that the call itself is what waits.
    mount.read("dummy/volumes/db1/size_used");
    mount.backend.take_reads();
    *mount.backend.delay.lock() = SLOW;
    mount
}

/// Runs a command in a volume's directory. Rust blocks no signals and restores SIGPIPE only.
fn start(mount: &Mount, program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(mount.root()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap()
}

/// Waits until a request of the command waits for the back-end, a little longer than it takes to be watched.
fn until_it_waits(mount: &Mount) {
    let begun = Instant::now();
    while mount.backend.take_reads().is_empty() && mount.backend.take_changes().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "no request came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As a terminal does: the command and all that it started.
fn kill(child: &Child, signal: i32) {
    let signal = nix::sys::signal::Signal::try_from(signal).unwrap();
    nix::sys::signal::killpg(nix::unistd::Pid::from_raw(child.id() as i32), signal).unwrap();
}

/// The end of a command, if it ends in time.
fn end(child: &mut Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

#[test]
fn a_fatal_signal_ends_the_wait_of_every_call() {
    let calls: [(&str, &[&str]); 7] = [
        ("cat", &["dummy/volumes/db1/size_used"]),
        ("stat", &["dummy/volumes/db1/size_used"]),
        ("ls", &["-l", "dummy/policies"]),
        ("mkdir", &["dummy/volumes/db1/snapshots/new"]),
        ("rmdir", &["dummy/volumes/db1/snapshots/s2"]),
        ("bash", &["-c", "echo 5G > dummy/volumes/db1/size_total"]),
        ("bash", &["-c", "cat dummy/volumes/db2/state; true"]),
    ];
    let signals = [
        libc::SIGINT,
        libc::SIGTERM,
        libc::SIGHUP,
        libc::SIGKILL,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGALRM,
    ];
    for (at, (program, arguments)) in calls.iter().enumerate() {
        // Each call with some of the signals, all signals with some of the calls.
        let ignored = |signal: &&i32| *program == "bash" && **signal == libc::SIGQUIT; // In all cases, says its manual.
        for signal in signals.iter().cycle().filter(|signal| !ignored(signal)).skip(at * 2).take(3) {
            let mount = slow_mount();
            let mut child = start(&mount, program, arguments);
            until_it_waits(&mount);
            kill(&child, *signal);
            let status = end(&mut child);
            *mount.backend.delay.lock() = Duration::ZERO;
            let status = status.unwrap_or_else(|| {
                let _ = child.kill();
                panic!("{program} {arguments:?} was not let go by signal {signal}")
            });
            // A shell waits for its child, and tells of it in its own status.
            let told = status.signal() == Some(*signal) || !status.success();
            assert!(told, "{program} {arguments:?}, signal {signal}: {status:?}");
        }
    }
}

#[test]
fn a_change_goes_on_without_its_caller_and_is_kept() {
    let mount = Mount::small();
    *mount.backend.delay.lock() = Duration::from_secs(2);
    let mut child = start(&mount, "mkdir", &["dummy/volumes/db1/snapshots/new"]);
    while mount.backend.take_changes().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill(&child, libc::SIGKILL);
    assert_eq!(end(&mut child).and_then(|status| status.signal()), Some(libc::SIGKILL));
    *mount.backend.delay.lock() = Duration::ZERO;
    let begun = Instant::now();
    while !mount.read(".ctl/audit").contains("\"op\":\"mkdir\"") {
        assert!(begun.elapsed() < PATIENCE, "the change was not kept: {}", mount.read(".ctl/audit"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let audit = mount.read(".ctl/audit");
    assert!(audit.contains("snapshots/new\",\"result\":\"ok\""), "{audit}");
    assert!(audit.contains("\"command\":\"mkdir\""), "who has gone is told as well: {audit}");
    assert!(mount.path("dummy/volumes/db1/snapshots/new").is_dir());
    assert_eq!(mount.backend.take_changes(), Vec::<String>::new(), "nothing was done twice");
}

/// At a prompt: Ctrl-C, and a while later the question what came of it.
#[test]
fn what_comes_of_a_change_that_was_let_go_is_told_to_its_session() {
    let mount = Mount::small();
    let backend = mount.backend.clone();
    *mount.backend.watch.lock() = Some(Box::new(move |_| {
        let error = Error::new(Kind::NoSpace, "the aggregate is full");
        backend.faults.lock().push_back(Fault::Refuse(error));
    }));
    *mount.backend.delay.lock() = Duration::from_secs(1);
    let script = "mkdir dummy/volumes/db1/snapshots/new & read -r; kill -KILL $!; wait $!; read -r; cat .ctl/last_error";
    let mut command = Command::new("setsid");
    command.args(["bash", "-c", script]).current_dir(mount.root());
    let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    while mount.backend.take_changes().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut stdin = shell.stdin.take().unwrap();
    stdin.write_all(b"\n").unwrap();
    let begun = Instant::now();
    while !mount.read(".ctl/audit").contains("ENOSPC") {
        assert!(begun.elapsed() < PATIENCE, "the refusal was not kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    stdin.write_all(b"\n").unwrap();
    let told = String::from_utf8(shell.wait_with_output().unwrap().stdout).unwrap();
    assert!(told.contains("errno=ENOSPC op=mkdir") && told.contains("the aggregate is full"), "{told}");
    assert_eq!(mount.read(".ctl/last_error"), "ok\n", "nobody else is told");
}

/// Signals that are caught, ignored or blocked do not end a call: Python would call again for ever.
#[test]
fn a_signal_that_is_handled_leaves_the_call_alone() {
    let python = "
import os, signal, sys
for s in (signal.SIGCHLD, signal.SIGALRM, signal.SIGWINCH, signal.SIGURG, signal.SIGUSR1):
    signal.signal(s, lambda *_: None)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGQUIT])
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
f = os.open('dummy/volumes/db1/size_total', os.O_WRONLY | os.O_TRUNC)
written = os.write(f, b'5G\\n')
signal.setitimer(signal.ITIMER_REAL, 0)
print(written)
";
    let mount = Mount::small();
    mount.read("dummy/volumes/db1/size_total");
    mount.backend.take_changes();
    *mount.backend.delay.lock() = Duration::from_secs(2);
    let mut child = start(&mount, "python3", &["-c", python]);
    while mount.backend.take_changes().is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "python ended before its write was under way");
        std::thread::sleep(Duration::from_millis(5));
    }
    *mount.backend.delay.lock() = Duration::ZERO;
    for signal in [
        libc::SIGUSR1,
        libc::SIGWINCH,
        libc::SIGURG,
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGQUIT,
    ] {
        kill(&child, signal);
    }
    assert!(end(&mut child).is_some(), "python did not end");
    let output = child.wait_with_output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.success(), text.as_str()), (true, "3\n"));
    assert_eq!(mount.backend.take_changes(), Vec::<String>::new(), "the write came once");
    assert_eq!(mount.read("dummy/volumes/db1/size_total"), "5368709120\n");
}

/// dd and Python catch Ctrl-C: they must have the answer first, or they would ask again for ever.
#[test]
fn who_catches_the_signal_has_the_answer_first() {
    let read = "import sys; sys.stdout.write(open('dummy/volumes/db1/size_used').read())";
    let calls: [(&str, &[&str]); 2] =
        [("python3", &["-c", read]), ("dd", &["if=dummy/volumes/db1/size_used", "status=none"])];
    for (program, arguments) in calls {
        let mount = slow_mount();
        *mount.backend.delay.lock() = Duration::from_secs(3);
        let mut child = start(&mount, program, arguments);
        until_it_waits(&mount);
        kill(&child, libc::SIGINT);
        // Far longer than it takes to let somebody go, and far shorter than the answer takes.
        std::thread::sleep(Duration::from_millis(1200));
        assert!(child.try_wait().unwrap().is_none(), "{program} was let go before its answer");
        assert!(end(&mut child).is_some(), "{program} did not end with its answer");
    }
}

/// The process that the request names is seen from here, whatever it is called where it lives.
#[test]
fn a_command_in_a_pid_namespace_of_its_own_is_let_go() {
    let mount = slow_mount();
    let script = "cat dummy/volumes/db1/size_used; true";
    let mut child = start(&mount, "unshare", &["--fork", "--pid", "--kill-child", "sh", "-c", script]);
    until_it_waits(&mount);
    kill(&child, libc::SIGTERM);
    let ended = end(&mut child);
    *mount.backend.delay.lock() = Duration::ZERO;
    assert!(ended.is_some(), "a command in a pid namespace was not let go");
}

/// At a prompt, Ctrl-C goes to the job in the foreground, and the shell goes on.
#[test]
fn ctrl_c_at_a_prompt_ends_a_pipe_and_a_loop() {
    let typed = r"
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])
def until(word):
    seen = b''
    while word not in seen:
        seen += os.read(terminal, 4096)
for job in sys.argv[1:]:
    os.write(terminal, job.encode() + b'\n')
    sys.stdin.readline()
    os.write(terminal, b'\x03')
    os.write(terminal, b'echo went $((1+1)) on\n')
    until(b'went 2 on')
    print('let go', flush=True)
os.write(terminal, b'exit\n')
os.waitpid(pid, 0)
";
    let mount = slow_mount();
    let jobs = [
        "cat dummy/volumes/db1/size_used | cat",
        "for f in dummy/volumes/db1/size_used dummy/volumes/db2/size_used; do cat $f; done",
        "ls -l dummy/policies",
    ];
    let mut command = Command::new("python3");
    command.args(["-c", typed]).args(jobs).current_dir(mount.root());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (told, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|l| told.send(l))
    });
    for job in jobs {
        until_it_waits(&mount);
        stdin.write_all(b"\n").unwrap();
        let line = lines.recv_timeout(PATIENCE);
        if line.is_err() {
            *mount.backend.delay.lock() = Duration::ZERO;
            let _ = child.kill();
        }
        assert_eq!(line.as_deref(), Ok("let go"), "{job}");
        mount.backend.take_reads();
    }
    drop(stdin);
    assert!(end(&mut child).is_some());
}

/// The shell itself writes, and catches Ctrl-C: its `echo` has the answer first, and the value is there.
#[test]
fn ctrl_c_at_a_prompt_leaves_a_builtin_to_its_answer() {
    let mount = Mount::small();
    *mount.backend.delay.lock() = Duration::from_secs(3);
    let typed = r"
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])
os.write(terminal, b'echo 5G > dummy/volumes/db1/size_total\n')
sys.stdin.readline()
os.write(terminal, b'\x03exit\n')
try:
    while os.read(terminal, 4096): pass
except OSError: pass
os.waitpid(pid, 0)
";
    let mut command = Command::new("python3");
    command.args(["-c", typed]).current_dir(mount.root()).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    while !mount.backend.take_changes().iter().any(|change| change.starts_with("patch_volume")) {
        assert!(begun.elapsed() < PATIENCE, "the echo did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
    *mount.backend.delay.lock() = Duration::ZERO;
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(end(&mut child).is_some(), "the shell did not end");
    assert_eq!(mount.read("dummy/volumes/db1/size_total"), "5368709120\n");
    assert_eq!(mount.backend.take_changes(), Vec::<String>::new(), "the write came once");
}

/// A daemon in a pid namespace of its own does not see who asks, and lets nobody go early.
#[test]
fn a_caller_that_cannot_be_seen_waits_for_its_answer() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = env!("CARGO_BIN_EXE_filerfs");
    let mut command = Command::new("unshare");
    command.args(["--fork", "--pid", "--kill-child=SIGTERM", daemon, "mount"]).arg(dir.path());
    let mut served = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(served.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready on")));
    // It is served all the same: reads, changes, and lists, whose close nobody can look at.
    let script = "set -e; cd dummy; mkdir volumes/v policies/p; echo 5G > volumes/v/size_total; cat volumes/v/size_total
        printf '%s\\n' 10.0.0.1 10.0.0.2 > policies/p/rules; sleep 0.2; printf '%s\\n' 10.0.0.2 > policies/p/rules
        sleep 0.2; cat policies/p/rules; ! echo 5Q > volumes/v/size_total 2>/dev/null; cat ../.ctl/last_error";
    let output = Command::new("bash").args(["-c", script]).current_dir(dir.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let _ = Command::new("umount").arg(dir.path()).status();
    assert!(served.wait().is_ok());
    assert!(output.status.success() && text.starts_with("5368709120\n10.0.0.2\ntime="), "{output:?}");
}

/// Its file is closed before anybody knows that it has got the lock.
#[test]
fn who_is_killed_while_its_lock_is_under_way_holds_nothing() {
    let fcntl = "import fcntl; fcntl.lockf(open('dummy/volumes/db1/lock', 'r+'), fcntl.LOCK_EX)";
    let ways: [(usize, &str, &[&str]); 3] = [
        (1, "flock", &["--no-fork", "dummy/volumes/db1/lock", "sleep", "60"]),
        (1, "python3", &["-c", fcntl]),
        (5, "flock", &["--no-fork", "-s", "dummy/volumes/db1/lock", "sleep", "60"]),
    ];
    for (several, program, arguments) in ways {
        let mount = Mount::small();
        let (backend, late) = (mount.backend.clone(), Arc::new(Semaphore::new(0)));
        let answer = late.clone();
        *mount.backend.watch.lock() =
            Some(Box::new(move |_| backend.faults.lock().push_back(Fault::Answer(answer.clone()))));
        let mut children: Vec<_> = (0..several).map(|_| start(&mount, program, arguments)).collect();
        let begun = Instant::now();
        while mount.backend.take_changes().is_empty() {
            assert!(begun.elapsed() < PATIENCE, "{program} asked for no lock");
            std::thread::sleep(Duration::from_millis(5));
        }
        // The others ask, too.
        std::thread::sleep(Duration::from_millis(200));
        children.iter().for_each(|child| kill(child, libc::SIGKILL));
        assert!(children.iter_mut().all(|child| end(child).is_some()), "{program}");
        // Its end has reached the daemon, or does so now.
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(mount.read("dummy/volumes/db1/lock"), "admin1\n", "{program}");
        late.add_permits(100);
        let begun = Instant::now();
        while !mount.read("dummy/volumes/db1/lock").is_empty() {
            assert!(begun.elapsed() < PATIENCE, "the lock of {program} was not freed");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(start(&mount, "flock", &["-n", "dummy/volumes/db1/lock", "true"]).wait().unwrap().success());
    }
}

/// A terminal full of them, while others are served.
#[test]
fn many_who_wait_are_all_let_go_and_others_are_served_meanwhile() {
    let mount = slow_mount();
    let mut waiting: Vec<_> =
        (0..40).map(|_| start(&mount, "cat", &["dummy/volumes/db1/size_used"])).collect();
    until_it_waits(&mount);
    assert!(mount.read(".ctl/version").ends_with('\n'));
    waiting.iter().for_each(|child| kill(child, libc::SIGKILL));
    let ended: Vec<_> = waiting.iter_mut().map(end).collect();
    *mount.backend.delay.lock() = Duration::ZERO;
    assert!(ended.iter().all(Option::is_some), "{ended:?}");
}
