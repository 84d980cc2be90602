//! The command `filerfs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    filerfs::cli::run()
}
