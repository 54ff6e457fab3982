//! The command line: arguments to commands, results to exit codes.
//!
//! 0: done; 1: the command failed, and standard error says why; 2: the arguments were wrong, and standard error says how
//! to get help. `registry verify` is like fsck: 1 says that it found something wrong, 2 that it could not run. The error is always
//! the last line.

mod words;

use crate::commands::CommandError;
use crate::commands::certificate::{self, CertificateOptions};
use crate::commands::check_config::{self, CheckConfigOptions};
use crate::commands::delete::{self, DeleteOptions};
use crate::commands::garbage_collect::{self, GarbageCollectOptions};
use crate::commands::health::{self, HealthOptions};
use crate::commands::htpasswd::{self, HtpasswdOptions};
use crate::commands::serve::{self, ServeOptions};
use crate::commands::service::{self, ServiceOptions};
use crate::commands::verify::{self, VerifyOptions};
use crate::logging;
use argh::{EarlyExit, FromArgs};
use std::ffi::OsString;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

const NAME: &str = "registry";
const USAGE_ERROR: u8 = 2;
/// A verification could not run, so that nothing is known about the data.
const NOT_VERIFIED: u8 = 2;
/// The arguments of a container's first process, on Linux.
const FIRST_PROCESS: &str = "/proc/1/cmdline";

/// A small, fast, safe container registry: an OCI and Docker registry in one file.
#[derive(FromArgs)]
#[argh(
    note = "CONFIG is a YAML file with the keys of CNCF distribution's config.yml; `registry CONFIG` serves it
  too. Without it, the file named by REGISTRY_CONFIGURATION_PATH is used, or config.yml, or
  /etc/docker/registry/config.yml or /etc/distribution/config.yml, or the built-in configuration.
  Every key can also be set by a variable: REGISTRY_ and the path of the key in upper case, joined by _, such as
  REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data or REGISTRY_LOG_LEVEL=debug.",
    example = "Serve with the settings in config.yml:
  $ {command_name} serve config.yml",
    example = "See the effective configuration of a file and the environment, or every error in them:
  $ {command_name} check-config config.yml",
    error_code(0, "Done."),
    error_code(
        1,
        "The command failed; standard error says why. verify: something is wrong."
    ),
    error_code(2, "The command line was wrong. verify: it could not run.")
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
    Serve(ServeOptions),
    CheckConfig(CheckConfigOptions),
    Certificate(CertificateOptions),
    Delete(DeleteOptions),
    GarbageCollect(GarbageCollectOptions),
    Health(HealthOptions),
    Htpasswd(HtpasswdOptions),
    Service(ServiceOptions),
    Verify(VerifyOptions),
}

/// Runs the program. Takes its arguments, the program's own name first.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Ok(words) = arguments
        .skip(1)
        .map(OsString::into_string)
        .collect::<Result<Vec<_>, _>>()
    else {
        return usage_error("an argument is not valid Unicode", &[]);
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = match words::normalize(&words) {
        Ok(words) => words,
        Err(why) => {
            complain(&format!("error: {why}\n"));
            return ExitCode::FAILURE;
        }
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
        }) => return usage_error(&output, &words),
    };
    if arguments.version {
        print(&format!("{NAME} {}\n", env!("CARGO_PKG_VERSION")));
        return ExitCode::SUCCESS;
    }
    let Some(command) = arguments.command else {
        return usage_error("no command was given", &words);
    };
    // What was logged comes first, and nobody is kept waiting for a pipe that is not read.
    let complain = match command {
        Command::Serve(_) => logging::complain,
        _ => complain,
    };
    let failure = match command {
        Command::Verify(_) => ExitCode::from(NOT_VERIFIED),
        _ => ExitCode::FAILURE,
    };
    match execute(command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(CommandError::Usage(message)) => usage_error(&message, &words),
        Err(error) => {
            complain(&format!("error: {error}\n"));
            failure
        }
    }
}

/// Executes a command. `false` when it failed, or found something wrong, and has said why.
fn execute(command: Command) -> Result<bool, CommandError> {
    match command {
        Command::Serve(options) => serve::execute(options)?,
        Command::CheckConfig(options) => {
            let is_valid = check_config::execute(options, &mut stdout(), &mut stderr());
            return is_valid.map_err(CommandError::system("cannot print the configuration"));
        }
        Command::Certificate(options) => certificate::execute(options, &mut stdout())?,
        Command::Delete(options) => delete::execute(options, &mut stdout())?,
        Command::GarbageCollect(options) => {
            return garbage_collect::execute(options, &mut stdout(), &mut stderr());
        }
        Command::Health(options) => health::execute(options, path_of_container, &mut stdout())?,
        Command::Htpasswd(options) => htpasswd::execute(&options, &mut stdout())?,
        Command::Service(options) => service::execute(options, &mut stdout())?,
        Command::Verify(options) => return verify::execute(options, &mut stdout()),
    }
    Ok(true)
}

/// The configuration that the registry of this container serves, if its first process is one: a health check does
/// not get the arguments that the container was started with.
fn path_of_container() -> Option<PathBuf> {
    served_by(&std::fs::read(FIRST_PROCESS).ok()?)
}

/// The configuration in the arguments of a process that serves, each ended by a zero byte.
fn served_by(command_line: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(command_line).ok()?;
    let mut words = text.split_terminator('\0');
    // There may be a small init before it.
    words.find(|word| words::is_own_name(word))?;
    let words = words::normalize(&words.collect::<Vec<_>>()).ok()?;
    match Arguments::from_args(&[NAME], &words).ok()?.command? {
        Command::Serve(options) => options.config,
        _ => None,
    }
}

/// Says what is wrong with the arguments, last, and before it where to find the right ones: with the command that
/// was named, else with the program.
fn usage_error(message: &str, words: &[&str]) -> ExitCode {
    let is_command = |command: &&str| {
        let help = Arguments::from_args(&[NAME], &[command, "--help"]);
        help.is_err_and(|exit| exit.status.is_ok())
    };
    let command = words.first().filter(|word| !word.starts_with('-'));
    let command = command.copied().filter(is_command);
    let command = command.map(|command| format!(" {command}"));
    let command = command.unwrap_or_default();
    let parts: Vec<&str> = message.split_whitespace().collect();
    let message = parts.join(" ");
    complain(&format!(
        "see `{NAME}{command} --help` for usage\nerror: {message}\n"
    ));
    ExitCode::from(USAGE_ERROR)
}

fn complain(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

/// Writes to standard output; it is not a failure that nobody reads it.
fn print(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
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
