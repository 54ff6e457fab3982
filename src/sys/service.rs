//! Services: programs that the system starts, stops and restarts. Windows has a service manager
//! that programs talk to; elsewhere signals do, and every function here is an error.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Whether there is a service manager.
pub const AVAILABLE: bool = cfg!(windows);

/// A service to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name in commands.
    pub name: String,
    /// Its name in lists of services.
    pub title: String,
    /// One sentence that describes it.
    pub description: String,
    /// The absolute path of the program.
    pub program: PathBuf,
    /// The program's arguments.
    pub arguments: Vec<OsString>,
    /// The account it runs as, one that has no password.
    pub account: String,
    /// The pauses before it is restarted after its first failures; the last one applies to all further
    /// failures.
    pub restart_pauses: Vec<Duration>,
    /// After so long without a failure the first pause applies again.
    pub failures_forgotten: Duration,
}

/// Whether a service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It does not run.
    Stopped,
    /// It is starting.
    Starting,
    /// It runs.
    Running,
    /// It is finishing what is in flight.
    Stopping,
}

/// What the service manager knows about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceReport {
    /// Whether it runs.
    pub state: RunState,
    /// Its process id; `None` when it does not run.
    pub process: Option<u32>,
    /// Its command line.
    pub command: String,
    /// The account it runs as.
    pub account: String,
}

/// The work of a service: called once; [`Manager`] says when to stop; an error is a failure of the service.
pub type Work = Box<dyn FnOnce(&Manager) -> Result<(), String> + Send>;

#[cfg(windows)]
pub use super::windows::service::{Manager, install, run, start, status, stop, uninstall};

#[cfg(unix)]
mod none;
#[cfg(unix)]
pub use none::{Manager, install, run, start, status, stop, uninstall};
