//! Real etcd nodes on this machine, for as long as the value lives.
#![allow(dead_code, reason = "each test crate uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;

use crate::signal;

/// Longer than anything here takes; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Certificates for nodes that talk to nobody without one.
#[derive(Clone)]
pub struct Tls {
    /// Who signs them all.
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// A cluster.
pub struct Etcd {
    dir: TempDir,
    nodes: Vec<Node>,
    tls: Option<Tls>,
    /// They can be asked at every address, not only at that of the loopback device.
    everywhere: bool,
}

struct Node {
    client: String,
    peer: String,
    process: Mutex<Option<Child>>,
}

impl Etcd {
    /// So many nodes, ready.
    pub fn start(count: usize) -> Etcd {
        Etcd::with(count, None)
    }

    /// The same, in a network namespace where nobody else is: they can be asked at every address it has.
    pub fn everywhere(count: usize) -> Etcd {
        Etcd::made(count, None, true)
    }

    /// The same as `start`, with certificates.
    pub fn with(count: usize, tls: Option<Tls>) -> Etcd {
        Etcd::made(count, tls, false)
    }

    fn made(count: usize, tls: Option<Tls>, everywhere: bool) -> Etcd {
        let scheme = if tls.is_some() { "https" } else { "http" };
        // All at once, so that they differ.
        let ports: Vec<_> = (0..2 * count).map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap()).collect();
        let address = |listener: &TcpListener| listener.local_addr().unwrap();
        let node = |pair: &[TcpListener]| Node {
            client: format!("{scheme}://{}", address(&pair[0])),
            peer: format!("http://{}", address(&pair[1])),
            process: Mutex::default(),
        };
        let nodes = ports.chunks(2).map(node).collect();
        drop(ports);
        let etcd = Etcd { dir: tempfile::tempdir().unwrap(), nodes, tls, everywhere };
        (0..count).for_each(|node| etcd.spawn(node));
        (0..count).for_each(|node| etcd.ready(node));
        etcd
    }

    /// Where the nodes are.
    pub fn endpoints(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.client.clone()).collect()
    }

    /// Where one is.
    pub fn endpoint(&self, node: usize) -> String {
        self.nodes[node].client.clone()
    }

    /// The processes of those that run.
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(|node| Some(node.process.lock().as_ref()?.id())).collect()
    }

    /// Ends a node without warning.
    pub fn kill(&self, node: usize) {
        if let Some(mut process) = self.nodes[node].process.lock().take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts a killed node again with what it had; not waiting.
    pub fn restart(&self, node: usize) {
        self.spawn(node);
    }

    /// A node does nothing until it is resumed.
    pub fn pause(&self, node: usize) {
        self.signal(node, "STOP");
    }

    /// It goes on.
    pub fn resume(&self, node: usize) {
        self.signal(node, "CONT");
    }

    fn signal(&self, node: usize, name: &str) {
        signal::signal(self.nodes[node].process.lock().as_ref().unwrap().id(), name);
    }

    /// The node that leads, as soon as there is one.
    pub fn leader(&self) -> usize {
        let leads = |node: &usize| {
            let status = self.ctl_of(*node, &["endpoint", "status", "-w", "json"], b"");
            let status: Value = serde_json::from_str(&status.ok()?).ok()?;
            let status = &status[0]["Status"];
            Some(status["leader"] == status["header"]["member_id"]).filter(|leads| *leads)
        };
        self.until("the election of a leader", || (0..self.nodes.len()).find(|node| leads(node).is_some()))
    }

    /// Waits until a node answers.
    pub fn ready(&self, node: usize) {
        self.until("a node", || self.ctl_of(node, &["endpoint", "health"], b"").ok());
    }

    fn until<T>(&self, what: &str, mut is: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = is() {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: did not happen; {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What `etcdctl` prints.
    pub fn ctl(&self, arguments: &[&str], input: &[u8]) -> String {
        self.ctl_of(0, arguments, input).unwrap()
    }

    fn ctl_of(&self, node: usize, arguments: &[&str], input: &[u8]) -> Result<String, String> {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").arg("--endpoints").arg(&self.nodes[node].client);
        if let Some(Tls { ca, cert, key }) = &self.tls {
            command.arg("--cacert").arg(ca).arg("--cert").arg(cert).arg("--key").arg(key);
        }
        command.args(["--dial-timeout", "1s", "--command-timeout", "2s"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("scripts/test installs etcdctl");
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn log(&self) -> String {
        let log = |node| std::fs::read_to_string(self.dir.path().join(format!("n{node}.log"))).unwrap();
        (0..self.nodes.len()).map(log).collect()
    }

    fn spawn(&self, node: usize) {
        let peers: Vec<_> =
            self.nodes.iter().enumerate().map(|(at, node)| format!("n{at}={}", node.peer)).collect();
        let Node { client, peer, process } = &self.nodes[node];
        // It ends with whoever started it, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "etcd", "--name", &format!("n{node}")]);
        command.arg("--data-dir").arg(self.dir.path().join(format!("n{node}")));
        let listen = if self.everywhere { client.replace("127.0.0.1", "0.0.0.0") } else { client.clone() };
        command.args(["--listen-client-urls", &listen, "--advertise-client-urls", client]);
        command.args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]);
        command.args(["--initial-cluster", &peers.join(","), "--logger", "zap", "--log-level", "warn"]);
        if let Some(Tls { ca, cert, key }) = &self.tls {
            command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(ca);
            command.arg("--cert-file").arg(cert).arg("--key-file").arg(key);
        }
        let log = self.dir.path().join(format!("n{node}.log"));
        let log = File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        *process.lock() = Some(spawn(command));
    }
}

/// To Linux, whoever starts a process is a thread; this one stays as long as the process.
fn spawn(mut command: Command) -> Child {
    let (to, from) = mpsc::channel();
    std::thread::spawn(move || {
        let child = command.spawn().expect("scripts/test installs etcd");
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        to.send(child).unwrap();
        while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
    });
    from.recv().unwrap()
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for node in &self.nodes {
            if let Some(mut process) = node.process.lock().take() {
                // Too late for one that has ended.
                let _ = process.kill();
                let _ = process.wait();
            }
        }
    }
}
