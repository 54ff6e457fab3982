//! `registry verify`: checks that the data is whole, and repairs it. Findings are lines on standard output, or JSON objects;
//! at a terminal standard error has a bar that says how far it is.

use super::CommandError;
use crate::server::{OfflineAccess, open_offline};
use crate::spec::Tag;
use crate::storage::{Finding, Repair, RepairScope, Storage, Verification, VerificationReport};
use crate::sync::{Condvar, Mutex, join_all};
use argh::FromArgs;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What to do while a registry runs.
const INSTEAD: &str = "stop it, or leave out --repair; it puts corrupt blobs aside itself where \
                       storage.maintenance.verify.enabled is set";

/// Bytes that each thread reads in one step.
const BUFFER_BYTES: usize = 1024 * 1024;
/// How often the bar is drawn.
const BAR_INTERVAL: Duration = Duration::from_millis(250);
/// Columns of the bar itself, and of its whole line where the terminal has them.
const BAR_WIDTH: usize = 30;
const LINE_WIDTH: usize = 78;

/// Check that the data is whole: read and hash every blob, and check every link, tag, manifest and referrer. A registry may
/// run meanwhile, unless it is repaired. Exit codes: 0 if nothing is wrong, 1 if something is (also if it was repaired), 2
/// if that could not be found out.
#[derive(FromArgs)]
#[argh(subcommand, name = "verify")]
#[argh(
    example = "{command_name} config.yml",
    example = "{command_name} --repair config.yml"
)]
pub struct VerifyOptions {
    /// print a JSON object for each finding, and one with the sums at the end
    #[argh(switch)]
    json: bool,
    /// repair: move corrupt blobs to lost+found/, remove links that are empty or lead nowhere, and rebuild the index of
    /// referrers. No registry may run meanwhile
    #[argh(switch)]
    repair: bool,
    /// the configuration file; default: as for `registry serve`
    #[argh(positional)]
    config: Option<PathBuf>,
}

/// Verifies, and writes what it finds to `out`. Returns whether nothing was wrong.
pub fn execute(options: VerifyOptions, out: &mut (dyn Write + Send)) -> Result<bool, CommandError> {
    let (config, _) = super::load_or_search(options.config)?;
    let (access, repair) = match options.repair {
        true => (OfflineAccess::Change(INSTEAD), RepairScope::Everything),
        false => (OfflineAccess::Read, RepairScope::Nothing),
    };
    let data = open_offline(&config, access)?;
    let bar = io::stderr().is_terminal().then(ProgressBar::default);
    let output = FindingsOutput {
        out: Mutex::new(out),
        is_json: options.json,
        has_failed: AtomicBool::new(false),
    };
    let report = verify(&data.storage, repair, &output, bar.as_ref());
    let report = report.map_err(|error| CommandError::Other(error.into()))?;
    output.summary(&report)?;
    Ok(report.errors == 0)
}

fn verify(
    storage: &Storage,
    repair: RepairScope,
    output: &FindingsOutput<'_>,
    bar: Option<&ProgressBar>,
) -> crate::storage::Result<VerificationReport> {
    let pace = |bytes: u64| {
        if let Some(bar) = bar {
            bar.done.fetch_add(bytes, Ordering::Relaxed);
        }
        // Nobody reads what is found any longer.
        match output.has_failed.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let found = |finding: &Finding| match bar {
        Some(bar) => bar.without(|| output.finding(finding)),
        None => output.finding(finding),
    };
    let verification = Verification {
        repair,
        threads: thread::available_parallelism().map_or(1, usize::from),
        buffer_bytes: BUFFER_BYTES,
        first_byte: 0,
        pace: &pace,
        found: &found,
    };
    let Some(bar) = bar else {
        return storage.verify(&verification);
    };
    thread::scope(|scope| {
        // Without a thread there is no bar.
        let drawn = thread::Builder::new().spawn_scoped(scope, || bar.draw_until_stopped(storage));
        let report = storage.verify(&verification);
        bar.stop();
        join_all(drawn);
        report
    })
}

/// Where findings are written to.
struct FindingsOutput<'o> {
    out: Mutex<&'o mut (dyn Write + Send)>,
    is_json: bool,
    has_failed: AtomicBool,
}

impl FindingsOutput<'_> {
    fn finding(&self, finding: &Finding) {
        let line = match self.is_json {
            true => json_of(finding).to_string(),
            false => {
                let problem = &finding.problem;
                let severity = problem.severity().name();
                format!("{severity}: {}: {finding}", problem.kind())
            }
        };
        if writeln!(self.out.lock(), "{line}").is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
    }

    fn summary(&self, report: &VerificationReport) -> Result<(), CommandError> {
        let line = match self.is_json {
            true => json_of_report(report).to_string(),
            false => summary(report),
        };
        let mut out = self.out.lock();
        let printed = writeln!(out, "{line}").and_then(|()| out.flush());
        printed.map_err(CommandError::system("cannot print the findings"))
    }
}

fn json_of(finding: &Finding) -> serde_json::Value {
    let text = |value: Option<&str>| value.map(str::to_owned);
    let (repair, moved_to, failure) = match &finding.repair {
        Repair::None => ("none", None, None),
        Repair::Removed => ("removed", None, None),
        Repair::Written => ("written", None, None),
        Repair::Moved(to) => ("moved", Some(to.as_str()), None),
        Repair::Failed(why) => ("failed", None, Some(why.as_str())),
    };
    let tags: Vec<&str> = finding.tags.iter().map(Tag::as_str).collect();
    json!({
        "type": "finding",
        "kind": finding.problem.kind(),
        "severity": finding.problem.severity().name(),
        "digest": finding.digest,
        "manifest": finding.manifest,
        "repository": text(finding.repository.as_ref().map(crate::spec::Name::as_str)),
        "tags": tags,
        "path": finding.key.as_str(),
        "message": finding.problem.to_string(),
        "repair": repair,
        "movedTo": text(moved_to),
        "failure": text(failure),
    })
}

fn json_of_report(report: &VerificationReport) -> serde_json::Value {
    json!({
        "type": "summary",
        "blobs": report.blobs,
        "bytes": report.bytes,
        "repositories": report.repositories,
        "links": report.links,
        "manifests": report.manifests,
        "tags": report.tags,
        "uploads": report.uploads,
        "temporaryFiles": report.temporary_files,
        "errors": report.errors,
        "notes": report.notes,
        "repaired": report.repaired,
        "failed": report.failed,
    })
}

fn summary(report: &VerificationReport) -> String {
    let mut text = format!(
        "verified {} blobs with {}, {} repositories, {} manifests, {} tags and {} links",
        report.blobs,
        readable(report.bytes),
        report.repositories,
        report.manifests,
        report.tags,
        report.links
    );
    if report.uploads + report.temporary_files > 0 {
        text += &format!(
            "; not looked into: {} unfinished uploads, {} temporary files",
            report.uploads, report.temporary_files
        );
    }
    text += &match (report.errors, report.notes) {
        (0, 0) => "; nothing is wrong".to_owned(),
        (0, notes) => format!("; nothing is wrong, notes {notes}"),
        (errors, notes) => format!("; errors {errors}, notes {notes}"),
    };
    if report.repaired + report.failed > 0 {
        text += &format!(", repaired {}", report.repaired);
    }
    if report.failed > 0 {
        text += &format!(", NOT repaired {}", report.failed);
    }
    text
}

/// A number of bytes for people: `1.5 GiB`.
fn readable(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1024, "KiB");
    for larger in UNITS.iter().skip(1) {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, larger);
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// How far a verification is, on the last line of a terminal.
#[derive(Default)]
struct ProgressBar {
    done: AtomicU64,
    is_stopped: Mutex<bool>,
    stopped: Condvar,
    /// Held while something is written to the terminal.
    terminal: Mutex<()>,
}

impl ProgressBar {
    fn may_continue(&self) -> bool {
        !*self.is_stopped.lock()
    }

    /// Draws the bar now and then. The number of all bytes is not known before they have been counted.
    fn draw_until_stopped(&self, storage: &Storage) {
        let (started, total) = (Instant::now(), AtomicU64::new(0));
        thread::scope(|scope| {
            let count = || {
                let bytes = storage.blob_bytes(&|| self.may_continue());
                total.store(bytes, Ordering::Relaxed);
            };
            let counting = thread::Builder::new().spawn_scoped(scope, count);
            while self.may_continue() {
                let done = self.done.load(Ordering::Relaxed);
                let (total, width) = (total.load(Ordering::Relaxed), line_width());
                let line = bar_line(done, total, started.elapsed(), width);
                self.write(&format!("\r{line:width$}"));
                let stopped = self.is_stopped.lock();
                let runs = |is_stopped: &mut bool| !*is_stopped;
                drop(self.stopped.wait_timeout_while(stopped, BAR_INTERVAL, runs));
            }
            join_all(counting);
        });
        self.clear();
    }

    fn stop(&self) {
        *self.is_stopped.lock() = true;
        self.stopped.notify_all();
    }

    /// Does something that writes to the terminal, on a line of its own.
    fn without(&self, write: impl FnOnce()) {
        self.clear();
        let _terminal = self.terminal.lock();
        write();
    }

    fn clear(&self) {
        let width = line_width();
        self.write(&format!("\r{:width$}\r", ""));
    }

    fn write(&self, text: &str) {
        let _terminal = self.terminal.lock();
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// How long the line may be: one that is wrapped could not be drawn over.
fn line_width() -> usize {
    let columns = crate::sys::columns();
    columns.map_or(LINE_WIDTH, |columns| LINE_WIDTH.min(columns - 1))
}

/// `[####      ]  40 %, 1.2 GiB of 3.0 GiB, 200.0 MiB/s`, or as much of it as fits into the width.
fn bar_line(done: u64, total: u64, elapsed: Duration, width: usize) -> String {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let rate = done.saturating_mul(1000) / milliseconds.max(1);
    let (done_text, rate) = (readable(done), readable(rate));
    let (shortest, rest) = if total == 0 {
        (done_text, format!(", {rate}/s"))
    } else {
        let percent = (u128::from(done) * 100 / u128::from(total)).min(100);
        let percent = usize::try_from(percent).unwrap_or(100);
        let bar = "#".repeat(BAR_WIDTH * percent / 100);
        let total = readable(total);
        let rest = format!(", {done_text} of {total}, {rate}/s");
        let whole = format!("[{bar:BAR_WIDTH$}] {percent:3} %{rest}");
        if whole.len() <= width {
            return whole;
        }
        (format!("{percent} %"), rest)
    };
    let mut line = format!("{shortest}{rest}");
    if line.len() > width {
        line = shortest;
    }
    line.truncate(width);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_for_people() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (5 * 1024 * 1024 * 1024, "5.0 GiB"),
        ] {
            assert_eq!(readable(bytes), text);
        }
    }

    #[test]
    fn the_bar_is_as_long_as_what_is_done() {
        let second = Duration::from_secs(1);
        let line = bar_line(512, 1024, second, LINE_WIDTH);
        assert_eq!(
            line,
            format!(
                "[{}{}]  50 %, 512 bytes of 1.0 KiB, 512 bytes/s",
                "#".repeat(15),
                " ".repeat(15)
            )
        );
        // What was pushed since it was counted makes it no longer than it can be.
        let full = format!("[{}] 100 %", "#".repeat(30));
        assert!(bar_line(5000, 1024, second, LINE_WIDTH).starts_with(&full));
        let line = bar_line(2048, 0, Duration::ZERO, LINE_WIDTH);
        assert_eq!(line, "2.0 KiB, 1.9 MiB/s");
    }

    #[test]
    fn the_bar_is_no_wider_than_the_terminal() {
        for (width, expected) in [
            (60, "50 %, 512 bytes of 1.0 KiB, 512 bytes/s"),
            (19, "50 %"),
            (3, "50 "),
            (0, ""),
        ] {
            let line = bar_line(512, 1024, Duration::from_secs(1), width);
            assert_eq!(line, expected);
        }
        assert_eq!(bar_line(2048, 0, Duration::ZERO, 10), "2.0 KiB");
    }
}
