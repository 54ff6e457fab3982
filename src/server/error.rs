//! Why a registry does not start.

use crate::auth::OpenError;
use crate::http::tls::TlsConfigError;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// Why a registry does not start. Each names the key of the configuration that it is about.
#[derive(Debug)]
pub enum StartError {
    /// The users or keys cannot be read (`auth`).
    Users(OpenError),
    /// The certificate, its key or the authorities cannot be used (`http.tls`).
    Tls(TlsConfigError),
    /// The address cannot be listened on (`http.addr`).
    Address(Box<dyn Error + Send + Sync>),
    /// The directory of the data cannot be used (`storage.filesystem.rootdirectory`).
    Data {
        /// The directory.
        root_directory: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Users(error) => error.fmt(out),
            StartError::Tls(error) => error.fmt(out),
            StartError::Address(error) => write!(out, "{error} (http.addr)"),
            StartError::Data {
                root_directory,
                source,
            } => {
                let root = root_directory.display();
                write!(
                    out,
                    "cannot use {root} as storage.filesystem.rootdirectory: {source}"
                )
            }
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StartError::Users(error) => Some(error),
            StartError::Tls(error) => Some(error),
            StartError::Address(source) | StartError::Data { source, .. } => Some(&**source),
        }
    }
}
