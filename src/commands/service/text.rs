//! What `registry service` prints.

use super::files::Files;
use super::options::{
    InstallOptions, RunOptions, ServiceCommand, StartOptions, StatusOptions, StopOptions,
    UninstallOptions,
};
use crate::config::PATH_VARIABLE;
use crate::sys::service::{Plan, RunState, ServiceReport};
use std::ffi::OsString;
use std::path::PathBuf;

/// About a service that was installed; `directories` are those it writes to.
pub fn installed(plan: &Plan, files: &Files, directories: &[PathBuf]) -> String {
    let Plan { name, account, .. } = plan;
    let (config, log) = (files.config.display(), files.log.display());
    let start = files.directory().display();
    let grants: String = directories
        .iter()
        .map(|directory| {
            let mut path = directory.display().to_string();
            // The root of a drive: a backslash before a quote would be part of the argument, with the quote.
            if path.ends_with('\\') {
                path.push('.');
            }
            format!("    mkdir \"{path}\" & icacls \"{path}\" /grant \"{account}:(OI)(CI)M\"\n")
        })
        .collect();
    format!(
        "the service {name} has been installed; it starts with Windows, and again after a failure
  configuration  {config}
  log            {log}, and {log}.1
  relative paths in the configuration start from {start}

It runs as {account}, which needs permissions of its own. Once, in an elevated cmd prompt, let it write:
{grants}and read (R instead of (OI)(CI)M) whatever else the configuration names: the key of the certificate,
the file of users. Then:
    registry service start --name {name}
"
    )
}

/// About what the system does not support, if there is anything.
pub fn unsupported(what: &[&str]) -> String {
    match what {
        [] => String::new(),
        what => format!(
            "\nThis system does not support for a service: {}.\n",
            what.join(", ")
        ),
    }
}

/// About variables that are set here and that the service may not see.
pub fn variables(names: impl Iterator<Item = OsString>) -> String {
    let ours = |name: &OsString| {
        let name = name.to_string_lossy().to_ascii_uppercase();
        name.starts_with("REGISTRY_") && name != PATH_VARIABLE
    };
    let mut names: Vec<String> = names
        .filter(ours)
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if names.is_empty() {
        return String::new();
    }
    names.sort();
    format!(
        "\nThe configuration was checked with variables that are set here: {}. A service only sees those of the \
         system (setx /M).\n",
        names.join(", ")
    )
}

/// The status of a service.
pub fn status(name: &str, status: &ServiceReport) -> String {
    let state = match status.state {
        RunState::Stopped => "stopped",
        RunState::Starting => "starting",
        RunState::Running => "running",
        RunState::Stopping => "stopping, with requests in flight",
    };
    let process = status
        .process
        .map_or(String::new(), |id| format!(", process {id}"));
    format!(
        "{name}: {state}{process}\n  command  {}\n  account  {}\n",
        status.command, status.account
    )
}

/// What to do where there are no Windows services.
pub fn unavailable(command: &ServiceCommand) -> String {
    let (verb, name) = match command {
        ServiceCommand::Uninstall(UninstallOptions { name }) => ("disable --now", name),
        ServiceCommand::Stop(StopOptions { name }) => ("stop", name),
        ServiceCommand::Status(StatusOptions { name }) => ("status", name),
        ServiceCommand::Start(StartOptions { name })
        | ServiceCommand::Install(InstallOptions { name, .. })
        | ServiceCommand::Run(RunOptions { name, .. }) => ("start", name),
    };
    format!(
        "`registry service` is for Windows; here it is `systemctl {verb} {name}`, once the unit that \
         `registry service install CONFIG` prints is in /etc/systemd/system/{name}.service"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn variables_that_a_service_may_not_see_are_named() {
        let names = [
            "PATH",
            "Registry_Log_Level",
            "REGISTRY_HTTP_ADDR",
            PATH_VARIABLE,
        ];
        let report = variables(names.map(OsString::from).into_iter());
        assert!(
            report.contains(": REGISTRY_HTTP_ADDR, Registry_Log_Level. "),
            "{report}"
        );
        assert!(!report.contains(PATH_VARIABLE), "{report}");
        assert_eq!(variables([OsString::from("PATH")].into_iter()), "");
    }

    #[test]
    fn what_lets_the_service_write_is_right_for_the_root_of_a_drive_too() {
        let plan = Plan {
            name: "hub".to_owned(),
            title: String::new(),
            description: String::new(),
            program: PathBuf::new(),
            arguments: Vec::new(),
            account: "NT SERVICE\\hub".to_owned(),
            restart_pauses: Vec::new(),
            failures_forgotten: Duration::ZERO,
        };
        let files = Files::new(Some("config.yml".into()), None).unwrap();
        let report = installed(&plan, &files, &[r"d:\my data".into(), r"d:\".into()]);
        for part in [
            r#"icacls "d:\my data" /grant "NT SERVICE\hub:(OI)(CI)M""#,
            r#"icacls "d:\." /grant "#,
        ] {
            assert!(report.contains(part), "{part}: {report}");
        }
    }

    #[test]
    fn a_status_shows_the_process_where_there_is_one() {
        let mut known = ServiceReport {
            state: RunState::Running,
            process: Some(7),
            command: "registry.exe service run c".to_owned(),
            account: "NT SERVICE\\hub".to_owned(),
        };
        assert!(status("hub", &known).starts_with("hub: running, process 7\n"));
        (known.state, known.process) = (RunState::Stopped, None);
        assert!(status("hub", &known).starts_with("hub: stopped\n"));
    }
}
