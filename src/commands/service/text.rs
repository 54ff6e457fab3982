//! What `registry service` tells.

use super::{Action, Files};
use crate::config::PATH_VARIABLE;
use crate::sys::service::{Plan, RunState, ServiceReport};
use std::ffi::OsString;
use std::path::PathBuf;

/// About a service that was made; `folders` are those it writes to.
pub fn installed(plan: &Plan, files: &Files, folders: &[PathBuf]) -> String {
    let Plan { name, account, .. } = plan;
    let (config, log) = (files.config.display(), files.log.display());
    let folder = files.folder().display();
    let grants: String = folders
        .iter()
        .map(|folder| {
            let mut folder = folder.display().to_string();
            // The root of a drive: a backslash before a quote would be part of the word, with the quote.
            if folder.ends_with('\\') {
                folder.push('.');
            }
            format!("    mkdir \"{folder}\" & icacls \"{folder}\" /grant \"{account}:(OI)(CI)M\"\n")
        })
        .collect();
    format!(
        "the service {name} is made; it starts with Windows, and again after a failure
  configuration  {config}
  log            {log}, and {log}.1
  relative paths in the configuration begin at {folder}

It runs as {account}, which has rights of its own. Once, in an elevated prompt of cmd, let it write:
{grants}and read (R in the place of (OI)(CI)M) what else the configuration names: the key of the certificate,
the file of users. Then:
    registry service start --name {name}
"
    )
}

/// About what the system does not know of, if there is anything.
pub fn unknown(what: &[&str]) -> String {
    match what {
        [] => String::new(),
        what => format!(
            "\nThis system does not know how to give a service: {}.\n",
            what.join(", ")
        ),
    }
}

/// About variables that are set here and that a service may not see.
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
        "\nThe configuration was checked with variables that are set here: {}. A service sees those of the \
         system (setx /M) alone.\n",
        names.join(", ")
    )
}

/// What is known of a service.
pub fn status(name: &str, status: &ServiceReport) -> String {
    let state = match status.state {
        RunState::Stopped => "stopped",
        RunState::Starting => "starting",
        RunState::Running => "running",
        RunState::Stopping => "stopping, it finishes what is in flight",
    };
    let process = status
        .process
        .map_or(String::new(), |id| format!(", process {id}"));
    format!(
        "{name}: {state}{process}\n  command  {}\n  account  {}\n",
        status.command, status.account
    )
}

/// What to do where there are no services of Windows.
pub fn elsewhere(action: &Action, name: &str) -> String {
    let verb = match action {
        Action::Uninstall => "disable --now",
        Action::Stop => "stop",
        Action::Status => "status",
        Action::Install(_) | Action::Start | Action::Run(_) => "start",
    };
    format!(
        "`registry service` is for Windows; here it is `systemctl {verb} {name}`, once the unit that \
         `registry service install CONFIG` prints is in /etc/systemd/system/{name}.service"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn variables_that_a_service_may_not_see_are_named() {
        let names = [
            "PATH",
            "Registry_Log_Level",
            "REGISTRY_HTTP_ADDR",
            PATH_VARIABLE,
        ];
        let told = variables(names.map(OsString::from).into_iter());
        assert!(
            told.contains(": REGISTRY_HTTP_ADDR, Registry_Log_Level. "),
            "{told}"
        );
        assert!(!told.contains(PATH_VARIABLE), "{told}");
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
        let files = Files::new(Path::new("config.yml"), None).unwrap();
        let told = installed(&plan, &files, &[r"d:\my data".into(), r"d:\".into()]);
        for part in [
            r#"icacls "d:\my data" /grant "NT SERVICE\hub:(OI)(CI)M""#,
            r#"icacls "d:\." /grant "#,
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn a_status_tells_the_process_where_there_is_one() {
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
