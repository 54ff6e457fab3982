//! The mode of the console on standard input, and the width of that on standard error.

use std::io;
use std::os::windows::io::AsRawHandle;
use windows_sys::Win32::System::Console::{
    CONSOLE_SCREEN_BUFFER_INFO, GetConsoleMode, GetConsoleScreenBufferInfo, SetConsoleMode,
};

/// How the console on standard input is set; an error when there is none.
pub fn console_mode() -> io::Result<u32> {
    let mut mode = 0;
    // SAFETY: the handle is that of standard input, which nobody closes; `mode` is alive.
    match unsafe { GetConsoleMode(io::stdin().as_raw_handle(), &mut mode) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(mode),
    }
}

/// Sets the console on standard input.
pub fn set_console_mode(mode: u32) -> io::Result<()> {
    // SAFETY: the handle is that of standard input, which nobody closes.
    match unsafe { SetConsoleMode(io::stdin().as_raw_handle(), mode) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// How many columns of the console on standard error are seen.
pub fn console_columns() -> Option<usize> {
    let mut info = CONSOLE_SCREEN_BUFFER_INFO::default();
    // SAFETY: the handle is that of standard error, which nobody closes; `info` is alive.
    let found = unsafe { GetConsoleScreenBufferInfo(io::stderr().as_raw_handle(), &mut info) };
    let window = info.srWindow;
    let columns = i32::from(window.Right) - i32::from(window.Left) + 1;
    (found != 0)
        .then(|| usize::try_from(columns).ok())
        .flatten()
}
