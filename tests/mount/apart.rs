//! What is applied when a file is closed, by a process of its own: of a process with several threads another may start a
//! program meanwhile, which closes its copy of the file first, and the error is told to that.

use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::OFlag;

const WRITE: &str = "
import os, sys
try:
    file = os.open(sys.argv[1], os.O_WRONLY | int(sys.argv[3]))
    os.write(file, sys.argv[2].encode())
    os.close(file)
except OSError as error:
    sys.exit(error.errno)";

/// Opens, writes and closes.
pub fn write_apart(path: &Path, text: &str, flags: OFlag) -> nix::Result<()> {
    let mut python = Command::new("python3");
    python.args(["-c", WRITE]).arg(path).args([text, &flags.bits().to_string()]);
    match python.status().unwrap().code().unwrap() {
        0 => Ok(()),
        errno => Err(Errno::from_raw(errno)),
    }
}
