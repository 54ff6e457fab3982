//! What can go wrong with credentials, and with what they are checked against.

use std::fmt;
use std::path::PathBuf;

/// Why a client's credentials were not accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum CredentialsError {
    /// They are malformed or wrong; the text is for the log and never holds a password.
    Invalid(String),
    /// Too many passwords are being checked.
    Busy {
        /// When to try again (`Retry-After`).
        retry_seconds: u64,
    },
}

/// Why users or keys cannot be used.
#[derive(Debug)]
pub enum OpenError {
    /// The system provides no random numbers.
    NoRandomNumbers,
    /// A file that the configuration names.
    File {
        /// Which file.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// What is wrong with it, in words that follow a colon.
        reason: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::NoRandomNumbers => out.write_str("the system provides no random numbers"),
            OpenError::File { path, key, reason } => {
                write!(out, "cannot use {} ({key}): {reason}", path.display())
            }
        }
    }
}

impl std::error::Error for OpenError {}
