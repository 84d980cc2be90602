//! `filerfs check` of an ONTAP endpoint: what it says of a filer, and of each fault.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use filerfs::simulator::{Address, Fault, FaultKind, Ontap, Settings};

use crate::filer::{Filer, PASSWORD, SMALL};

/// The exit status, stdout and stderr of the real program.
fn check(filer: &Filer, toml: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filerfs"));
    command.args(["check", "-c"]).arg(filer.file("filerfs.toml", toml));
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(!format!("{stdout}{stderr}").contains(PASSWORD));
    (output.status.code().unwrap(), stdout, stderr)
}

fn started(settings: Settings) -> Filer {
    Filer::start(Settings { content: serde_json::from_str(SMALL).unwrap(), ..settings })
}

#[test]
fn check_says_release_and_svm_in_one_line() {
    for (ontap, release) in [(Ontap::V9_1, "9.1.0"), (Ontap::V9_15, "9.15.1")] {
        let filer = started(Settings { ontap, ..Settings::default() });
        let (code, stdout, stderr) = check(&filer, &filer.toml(""));
        assert_eq!((code, &*stderr), (0, ""));
        assert_eq!(
            stdout,
            format!("netapp: ok, NetApp Release {release}, SVM vs1, may read 2 volumes and 2 policies\n")
        );
    }
}

#[test]
fn check_of_an_svm_s_own_address_needs_no_name() {
    let filer = started(Settings { address: Address::Svm, ..Settings::default() });
    let toml = filer.toml("").replace("svm = \"vs1\"", "");
    let (code, stdout, stderr) = check(&filer, &toml);
    assert_eq!((code, &*stderr), (0, ""));
    assert!(
        stdout.starts_with("netapp: ok, ")
            && stdout.ends_with(", SVM vs1, may read 2 volumes and 2 policies\n"),
        "{stdout}"
    );
}

#[test]
fn check_explains_each_fault_of_a_filer_in_one_sentence() {
    let status = |status| FaultKind::Http { status };
    let errno = |errno, reason: &str| FaultKind::Errno { errno, reason: reason.into() };
    let rows = [
        (FaultKind::Hang, "within 300ms"),
        (FaultKind::CloseBefore, "the connection to 127.0.0.1 broke before its answer ended"),
        (FaultKind::Cut, "cannot be read"),
        (status(401), "127.0.0.1 refuses the account filerfs or its password (HTTP 401)"),
        (status(403), "127.0.0.1 does not let filerfs use its API (HTTP 403)"),
        (status(404), "127.0.0.1 has no such API (HTTP 404)"),
        (status(429), "127.0.0.1 has too many requests (HTTP 429)"),
        (status(503), "127.0.0.1 failed (HTTP 503 Service Unavailable)"),
        (errno(61253, "ZAPI is off"), "ZAPI is off"),
        (errno(13003, "Insufficient privileges"), "Insufficient privileges"),
    ];
    for (kind, words) in rows {
        let filer = Filer::small();
        let planted = filer.running.inject(Fault::new("*", kind));
        let (code, stdout, stderr) =
            check(&filer, &filer.toml("read_timeout = \"300ms\"\nchange_timeout = \"300ms\""));
        assert_eq!((code, &*stdout), (1, ""), "{stderr}");
        assert!(
            stderr.starts_with("filerfs: endpoint netapp: ") && stderr.contains(words),
            "{words}: {stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(planted.fired() > 0, "{words}");
    }
}

#[test]
fn check_explains_each_fault_of_a_configuration_in_one_sentence() {
    let filer = Filer::small();
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let own = format!("port = {}", filer.running.address().port());
    filer.file("wrong", "not-the-password\n");
    let rows = [
        (filer.toml("").replace(&own, &format!("port = {port}")), "127.0.0.1 cannot be reached"),
        (filer.toml("").replace("\"127.0.0.1\"", "\"filer.invalid\""), "filer.invalid cannot be reached"),
        (
            filer.toml("").replace("ca_file = \"filer.pem\"", ""),
            "the certificate of 127.0.0.1 is not trusted",
        ),
        (filer.toml("password_file = \"wrong\""), "127.0.0.1 refuses the account filerfs or its password"),
        (filer.toml("user = \"nobody\""), "127.0.0.1 refuses the account nobody or its password"),
        (filer.toml("svm = \"other\""), "Specified vserver not found"),
        (
            filer.toml("").replace("svm = \"vs1\"", ""),
            "127.0.0.1 is the address of a cluster, and no SVM is named; set svm; there are: vs1",
        ),
    ];
    for (toml, words) in rows {
        let (code, stdout, stderr) = check(&filer, &toml);
        assert_eq!((code, &*stdout), (1, ""), "{words}: {stderr}");
        assert!(
            stderr.starts_with("filerfs: endpoint netapp: ") && stderr.contains(words),
            "{words}: {stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn check_asks_every_endpoint() {
    let filer = Filer::small();
    let bad = filer.toml("user = \"nobody\"").replace("\"netapp\"", "\"bad\"");
    let worse = filer.toml("svm = \"other\"").replace("\"netapp\"", "\"worse\"");
    let (code, stdout, stderr) = check(&filer, &format!("{bad}{}{worse}", filer.toml("")));
    assert_eq!((code, stdout.lines().count(), stderr.lines().count()), (1, 1, 2), "{stdout}{stderr}");
    assert!(stdout.starts_with("netapp: ok, "), "{stdout}");
    assert!(stderr.contains("endpoint bad: ") && stderr.contains("endpoint worse: "), "{stderr}");
}
