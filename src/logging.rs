//! The log, on standard error or in a file: one line a record, in the formats of distribution's logger
//! (logrus text and JSON, and its logstash formatter), and the access log.
//!
//! Whatever a message quotes, it cannot end its line or pass for another field.

mod access;
mod file;
mod queue;
mod sink;

pub use access::AccessLog;
pub use file::FILE_BYTES_MAX;
pub use sink::{Flush, Sink, complain};

use crate::config::{Formatter, LOG_QUEUE_BYTES, LogConfig};
use crate::time::format_rfc_3339_milliseconds;
use log::Level;
use queue::Lost;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::SystemTime;

/// The most bytes of a message in a line: some quote what a client sent.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// How the log of this process is formatted: there is at most one.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Turns messages into lines.
struct Lines {
    formatter: Formatter,
    fields: BTreeMap<String, String>,
}

/// Starts the log. A second start in one process changes nothing.
///
/// Panics are logged too: when the log is a file, nobody sees standard error.
pub fn init(log: &LogConfig, sink: &Sink) {
    sink.bound(log.queue_bytes);
    start(log, Some(sink.clone()));
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
}

/// Starts the log of a short command: on standard error, without a queue.
pub fn init_plain() {
    start(&unconfigured(), None);
}

fn start(log: &LogConfig, sink: Option<Sink>) {
    let lines = LINES.get_or_init(|| Lines {
        formatter: log.formatter,
        fields: log.fields.clone(),
    });
    let mut builder = env_logger::Builder::new();
    builder.filter_level(log.level).format(|out, record| {
        out.write_all(
            lines
                .line(record.level(), record.args().to_string())
                .as_bytes(),
        )
    });
    if let Some(sink) = sink {
        builder.target(env_logger::Target::Pipe(Box::new(sink::Pipe(sink))));
    }
    // It fails only if there is a log already.
    let _ = builder.try_init();
}

impl Lines {
    /// A line with its end.
    fn line(&self, level: Level, message: String) -> String {
        let now = SystemTime::now();
        let message = shortened(message);
        line(self.formatter, now, level, &message, &self.fields) + "\n"
    }
}

/// Writes to the log how many of its lines were lost, and of those of the access log on standard output.
fn report_lost(lost: Lost, out: &mut dyn Write) -> io::Result<()> {
    let Some(lines) = LINES.get() else {
        return Ok(());
    };
    for (count, whose) in [
        (lost.here, "the log: it was not read"),
        (
            lost.elsewhere,
            "the access log: standard output was not read",
        ),
    ] {
        if count > 0 {
            let message = format!("lost {count} lines of {whose}, or writing failed");
            out.write_all(lines.line(Level::Warn, message).as_bytes())?;
        }
    }
    Ok(())
}

fn shortened(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        let mut cut = (0..=MESSAGE_BYTES_MAX).rev();
        message.truncate(cut.find(|&at| message.is_char_boundary(at)).unwrap_or(0));
        message.push_str("...");
    }
    message
}

/// The log of a program whose configuration cannot be read, which has to be reported somewhere.
pub fn unconfigured() -> LogConfig {
    LogConfig {
        level: log::LevelFilter::Info,
        formatter: Formatter::Text,
        fields: BTreeMap::new(),
        access_log: false,
        queue_bytes: LOG_QUEUE_BYTES,
    }
}

/// One record as a line, without its end.
fn line(
    formatter: Formatter,
    time: SystemTime,
    level: Level,
    message: &str,
    fields: &BTreeMap<String, String>,
) -> String {
    let time = format_rfc_3339_milliseconds(time);
    match formatter {
        Formatter::Text => {
            let first = [
                ("time", time.as_str()),
                ("level", level_name(level)),
                ("msg", message),
            ];
            text(&first, fields)
        }
        Formatter::Json => {
            let first = [
                ("time", time.as_str()),
                ("level", level_name(level)),
                ("msg", message),
            ];
            json(&first, fields)
        }
        Formatter::Logstash => {
            let first = [
                ("@timestamp", time.as_str()),
                ("@version", "1"),
                ("level", level_name(level)),
                ("message", message),
            ];
            json(&first, fields)
        }
    }
}

/// logrus' names.
fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

/// `key=value` pairs; a value that is not plain is quoted. `time` and `msg` always are.
fn text(first: &[(&str, &str)], fields: &BTreeMap<String, String>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
    let mut line = String::new();
    for (key, value) in entries(first, fields) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(key.chars().map(|c| if plain(c) { c } else { '_' }));
        line.push('=');
        let bare = !value.is_empty() && value.chars().all(plain) && key != "time" && key != "msg";
        if bare {
            line.push_str(value);
        } else {
            quote(&mut line, value);
        }
    }
    line
}

fn json(first: &[(&str, &str)], fields: &BTreeMap<String, String>) -> String {
    let mut line = String::from("{");
    for (key, value) in entries(first, fields) {
        if line.len() > 1 {
            line.push(',');
        }
        quote(&mut line, &key);
        line.push(':');
        quote(&mut line, value);
    }
    line.push('}');
    line
}

/// The record's own entries, then the configured fields; one with the name of a former is
/// called `fields.<name>`, as in logrus.
fn entries<'a>(
    first: &'a [(&'a str, &'a str)],
    fields: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (String, &'a str)> {
    let taken = |key: &str| first.iter().any(|(known, _)| *known == key);
    let named = move |key: &str| {
        if taken(key) {
            format!("fields.{key}")
        } else {
            key.to_owned()
        }
    };
    let own = first.iter().map(|(key, value)| ((*key).to_owned(), *value));
    own.chain(
        fields
            .iter()
            .map(move |(key, value)| (named(key), value.as_str())),
    )
}

/// Appends a quoted text, valid in JSON: control characters and those that reorder or break lines
/// are escaped.
fn quote(line: &mut String, text: &str) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escape(line, c),
            c if c.is_control() => escape(line, c),
            c => line.push(c),
        }
    }
    line.push('"');
}

fn escape(line: &mut String, c: char) {
    line.push_str(&format!("\\u{:04x}", u32::from(c)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sample(formatter: Formatter, message: &str, fields: &[(&str, &str)]) -> String {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_042);
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let fields = fields.iter().map(owned).collect();
        line(formatter, time, Level::Warn, message, &fields)
    }

    #[test]
    fn a_long_message_is_shortened() {
        let long = "\u{e9}".repeat(MESSAGE_BYTES_MAX);
        let short = shortened(format!("a{long}"));
        assert_eq!(short.len(), MESSAGE_BYTES_MAX - 1 + 3);
        assert!(short.ends_with("\u{e9}..."));
        assert_eq!(shortened("as it is".to_owned()), "as it is");
    }

    #[test]
    fn text_lines_are_those_of_logrus() {
        let fields = [
            ("service", "registry"),
            ("environment", "a b"),
            ("empty", ""),
        ];
        assert_eq!(
            sample(Formatter::Text, "it works", &fields),
            "time=\"2027-01-15T08:00:00.042Z\" level=warning msg=\"it works\" \
             empty=\"\" environment=\"a b\" service=registry"
        );
    }

    #[test]
    fn json_lines_are_objects() {
        let line = sample(
            Formatter::Json,
            "a \"b\" \\ \u{1b}",
            &[("service", "registry")],
        );
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["time"], "2027-01-15T08:00:00.042Z");
        assert_eq!(value["level"], "warning");
        assert_eq!(value["msg"], "a \"b\" \\ \u{1b}");
        assert_eq!(value["service"], "registry");
    }

    #[test]
    fn logstash_lines_have_its_names() {
        let line = sample(Formatter::Logstash, "m", &[("type", "registry")]);
        assert_eq!(
            line,
            "{\"@timestamp\":\"2027-01-15T08:00:00.042Z\",\"@version\":\"1\",\
             \"level\":\"warning\",\"message\":\"m\",\"type\":\"registry\"}"
        );
    }

    #[test]
    fn nothing_can_end_a_line_or_pass_for_a_field() {
        let evil = "x\" level=error\nmsg=\"forged\r\u{85}\u{2028}\u{202e}\u{7f}";
        for formatter in [Formatter::Text, Formatter::Json, Formatter::Logstash] {
            let line = sample(formatter, evil, &[("a b=\n", evil)]);
            assert!(!line.contains(|c: char| c.is_control()), "{line}");
            assert!(!line.contains(['\u{2028}', '\u{202e}']), "{line}");
            assert!(
                line.contains("x\\\" level=error\\nmsg=\\\"forged\\r\\u0085"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_field_cannot_replace_the_message() {
        let line = sample(
            Formatter::Json,
            "real",
            &[("msg", "field"), ("time", "never")],
        );
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["msg"], "real");
        assert_eq!(value["fields.msg"], "field");
        assert_eq!(value["fields.time"], "never");
    }
}
