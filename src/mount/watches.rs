//! inotify: the kernel tells watchers what is done through the mount; what others do on the filer, this tells.
//!
//! FUSE has no message for it. But the kernel tells of a touch, whoever does it: so what has changed is touched,
//! by a program of its own, as a daemon that waits for its own mount could not be killed. Only what somebody
//! watches is looked at, so that nobody else pays for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mountpoint::device;
use crate::tree::{Print, Tree};

/// What is watched is looked at so often in the time that an answer may be remembered.
const LOOKS: u32 = 10;
/// But not more often.
const LEAST: Duration = Duration::from_millis(50);

/// Who watches is looked for in no more than this part of the time: a host may have very many open files.
const PART: u32 = 50;

/// Tells watchers of what others change, until it is dropped.
pub async fn announce(tree: Arc<Tree>, point: PathBuf) {
    let pause = (tree.shared.options.cache_ttl / LOOKS).max(LEAST);
    let Some(device) = device(&point) else { return };
    let mut known: BTreeMap<u64, BTreeMap<String, Print>> = BTreeMap::new();
    loop {
        let begun = Instant::now();
        // A mount of which the kernel knows the root alone is not watched.
        let watched = match tree.inodes.len() {
            0 | 1 => BTreeSet::new(),
            _ => tokio::task::spawn_blocking(move || watched(device)).await.unwrap_or_default(),
        };
        known.retain(|ino, _| watched.contains(ino));
        for _ in 0..looks(begun.elapsed(), pause) {
            if !watched.is_empty() {
                let changed = look(&tree, &watched, &mut known).await;
                let point = point.clone();
                let _ = tokio::task::spawn_blocking(move || touch(&point, &changed)).await;
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// How often what is watched is looked at before it is asked again who watches, if to ask took so long.
fn looks(asking: Duration, pause: Duration) -> u32 {
    LOOKS.max((asking * PART).div_duration_f64(pause) as u32)
}

/// The inode numbers on this device that somebody watches, as far as processes can be seen from here.
fn watched(device: u64) -> BTreeSet<u64> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes =
        processes.filter(|p| p.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit));
    let open =
        processes.flat_map(|process| fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten());
    let inotify =
        open.filter(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == Path::new("anon_inode:inotify")));
    let mut inodes = BTreeSet::new();
    for fd in inotify {
        let info = fd.path().parent().and_then(Path::parent).map(|p| p.join("fdinfo").join(fd.file_name()));
        let info = info.and_then(|info| fs::read_to_string(info).ok()).unwrap_or_default();
        inodes.extend(info.lines().filter_map(|line| watch(line, device)));
    }
    inodes
}

/// `inotify wd:1 ino:1f sdev:2d mask:2 ...`, of this device.
fn watch(line: &str, device: u64) -> Option<u64> {
    let field = |name: &str| {
        let value = line.strip_prefix("inotify ")?.split(' ').find_map(|field| field.strip_prefix(name))?;
        u64::from_str_radix(value, 16).ok()
    };
    (field("sdev:")? == device).then(|| field("ino:")).flatten()
}

/// What is other than at the last look: paths below the mount, and whether each is a directory.
async fn look(
    tree: &Tree,
    watched: &BTreeSet<u64>,
    known: &mut BTreeMap<u64, BTreeMap<String, Print>>,
) -> BTreeSet<(bool, String)> {
    let mut changed = BTreeSet::new();
    for ino in watched {
        let Some(prints) = tree.prints(*ino).await else { continue };
        let now: BTreeMap<_, _> = prints.into_iter().map(|print| (print.path.clone(), print)).collect();
        let Some(before) = known.insert(*ino, now) else { continue };
        let now = &known[ino];
        let other = now.values().filter(|print| before.get(&print.path) != Some(print));
        changed.extend(other.map(|print| (print.is_dir, print.path.clone())));
        // Of a name that is gone only the directory can tell.
        let gone = before.keys().filter(|path| !now.contains_key(*path));
        changed.extend(gone.filter_map(|path| Some((true, path.rsplit_once('/')?.0.to_owned()))));
    }
    changed
}

/// Watchers of a file see that it was modified, those of a directory a change of its attributes.
fn touch(point: &Path, changed: &BTreeSet<(bool, String)>) {
    for of_dirs in [true, false] {
        let mut paths = changed.iter().filter(|(is_dir, _)| *is_dir == of_dirs).peekable();
        if paths.peek().is_none() {
            continue;
        }
        let mut touch = Command::new("touch");
        touch.arg("-c").args((!of_dirs).then_some("-m")).arg("--");
        touch.args(paths.map(|(_, path)| point.join(path)));
        touch.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Err(error) = touch.status() {
            tracing::warn!(%error, "watchers cannot be told of changes, as touch cannot be run");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LOOKS, looks, watch};

    #[test]
    fn who_watches_is_asked_less_often_the_longer_it_takes() {
        let pause = Duration::from_millis(200);
        assert_eq!(looks(Duration::from_millis(2), pause), LOOKS);
        assert_eq!(looks(Duration::from_millis(40), pause), LOOKS);
        assert_eq!(looks(Duration::from_millis(400), pause), 10 * LOOKS);
    }

    #[test]
    fn watches_of_this_device_are_found() {
        let line =
            "inotify wd:1 ino:1fe sdev:2d mask:fce ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:00";
        assert_eq!(watch(line, 0x2d), Some(0x1fe));
        assert_eq!(watch(line, 0x2e), None);
        assert_eq!(watch("pos:\t0", 0x2d), None);
    }
}
