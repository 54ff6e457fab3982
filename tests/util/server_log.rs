//! The log of the servers that run in this process: shown where the test runner catches it, and kept.

use std::sync::Mutex;
use std::time::{Duration, Instant};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Kept;

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("registry") {
            let line = format!("{} {}", record.level(), record.args());
            eprintln!("    server: {line}");
            LINES.lock().unwrap().push(line);
        }
    }

    fn flush(&self) {}
}

/// Starts keeping it, once in the process.
pub fn keep() {
    if log::set_logger(&Kept).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}

/// How many lines hold a text, which must be of one test alone.
pub fn count(text: &str) -> usize {
    let lines = LINES.lock().unwrap();
    lines.iter().filter(|line| line.contains(text)).count()
}

/// Waits for a line that holds a text, which must be of one test alone.
pub fn wait_for(text: &str) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let found = {
            let lines = LINES.lock().unwrap();
            lines.iter().find(|line| line.contains(text)).cloned()
        };
        match found {
            Some(line) => return line,
            None => assert!(Instant::now() < end, "{text:?} was not logged"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
