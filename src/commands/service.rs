//! `registry service`: the registry as a service of Windows, so that it lives without a container and
//! without anybody logged on. Elsewhere `install` prints the unit by which systemd does the same.

mod text;
mod unit;

use super::serve::{self, Runner};
use crate::config::{Config, ConfigSource, StorageDriver};
use crate::logging::{self, Sink};
use crate::sys::Stop;
use crate::sys::service::{self, Manager, Plan};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use unit::Unit;

/// The name of a service where none is given.
pub const NAME: &str = "registry";
/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 80;
/// The log's name beside the configuration.
const LOG: &str = "registry.log";
/// The pauses before a registry that failed is started again; the last one counts from then on.
const RESTART_PAUSES: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(60),
];
/// After so long without a failure the first pause counts again.
const FAILURES_FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// What is to be done with which service.
pub struct Order {
    name: String,
    action: Action,
}

/// What can be done with a service.
pub enum Action {
    /// Make it.
    Install(Files),
    /// Stop and remove it.
    Uninstall,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Tell about it.
    Status,
    /// Be it: what the service manager calls.
    Run(Files),
}

/// The files of a service, with their whole paths: a service is started in a folder of the system.
pub struct Files {
    config: PathBuf,
    log: PathBuf,
}

impl Files {
    /// Takes the configuration and, where it is not beside it, the log.
    pub fn new(config: &Path, log: Option<&Path>) -> Result<Files, String> {
        let whole = |path: &Path| {
            std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let config = whole(config)?;
        let log = match log {
            Some(log) => whole(log)?,
            None => config.with_file_name(LOG),
        };
        Ok(Files { config, log })
    }

    /// What relative paths in the configuration begin at.
    fn folder(&self) -> &Path {
        self.config.parent().unwrap_or(&self.config)
    }
}

impl Order {
    /// An order of the command's words. The error says which of them is wrong.
    pub fn new(name: String, action: Action) -> Result<Order, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(format!(
                "found --name {name:?}; allowed: 1 to {NAME_BYTES_MAX} letters, digits, `-`, `_` and `.`"
            ));
        }
        Ok(Order { name, action })
    }
}

/// Does it, and tells about it on `out`. The error says what could not be done.
pub fn run(order: Order, out: &mut dyn Write) -> Result<(), String> {
    let Order { name, action } = order;
    if !service::AVAILABLE {
        let Action::Install(files) = action else {
            return Err(text::elsewhere(&action, &name));
        };
        return print_unit(&name, &files, out);
    }
    let told = match action {
        Action::Install(files) => install(&name, &files)?,
        Action::Uninstall => service::uninstall(&name).map(|()| {
            format!("the service {name} is removed; data, configuration and log stay\n")
        })?,
        Action::Start => {
            service::start(&name).map(|()| format!("the service {name} is running\n"))?
        }
        Action::Stop => {
            service::stop(&name).map(|()| format!("the service {name} is stopped\n"))?
        }
        Action::Status => text::status(&name, &service::status(&name)?),
        Action::Run(files) => {
            return service::run(&name, Box::new(move |manager| work(&files, manager)));
        }
    };
    // It is done, whether anybody reads that or not.
    let _ = out.write_all(told.as_bytes()).and_then(|()| out.flush());
    Ok(())
}

/// Checks the configuration and prints the unit by which systemd serves it: nothing else, so that it can go
/// to its file as it is.
fn print_unit(name: &str, files: &Files, out: &mut dyn Write) -> Result<(), String> {
    let (config, _) = super::load(ConfigSource::File(files.config.clone()))
        .map_err(|errors| format!("{}\nno unit was made", super::told(&errors)))?;
    let unit = Unit {
        name,
        program: own_path()?,
        file: &files.config,
        config: &config,
        folder: files.folder(),
    };
    let written = out.write_all(unit.text().as_bytes());
    let written = written.and_then(|()| out.flush());
    written.map_err(|error| format!("the unit cannot be printed: {error}"))
}

fn own_path() -> Result<PathBuf, String> {
    std::env::current_exe()
        .map_err(|error| format!("the path of this program cannot be told: {error}"))
}

/// Checks the configuration and makes the service. Gives what is to be known about it.
fn install(name: &str, files: &Files) -> Result<String, String> {
    let (config, notices) = super::load(ConfigSource::File(files.config.clone()))
        .map_err(|errors| format!("{}\nno service was made", super::told(&errors)))?;
    // A service whose log cannot be written has no way to say so.
    if let Some(folder) = files.log.parent()
        && !folder.is_dir()
    {
        return Err(format!(
            "the folder of the log, {}, is not there; no service was made",
            folder.display()
        ));
    }
    let plan = plan(name, own_path()?, files);
    let unknown = service::install(&plan)?;
    let mut told: String = notices.iter().map(|notice| format!("{notice}\n")).collect();
    told.push_str(&text::installed(&plan, files, &folders(&config, files)));
    told.push_str(&text::unknown(&unknown));
    told.push_str(&text::variables(std::env::vars_os().map(|(name, _)| name)));
    Ok(told)
}

fn plan(name: &str, program: PathBuf, files: &Files) -> Plan {
    let words = ["service", "run", "--name", name, "--log"].map(OsString::from);
    let mut arguments = words.to_vec();
    arguments.push(files.log.clone().into());
    // The configuration is the word that takes no option's place, whatever it begins with: it is a
    // whole path.
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

/// The folders that the service writes to.
fn folders(config: &Config, files: &Files) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let StorageDriver::Filesystem { root_directory, .. } = &config.storage.driver {
        folders.push(whole_below(files.folder(), root_directory));
    }
    folders.extend(files.log.parent().map(Path::to_owned));
    folders.dedup();
    folders
}

/// A path of the configuration as the service will take it, without `.`.
fn whole_below(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path).components().collect()
}

/// The life of the service.
fn work(files: &Files, manager: &Manager) -> Result<(), String> {
    let folder = files.folder();
    std::env::set_current_dir(folder)
        .map_err(|error| format!("cannot go to {}: {error}", folder.display()))?;
    let sink = Sink::of(Some(&files.log))?;
    let _flushed = sink.flushed_at_end();
    let (config, notices) =
        super::load(ConfigSource::File(files.config.clone())).map_err(|errors| {
            logging::init(&logging::unconfigured(), &sink);
            for mistake in &errors {
                sink.keep(&mistake.to_string());
            }
            "the configuration is wrong".to_owned()
        })?;
    serve::announce(&config, &notices, &sink);
    serve::run(&config, &sink, &Managed(manager)).inspect_err(|message| sink.keep(message))
}

/// The service manager as the one who runs the registry.
struct Managed<'a>(&'a Manager);

impl Runner for Managed<'_> {
    fn on_stop(&self, stop: Stop) -> io::Result<()> {
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

    fn order(name: &str) -> Result<Order, String> {
        Order::new(name.to_owned(), Action::Status)
    }

    #[test]
    fn names_are_what_every_tool_of_services_takes() {
        for name in ["registry", "hub-2", "a.b_c", &"n".repeat(80)] {
            assert!(order(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a\\b", "a/b", "é", "a\"b", &"n".repeat(81)] {
            let message = order(name).err().unwrap();
            assert!(
                message.contains("--name") && message.contains("allowed: 1 to 80"),
                "{message}"
            );
        }
    }

    #[test]
    fn the_log_is_beside_the_configuration_unless_it_is_named() {
        let folder = std::env::current_dir().unwrap();
        let files = Files::new(Path::new("etc/config.yml"), None).unwrap();
        assert_eq!(files.config, folder.join("etc/config.yml"));
        assert_eq!(files.log, folder.join("etc/registry.log"));
        assert_eq!(files.folder(), folder.join("etc"));
        let files = Files::new(Path::new("config.yml"), Some(Path::new("logs/a.log"))).unwrap();
        assert_eq!(files.log, folder.join("logs/a.log"));
    }

    #[test]
    fn the_manager_is_given_whole_paths_and_calls_what_this_program_understands() {
        let files = Files::new(Path::new("my config.yml"), None).unwrap();
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
    fn the_folders_to_write_to_are_those_of_data_and_log() {
        let load = |text: &str| {
            let source = crate::config::ConfigSource::Text {
                name: "test".to_owned(),
                text: format!("version: 0.1\n{text}\n"),
            };
            Config::load(source, []).unwrap().0
        };
        let files = Files::new(Path::new("etc/config.yml"), None).unwrap();
        let folder = files.folder();
        let kept = load("storage: {filesystem: {rootdirectory: ./data}}");
        assert_eq!(
            folders(&kept, &files),
            [folder.join("data"), folder.to_owned()]
        );
        let here = load("storage: {filesystem: {rootdirectory: .}}");
        assert_eq!(folders(&here, &files), [folder.to_owned()]);
        let nowhere = load("storage: inmemory");
        assert_eq!(folders(&nowhere, &files), [folder.to_owned()]);
    }
}
