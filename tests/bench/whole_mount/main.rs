//! filerfs through the kernel against an empty fuser file system of the same shape, as ratios of one run.
//! Nothing here is asserted about time: docs/benchmarks.md says how to read it.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

mod empty;
#[path = "../filer.rs"]
mod filer;
mod load;
mod server;
mod start;
#[path = "../turns.rs"]
mod turns;

use std::path::Path;
use std::time::Duration;

use load::{OPERATIONS, Operation};
use server::{Kind, Server};
use turns::{in_turns, part};

/// How long one measurement takes, and how many there are of each.
struct Effort {
    time: Duration,
    rounds: usize,
    starts: usize,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, kind, dir] = &args[..]
        && first == server::SERVE
    {
        return server::serve(kind, Path::new(dir));
    }
    // cargo says --bench when it is to measure; otherwise everything is only seen to work.
    let measure = args.iter().any(|arg| arg == "--bench");
    let effort = match measure {
        true => Effort { time: Duration::from_millis(100), rounds: 21, starts: 11 },
        false => Effort { time: Duration::from_millis(1), rounds: 1, starts: 1 },
    };
    let words: Vec<_> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(*word));
    operations(&effort, OPERATIONS.iter().filter(|operation| wanted(operation.name)).collect());
    if wanted("start") {
        starts(&effort);
    }
}

fn operations(effort: &Effort, operations: Vec<&Operation>) {
    if operations.is_empty() {
        return;
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let cores = std::thread::available_parallelism().unwrap();
    println!("cores: {cores}; load average before: {}", load.trim());
    println!("us: microseconds an operation, all clients together; ratio: rate of filerfs / rate of empty");
    println!();
    println!(
        "| {:<27} | clients | filerfs us | empty us | ratio | middle half |\n|{:-<29}|{:-<8}:|{:-<11}:|{:-<9}:|{:-<6}:|{:-<13}|",
        "operation", "", "", "", "", "", ""
    );
    let (filerfs, empty) = (Server::start(Kind::Filerfs), Server::start(Kind::Empty));
    for operation in operations {
        for clients in [1, 8] {
            compare(operation, clients, effort, &filerfs, &empty);
        }
    }
}

/// One row.
fn compare(operation: &Operation, clients: usize, effort: &Effort, filerfs: &Server, empty: &Server) {
    let rate = |server: &Server| operation.rate(&server.volumes(), clients, effort.time);
    let rates = in_turns(effort.rounds, || rate(filerfs), || rate(empty));
    let ratio = |at| part(rates.iter().map(|(ours, floor)| ours / floor), at);
    println!(
        "| {:<27} | {clients:>7} | {:>10.1} | {:>8.1} | {:>5.2} | {:.2} - {:.2} |",
        operation.name,
        part(rates.iter().map(|(ours, _)| 1e6 / ours), 0.5),
        part(rates.iter().map(|(_, floor)| 1e6 / floor), 0.5),
        ratio(0.5),
        ratio(0.25),
        ratio(0.75)
    );
}

fn starts(effort: &Effort) {
    println!();
    println!("| 10,000 volumes, snapshots each | ready ms | first ls ms | RSS MiB | RSS MiB after ls -l |");
    println!("|{:-<32}|{:-<9}:|{:-<12}:|{:-<8}:|{:-<20}:|", "", "", "", "", "");
    for snapshots in [0, 10] {
        let starts: Vec<_> = (0..effort.starts).map(|_| start::start(snapshots)).collect();
        let median = |of: &dyn Fn(&start::Start) -> f64| part(starts.iter().map(of), 0.5);
        println!(
            "| {snapshots:>30} | {:>8.1} | {:>11.1} | {:>7.1} | {:>19.1} |",
            median(&|start| start.ready.as_secs_f64() * 1e3),
            median(&|start| start.listed.as_secs_f64() * 1e3),
            median(&|start| start.resident as f64 / 1024.0),
            median(&|start| start.resident_stat as f64 / 1024.0)
        );
    }
}
