//! A load generator for any registry, over plain HTTP or TLS, and for any file server: one operation from so
//! many keep-alive connections for so many seconds, then rates and latencies on one line.
//!
//! ```text
//! cargo bench --bench load -- HOST:PORT OPERATION [KEY=VALUE ...]
//! cargo bench --bench load -- guard               # whether the hot paths are as fast as they were: two minutes
//! cargo bench --bench load -- guard push          # those whose rows have that in them
//! cargo bench --bench load -- guard --record      # notes how fast they are now
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

mod guard;
mod measure;
mod operation;
mod wire;

use measure::{Measured, Task, measure};
use operation::{Operation, Plan, Upload};
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use wire::{Outcome, Server};

const USAGE: &str = "usage: load guard [--record] [TEXT ...], or load HOST:PORT ping|get|head|handshake|pull|blob-head|push|manifest-get|\
    manifest-head|manifest-put|tags|catalog|referrers [connections=8] [seconds=5] [requests=0] [bytes=1048576] \
    [chunk=0] [stream=0] [repository=bench/load] [fill=0] [page=100] [path=/] [copy=0] [trust=FILE] [resume=0]";
const CONNECTIONS_MAX: u64 = 1024;
const SECONDS_MAX: u64 = 600;
const BLOB_BYTES_MAX: u64 = 1 << 30;

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
    if let Some((first, rest)) = words.split_first()
        && first == "guard"
    {
        return match guard::run(rest) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("guard: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let measured = parse(&words).and_then(|task| Ok((measure(&task)?, task)));
    match measured {
        Ok((measured, task)) => {
            println!("{}", report(&task, &measured));
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

fn report(task: &Task, measured: &Measured) -> String {
    let at = |share: f64| {
        let latencies = &measured.latencies;
        let place = (latencies.len() as f64 * share) as usize;
        let latency = latencies.get(place).or(latencies.last());
        latency.copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    let seconds = measured.elapsed.as_secs_f64();
    format!(
        "{} connections={} requests={} seconds={seconds:.2} rps={:.1} mb_per_second={:.1} \
         p50_ms={:.3} p99_ms={:.3}",
        task.plan.operation.name(),
        task.connections,
        measured.latencies.len(),
        measured.per_second(),
        measured.bytes as f64 / seconds / 1e6,
        at(0.50),
        at(0.99),
    )
}
