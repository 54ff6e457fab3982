//! What is reported about a configuration: errors, which stop the start, and notices, which do not. Each is
//! one line that names the place, the key, what was found and what would be right.

use crate::yaml::Provenance;
use std::fmt;

/// One thing that is wrong and stops the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it is.
    pub provenance: Provenance,
    /// The key (`http.addr`); empty when it is about the whole file.
    pub key: String,
    /// What was found and what is allowed.
    pub message: String,
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something that was asked for will not be done.
    Warning,
    /// Nothing is lost, but it is good to know.
    Note,
}

/// One thing to know; the program starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// Where it is.
    pub provenance: Provenance,
    /// The key; empty for an unknown variable.
    pub key: String,
    /// What will not happen, and why.
    pub message: String,
}

impl ConfigError {
    /// An error about a file as a whole.
    pub(super) fn in_file(name: impl Into<String>, message: impl Into<String>) -> ConfigError {
        ConfigError {
            provenance: Provenance::File(name.into()),
            key: String::new(),
            message: message.into(),
        }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_line(f, &self.provenance, &self.key, &self.message)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_line(f, &self.provenance, &self.key, &self.message)
    }
}

/// Writes `provenance: key: message` on one line, whatever the parts contain.
fn write_line(
    f: &mut fmt::Formatter<'_>,
    provenance: &Provenance,
    key: &str,
    message: &str,
) -> fmt::Result {
    let separator = if key.is_empty() { "" } else { ": " };
    let text = format!("{provenance}: {key}{separator}{message}");
    for c in text.chars() {
        match c.is_control() {
            true => write!(f, "{}", c.escape_default())?,
            false => write!(f, "{c}")?,
        }
    }
    Ok(())
}
