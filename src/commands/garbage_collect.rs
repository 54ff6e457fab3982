//! `registry garbage-collect`: removes what no manifest leads to while no registry runs, with distribution's options. What is
//! removed is a line on standard output each, as distribution writes them; what stands in the way is one on standard error.

use super::CommandError;
use crate::server::{OfflineAccess, open_offline};
use crate::storage::{Collection, CollectionEvent, CollectionReport, MinimumAge};
use crate::sync::Mutex;
use crate::sys::SYSTEM_CONFIGURATIONS;
use crate::time::duration;
use argh::FromArgs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What to do while a registry runs.
const INSTEAD: &str = "stop it, start it with storage.maintenance.readonly.enabled, or let it collect garbage itself \
                       (storage.maintenance.garbagecollect.enabled); --dry-run works meanwhile";

/// Remove blobs that no manifest names, while no registry runs on the data, or one in read-only mode. Exit code 1 if
/// something could not be read or removed: what it may lead to is kept.
#[derive(FromArgs)]
#[argh(subcommand, name = "garbage-collect")]
#[argh(
    example = "{command_name} --dry-run config.yml",
    example = "{command_name} --delete-untagged --older-than 720h config.yml"
)]
pub struct GarbageCollectOptions {
    /// remove nothing, and say what would be removed; a registry may run meanwhile
    #[argh(switch, short = 'd')]
    dry_run: bool,
    /// also remove manifests that no tag leads to: no tag names them, no index that is kept, and they are not referrers of a
    /// manifest that is kept
    #[argh(switch, short = 'm')]
    delete_untagged: bool,
    /// print only errors
    #[argh(switch, short = 'q')]
    quiet: bool,
    /// remove only what was pushed longer ago than this, such as 24h or 1h30m
    #[argh(
        option,
        arg_name = "duration",
        default = "Duration::ZERO",
        from_str_fn(age)
    )]
    older_than: Duration,
    /// the configuration file; default: as for `registry serve`
    #[argh(positional)]
    config: Option<PathBuf>,
}

fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("found `{text}`; allowed: a duration such as 24h, 30m or 1h30m");
    duration::parse(text).ok_or_else(wrong)
}

/// Whether a path is one of those at which a configuration is looked for where none is named.
fn is_usual(path: &Path) -> bool {
    SYSTEM_CONFIGURATIONS
        .iter()
        .any(|usual| path == Path::new(usual))
}

/// Where lines are written to.
struct CollectionOutput<'o> {
    out: Mutex<&'o mut (dyn Write + Send)>,
    errors: Mutex<&'o mut (dyn Write + Send)>,
    is_quiet: bool,
    has_failed: AtomicBool,
}

/// Collects garbage. Returns whether everything could be read and removed.
pub fn execute(
    options: GarbageCollectOptions,
    out: &mut (dyn Write + Send),
    errors: &mut (dyn Write + Send),
) -> Result<bool, CommandError> {
    // In the image of distribution this file is there, in ours none is: what is served then is served without one.
    let is_there = |path: &PathBuf| path.exists() || !is_usual(path);
    let (config, _) = super::load_or_search(options.config.filter(is_there))?;
    let access = match options.dry_run {
        true => OfflineAccess::Read,
        false => OfflineAccess::Change(INSTEAD),
    };
    let data = open_offline(&config, access)?;
    let output = CollectionOutput {
        out: Mutex::new(out),
        errors: Mutex::new(errors),
        is_quiet: options.quiet,
        has_failed: AtomicBool::new(false),
    };
    let report = data.storage.collect(&Collection {
        untagged: options.delete_untagged,
        minimum_age: MinimumAge::Exactly(options.older_than),
        dry_run: options.dry_run,
        threads: thread::available_parallelism().map_or(1, usize::from),
        // Without anyone to read what is removed, no more is.
        may_continue: &|| !output.has_failed.load(Ordering::Relaxed),
        report: &|event| output.event(event),
    });
    let report = report.map_err(|error| CommandError::Other(error.into()))?;
    output.summary(&report, options.dry_run)?;
    Ok(report.unreadable + report.stuck == 0)
}

impl CollectionOutput<'_> {
    fn event(&self, event: &CollectionEvent<'_>) {
        match event {
            CollectionEvent::Manifest(name, digest) => {
                self.line(&format!("{name}: manifest eligible for deletion: {digest}"));
            }
            CollectionEvent::Layer(name, digest) => {
                self.line(&format!(
                    "{name}: layer link eligible for deletion: {digest}"
                ));
            }
            CollectionEvent::Referrer(name, digest) => {
                self.line(&format!("{name}: referrer eligible for deletion: {digest}"));
            }
            CollectionEvent::Blob(digest, _) => {
                self.line(&format!("blob eligible for deletion: {digest}"));
            }
            CollectionEvent::Unreadable(key, why) => self.error(&format!(
                "error: {key} cannot be read: {why}; what it may lead to is kept"
            )),
            CollectionEvent::Stuck(key, why) => {
                self.error(&format!("error: {key} cannot be removed: {why}"));
            }
        }
    }

    fn line(&self, text: &str) {
        // In one piece: standard error may lead to the same place.
        let line = format!("{text}\n");
        if !self.is_quiet && self.out.lock().write_all(line.as_bytes()).is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
    }

    fn error(&self, text: &str) {
        // If nobody reads it, the exit code says it.
        let _ = self.errors.lock().write_all(format!("{text}\n").as_bytes());
    }

    fn summary(&self, report: &CollectionReport, dry_run: bool) -> Result<(), CommandError> {
        if self.is_quiet {
            return Ok(());
        }
        let mut out = self.out.lock();
        let printed = writeln!(out, "{}", report.summary(dry_run)).and_then(|()| out.flush());
        printed.map_err(CommandError::system("cannot print what was removed"))
    }
}
