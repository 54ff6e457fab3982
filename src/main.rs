//! The `registry` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    registry::cli::run(std::env::args_os())
}
