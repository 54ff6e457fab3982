//! Services: programs that the system starts, stops and restarts. Windows has a service manager
//! that programs talk to; elsewhere signals do, and every function here is an error.

/// Whether there is a service manager.
pub const AVAILABLE: bool = cfg!(windows);

#[cfg(unix)]
mod none;
pub(super) mod plan;

#[cfg(windows)]
pub use super::windows::service::{Manager, Work, install, run, start, status, stop, uninstall};
#[cfg(unix)]
pub use none::{Manager, Work, install, run, start, status, stop, uninstall};
pub use plan::{Plan, RunState, ServiceReport};
