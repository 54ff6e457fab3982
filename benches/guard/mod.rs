//! Whether the hot paths are as fast as they were: each is measured beside the plainest server that can do the same (`reference`), in
//! turns in one run, so that a slow machine is slow for both. A row fails whose part of the reference's rate is less than 0.8 of what
//! it was when `benches/guard/parts.txt` was written.
//!
//! On a machine of another kind the parts are others: record them before a change, and compare after it.

mod reference;

use crate::measure::measure;
use crate::wire::Outcome;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// The least part of what a row was.
const LEAST: f64 = 0.8;
/// How often each is measured; the best counts.
const ROUNDS: usize = 5;
/// How long the registry has to start.
const START_MAX: Duration = Duration::from_secs(20);

/// The hot paths, as the command line of the load has them.
const ROWS: [&str; 9] = [
    "ping connections=4",
    "manifest-get connections=4",
    "manifest-head connections=4",
    "blob-head bytes=1024 connections=4",
    "pull bytes=67108864 connections=1",
    "tags fill=500 connections=4",
    "push bytes=10240 connections=4",
    "push bytes=16777216 connections=1",
    "manifest-put connections=4",
];

/// Measures the rows; whether all are as fast as they were.
pub fn run(words: &[String]) -> Outcome<bool> {
    let (options, words): (Vec<&String>, Vec<&String>) =
        words.iter().partition(|word| word.starts_with("--"));
    let records = match options.as_slice() {
        [] => false,
        [option] if *option == "--record" => true,
        _ => return Err("the only option is --record".into()),
    };
    // In memory where there is such a folder: a disk is never as fast as it was a minute ago.
    let memory = Path::new("/dev/shm");
    let above = match memory.is_dir() {
        true => memory.to_owned(),
        false => PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
    };
    let folder = Folder(above.join(format!("registry-guard-{}", std::process::id())));
    let folder = &folder.0;
    let plain = reference::start(&folder.join("plain"))?;
    let registry = Registry::start(folder)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/guard/parts.txt");
    let mut parts = read(&path)?;
    let is_chosen =
        |row: &&&str| words.is_empty() || words.iter().any(|word| row.contains(word.as_str()));
    let mut is_right = true;
    println!(
        "{:<36} {:>9} {:>9} {:>6} {:>6}",
        "each second", "registry", "plain", "part", "was"
    );
    for row in ROWS.iter().filter(is_chosen) {
        let (ours, theirs) = compare(row, [registry.address, plain])?;
        let part = ours / theirs;
        let before = parts.insert((*row).to_owned(), part);
        let was = before.map_or_else(|| "none".to_owned(), |was| format!("{was:.2}"));
        let is_slow = !records && before.is_none_or(|was| part < LEAST * was);
        is_right &= !is_slow;
        let verdict = if is_slow { "  too slow" } else { "" };
        println!("{row:<36} {ours:>9.0} {theirs:>9.0} {part:>6.2} {was:>6}{verdict}");
    }
    if records {
        let lines = parts.iter().map(|(row, part)| format!("{part:.2} {row}\n"));
        fs::write(&path, lines.collect::<String>())?;
    }
    Ok(is_right)
}

/// What each row was.
fn read(path: &Path) -> Outcome<BTreeMap<String, f64>> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let parse = |line: &str| {
        let (part, row) = line.split_once(' ').ok_or("a line is a part and a row")?;
        Ok((row.to_owned(), part.parse()?))
    };
    text.lines().map(parse).collect()
}

/// The best rate of both, in turns: what disturbs a machine only makes slower.
fn compare(row: &str, servers: [SocketAddr; 2]) -> Outcome<(f64, f64)> {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (server, rates) in servers.iter().zip(&mut rates) {
            let line = format!("{server} {row} seconds=1");
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            rates.push(measure(&crate::parse(&words)?)?.per_second());
        }
    }
    let [ours, theirs] = rates.map(|rates| rates.into_iter().fold(0.0, f64::max));
    Ok((ours, theirs))
}

/// A folder that goes with this.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in memory or below the target folder, and has a name that says whose it was.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The registry, as it is built; it ends with this.
struct Registry {
    child: Child,
    address: SocketAddr,
}

impl Registry {
    fn start(folder: &Path) -> Outcome<Registry> {
        fs::create_dir_all(folder)?;
        let config = folder.join("config.yml");
        let data = folder.join("registry");
        let data = data
            .to_str()
            .ok_or("the path of the target folder is not UTF-8")?;
        fs::write(
            &config,
            format!(
                "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
                 http: {{addr: '127.0.0.1:0'}}\nlog: {{accesslog: {{disabled: true}}}}\n",
                data.replace('\'', "''")
            ),
        )?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
        command.arg("serve").arg(&config).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let log = child.stderr.take().ok_or("its log cannot be read")?;
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    // Nobody waits for it a second time.
                    let _ = sender.send(address.to_owned());
                }
            }
        });
        let mut registry = Registry {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let told = receiver.recv_timeout(START_MAX)?;
        let word = told.split(',').next().unwrap_or_default();
        registry.address = word.parse()?;
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
