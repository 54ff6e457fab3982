//! The process of a service: it reports its state to the service manager, and is told when to stop.

use crate::sync::Mutex;
use crate::sys::StopAction;
use std::ffi::OsString;
use std::sync::MutexGuard;
use std::thread;
use std::time::Duration;
use windows_service::define_windows_service;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{
    self, ServiceControlHandlerResult as Handled, ServiceStatusHandle,
};
use windows_service::service_dispatcher;

/// How long the start may take before the manager considers it hung.
const START_MAX: Duration = Duration::from_secs(60);
/// How often the manager is told that the service is still stopping, and how long it waits for that.
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);
/// How long the manager waits for the next report that the service is still stopping.
const PROGRESS_MAX: Duration = Duration::from_secs(20);
/// The longest work before the system shuts down; a little less than what was requested at installation.
const PRESHUTDOWN_WORK_MAX: Duration =
    super::PRESHUTDOWN_MAX.saturating_sub(Duration::from_secs(10));
/// The exit code of a service that failed.
const FAILED: u32 = 1;

/// The work of a service: called once; [`Manager`] says when to stop; an error is a failure of the service.
pub type Work = Box<dyn FnOnce(&Manager) -> Result<(), String> + Send>;

/// The one service of this process. It is static, because the manager calls plain functions.
struct Process {
    name: String,
    work: Option<Work>,
    handle: Option<ServiceStatusHandle>,
    stop: Option<StopAction>,
    checkpoint: u32,
    state: ServiceState,
}

static PROCESS: Mutex<Process> = Mutex::new(Process {
    name: String::new(),
    work: None,
    handle: None,
    stop: None,
    checkpoint: 0,
    state: ServiceState::Stopped,
});

fn process() -> MutexGuard<'static, Process> {
    PROCESS.lock()
}

/// Runs the service for which the manager started this process, to its end. The error says that the manager
/// did not.
pub fn run(name: &str, work: Work) -> Result<(), String> {
    {
        let mut process = process();
        process.name = name.to_owned();
        process.work = Some(work);
    }
    service_dispatcher::start(name, service_main).map_err(|error| super::explained(name, error))
}

/// The service manager, as the work of a service sees it.
#[derive(Debug)]
pub struct Manager(());

impl Manager {
    /// Notes what to call when the service is to stop. Called on a thread of its own.
    pub fn on_stop(&self, stop: StopAction) {
        process().stop = Some(stop);
    }

    /// Reports that the service is running. From now on it can be stopped.
    pub fn running(&self) {
        process().tell(ServiceState::Running, ServiceExitCode::NO_ERROR);
    }
}

define_windows_service!(service_main, main);

fn main(_arguments: Vec<OsString>) {
    let (name, work) = {
        let mut process = process();
        (process.name.clone(), process.work.take())
    };
    // The crate frees the handler's memory at the first control that ends a service, and would use it
    // again at a later question of the manager's. A plain function has none.
    let (Ok(handle), Some(work)) = (service_control_handler::register(name, control), work) else {
        return;
    };
    {
        let mut process = process();
        process.handle = Some(handle);
        process.tell(ServiceState::StartPending, ServiceExitCode::NO_ERROR);
    }
    let code = match work(&Manager(())) {
        Ok(()) => ServiceExitCode::NO_ERROR,
        Err(_) => ServiceExitCode::ServiceSpecific(FAILED),
    };
    process().tell(ServiceState::Stopped, code);
}

/// What the manager wants.
fn control(control: ServiceControl) -> Handled {
    match (longest(&control), control) {
        (Some(longest), _) => {
            stop(longest);
            Handled::NoError
        }
        // It knows the answer already; what counts is that there is one.
        (None, ServiceControl::Interrogate) => Handled::NoError,
        _ => Handled::NotImplemented,
    }
}

/// Whether a control asks to stop; with the longest time that may take, where there is one.
fn longest(control: &ServiceControl) -> Option<Option<Duration>> {
    match control {
        ServiceControl::Stop => Some(None),
        ServiceControl::Preshutdown => Some(Some(PRESHUTDOWN_WORK_MAX)),
        _ => None,
    }
}

/// Asks the work to stop, and reports progress until it has.
fn stop(longest: Option<Duration>) {
    let mut process = process();
    let Some(mut stop) = process.stop.take() else {
        return;
    };
    process.tell(ServiceState::StopPending, ServiceExitCode::NO_ERROR);
    drop(process);
    // The manager waits for this function.
    thread::spawn(move || stop(longest));
    thread::spawn(|| {
        loop {
            thread::sleep(PROGRESS_PAUSE);
            let mut process = self::process();
            if process.state != ServiceState::StopPending {
                return;
            }
            process.tell(ServiceState::StopPending, ServiceExitCode::NO_ERROR);
        }
    });
}

impl Process {
    /// Reports the state to the manager. Nothing is reported after the end.
    fn tell(&mut self, state: ServiceState, exit_code: ServiceExitCode) {
        let Some(handle) = self.handle else { return };
        self.state = state;
        let pending = matches!(
            state,
            ServiceState::StartPending | ServiceState::StopPending
        );
        self.checkpoint = match pending {
            true => self.checkpoint.wrapping_add(1),
            false => 0,
        };
        let controls_accepted = match state {
            ServiceState::Running => ServiceControlAccept::STOP | ServiceControlAccept::PRESHUTDOWN,
            _ => ServiceControlAccept::empty(),
        };
        let wait_hint = match state {
            ServiceState::StartPending => START_MAX,
            ServiceState::StopPending => PROGRESS_MAX,
            _ => Duration::ZERO,
        };
        let told = handle.set_service_status(ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted,
            exit_code,
            checkpoint: self.checkpoint,
            wait_hint,
            process_id: None,
        });
        if let Err(error) = told {
            log::warn!("cannot report the state {state:?} to the service manager: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_control_asks_for_what_the_system_leaves_time_for() {
        assert_eq!(longest(&ServiceControl::Stop), Some(None));
        assert_eq!(
            longest(&ServiceControl::Preshutdown),
            Some(Some(PRESHUTDOWN_WORK_MAX))
        );
        // A shutdown is not accepted, since it leaves five seconds: what comes before it does.
        for other in [
            ServiceControl::Interrogate,
            ServiceControl::Pause,
            ServiceControl::Shutdown,
        ] {
            assert_eq!(longest(&other), None);
        }
    }

    #[test]
    fn the_handler_has_no_memory_that_could_be_freed_too_early() {
        assert_eq!(size_of_val(&control), 0);
    }

    #[test]
    fn the_manager_is_answered_and_what_is_unknown_is_refused() {
        assert_eq!(control(ServiceControl::Interrogate).to_raw(), 0);
        assert_ne!(control(ServiceControl::Pause).to_raw(), 0);
    }
}
