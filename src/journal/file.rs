//! The file of a journal: opened by one process, appended to whole lines at a time, begun anew when it is large.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, Flock, FlockArg, fallocate};

use super::line::{Intent, Line, OUTCOME_ROOM, VERSION};
use super::read::{Found, read};

/// Room is asked of the disk in such pieces.
const PIECE: u64 = 64 << 10;

/// Why there is no journal. One sentence each, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system says no.
    #[error("the journal {} cannot be opened: {}", .0.display(), .1)]
    System(PathBuf, io::Error),
    /// Another daemon writes it.
    #[error("another filerfs writes the journal {}; unmount it first, or give this mount one of its own: path in [journal]", .0.display())]
    Busy(PathBuf),
    /// Others could write it or put another in its place.
    #[error("{} {}; accepted: what belongs to us or root, and nobody else can write", .0.display(), .1)]
    Exposed(PathBuf, &'static str),
    /// It is of a version that is not known here.
    #[error("the journal {} has format {}, and this filerfs knows {VERSION}; move it away, or use the filerfs that wrote it", .0.display(), .1)]
    Version(PathBuf, u64),
    /// It is no journal, or not as it was written.
    #[error("the journal {} is damaged in line {}; nothing was overwritten; mend it, or move it away", .0.display(), .1)]
    Damaged(PathBuf, usize),
}

/// An open journal.
#[derive(Debug)]
pub struct JournalFile {
    path: PathBuf,
    file: Flock<File>,
    /// Where the next line goes.
    end: u64,
    /// Up to here the disk has room for us.
    reserved: u64,
    /// Something may stand behind the end.
    torn: bool,
    /// What the disk has is not certain: it goes on in a new file.
    suspect: bool,
    rotate_at: u64,
    /// At this size the next file is begun.
    full_at: u64,
    /// What was begun and has no outcome.
    open: Vec<Intent>,
}

impl JournalFile {
    /// Opens or makes a journal; also what was begun in it and has no outcome.
    pub fn open(path: &Path, rotate_at: u64) -> Result<(JournalFile, Vec<Intent>), OpenError> {
        let system = |error| OpenError::System(path.into(), error);
        let dir = dir_of(path);
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(system)?;
        private(dir, &fs::metadata(dir).map_err(system)?)?;
        let file = locked(path)?;
        private(path, &file.metadata().map_err(system)?)?;
        let mut bytes = Vec::new();
        (&*file).read_to_end(&mut bytes).map_err(system)?;
        let Found { end, open } = read(path, &bytes)?;
        let mut journal = JournalFile {
            path: path.to_owned(),
            file,
            end,
            reserved: end,
            torn: true,
            suspect: false,
            rotate_at,
            full_at: rotate_at,
            open: open.clone(),
        };
        let begun = if end == 0 { header().and_then(|text| journal.write(&text)) } else { Ok(()) };
        begun.and_then(|()| journal.file.sync_all()).and_then(|()| sync_dir(path)).map_err(system)?;
        Ok((journal, open))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends these lines, all or none.
    pub fn append<'a>(&mut self, lines: impl Iterator<Item = &'a Line> + Clone) -> io::Result<()> {
        if self.suspect {
            self.rotate()?;
        } else if self.end >= self.full_at
            && let Err(error) = self.rotate()
        {
            tracing::warn!(path = %self.path.display(), %error, "the journal cannot be begun anew, and grows");
            self.full_at = self.end + self.rotate_at;
        }
        let text = lines.clone().map(Line::text).collect::<io::Result<String>>()?;
        let begun = lines.clone().filter(|line| matches!(line, Line::Intent(_))).count();
        // Whatever is begun can be ended, though the disk is full by then.
        if begun > 0 {
            self.reserve(text.len() as u64 + (self.open.len() + begun) as u64 * OUTCOME_ROOM)?;
        }
        self.write(&text)?;
        for line in lines {
            if let Line::Outcome(outcome) = line {
                self.open.retain(|intent| intent.id != outcome.id);
            }
        }
        Ok(())
    }

    /// Brings what was appended to the disk: these lines.
    pub fn sync<'a>(&mut self, lines: impl Iterator<Item = &'a Line>) -> io::Result<()> {
        if let Err(error) = self.file.sync_data() {
            // The kernel may have dropped what it could not write: another sync would say nothing of it.
            self.suspect = true;
            return Err(error);
        }
        for line in lines {
            if let Line::Intent(intent) = line {
                self.open.push(intent.clone());
            }
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.end)?;
            (self.torn, self.reserved) = (false, self.end);
        }
        if let Err(error) = self.file.write_all_at(text.as_bytes(), self.end) {
            self.torn = true;
            return Err(error);
        }
        self.end += text.len() as u64;
        self.reserved = self.reserved.max(self.end);
        Ok(())
    }

    /// Sees to it that so much can be appended.
    fn reserve(&mut self, more: u64) -> io::Result<()> {
        let short = (self.end + more).saturating_sub(self.reserved);
        if short == 0 {
            return Ok(());
        }
        let ask = |size: u64| loop {
            let (from, size) = (self.reserved.cast_signed(), size.cast_signed());
            match fallocate(&*self.file, FallocateFlags::FALLOC_FL_KEEP_SIZE, from, size) {
                Err(Errno::EINTR) => {}
                // Not every file system can; then a write may find the disk full.
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS) | Ok(()) => return Ok(()),
                Err(error) => return Err(io::Error::from(error)),
            }
        };
        let size = match ask(short.max(PIECE)) {
            Ok(()) => short.max(PIECE),
            Err(_) => ask(short).map(|()| short)?,
        };
        self.reserved += size;
        Ok(())
    }

    /// Goes on in a new file, with what is not ended. There is always one of the name that is whole.
    fn rotate(&mut self) -> io::Result<()> {
        let (new, old) = (beside(&self.path, ".new"), beside(&self.path, ".1"));
        let remove = |path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        remove(&new)?;
        let file = options().create_new(true).open(&new)?;
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error)?;
        let open = self.open.iter().map(|intent| Line::Intent(intent.clone()).text());
        let text = std::iter::once(header()).chain(open).collect::<io::Result<String>>()?;
        file.write_all_at(text.as_bytes(), 0)?;
        file.sync_all()?;
        remove(&old)?;
        fs::hard_link(&self.path, &old)?;
        crate::crash::point("before-rename", "rotate");
        fs::rename(&new, &self.path)?;
        crate::crash::point("after-rename", "rotate");
        let end = text.len() as u64;
        (self.file, self.end, self.reserved, self.torn) = (file, end, end, false);
        // Many that are open must not make each line a new file.
        self.full_at = end + self.rotate_at;
        // What is appended from now on is lost with the new name if the directory is not on the disk.
        self.suspect = true;
        sync_dir(&self.path)?;
        self.suspect = false;
        Ok(())
    }
}

fn header() -> io::Result<String> {
    Line::Journal { version: VERSION }.text()
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options
}

/// The file, as long as nobody else has it.
fn locked(path: &Path) -> Result<Flock<File>, OpenError> {
    let system = |error| OpenError::System(path.into(), error);
    loop {
        let file = options().create(true).open(path).map_err(system)?;
        let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((_, Errno::EWOULDBLOCK)) => return Err(OpenError::Busy(path.into())),
            Err((_, error)) => return Err(system(error.into())),
        };
        // Whoever had it may have gone on in a new file between the two.
        let there = fs::symlink_metadata(path).map_err(system)?;
        if there.ino() == file.metadata().map_err(system)?.ino() {
            return Ok(file);
        }
    }
}

/// What nobody but us and root can change.
fn private(path: &Path, meta: &fs::Metadata) -> Result<(), OpenError> {
    let exposed = |why| Err(OpenError::Exposed(path.into(), why));
    if meta.uid() != 0 && meta.uid() != nix::unistd::geteuid().as_raw() {
        return exposed("belongs to another user");
    }
    if meta.mode() & 0o022 != 0 {
        return exposed("can be written by others");
    }
    if meta.is_file() && meta.mode() & 0o077 != 0 {
        return exposed("can be read by others");
    }
    if meta.is_file() || meta.is_dir() { Ok(()) } else { exposed("is no file") }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(dir_of(path))?.sync_all()
}
