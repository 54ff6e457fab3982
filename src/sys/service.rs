//! Services: programs that the system itself starts, stops and starts again. Windows has a manager of
//! them that a program talks to; elsewhere that is done by signals, and every function here is an error.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Whether there is such a manager.
pub const AVAILABLE: bool = cfg!(windows);

/// What the manager is to know of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it is called by, in commands.
    pub name: String,
    /// What lists of services show.
    pub title: String,
    /// A sentence about it.
    pub description: String,
    /// The program, with its whole path.
    pub program: PathBuf,
    /// The program's arguments.
    pub arguments: Vec<OsString>,
    /// The account it runs as, one that has no password.
    pub account: String,
    /// The pauses before it is started again after its first failures, and after each that follows the
    /// last pause's.
    pub restart_pauses: Vec<Duration>,
    /// After so long without a failure the first pause counts again.
    pub failures_forgotten: Duration,
}

/// What a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Nothing.
    Stopped,
    /// It is about to run.
    Starting,
    /// It runs.
    Running,
    /// It finishes what it was at.
    Stopping,
}

/// What the manager knows of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceReport {
    /// What it does.
    pub state: RunState,
    /// The number of its process; `None` when there is none.
    pub process: Option<u32>,
    /// The program and its arguments as they are called.
    pub command: String,
    /// The account it runs as.
    pub account: String,
}

/// What a service is there for: called once, told by [`Manager`] when to end; the error is its failure.
pub type Work = Box<dyn FnOnce(&Manager) -> Result<(), String> + Send>;

#[cfg(windows)]
pub use super::windows::service::{Manager, install, run, start, status, stop, uninstall};

#[cfg(unix)]
mod none;
#[cfg(unix)]
pub use none::{Manager, install, run, start, status, stop, uninstall};
