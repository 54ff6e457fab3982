//! Why a command failed.

use crate::config::ConfigError;
use crate::server::{OfflineError, StartError};
use std::error::Error;
use std::{fmt, io};

/// Why a command failed.
#[derive(Debug)]
pub enum CommandError {
    /// The arguments do not fit together. The program exits with 2.
    Usage(String),
    /// The configuration has errors; and what was therefore not done, if that is to be said.
    Config(Vec<ConfigError>, Option<&'static str>),
    /// The system refused something.
    System {
        /// What was to be done: `cannot write /etc/users`.
        what: String,
        /// Why it was not.
        source: io::Error,
    },
    /// Another room reports this.
    Other(Box<dyn Error + Send + Sync>),
}

impl CommandError {
    /// What makes an error of a system's: `result.map_err(CommandError::system("cannot ..."))`.
    pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> CommandError {
        let what = what.into();
        |source| CommandError::System { what, source }
    }
}

impl From<String> for CommandError {
    fn from(message: String) -> CommandError {
        CommandError::Other(message.into())
    }
}

impl From<StartError> for CommandError {
    fn from(error: StartError) -> CommandError {
        CommandError::Other(error.into())
    }
}

impl From<OfflineError> for CommandError {
    fn from(error: OfflineError) -> CommandError {
        CommandError::Other(error.into())
    }
}

impl From<Vec<ConfigError>> for CommandError {
    fn from(errors: Vec<ConfigError>) -> CommandError {
        CommandError::Config(errors, None)
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CommandError::System { source, .. } => Some(source),
            CommandError::Config(errors, _) => errors.first().map(|error| error as _),
            CommandError::Other(error) => error.source(),
            CommandError::Usage(_) => None,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Usage(message) => f.write_str(message),
            CommandError::Other(error) => error.fmt(f),
            CommandError::System { what, source } => write!(f, "{what}: {source}"),
            CommandError::Config(errors, consequence) => {
                f.write_str(&join_errors(errors))?;
                consequence.map_or(Ok(()), |consequence| write!(f, "\n{consequence}"))
            }
        }
    }
}

/// Errors as the text of one: a line each, which the command line starts with `error: `.
fn join_errors(errors: &[ConfigError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\nerror: ")
}
