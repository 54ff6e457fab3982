//! Console events of Windows: Ctrl-C, Ctrl-Break, and the imminent end of the process.

use crate::sync::Mutex;
use crate::sys::StopAction;
use std::io;
use std::time::Duration;
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT,
    SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;
use windows_sys::core::BOOL;

/// How long a program may still work when it is about to be ended. The system ends it five seconds
/// after the event: one is for connections that are cut and do not end at once, one for what comes after.
const LAST_WORK_MAX: Duration = Duration::from_secs(3);
/// The session of services. Nobody ever logs on there, so a logoff is that of somebody else.
const SERVICES_SESSION: u32 = 0;

static ACTION: Mutex<Option<StopAction>> = Mutex::new(None);

/// Calls `action` at each event that asks to stop, on a thread that the system starts.
pub fn on_event(action: StopAction) -> io::Result<()> {
    let mut place = ACTION.lock();
    if place.is_some() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // SAFETY: a function of this program, which is there as long as the process is.
    if unsafe { SetConsoleCtrlHandler(Some(handle), 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    *place = Some(action);
    Ok(())
}

/// What an event means.
#[derive(Debug, PartialEq)]
enum Meaning {
    /// Stop, in as much time as it takes.
    Stop,
    /// Stop, in no more time than this; when the handler returns the system ends the process.
    StopWithin(Duration),
    /// Nothing for this process.
    Nothing,
    /// Unknown: left to other handlers.
    Unknown,
}

/// Takes an event and the session of this process.
fn meaning(event: u32, session: u32) -> Meaning {
    match event {
        CTRL_C_EVENT | CTRL_BREAK_EVENT => Meaning::Stop,
        CTRL_LOGOFF_EVENT if session == SERVICES_SESSION => Meaning::Nothing,
        CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT => {
            Meaning::StopWithin(LAST_WORK_MAX)
        }
        _ => Meaning::Unknown,
    }
}

unsafe extern "system" fn handle(event: u32) -> BOOL {
    match meaning(event, own_session()) {
        Meaning::Stop => act(None),
        Meaning::StopWithin(longest) => {
            act(Some(longest));
            // Returning ends the process; finishing what is in flight comes first.
            loop {
                std::thread::park();
            }
        }
        Meaning::Nothing => {}
        Meaning::Unknown => return 0,
    }
    1
}

fn act(longest: Option<Duration>) {
    let mut action = ACTION.lock();
    if let Some(action) = action.as_mut() {
        action(longest);
    }
}

/// The session of this process; that of services when it is unknown.
fn own_session() -> u32 {
    let mut session = SERVICES_SESSION;
    // SAFETY: `session` is alive; the call does nothing else.
    unsafe { ProcessIdToSessionId(std::process::id(), &mut session) };
    session
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn each_event_asks_for_what_the_system_leaves_time_for() {
        for session in [0, 1] {
            for event in [CTRL_C_EVENT, CTRL_BREAK_EVENT] {
                assert_eq!(meaning(event, session), Meaning::Stop);
            }
            for event in [CTRL_CLOSE_EVENT, CTRL_SHUTDOWN_EVENT] {
                assert_eq!(meaning(event, session), Meaning::StopWithin(LAST_WORK_MAX));
            }
            assert_eq!(meaning(77, session), Meaning::Unknown);
        }
        assert_eq!(
            meaning(CTRL_LOGOFF_EVENT, 1),
            Meaning::StopWithin(LAST_WORK_MAX)
        );
        assert_eq!(meaning(CTRL_LOGOFF_EVENT, 0), Meaning::Nothing);
    }

    #[test]
    fn the_handler_returns_after_control_c_and_not_after_a_close() {
        let (sender, asked) = mpsc::channel();
        let action = move |longest| sender.send(longest).unwrap();
        on_event(Box::new(action)).unwrap();
        assert!(on_event(Box::new(|_| {})).is_err(), "there is one already");
        let call = |event| {
            // SAFETY: as the system calls it.
            std::thread::spawn(move || unsafe { handle(event) })
        };
        assert_eq!(call(CTRL_C_EVENT).join().unwrap(), 1);
        assert_eq!(asked.recv().unwrap(), None);
        let closing = call(CTRL_CLOSE_EVENT);
        assert_eq!(asked.recv().unwrap(), Some(LAST_WORK_MAX));
        assert_eq!(call(CTRL_BREAK_EVENT).join().unwrap(), 1);
        assert_eq!(asked.recv().unwrap(), None);
        assert!(!closing.is_finished());
        assert_eq!(call(77).join().unwrap(), 0);
    }
}
