//! A terminal: how wide it is, and without echo, for passwords.

use std::io;

/// How the terminal on standard input was set before [`hide_typing`].
#[derive(Clone)]
pub struct Shown(Mode);

/// Stops the echo of standard input. An error when that is not a terminal.
pub fn hide_typing() -> io::Result<Shown> {
    let mode = mode()?;
    set_mode(&hidden(&mode))?;
    Ok(Shown(mode))
}

/// Restores the echo.
pub fn show_typing(shown: &Shown) -> io::Result<()> {
    set_mode(&shown.0)
}

#[cfg(unix)]
type Mode = rustix::termios::Termios;

#[cfg(unix)]
fn mode() -> io::Result<Mode> {
    Ok(rustix::termios::tcgetattr(io::stdin())?)
}

#[cfg(unix)]
fn hidden(mode: &Mode) -> Mode {
    let mut hidden = mode.clone();
    hidden.local_modes -= rustix::termios::LocalModes::ECHO;
    hidden
}

#[cfg(unix)]
fn set_mode(mode: &Mode) -> io::Result<()> {
    use rustix::termios::{OptionalActions, tcsetattr};
    // What was typed before the prompt is discarded.
    Ok(tcsetattr(io::stdin(), OptionalActions::Flush, mode)?)
}

#[cfg(windows)]
type Mode = u32;

#[cfg(windows)]
fn mode() -> io::Result<Mode> {
    super::windows::console_mode()
}

/// Without `ENABLE_ECHO_INPUT`.
#[cfg(windows)]
fn hidden(mode: &Mode) -> Mode {
    mode & !0x0004
}

#[cfg(windows)]
fn set_mode(mode: &Mode) -> io::Result<()> {
    super::windows::set_console_mode(*mode)
}

/// How many columns the terminal on standard error has, if that is known.
pub fn columns() -> Option<usize> {
    columns_of_terminal().filter(|columns| *columns > 0)
}

#[cfg(unix)]
fn columns_of_terminal() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    Some(size.ws_col.into())
}

#[cfg(windows)]
fn columns_of_terminal() -> Option<usize> {
    super::windows::console_columns()
}
