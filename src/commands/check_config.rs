//! `registry check-config`: says whether a configuration is right, and what it comes to.

use crate::config::{Notice, Severity};
use std::io::Write;
use std::path::PathBuf;

/// Writes the resolved configuration (secrets masked) to `out` and what is to be known about it to
/// `err`; or every mistake to `err`. Gives whether there was none.
pub fn run(
    named: Option<PathBuf>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> std::io::Result<bool> {
    match super::load_or_search(named) {
        Ok((config, notices)) => {
            for notice in &notices {
                writeln!(err, "{}: {notice}", severity(notice))?;
            }
            out.write_all(config.render().as_bytes())?;
            out.flush()?;
            Ok(true)
        }
        Err(mistakes) => {
            for mistake in &mistakes {
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
