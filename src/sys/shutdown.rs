//! Requests to stop the program.

use std::io;
use std::time::Duration;

/// Called when the program is to stop, with the time after which the system ends it by itself,
/// where there is one.
pub type StopAction = Box<dyn FnMut(Option<Duration>) + Send>;

/// Calls `action` on SIGINT, SIGTERM or SIGHUP, and on Windows at Ctrl-C, Ctrl-Break, the closing of
/// the console, logoff and system shutdown. It runs on a thread of its own, each time a signal comes. An
/// error when a handler was already set or no thread could be started.
#[cfg(unix)]
pub fn on_shutdown_signal(mut action: StopAction) -> io::Result<()> {
    ctrlc::set_handler(move || action(None)).map_err(io::Error::other)
}

/// See the twin. When the console is closed, at logoff and at shutdown the process lives until it ends by itself, or until
/// the system ends it.
#[cfg(windows)]
pub fn on_shutdown_signal(action: StopAction) -> io::Result<()> {
    super::windows::on_event(action)
}
