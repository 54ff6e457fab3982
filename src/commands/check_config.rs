//! `registry check-config`: says whether a registry could start with a configuration, and what it comes to.
//!
//! It reads what a start reads and touches nothing.

use crate::config::{Notice, Severity};
use crate::logging;
use crate::server;
use std::io::Write;
use std::path::PathBuf;

/// Writes the resolved configuration (secrets masked) to `out` and what is to be known about it to
/// `err`; or every mistake, in it or in what it names, to `err`. Gives whether there was none.
pub fn run(
    named: Option<PathBuf>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> std::io::Result<bool> {
    match super::load_or_search(named) {
        Ok((config, notices)) => {
            // What is warned of at the start is warned of here.
            logging::init_plain();
            for notice in &notices {
                writeln!(err, "{}: {notice}", severity(notice))?;
            }
            let errors = server::check(&config);
            for mistake in &errors {
                writeln!(err, "error: {mistake}")?;
            }
            if !errors.is_empty() {
                return Ok(false);
            }
            out.write_all(config.render().as_bytes())?;
            out.flush()?;
            Ok(true)
        }
        Err(errors) => {
            for mistake in &errors {
                writeln!(err, "error: {mistake}")?;
            }
            Ok(false)
        }
    }
}

fn severity(notice: &Notice) -> &'static str {
    match notice.severity {
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
