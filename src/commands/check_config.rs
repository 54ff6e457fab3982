//! `registry check-config`: says whether a registry could start with a configuration, and prints what the
//! configuration amounts to.
//!
//! It reads what a start reads and changes nothing.

use crate::config::Severity;
use crate::logging;
use crate::server;
use argh::FromArgs;
use std::io::{self, Write};
use std::path::PathBuf;

/// Print the effective configuration: the file with the environment applied and every default filled in, secrets
/// masked; or print every error. Whatever else would keep `serve` from starting, such as a certificate without
/// its key, is an error too. Nothing is changed.
#[derive(FromArgs)]
#[argh(subcommand, name = "check-config")]
#[argh(example = "{command_name} config.yml")]
pub struct CheckConfigOptions {
    /// the configuration file; default: as for `registry serve`
    #[argh(positional)]
    config: Option<PathBuf>,
}

/// Writes the effective configuration (secrets masked) to `out` and notices to `err`; or every error, in it or
/// in what it names, to `err`. Returns whether there was none.
pub fn execute(
    options: CheckConfigOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<bool> {
    let (config, notices) = match super::load_or_search(options.config) {
        Ok(loaded) => loaded,
        Err(errors) => {
            for error in &errors {
                writeln!(err, "error: {error}")?;
            }
            return Ok(false);
        }
    };
    // What the start warns of is warned of here.
    logging::init_plain();
    for notice in &notices {
        let severity = match notice.severity {
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        writeln!(err, "{severity}: {notice}")?;
    }
    let errors = server::check(&config);
    for error in &errors {
        writeln!(err, "error: {error}")?;
    }
    if !errors.is_empty() {
        return Ok(false);
    }
    out.write_all(config.render().as_bytes())?;
    out.flush()?;
    Ok(true)
}
