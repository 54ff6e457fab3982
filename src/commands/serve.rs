//! `registry serve`: runs the registry until it is asked to stop.

use super::CommandError;
use crate::config::{Config, Notice, Scheme, Severity, StorageDriver};
use crate::http::Bound;
use crate::logging::{self, Sink};
use crate::server::Registry;
use crate::sys::{self, StopAction};
use argh::FromArgs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Run the registry until it is asked to stop (Ctrl-C, SIGTERM).
#[derive(FromArgs)]
#[argh(subcommand, name = "serve")]
#[argh(example = "{command_name} config.yml")]
pub struct ServeOptions {
    /// the file that log and access log are appended to, replacing standard error and standard output; at 16 MiB
    /// it is renamed to PATH.1 and a new one is started
    #[argh(option, arg_name = "path")]
    log: Option<PathBuf>,
    /// the configuration file; default: the one named by REGISTRY_CONFIGURATION_PATH, else one of the usual files,
    /// else the built-in configuration, which keeps its data in /var/lib/registry
    #[argh(positional)]
    pub config: Option<PathBuf>,
}

/// What runs the registry, and will ask it to stop.
pub trait Runner {
    /// Remembers what to call. Called once, before [`Runner::ready`].
    fn on_stop(&self, stop: StopAction) -> io::Result<()>;

    /// Is told that clients are served from now on.
    fn ready(&self);
}

/// A terminal, a container engine, systemd: they ask by signals.
pub struct Signals;

impl Runner for Signals {
    fn on_stop(&self, stop: StopAction) -> io::Result<()> {
        sys::on_shutdown_signal(stop)
    }

    fn ready(&self) {}
}

/// Starts the log and writes the notices about the configuration to it.
pub fn announce(config: &Config, notices: &[Notice], sink: &Sink) {
    logging::init(&config.log, sink);
    for notice in notices {
        match notice.severity {
            Severity::Warning => log::warn!("{notice}"),
            Severity::Note => log::info!("{notice}"),
        }
    }
}

/// Serves until a signal asks to stop. The error says why it could not start.
pub fn execute(options: ServeOptions) -> Result<(), CommandError> {
    let (config, notices) = super::load_or_search(options.config)?;
    let sink = Sink::open(options.log.as_deref())?;
    let _flushed = sink.flushed_at_end();
    announce(&config, &notices, &sink);
    run(&config, &sink, &Signals)
}

/// Serves until the runner asks to stop. An error, which says why it could not start, is in the log as well.
pub fn run(config: &Config, sink: &Sink, runner: &dyn Runner) -> Result<(), CommandError> {
    let served = serve(config, sink, runner);
    served.inspect_err(|error| sink.keep(&error.to_string()))
}

fn serve(config: &Config, sink: &Sink, runner: &dyn Runner) -> Result<(), CommandError> {
    if let Err(error) = sys::raise_open_files_limit() {
        log::warn!("the limit of open files could not be raised: {error}");
    }
    let registry = Registry::open(config, sink)?;
    let (control, drain) = (registry.control(), config.http.drain_timeout);
    let stop = move |longest: Option<Duration>| {
        let drain = longest.map_or(drain, |longest| drain.min(longest));
        log::info!("asked to stop: finishing requests in flight, for at most {drain:?}");
        control.shutdown(drain);
    };
    let stops = runner.on_stop(Box::new(stop));
    stops.map_err(CommandError::system("cannot wait for signals"))?;
    log::info!("{}", started(config, &registry.address()));
    runner.ready();
    registry.run();
    log::info!("stopped");
    Ok(())
}

/// What runs, in one line: the version, the address, TLS, where the data is, who has access, and which
/// configuration says so.
fn started(config: &Config, address: &Bound) -> String {
    let tls = match &config.http.tls {
        Some(tls) => format!("tls with {}", tls.certificate.display()),
        None => "plain HTTP".to_owned(),
    };
    let data = match &config.storage.driver {
        StorageDriver::Filesystem { root_directory, .. } => {
            let whole = std::path::absolute(root_directory);
            let whole = whole.unwrap_or(root_directory.clone());
            format!("data in {}", whole.display())
        }
        StorageDriver::InMemory => "data in memory".to_owned(),
    };
    let read_only = match config.storage.read_only {
        true => " (read-only)",
        false => "",
    };
    let users = match &config.auth {
        Scheme::None => "open to everyone".to_owned(),
        Scheme::Silly { .. } => "open to any credentials (silly)".to_owned(),
        Scheme::Htpasswd { path, .. } => format!("users of {}", path.display()),
        Scheme::Token(settings) => format!("tokens of {}", settings.issuer),
    };
    let rules = match &config.access {
        Some(access) => format!(", {} access rules", access.rules.len()),
        None => String::new(),
    };
    format!(
        "{} {} listening on {address}, {tls}, {data}{read_only}, {users}{rules}, configured by {}",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        config.source
    )
}
