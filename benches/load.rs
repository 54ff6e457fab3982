//! A load generator for any registry, over plain HTTP or TLS, and for any file server: one operation from so
//! many keep-alive connections for so many seconds, then rates and latencies on one line.
//!
//! ```text
//! cargo bench --bench load -- HOST:PORT OPERATION [KEY=VALUE ...]
//! ```
//!
//! The address may be USER:PASSWORD@HOST:PORT.
//!
//! Operations: `ping`, `get`, `head`, `handshake`, `pull`, `blob-head`, `push`, `manifest-get`, `manifest-head`,
//! `manifest-put`, `tags`, `catalog`, `referrers`.
//! Keys: `connections` (8), `seconds` (5), `requests` (the end where it comes before that, 0 for none), `bytes` (of a blob,
//! 1048576), `chunk` (bytes a PATCH; 0 is POST and PUT), `stream` (1: one PATCH with chunked coding), `repository`
//! (bench/load), `fill` (tags, repositories or manifests made before, 0), `page` (entries a page, 100), `path` (of `get` and
//! `head`, /), `copy` (1: bodies are copied to this program), `trust` (a PEM file: TLS, whose server it names), `resume` (1: TLS
//! sessions are resumed).
//!
//! It writes to the registry it measures. A wrong status ends it: a rate of errors is no rate.

mod operation;
mod wire;

use operation::{Operation, Plan, Ready, Upload};
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wire::{Connection, Outcome, Server};

const USAGE: &str = "usage: load HOST:PORT ping|get|head|handshake|pull|blob-head|push|manifest-get|\
    manifest-head|manifest-put|tags|catalog|referrers [connections=8] [seconds=5] [requests=0] [bytes=1048576] \
    [chunk=0] [stream=0] [repository=bench/load] [fill=0] [page=100] [path=/] [copy=0] [trust=FILE] [resume=0]";
const CONNECTIONS_MAX: u64 = 1024;
const SECONDS_MAX: u64 = 600;
const BLOB_BYTES_MAX: u64 = 1 << 30;

/// What the command line asks for.
struct Task {
    server: Server,
    connections: u64,
    duration: Duration,
    requests: u64,
    plan: Plan,
}

/// What one connection did.
#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    bytes: u64,
}

fn main() -> ExitCode {
    // `cargo bench` adds --bench; without a word of ours there is nothing to measure.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if words.is_empty() {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match parse(&words).and_then(|task| measure(&task)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(words: &[String]) -> Outcome<Task> {
    let [address, operation, settings @ ..] = words else {
        return Err(USAGE.into());
    };
    let mut values = HashMap::new();
    for word in settings {
        let (key, value) = word.split_once('=').ok_or(USAGE)?;
        values.insert(key, value);
    }
    let mut number = |key: &str, default: u64, max: u64| match values.remove(key) {
        None => Ok(default),
        Some(value) => match value.parse() {
            Ok(number) if number <= max => Ok(number),
            _ => Err(format!("{key} is a number up to {max}, not {value:?}")),
        },
    };
    let connections = number("connections", 8, CONNECTIONS_MAX)?.max(1);
    let duration = Duration::from_secs(number("seconds", 5, SECONDS_MAX)?.max(1));
    let blob_bytes = usize::try_from(number("bytes", 1 << 20, BLOB_BYTES_MAX)?)?;
    let chunk_bytes = usize::try_from(number("chunk", 0, BLOB_BYTES_MAX)?)?;
    let fill = number("fill", 0, 1_000_000)?;
    let page = number("page", 100, 1_000_000)?;
    let requests = match number("requests", 0, u64::MAX)? {
        0 => u64::MAX,
        requests => requests,
    };
    let upload = match (chunk_bytes, number("stream", 0, 1)?) {
        (_, 1) => Upload::Stream,
        (0, _) => Upload::Whole,
        (bytes, _) => Upload::Chunks(bytes),
    };
    let (copies, resumes) = (number("copy", 0, 1)? == 1, number("resume", 0, 1)? == 1);
    let mut server = Server::new(address, values.remove("trust").map(Path::new), resumes)?;
    server.copies = copies;
    let plan = Plan {
        operation: Operation::parse(operation).ok_or(USAGE)?,
        repository: values
            .remove("repository")
            .unwrap_or("bench/load")
            .to_owned(),
        path: values.remove("path").unwrap_or("/").to_owned(),
        blob_bytes,
        upload,
        fill,
        page,
    };
    match values.keys().next() {
        Some(key) => Err(format!("there is no key {key}; {USAGE}").into()),
        None => Ok(Task {
            server,
            connections,
            duration,
            requests,
            plan,
        }),
    }
}

/// Prepares what the operation needs, runs it on every connection, and makes the report.
fn measure(task: &Task) -> Outcome<String> {
    let ready = task.plan.prepare(&task.server)?;
    let requests = AtomicU64::new(0);
    let tallies = Mutex::new(Vec::new());
    let failure = Mutex::new(None);
    let started = Instant::now();
    thread::scope(|scope| {
        for worker in 0..task.connections {
            let (ready, tallies, failure) = (ready.clone(), &tallies, &failure);
            let requests = &requests;
            scope.spawn(move || match work(task, ready, worker, started, requests) {
                Ok(tally) => tallies
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(tally),
                Err(error) => {
                    failure
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(error);
                }
            });
        }
    });
    let elapsed = started.elapsed();
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let tallies = tallies.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(report(task, &tallies, elapsed))
}

fn work(
    task: &Task,
    mut ready: Ready,
    worker: u64,
    started: Instant,
    requests: &AtomicU64,
) -> Outcome<Tally> {
    let mut connection = Connection::open(&task.server)?;
    let mut tally = Tally::default();
    let mut round = 0;
    while started.elapsed() < task.duration
        && requests.fetch_add(1, Ordering::Relaxed) < task.requests
    {
        let begun = Instant::now();
        tally.bytes += ready.run(&mut connection, worker, round)?;
        tally.latencies.push(begun.elapsed());
        round += 1;
    }
    Ok(tally)
}

fn report(task: &Task, tallies: &[Tally], elapsed: Duration) -> String {
    let mut latencies: Vec<Duration> = tallies
        .iter()
        .flat_map(|tally| tally.latencies.iter().copied())
        .collect();
    latencies.sort_unstable();
    let at = |share: f64| {
        let place = (latencies.len() as f64 * share) as usize;
        let latency = latencies
            .get(place)
            .or(latencies.last())
            .copied()
            .unwrap_or_default();
        latency.as_secs_f64() * 1e3
    };
    let bytes: u64 = tallies.iter().map(|tally| tally.bytes).sum();
    let seconds = elapsed.as_secs_f64();
    format!(
        "{} connections={} requests={} seconds={seconds:.2} rps={:.1} mb_per_second={:.1} \
         p50_ms={:.3} p99_ms={:.3}",
        task.plan.operation.name(),
        task.connections,
        latencies.len(),
        latencies.len() as f64 / seconds,
        bytes as f64 / seconds / 1e6,
        at(0.50),
        at(0.99),
    )
}
