//! What tools take on a mount against what they take on files: sed -i, vim and an Ansible play, on filerfs with the
//! memory back-end and on a directory of tmpfs with files of the same names and content, as ratios of one run.
//! Nothing here is asserted about time: docs/benchmarks.md says how to read it.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

#[path = "turns.rs"]
mod turns;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;
use turns::{in_turns, part};

/// As many volumes as the play sets a value of.
const VOLUMES: usize = 20;

/// A tool, and its script: `$D` is the directory of the volumes, `$N` a number that is another one each time.
struct Tool {
    name: &'static str,
    script: &'static str,
    /// How often in one measurement.
    times: usize,
}

const TOOLS: [Tool; 3] = [
    Tool {
        name: "sed -i, one value",
        script: "sed -i \"s/.*/$((1073741824 * (N % 2 + 10)))/\" $D/vol00001/size_total",
        times: 20,
    },
    Tool {
        name: "vim -es -c wq, one value",
        script: "vim -es -u NONE -c '%s/.*/'$((1073741824 * (N % 2 + 10)))/ -c wq $D/vol00001/size_total",
        times: 5,
    },
    Tool {
        name: "Ansible, a play of 20 values",
        script: "$A/ansible-playbook -i localhost, -c local -e value=$((1073741824 * (N % 2 + 10))) $T/play.yml >$T/said",
        times: 1,
    },
];

/// Something with volumes, and how to be rid of it.
struct Place {
    dir: TempDir,
    /// The daemon; of tmpfs none.
    child: Option<Child>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = umount2(self.dir.path(), MntFlags::MNT_DETACH);
        if let Some(child) = &mut self.child {
            // It ends when it is unmounted.
            let _ = child.wait();
        }
    }
}

impl Place {
    /// The command, in a process of its own.
    fn filerfs() -> Place {
        let (dir, config) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        let text = format!(
            "[[endpoint]]\nname = \"dummy\"\nkind = \"memory\"\ngenerate = {{ volumes = {VOLUMES}, snapshots = 0 }}\n"
        );
        fs::write(config.path(), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_filerfs"));
        command.arg("mount").arg("-c").arg(config.path()).arg(dir.path()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().starts_with("filerfs: ready")), "the daemon did not start");
        Place { dir, child: Some(child) }
    }

    /// Files of the same names and content.
    fn files(like: &Place) -> Place {
        let dir = tempfile::tempdir().unwrap();
        mount(Some("tmpfs"), dir.path(), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
        let place = Place { dir, child: None };
        let copied =
            Command::new("cp").arg("-r").arg(like.dir.path().join("dummy")).arg(place.dir.path()).status();
        assert!(copied.unwrap().success());
        place
    }

    fn volumes(&self) -> PathBuf {
        self.dir.path().join("dummy/volumes")
    }
}

/// What the scripts need outside: the play, and what Ansible puts aside.
struct Outside {
    dir: TempDir,
    ansible: String,
}

impl Outside {
    fn new() -> Outside {
        let ansible = std::env::var("FILERFS_ANSIBLE")
            .expect("FILERFS_ANSIBLE names the directory of ansible-playbook; scripts/bench sets it");
        let dir = tempfile::tempdir().unwrap();
        let mut play = "- hosts: localhost\n  gather_facts: false\n  vars:\n    d: \"{{ lookup('env', 'D') }}\"\n  tasks:\n".to_owned();
        for i in 1..=VOLUMES {
            play += &format!(
                "    - copy: {{content: \"{{{{ value }}}}\\n\", dest: \"{{{{ d }}}}/vol{i:05}/size_total\"}}\n"
            );
        }
        fs::write(dir.path().join("play.yml"), play).unwrap();
        Outside { dir, ansible }
    }

    /// Milliseconds that one run of a tool takes.
    fn time(&self, tool: &Tool, volumes: &Path, turn: &mut usize) -> f64 {
        let begun = Instant::now();
        for _ in 0..tool.times {
            *turn += 1;
            let home = self.dir.path();
            let mut command = Command::new("bash");
            command.args(["-ec", tool.script]).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
            command.env("D", volumes).env("N", turn.to_string()).env("T", home).env("A", &self.ansible);
            command.env("HOME", home).env("ANSIBLE_LOCAL_TEMP", home).env("ANSIBLE_REMOTE_TEMP", home);
            command
                .env("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3")
                .env("ANSIBLE_LOCALHOST_WARNING", "0");
            assert!(command.status().unwrap().success(), "{} failed", tool.name);
            // Each time another value, so that each is a change.
            let value = (1_u64 << 30) * (*turn as u64 % 2 + 10);
            let now = fs::read_to_string(volumes.join("vol00001/size_total")).unwrap();
            assert_eq!(now, format!("{value}\n"), "{} did not write", tool.name);
        }
        begun.elapsed().as_secs_f64() * 1e3 / tool.times as f64
    }
}

fn main() {
    // cargo says --bench when it is to measure; otherwise everything is only seen to work.
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rounds = if args.iter().any(|arg| arg == "--bench") { 9 } else { 1 };
    let words: Vec<_> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |tool: &&Tool| words.is_empty() || words.iter().any(|word| tool.name.contains(*word));
    let tools: Vec<_> = TOOLS.iter().filter(wanted).collect();
    if tools.is_empty() {
        return;
    }
    println!("| {:<30} | filerfs ms | files ms | ratio of times | middle half |", "tool");
    println!("|{:-<32}|{:-<11}:|{:-<9}:|{:-<15}:|{:-<13}|", "", "", "", "", "");
    let (outside, filerfs) = (Outside::new(), Place::filerfs());
    let files = Place::files(&filerfs);
    for tool in tools {
        let mut turns = (0, 0);
        let ours = || outside.time(tool, &filerfs.volumes(), &mut turns.0);
        let theirs = || outside.time(tool, &files.volumes(), &mut turns.1);
        let times = in_turns(rounds, ours, theirs);
        let ratio = |at| part(times.iter().map(|(ours, floor)| ours / floor), at);
        println!(
            "| {:<30} | {:>10.1} | {:>8.1} | {:>14.2} | {:.2} - {:.2} |",
            tool.name,
            part(times.iter().map(|(ours, _)| *ours), 0.5),
            part(times.iter().map(|(_, floor)| *floor), 0.5),
            ratio(0.5),
            ratio(0.25),
            ratio(0.75)
        );
    }
}
