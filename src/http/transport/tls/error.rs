//! Why the settings of `http.tls` cannot be used.

use super::explain::webpki_error;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// What is wrong with the settings of `http.tls`, or with the files they name.
#[derive(Debug)]
pub enum TlsConfigError {
    /// A file cannot be used.
    File {
        /// The key in the configuration that names it.
        key: &'static str,
        /// Its path.
        path: PathBuf,
        /// What is wrong with it, and what is expected.
        reason: Cow<'static, str>,
    },
    /// The authorities for clients cannot be used together.
    Authorities(webpki::Error),
    /// rustls cannot serve with these settings.
    Rustls(rustls::Error),
}

impl TlsConfigError {
    pub(super) fn from_file(
        key: &'static str,
        path: &Path,
        reason: impl Into<Cow<'static, str>>,
    ) -> TlsConfigError {
        TlsConfigError::File {
            key,
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsConfigError::File { key, path, reason } => {
                write!(out, "{key}: {} {reason}", path.display())
            }
            TlsConfigError::Authorities(error) => {
                write!(out, "http.tls.clientcas: {}", webpki_error(error))
            }
            TlsConfigError::Rustls(error) => write!(out, "http.tls: {error}"),
        }
    }
}

impl Error for TlsConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TlsConfigError::File { .. } => None,
            TlsConfigError::Authorities(error) => Some(error),
            TlsConfigError::Rustls(error) => Some(error),
        }
    }
}
