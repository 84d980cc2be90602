//! An ONTAP filer through a real mount, against the same calls sent by a plain loop.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use filerfs::backend::{SnapshotName, StorageBackend, VolumeName};
use filerfs::backends::memory::Generate;
use filerfs::backends::ontap::zapi::Zapi;
use filerfs::backends::ontap::{Http, Secret, Server, Trust};
use filerfs::compose::compose;
use filerfs::config::Config;
use filerfs::logging::Silent;
use filerfs::mount::Mounted;
use filerfs::simulator::{Running, Settings, Simulator};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Volumes on the filer.
const VOLUMES: u32 = 1000;
/// Calls in flight at once.
const IN_FLIGHT: usize = 16;

/// A filer that takes this long for each call, and a mount of it.
struct Site {
    filer: Running,
    dir: TempDir,
    runtime: Runtime,
    mounted: Option<Mounted>,
}

impl Site {
    fn new(latency: Duration) -> Site {
        let content = Generate { volumes: VOLUMES, snapshots: 2 }.content();
        let filer = Simulator::start(Settings { content, latency, ..Settings::default() }).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, Settings::default().password).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::create_dir(dir.path().join("mnt")).unwrap();
        let file = dir.path().join("filerfs.toml");
        let text = format!(
            "[mount]\ncache_ttl = \"1h\"\n[[endpoint]]\nname = \"filer\"\nkind = \"ontap\"\nhost = \"127.0.0.1\"\n\
             port = {}\nsvm = \"vs1\"\nuser = \"filerfs\"\npassword_file = \"secret\"\nmax_calls = {IN_FLIGHT}\n\
             read_timeout = \"60s\"\ncertificate_sha256 = \"{}\"\n",
            filer.address().port(),
            filer.certificate_sha256()
        );
        std::fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let tree = Arc::new(compose(&config, &[], Box::new(Silent)).unwrap());
        let runtime = Runtime::new().unwrap();
        let mounted = Mounted::new(tree, &dir.path().join("mnt"), false, runtime.handle()).unwrap();
        Site { filer, dir, runtime, mounted: Some(mounted) }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("mnt").join(path)
    }

    /// The client alone.
    fn wire(&self) -> Zapi {
        let server = Server {
            host: "127.0.0.1".into(),
            port: self.filer.address().port(),
            user: "filerfs".into(),
            password: Secret::new(Settings::default().password),
            trust: Trust::Authorities(self.filer.certificate_pem().into()),
            timeout: Duration::from_secs(60),
        };
        Zapi::new(Http::new(server).unwrap(), Some("vs1".into()))
    }

    fn forget(&self) {
        std::fs::write(self.path(".ctl/refresh"), "\n").unwrap();
    }

    /// How long something took, and how many calls it made.
    fn timed<T>(&self, work: impl FnOnce() -> T) -> (Duration, u64) {
        let before: u64 = self.filer.calls().values().sum();
        let begun = Instant::now();
        work();
        (begun.elapsed(), self.filer.calls().values().sum::<u64>() - before)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mounted) = self.mounted.take() {
            let _ = self.runtime.block_on(mounted.unmount());
        }
    }
}

fn list(path: &Path) {
    assert!(Command::new("ls").arg("-l").arg(path).output().unwrap().status.success());
}

fn line(what: &str, (took, calls): (Duration, u64), wire: Option<Duration>) {
    let ms = took.as_secs_f64() * 1e3;
    let ratio = wire.map_or(String::new(), |wire| format!("{:.2}", took.as_secs_f64() / wire.as_secs_f64()));
    println!("| {what:52} | {ms:9.1} | {calls:6} | {ratio:>6} |");
}

fn main() {
    // cargo says --bench when it is to measure; otherwise everything is only seen to work.
    let measure = std::env::args().any(|arg| arg == "--bench");
    let ms = |ms| Duration::from_millis(if measure { ms } else { 1 });
    let callers = if measure { 500 } else { 5 };
    println!("| an ONTAP filer, {VOLUMES} volumes; 5 ms, then 100 ms a call | ms        | calls  | / wire |");
    println!("|------------------------------------------------------|----------:|-------:|-------:|");

    let site = Site::new(ms(5));
    let wire = site.wire();
    // The connection is there before anything is measured, for both.
    list(&site.path("filer/volumes"));
    site.runtime.block_on(wire.volumes()).unwrap();
    let (bare, _) = site.timed(|| site.runtime.block_on(wire.volumes()).unwrap());
    site.forget();
    line("ls -l of all volumes, cold", site.timed(|| list(&site.path("filer/volumes"))), Some(bare));
    line("ls -l of all volumes, warm", site.timed(|| list(&site.path("filer/volumes"))), None);

    let volume = VolumeName::new("vol00001").unwrap();
    let snapshot = |name: &str| SnapshotName::new(name).unwrap();
    let (bare, _) =
        site.timed(|| site.runtime.block_on(wire.create_snapshot(&volume, &snapshot("a"))).unwrap());
    let made = site.path("filer/volumes/vol00001/snapshots/b");
    std::fs::read_dir(site.path("filer/volumes/vol00001/snapshots")).unwrap().count();
    line("mkdir of a snapshot", site.timed(|| std::fs::create_dir(&made).unwrap()), Some(bare));

    let (bare, _) = site.timed(|| site.runtime.block_on(wire.get_volume(&volume)).unwrap());
    let read = || std::fs::read_to_string(site.path("filer/volumes/vol00001/size_used")).unwrap();
    site.forget();
    line("one attribute, cold", site.timed(read), Some(bare));
    line("one attribute, warm", site.timed(read), None);
    drop(site);

    let site = Site::new(ms(100));
    let all = |path: &(dyn Fn(usize) -> PathBuf + Sync)| {
        std::thread::scope(|threads| {
            for caller in 0..callers {
                threads.spawn(move || std::fs::read_to_string(path(caller)).unwrap());
            }
        });
    };
    // Each read of a volume is two calls: the volume, and its compression.
    let floor = ms(100) * 2 * callers as u32 / IN_FLIGHT as u32;
    std::fs::read_dir(site.path("filer")).unwrap().count();
    let distinct = |caller| site.path(&format!("filer/volumes/vol{:05}/size_used", caller + 1));
    let name = format!("{callers} callers, each another volume, {IN_FLIGHT} in flight");
    line(&name, site.timed(|| all(&distinct)), Some(floor));
    site.forget();
    let same = |_| site.path("filer/volumes/vol00900/size_used");
    line(&format!("{callers} callers, one volume"), site.timed(|| all(&same)), Some(ms(100) * 2));
}
