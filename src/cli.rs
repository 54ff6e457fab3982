//! The command line: words to commands, results to exit codes.
//!
//! 0: done; 1: it failed, and standard error says why; 2: the words were wrong, and standard error
//! says how the right ones are shown. The error is always the last line.

mod service;
mod words;

use crate::commands::serve::{self, Signals};
use crate::commands::{self, certificate, check_config, health, htpasswd};
use crate::config::PATH_VARIABLE;
use crate::logging::{self, Sink};
use argh::{EarlyExit, FromArgs};
use service::Service;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const NAME: &str = "registry";
const MISUSED: u8 = 2;
/// The words of the process that a container is, on Linux.
const FIRST_PROCESS: &str = "/proc/1/cmdline";

/// A small, fast, safe container registry: an OCI and Docker registry in one file.
#[derive(FromArgs)]
#[argh(
    note = "CONFIG is a YAML file with the keys of CNCF distribution's config.yml; `registry CONFIG` serves it
  as well. Without it the file named by REGISTRY_CONFIGURATION_PATH is taken, or config.yml, or
  /etc/docker/registry/config.yml or /etc/distribution/config.yml, or what is built in. Every key can be set by a variable as well:
  REGISTRY_ and the key's path in upper case joined by _, such as
  REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data or REGISTRY_LOG_LEVEL=debug.",
    example = "Serve with the settings of config.yml:
  $ {command_name} serve config.yml",
    example = "See what a file and the environment come to, or every mistake in them:
  $ {command_name} check-config config.yml",
    error_code(0, "Done."),
    error_code(1, "It failed; standard error says why."),
    error_code(2, "The command line was wrong.")
)]
struct Arguments {
    /// print the version
    #[argh(switch)]
    version: bool,
    #[argh(subcommand)]
    command: Option<Command>,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    Serve(Serve),
    CheckConfig(CheckConfig),
    Certificate(Certificate),
    Health(Health),
    Htpasswd(Htpasswd),
    Service(Service),
}

/// Run the registry until it is asked to stop (Ctrl-C, SIGTERM).
#[derive(FromArgs)]
#[argh(subcommand, name = "serve")]
#[argh(example = "{command_name} config.yml")]
struct Serve {
    /// the file that log and access log are added to, in the place of standard error and standard output;
    /// at 16 MiB it is renamed to PATH.1 and a new one begins
    #[argh(option, arg_name = "path")]
    log: Option<PathBuf>,
    /// the configuration; default: the file named by REGISTRY_CONFIGURATION_PATH, else one of the usual
    /// files, else the built-in one, which keeps its data in /var/lib/registry
    #[argh(positional)]
    config: Option<PathBuf>,
}

/// Print the configuration as it is understood, with every default, after the environment, secrets
/// masked; or print every mistake. What else `serve` would refuse, such as a certificate without its
/// key, is a mistake as well. Nothing is touched.
#[derive(FromArgs)]
#[argh(subcommand, name = "check-config")]
#[argh(example = "{command_name} config.yml")]
struct CheckConfig {
    /// the configuration; default: as for `registry serve`
    #[argh(positional)]
    config: Option<PathBuf>,
}

/// Make a certificate and its key for HTTPS, signed by itself, and tell how to trust it. Files that are
/// there are never overwritten.
#[derive(FromArgs)]
#[argh(subcommand, name = "certificate")]
#[argh(example = "{command_name} --host registry.local --ip 192.0.2.1 --out certs")]
struct Certificate {
    /// a name of the registry as clients call it; may be given more than once, the first names the files
    #[argh(option)]
    host: Vec<String>,
    /// an IP address of it; may be given more than once
    #[argh(option)]
    ip: Vec<String>,
    /// for how many days it is valid; default: 365
    #[argh(option, default = "365")]
    days: u32,
    /// the folder for the two files; default: this one
    #[argh(option, default = "PathBuf::from(\".\")")]
    out: PathBuf,
}

/// Ask a registry whether it is there: 0 when it answers 200, or 401 because it has users; 1 and why when
/// it does not. Without a URL the one of this machine or container is asked, where the configuration
/// and the REGISTRY_* variables say that it listens; its certificate is not judged.
#[derive(FromArgs)]
#[argh(subcommand, name = "health")]
#[argh(
    example = "{command_name}",
    example = "{command_name} https://registry.local:5000/"
)]
struct Health {
    /// the configuration of the registry to ask; default: as for `registry serve`
    #[argh(option)]
    config: Option<PathBuf>,
    /// take any certificate of the URL
    #[argh(switch)]
    insecure: bool,
    /// how long the answer may take, 1 to 300; default: 5
    #[argh(option, default = "health::TIMEOUT_SECONDS_DEFAULT")]
    timeout_seconds: u64,
    /// the registry to ask, such as http://127.0.0.1:5000/
    #[argh(positional)]
    url: Option<String>,
}

/// Make the entry of a user for the file of auth.htpasswd. The password is asked for twice on a
/// terminal, and is else the first line of standard input.
#[derive(FromArgs)]
#[argh(subcommand, name = "htpasswd")]
#[argh(
    example = "{command_name} --file users anna",
    example = "{command_name} --file users --delete anna"
)]
struct Htpasswd {
    /// the file to put the entry in, in the place of the user's old one; made when it is not there.
    /// Without it the entry is printed
    #[argh(option)]
    file: Option<PathBuf>,
    /// take the user out of the file instead
    #[argh(switch)]
    delete: bool,
    /// the cost of a check, 4 to 17: each one more doubles its time; default: 10
    #[argh(option, default = "10")]
    cost: u32,
    /// the user's name
    #[argh(positional)]
    user: String,
}

/// Runs the program. Takes its arguments, the program's own name first.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Ok(words) = arguments
        .skip(1)
        .map(OsString::into_string)
        .collect::<Result<Vec<_>, _>>()
    else {
        return misused("an argument is not valid Unicode", &[]);
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = match words::read(&words) {
        Ok(words) => words,
        Err(why) => return result(Err(why.to_owned())),
    };
    let arguments = match Arguments::from_args(&[NAME], &words) {
        Ok(arguments) => arguments,
        Err(EarlyExit {
            output,
            status: Ok(()),
        }) => {
            print(&output);
            return ExitCode::SUCCESS;
        }
        Err(EarlyExit {
            output,
            status: Err(()),
        }) => return misused(&output, &words),
    };
    if arguments.version {
        print(&format!("{NAME} {}\n", env!("CARGO_PKG_VERSION")));
        return ExitCode::SUCCESS;
    }
    match arguments.command {
        None => misused("no command was given", &words),
        Some(Command::Serve(Serve { log, config })) => {
            serve(config.or_else(path_of_environment), log.as_deref())
        }
        Some(Command::CheckConfig(CheckConfig { config })) => {
            check(config.or_else(path_of_environment))
        }
        Some(Command::Certificate(order)) => make_certificate(order, &words),
        Some(Command::Health(order)) => ask_health(order, &words),
        Some(Command::Htpasswd(order)) => edit_users(order, &words),
        Some(Command::Service(order)) => service::run(order, &words),
    }
}

/// Runs a command on the file that was named, or on that of the environment.
fn with_path(
    named: Option<PathBuf>,
    words: &[&str],
    command: impl FnOnce(PathBuf) -> ExitCode,
) -> ExitCode {
    match named.or_else(path_of_environment) {
        Some(path) => command(path),
        None => {
            let message = format!(
                "no configuration was given: name a file, or set {PATH_VARIABLE} to its path"
            );
            misused(&message, words)
        }
    }
}

fn path_of_environment() -> Option<PathBuf> {
    let path = std::env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

/// The configuration that the registry of this container was told to serve, where its first process is
/// one: a health check is not told what the container was started with.
fn path_of_container() -> Option<PathBuf> {
    served_by(&std::fs::read(FIRST_PROCESS).ok()?)
}

/// The configuration in the words of a process that serves, each ended by a zero byte.
fn served_by(command_line: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(command_line).ok()?;
    let mut words = text.split_terminator('\0');
    // Before it there may be a little init.
    words.find(|word| words::is_own_name(word))?;
    let words = words::read(&words.collect::<Vec<_>>()).ok()?;
    match Arguments::from_args(&[NAME], &words).ok()?.command? {
        Command::Serve(Serve { config, .. }) => config,
        _ => None,
    }
}

fn serve(named: Option<PathBuf>, log: Option<&Path>) -> ExitCode {
    let run = || {
        let (config, notices) =
            commands::load_or_search(named).map_err(|errors| commands::told(&errors))?;
        let sink = Sink::of(log)?;
        let _flushed = sink.flushed_at_end();
        serve::announce(&config, &notices, &sink);
        serve::run(&config, &sink, &Signals).inspect_err(|message| sink.keep(message))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            logging::complain(&format!("error: {message}\n"));
            ExitCode::FAILURE
        }
    }
}

/// The exit code of what was done, or of what is complained about.
fn result(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&format!("error: {message}\n"));
            ExitCode::FAILURE
        }
    }
}

fn make_certificate(words: Certificate, all: &[&str]) -> ExitCode {
    let order = certificate::Order::new(&words.host, &words.ip, words.days, words.out);
    obey(order, all, |order| {
        certificate::run(&order, &mut std::io::stdout())
    })
}

fn ask_health(words: Health, all: &[&str]) -> ExitCode {
    let elsewhere = || match words.url {
        Some(_) => None,
        None => path_of_container().or_else(path_of_environment),
    };
    let config = words.config.or_else(elsewhere);
    let url = words.url.as_deref();
    let order = health::Order::new(url, config, words.insecure, words.timeout_seconds);
    obey(order, all, |order| {
        health::run(&order, &mut std::io::stdout())
    })
}

fn edit_users(words: Htpasswd, all: &[&str]) -> ExitCode {
    let order = htpasswd::Order::new(words.user, words.file, words.delete, words.cost);
    obey(order, all, |order| {
        htpasswd::run(&order, &mut std::io::stdout())
    })
}

/// Carries an order out; one that could not be made of the words was misused.
fn obey<T>(
    order: Result<T, String>,
    words: &[&str],
    run: impl FnOnce(T) -> Result<(), String>,
) -> ExitCode {
    match order {
        Ok(order) => result(run(order)),
        Err(message) => misused(&message, words),
    }
}

fn check(named: Option<PathBuf>) -> ExitCode {
    match check_config::run(named, &mut std::io::stdout(), &mut std::io::stderr()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!(
                "error: the configuration could not be printed: {error}\n"
            ));
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the words, last, and before it where the right ones are: with the command
/// that was named, else with the program.
fn misused(message: &str, words: &[&str]) -> ExitCode {
    let is_command = |command: &&str| {
        let help = Arguments::from_args(&[NAME], &[command, "--help"]);
        help.is_err_and(|exit| exit.status.is_ok())
    };
    let command = words.first().filter(|word| !word.starts_with('-'));
    let command = command.copied().filter(is_command);
    let of = command
        .map(|command| format!(" {command}"))
        .unwrap_or_default();
    let lines: Vec<&str> = message.split_whitespace().collect();
    let message = lines.join(" ");
    complain(&format!(
        "`{NAME}{of} --help` shows how it is used\nerror: {message}\n"
    ));
    ExitCode::from(MISUSED)
}

/// Writes to standard output; that nobody reads it is no failure.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_check_finds_what_its_container_serves() {
        for (words, path) in [
            ("/bin/registry serve /etc/my.yml", Some("/etc/my.yml")),
            ("/bin/registry /etc/my.yml", Some("/etc/my.yml")),
            ("registry serve --log /log my.conf", Some("my.conf")),
            (
                "/bin/registry registry serve /etc/my.yml",
                Some("/etc/my.yml"),
            ),
            (
                "/sbin/docker-init -- /bin/registry serve /a.yml",
                Some("/a.yml"),
            ),
            ("/bin/registry serve", None),
            ("/bin/registry health", None),
            ("/bin/registry serve --bogus a.yml", None),
            ("/sbin/init", None),
            ("", None),
        ] {
            let line: String = words.split(' ').map(|word| format!("{word}\0")).collect();
            assert_eq!(
                served_by(line.as_bytes()),
                path.map(PathBuf::from),
                "{words}"
            );
        }
        assert_eq!(served_by(b"\xff\0"), None);
    }
}
