//! Clients that others wrote drive the simulator: what they are content with, ours may rely on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use filerfs::backends::memory::Generate;
use filerfs::simulator::{Settings, Simulator};

/// The client, its release pinned, and what it needs.
const NETAPP_LIB: &str = "netapp-lib==2021.6.25";

/// A Python that has the client, made once below the target folder.
fn python() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("netapp-lib");
    let python = home.join("bin/python");
    let ready = |python: &Path| {
        let tried = Command::new(python).args(["-c", "import netapp_lib.api.zapi.zapi"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    if !ready(&python) {
        let _ = fs::remove_dir_all(&home);
        run(Command::new("python3").args(["-m", "venv"]).arg(&home));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", NETAPP_LIB]));
        assert!(ready(&python), "{NETAPP_LIB} is installed and cannot be imported");
    }
    python
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    out.into_owned()
}

#[test]
fn netapp_lib_drives_the_simulator() {
    let settings =
        Settings { content: Generate { volumes: 60, snapshots: 0 }.content(), ..Settings::default() };
    let simulator = Simulator::start(settings).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("certificate.pem");
    fs::write(&certificate, simulator.certificate_pem()).unwrap();
    let steps = run(Command::new(python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/netapp_lib_steps.py"))
        .arg(simulator.address().port().to_string())
        .env("SSL_CERT_FILE", &certificate));
    print!("{steps}");
    assert!(steps.ends_with("all steps done\n"), "{steps}");
    let calls = simulator.calls();
    for call in
        ["volume-create", "volume-size", "snapshot-create", "volume-clone-create", "export-rule-create"]
    {
        assert!(calls.contains_key(call), "{call} is not among {calls:?}");
    }
    assert!(calls["unauthorized"] > 0, "this client sends its password only when challenged");
}
