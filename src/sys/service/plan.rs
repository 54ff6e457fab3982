//! What is said to a service manager, and what it says.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

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
