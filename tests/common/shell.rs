//! Real shells and tools, run in a mount.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The shells that an administrator may have.
pub const SHELLS: [&[&str]; 4] = [&["bash"], &["dash"], &["zsh", "-f"], &["busybox", "sh"]];

/// What a script did.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a script with `set -e` semantics as the script itself says, in this directory.
pub fn run(shell: &[&str], dir: &Path, script: &str) -> Ran {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg("-c").arg(script);
    command.current_dir(dir).env("LC_ALL", "C").stdin(Stdio::null());
    ran(command
        .output()
        .unwrap_or_else(|e| panic!("{} cannot be run: {e}; scripts/test installs it", shell[0])))
}

/// Runs a script in bash.
pub fn bash(dir: &Path, script: &str) -> Ran {
    run(SHELLS[0], dir, script)
}

/// What came of a command.
pub fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
