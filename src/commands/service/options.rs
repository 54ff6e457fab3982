//! The arguments of `registry service`.

use argh::FromArgs;
use std::path::PathBuf;

/// The name of a service by default.
const NAME: &str = "registry";
/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 80;

/// Run the registry as a Windows service: install, start, stop and remove it. Needs an elevated prompt. On Linux
/// systemd does this, and `registry service install CONFIG` prints a unit for it.
#[derive(FromArgs)]
#[argh(subcommand, name = "service")]
#[argh(
    example = "{command_name} install config.yml",
    example = "{command_name} start"
)]
pub struct ServiceOptions {
    #[argh(subcommand)]
    pub(super) command: ServiceCommand,
}

/// What can be done with a service.
#[derive(FromArgs)]
#[argh(subcommand)]
pub(super) enum ServiceCommand {
    Install(InstallOptions),
    Uninstall(UninstallOptions),
    Start(StartOptions),
    Stop(StopOptions),
    Status(StatusOptions),
    Run(RunOptions),
}

/// Check the configuration and install a service that serves it, started with Windows and after a failure.
#[derive(FromArgs)]
#[argh(subcommand, name = "install")]
pub(super) struct InstallOptions {
    /// the name of the service; default: registry
    #[argh(option, default = "NAME.to_owned()", from_str_fn(service_name))]
    pub name: String,
    /// the file for log and access log; default: registry.log next to the configuration
    #[argh(option, arg_name = "path")]
    pub log: Option<PathBuf>,
    /// the configuration file; default: the one named by REGISTRY_CONFIGURATION_PATH
    #[argh(positional)]
    pub config: Option<PathBuf>,
}

/// Stop the service and remove it; data, configuration and log are kept.
#[derive(FromArgs)]
#[argh(subcommand, name = "uninstall")]
pub(super) struct UninstallOptions {
    /// the name of the service; default: registry
    #[argh(option, default = "NAME.to_owned()", from_str_fn(service_name))]
    pub name: String,
}

/// Start the service and wait until it serves.
#[derive(FromArgs)]
#[argh(subcommand, name = "start")]
pub(super) struct StartOptions {
    /// the name of the service; default: registry
    #[argh(option, default = "NAME.to_owned()", from_str_fn(service_name))]
    pub name: String,
}

/// Stop the service and wait until the requests in flight are finished.
#[derive(FromArgs)]
#[argh(subcommand, name = "stop")]
pub(super) struct StopOptions {
    /// the name of the service; default: registry
    #[argh(option, default = "NAME.to_owned()", from_str_fn(service_name))]
    pub name: String,
}

/// Show whether the service runs, and how it is set up.
#[derive(FromArgs)]
#[argh(subcommand, name = "status")]
pub(super) struct StatusOptions {
    /// the name of the service; default: registry
    #[argh(option, default = "NAME.to_owned()", from_str_fn(service_name))]
    pub name: String,
}

/// Run as the service: this is what Windows calls.
#[derive(FromArgs)]
#[argh(subcommand, name = "run")]
pub(super) struct RunOptions {
    /// the name of the service; default: registry
    #[argh(option, default = "NAME.to_owned()", from_str_fn(service_name))]
    pub name: String,
    /// the file for log and access log; default: registry.log next to the configuration
    #[argh(option, arg_name = "path")]
    pub log: Option<PathBuf>,
    /// the configuration file; default: the one named by REGISTRY_CONFIGURATION_PATH
    #[argh(positional)]
    pub config: Option<PathBuf>,
}

/// A name that every tool for services takes.
fn service_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "allowed: 1 to {NAME_BYTES_MAX} letters, digits, `-`, `_` and `.`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::service_name;

    #[test]
    fn names_are_what_every_tool_for_services_takes() {
        for name in ["registry", "hub-2", "a.b_c", &"n".repeat(80)] {
            assert_eq!(service_name(name).as_deref(), Ok(name));
        }
        for name in ["", "a b", "a\\b", "a/b", "é", "a\"b", &"n".repeat(81)] {
            let message = service_name(name).unwrap_err();
            assert!(message.contains("allowed: 1 to 80"), "{message}");
        }
    }
}
