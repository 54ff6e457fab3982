//! The words of `registry service`.

use super::{obey, with_path};
use crate::commands::service::{self, Action, Files};
use argh::FromArgs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Make the registry a service of Windows, or start, stop and remove it. Needs an elevated prompt. On
/// Linux systemd does this, and `registry service install CONFIG` prints a unit for it.
#[derive(FromArgs)]
#[argh(subcommand, name = "service")]
#[argh(
    example = "{command_name} install config.yml",
    example = "{command_name} start"
)]
pub(super) struct Service {
    #[argh(subcommand)]
    action: ServiceAction,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum ServiceAction {
    Install(Install),
    Uninstall(Uninstall),
    Start(Start),
    Stop(Stop),
    Status(Status),
    Run(Run),
}

/// Check the configuration and make a service of it that starts with Windows and after a failure.
#[derive(FromArgs)]
#[argh(subcommand, name = "install")]
struct Install {
    /// what the service is called; default: registry
    #[argh(option, default = "service::NAME.to_owned()")]
    name: String,
    /// the file for log and access log; default: registry.log beside the configuration
    #[argh(option, arg_name = "path")]
    log: Option<PathBuf>,
    /// the configuration; default: the file named by REGISTRY_CONFIGURATION_PATH
    #[argh(positional)]
    config: Option<PathBuf>,
}

/// Stop the service and remove it; data, configuration and log stay.
#[derive(FromArgs)]
#[argh(subcommand, name = "uninstall")]
struct Uninstall {
    /// what the service is called; default: registry
    #[argh(option, default = "service::NAME.to_owned()")]
    name: String,
}

/// Start the service and wait until it serves.
#[derive(FromArgs)]
#[argh(subcommand, name = "start")]
struct Start {
    /// what the service is called; default: registry
    #[argh(option, default = "service::NAME.to_owned()")]
    name: String,
}

/// Stop the service and wait until what is in flight is finished.
#[derive(FromArgs)]
#[argh(subcommand, name = "stop")]
struct Stop {
    /// what the service is called; default: registry
    #[argh(option, default = "service::NAME.to_owned()")]
    name: String,
}

/// Tell whether the service runs, and what it is.
#[derive(FromArgs)]
#[argh(subcommand, name = "status")]
struct Status {
    /// what the service is called; default: registry
    #[argh(option, default = "service::NAME.to_owned()")]
    name: String,
}

/// Be the service: this is what Windows calls.
#[derive(FromArgs)]
#[argh(subcommand, name = "run")]
struct Run {
    /// what the service is called; default: registry
    #[argh(option, default = "service::NAME.to_owned()")]
    name: String,
    /// the file for log and access log; default: registry.log beside the configuration
    #[argh(option, arg_name = "path")]
    log: Option<PathBuf>,
    /// the configuration; default: the file named by REGISTRY_CONFIGURATION_PATH
    #[argh(positional)]
    config: Option<PathBuf>,
}

/// Does what the words say; `all` are those of the program.
pub(super) fn run(Service { action }: Service, all: &[&str]) -> ExitCode {
    let with_files = |name: String,
                      (config, log): (Option<PathBuf>, Option<PathBuf>),
                      action: fn(Files) -> Action| {
        with_path(config, all, |config| {
            let order = Files::new(&config, log.as_deref())
                .and_then(|files| service::Order::new(name, action(files)));
            obey(order, all, |order| {
                service::run(order, &mut std::io::stdout())
            })
        })
    };
    let (name, action) = match action {
        ServiceAction::Install(Install { name, log, config }) => {
            return with_files(name, (config, log), Action::Install);
        }
        ServiceAction::Run(Run { name, log, config }) => {
            return with_files(name, (config, log), Action::Run);
        }
        ServiceAction::Uninstall(Uninstall { name }) => (name, Action::Uninstall),
        ServiceAction::Start(Start { name }) => (name, Action::Start),
        ServiceAction::Stop(Stop { name }) => (name, Action::Stop),
        ServiceAction::Status(Status { name }) => (name, Action::Status),
    };
    obey(service::Order::new(name, action), all, |order| {
        service::run(order, &mut std::io::stdout())
    })
}
