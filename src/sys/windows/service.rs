//! Windows services: managing them, and (`running`) the process of one.

mod running;

pub use running::{Manager, Work, run};

use crate::sys::service::plan::{Plan, RunState, ServiceReport};
use std::ffi::OsStr;
use std::thread;
use std::time::{Duration, Instant};
use windows_service::Error;
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl, ServiceExitCode,
    ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState,
    ServiceStatus, ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

/// How long a service may be starting or stopping without reporting progress.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often the service manager is asked.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// How long the system waits for a service before it shuts down.
const PRESHUTDOWN_MAX: Duration = Duration::from_secs(180);

/// Installs a service that starts with the system and is restarted after a failure: completely, or
/// not at all. Returns what this system does not support.
pub fn install(plan: &Plan) -> Result<Vec<&'static str>, String> {
    let told = |error| explained(&plan.name, error);
    let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
    let manager = ServiceManager::local_computer(None::<&OsStr>, access).map_err(told)?;
    let information = ServiceInfo {
        name: (&plan.name).into(),
        display_name: (&plan.title).into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: plan.program.clone(),
        launch_arguments: plan.arguments.clone(),
        dependencies: Vec::new(),
        account_name: Some((&plan.account).into()),
        account_password: None,
    };
    // A restart needs the right to start, too: it is part of the failure actions.
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START | ServiceAccess::DELETE;
    let service = manager.create_service(&information, access).map_err(told)?;
    settle(&service, plan).map_err(|error| {
        let _ = service.delete();
        told(error)
    })
}

/// Settings that only an existing service can have.
fn settle(service: &Service, plan: &Plan) -> Result<Vec<&'static str>, Error> {
    let restart = |pause: &Duration| ServiceAction {
        action_type: ServiceActionType::Restart,
        delay: *pause,
    };
    let failure_actions = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(plan.failures_forgotten),
        reboot_msg: None,
        command: None,
        actions: Some(plan.restart_pauses.iter().map(restart).collect()),
    };
    let steps = [
        ("a description", service.set_description(&plan.description)),
        (
            "time to drain at a shutdown",
            service.set_preshutdown_timeout(PRESHUTDOWN_MAX),
        ),
        (
            "a start after a crash",
            service.update_failure_actions(failure_actions),
        ),
        // Ending with an error is a failure, too, not only a crash.
        (
            "a start after an error",
            service.set_failure_actions_on_non_crash_failures(true),
        ),
    ];
    let mut unknown = Vec::new();
    for (what, done) in steps {
        match done {
            Err(error) if code(&error) == Some(INVALID_LEVEL) => unknown.push(what),
            other => other?,
        }
    }
    Ok(unknown)
}

/// Stops a service and removes it.
pub fn uninstall(name: &str) -> Result<(), String> {
    let access = ServiceAccess::STOP | ServiceAccess::QUERY_STATUS | ServiceAccess::DELETE;
    let service = open(name, access)?;
    stop_it(name, &service)?;
    service.delete().map_err(|error| explained(name, error))
}

/// Starts a service and waits until it runs; does nothing if it runs.
pub fn start(name: &str) -> Result<(), String> {
    let service = open(name, ServiceAccess::START | ServiceAccess::QUERY_STATUS)?;
    match service.start::<&OsStr>(&[]) {
        Err(error) if code(&error) == Some(ALREADY_RUNNING) => {}
        other => other.map_err(|error| explained(name, error))?,
    }
    let status = settled(name, &service)?;
    match status.current_state {
        ServiceState::Running => Ok(()),
        _ => Err(format!(
            "the service {name} ended immediately after its start ({}); see its log, unless it may not write there",
            exit(&status.exit_code)
        )),
    }
}

/// Stops a service and waits until it has stopped; does nothing if it does not run.
pub fn stop(name: &str) -> Result<(), String> {
    let service = open(name, ServiceAccess::STOP | ServiceAccess::QUERY_STATUS)?;
    stop_it(name, &service)
}

fn stop_it(name: &str, service: &Service) -> Result<(), String> {
    match service.stop() {
        Err(error) if code(&error) == Some(NOT_ACTIVE) => return Ok(()),
        // It is already stopping.
        Err(error) if code(&error) == Some(CANNOT_ACCEPT_CONTROL) => {}
        Err(error) => return Err(explained(name, error)),
        Ok(_) => {}
    }
    match settled(name, service)?.current_state {
        ServiceState::Stopped => Ok(()),
        _ => Err(format!("the service {name} cannot be stopped")),
    }
}

/// What is known about a service.
pub fn status(name: &str) -> Result<ServiceReport, String> {
    let service = open(
        name,
        ServiceAccess::QUERY_STATUS | ServiceAccess::QUERY_CONFIG,
    )?;
    let told = |error| explained(name, error);
    let status = service.query_status().map_err(told)?;
    let settings = service.query_config().map_err(told)?;
    let state = match status.current_state {
        ServiceState::Stopped => RunState::Stopped,
        ServiceState::StartPending => RunState::Starting,
        ServiceState::StopPending => RunState::Stopping,
        _ => RunState::Running,
    };
    Ok(ServiceReport {
        state,
        process: status.process_id.filter(|process| *process != 0),
        command: settings.executable_path.to_string_lossy().into_owned(),
        account: settings
            .account_name
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    })
}

fn open(name: &str, access: ServiceAccess) -> Result<Service, String> {
    let told = |error| explained(name, error);
    let manager = ServiceManager::local_computer(None::<&OsStr>, ServiceManagerAccess::CONNECT);
    manager
        .map_err(told)?
        .open_service(name, access)
        .map_err(told)
}

/// Waits while a service is starting or stopping and reports progress.
fn settled(name: &str, service: &Service) -> Result<ServiceStatus, String> {
    let mut seen = None;
    let mut since = Instant::now();
    loop {
        let status = service
            .query_status()
            .map_err(|error| explained(name, error))?;
        let moving = [ServiceState::StartPending, ServiceState::StopPending];
        if !moving.contains(&status.current_state) {
            return Ok(status);
        }
        let now = Some((status.current_state, status.checkpoint));
        if seen != now {
            (seen, since) = (now, Instant::now());
        }
        if since.elapsed() >= SILENCE_MAX {
            let state = status.current_state;
            return Err(format!(
                "the service {name} has been {state:?} for {SILENCE_MAX:?}"
            ));
        }
        thread::sleep(LOOK_PAUSE);
    }
}

fn exit(code: &ServiceExitCode) -> String {
    match code {
        ServiceExitCode::Win32(code) => format!("error {code} of Windows"),
        ServiceExitCode::ServiceSpecific(code) => format!("error {code} of its own"),
    }
}

// winerror.h.
const ACCESS_DENIED: i32 = 5;
const INVALID_LEVEL: i32 = 124;
const ALREADY_RUNNING: i32 = 1056;
const INVALID_ACCOUNT: i32 = 1057;
const DISABLED: i32 = 1058;
const DOES_NOT_EXIST: i32 = 1060;
const CANNOT_ACCEPT_CONTROL: i32 = 1061;
const NOT_ACTIVE: i32 = 1062;
const NO_MANAGER: i32 = 1063;
const MARKED_FOR_DELETE: i32 = 1072;
const EXISTS: i32 = 1073;

fn code(error: &Error) -> Option<i32> {
    match error {
        Error::Winapi(error) => error.raw_os_error(),
        _ => None,
    }
}

/// What failed, and what helps.
fn explained(name: &str, error: Error) -> String {
    match code(&error) {
        Some(ACCESS_DENIED) => {
            "Windows does not allow that here; run this in an elevated prompt (as administrator)"
                .into()
        }
        Some(DOES_NOT_EXIST) => {
            format!("there is no service {name}; `registry service install CONFIG` creates it")
        }
        Some(EXISTS) => format!(
            "the service {name} already exists; `registry service uninstall --name {name}` removes it, \
             and --name gives another its own name"
        ),
        Some(MARKED_FOR_DELETE) => format!(
            "the service {name} is being removed and another program still uses it; close the list of \
             services and try again"
        ),
        Some(INVALID_ACCOUNT) => format!("Windows does not know the account of the service {name}"),
        Some(DISABLED) => {
            format!("the service {name} is disabled; `sc config {name} start= auto` enables it")
        }
        Some(NO_MANAGER) => {
            "this is what Windows calls to run the service; `registry service start` asks \
             it to, and `registry serve CONFIG` serves here"
                .into()
        }
        _ => match error {
            Error::Winapi(error) => format!("the service {name}: {error}"),
            error => format!("the service {name}: {error}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_told_with_what_helps() {
        let told = |code| {
            explained(
                "hub",
                Error::Winapi(std::io::Error::from_raw_os_error(code)),
            )
        };
        assert!(told(ACCESS_DENIED).contains("elevated prompt"));
        assert!(told(DOES_NOT_EXIST).contains("no service hub"));
        assert!(told(EXISTS).contains("uninstall --name hub"));
        assert!(told(NO_MANAGER).contains("registry service start"));
        assert!(told(87).starts_with("the service hub: "));
    }
}
