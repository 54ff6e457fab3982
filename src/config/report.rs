//! What is said about a configuration: errors, which stop the start, and notices, which do not.
//! Each is one line that names the place, the key, what was found and what would be right.

use std::fmt;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// A line and column of a file, both from 1.
    Line {
        /// The file, as it was named.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A file as a whole.
    File(String),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Provenance::Line { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Provenance::File(name) | Provenance::Variable(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong and stops the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it stands.
    pub place: Provenance,
    /// The key, dotted (`http.addr`); empty when it is about the whole file.
    pub key: String,
    /// What was found and what is allowed.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, &self.place, &self.key, &self.message)
    }
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something asked for will not be done.
    Warning,
    /// Nothing is lost, but it is good to know.
    Note,
}

/// One thing to know; the program starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// Where it stands.
    pub place: Provenance,
    /// The key, dotted; empty for an unknown variable.
    pub key: String,
    /// What will not happen, and why.
    pub message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, &self.place, &self.key, &self.message)
    }
}

/// Writes `place: key: message` on one line, whatever the parts hold.
fn line(f: &mut fmt::Formatter<'_>, place: &Provenance, key: &str, message: &str) -> fmt::Result {
    let mut text = format!("{place}: ");
    if !key.is_empty() {
        text.push_str(key);
        text.push_str(": ");
    }
    text.push_str(message);
    for c in text.chars() {
        if c.is_control() {
            write!(f, "{}", c.escape_default())?;
        } else {
            write!(f, "{c}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_line_whatever_it_quotes() {
        let mistake = ConfigError {
            place: Provenance::Variable("REGISTRY_LOG_LEVEL".to_owned()),
            key: "log.level".to_owned(),
            message: "found `a\nb\u{1b}[0m`".to_owned(),
        };
        let text = mistake.to_string();
        assert_eq!(
            text,
            "REGISTRY_LOG_LEVEL: log.level: found `a\\nb\\u{1b}[0m`"
        );
    }
}
