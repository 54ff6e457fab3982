//! `registry service`: the registry as a Windows service, so that it runs without a container and without anybody
//! logged on. Elsewhere `install` prints the unit with which systemd does the same.

mod files;
mod options;
mod text;
mod unit;

pub use options::ServiceOptions;

use super::CommandError;
use super::serve::{self, Runner};
use crate::config::{Config, ConfigSource, Notice, StorageDriver};
use crate::logging::{self, Sink};
use crate::sys::StopAction;
use crate::sys::service::{self, Manager, Plan};
use files::{Files, absolute_below};
use options::{ServiceCommand, StartOptions, StatusOptions, StopOptions, UninstallOptions};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use unit::Unit;

/// The pauses before a registry that failed is started again; the last one counts from then on.
const RESTART_PAUSES: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(60),
];
/// After this long without a failure the first pause counts again.
const FAILURES_FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// Does what the options say, and reports it on `out`.
pub fn execute(options: ServiceOptions, out: &mut dyn Write) -> Result<(), CommandError> {
    if !service::AVAILABLE {
        let ServiceCommand::Install(options) = options.command else {
            return Err(text::unavailable(&options.command).into());
        };
        let files = Files::new(options.config, options.log)?;
        return print_unit(&options.name, &files, out);
    }
    let report = match options.command {
        ServiceCommand::Install(options) => {
            let files = Files::new(options.config, options.log)?;
            install(&options.name, &files)?
        }
        ServiceCommand::Uninstall(UninstallOptions { name }) => {
            service::uninstall(&name)?;
            format!("the service {name} has been removed; data, configuration and log are kept\n")
        }
        ServiceCommand::Start(StartOptions { name }) => {
            service::start(&name)?;
            format!("the service {name} is running\n")
        }
        ServiceCommand::Stop(StopOptions { name }) => {
            service::stop(&name)?;
            format!("the service {name} is stopped\n")
        }
        ServiceCommand::Status(StatusOptions { name }) => {
            text::status(&name, &service::status(&name)?)
        }
        ServiceCommand::Run(options) => {
            let files = Files::new(options.config, options.log)?;
            let run =
                move |manager: &Manager| work(&files, manager).map_err(|error| error.to_string());
            return Ok(service::run(&options.name, Box::new(run))?);
        }
    };
    // It is done, whether anybody reads the report or not.
    let _ = out.write_all(report.as_bytes()).and_then(|()| out.flush());
    Ok(())
}

/// Checks the configuration and prints the systemd unit that serves it: nothing else, so that it can go to its file
/// as it is.
fn print_unit(name: &str, files: &Files, out: &mut dyn Write) -> Result<(), CommandError> {
    let (config, _) = load(files, "no unit was made")?;
    let unit = Unit {
        name,
        program: own_path()?,
        file: &files.config,
        config: &config,
        directory: files.directory(),
    };
    let written = out.write_all(unit.text().as_bytes());
    let written = written.and_then(|()| out.flush());
    written.map_err(CommandError::system("cannot print the unit"))
}

/// Loads the configuration of a service; its errors end with the consequence.
fn load(files: &Files, consequence: &'static str) -> Result<(Config, Vec<Notice>), CommandError> {
    let loaded = super::load(ConfigSource::File(files.config.clone()));
    loaded.map_err(|errors| CommandError::Config(errors, Some(consequence)))
}

fn own_path() -> Result<PathBuf, CommandError> {
    let path = std::env::current_exe();
    path.map_err(CommandError::system("cannot find the path of this program"))
}

/// Checks the configuration and installs the service. Returns a report about it.
fn install(name: &str, files: &Files) -> Result<String, CommandError> {
    let (config, notices) = load(files, "no service was installed")?;
    // A service whose log cannot be written has no way to say so.
    if let Some(directory) = files.log.parent()
        && !directory.is_dir()
    {
        let directory = directory.display();
        let message = format!(
            "the directory of the log, {directory}, does not exist; no service was installed"
        );
        return Err(message.into());
    }
    let plan = plan(name, own_path()?, files);
    let unsupported = service::install(&plan)?;
    let mut report: String = notices.iter().map(|notice| format!("{notice}\n")).collect();
    report.push_str(&text::installed(&plan, files, &directories(&config, files)));
    report.push_str(&text::unsupported(&unsupported));
    report.push_str(&text::variables(std::env::vars_os().map(|(name, _)| name)));
    Ok(report)
}

fn plan(name: &str, program: PathBuf, files: &Files) -> Plan {
    let mut arguments = ["service", "run", "--name", name, "--log"]
        .map(OsString::from)
        .to_vec();
    arguments.push(files.log.clone().into());
    // The configuration is never taken for an option: it is an absolute path.
    arguments.push(files.config.clone().into());
    Plan {
        name: name.to_owned(),
        title: format!("Container registry ({name})"),
        description: "Keeps container images for docker push and docker pull.".to_owned(),
        program,
        arguments,
        account: format!("NT SERVICE\\{name}"),
        restart_pauses: RESTART_PAUSES.to_vec(),
        failures_forgotten: FAILURES_FORGOTTEN,
    }
}

/// The directories that the service writes to.
fn directories(config: &Config, files: &Files) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    if let StorageDriver::Filesystem { root_directory, .. } = &config.storage.driver {
        directories.push(absolute_below(files.directory(), root_directory));
    }
    directories.extend(files.log.parent().map(Path::to_owned));
    directories.dedup();
    directories
}

/// Runs as the service until the manager asks to stop.
fn work(files: &Files, manager: &Manager) -> Result<(), CommandError> {
    let directory = files.directory();
    let what = format!("cannot change to the directory {}", directory.display());
    std::env::set_current_dir(directory).map_err(CommandError::system(what))?;
    let sink = Sink::open(Some(&files.log))?;
    let _flushed = sink.flushed_at_end();
    let (config, notices) =
        super::load(ConfigSource::File(files.config.clone())).map_err(|errors| {
            logging::init(&logging::unconfigured(), &sink);
            for error in &errors {
                sink.keep(&error.to_string());
            }
            "the configuration has errors".to_owned()
        })?;
    serve::announce(&config, &notices, &sink);
    serve::run(&config, &sink, &Managed(manager))
}

/// The service manager as what runs the registry.
struct Managed<'a>(&'a Manager);

impl Runner for Managed<'_> {
    fn on_stop(&self, stop: StopAction) -> io::Result<()> {
        self.0.on_stop(stop);
        Ok(())
    }

    fn ready(&self) {
        self.0.running();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(config: &str, log: Option<&str>) -> Files {
        Files::new(Some(config.into()), log.map(Into::into)).unwrap()
    }

    #[test]
    fn the_manager_is_given_absolute_paths_and_calls_what_this_program_understands() {
        let files = self::files("my config.yml", None);
        let plan = plan("hub", PathBuf::from("registry.exe"), &files);
        let words: Vec<&str> = plan
            .arguments
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect();
        let [log, config] = [&files.log, &files.config].map(|path| path.to_str().unwrap());
        assert_eq!(
            words,
            ["service", "run", "--name", "hub", "--log", log, config]
        );
        assert_eq!(plan.account, "NT SERVICE\\hub");
    }

    #[test]
    fn the_directories_to_write_to_are_those_of_data_and_log() {
        let load = |text: &str| {
            let source = crate::config::ConfigSource::Text {
                name: "test".to_owned(),
                text: format!("version: 0.1\n{text}\n"),
            };
            Config::load(source, []).unwrap().0
        };
        let files = self::files("etc/config.yml", None);
        let directory = files.directory();
        let kept = load("storage: {filesystem: {rootdirectory: ./data}}");
        assert_eq!(
            directories(&kept, &files),
            [directory.join("data"), directory.to_owned()]
        );
        let here = load("storage: {filesystem: {rootdirectory: .}}");
        assert_eq!(directories(&here, &files), [directory.to_owned()]);
        let nowhere = load("storage: inmemory");
        assert_eq!(directories(&nowhere, &files), [directory.to_owned()]);
    }
}
