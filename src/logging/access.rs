//! The access log: one line an exchange, in Apache's combined format, as distribution writes it.

use super::sink::Sink;
use crate::http::{EXCERPT_BYTES_MAX, Exchange};
use crate::time::format_common_log;
use std::time::SystemTime;

/// Writes the access log, or nothing when it is disabled (`log.accesslog.disabled`).
#[derive(Debug, Clone)]
pub struct AccessLog {
    enabled: bool,
    sink: Sink,
}

impl AccessLog {
    /// Takes whether lines are written, and where.
    pub fn new(enabled: bool, sink: Sink) -> AccessLog {
        AccessLog { enabled, sink }
    }

    /// Queues the line of one exchange. `user` is who was authenticated.
    pub fn record(&self, exchange: &Exchange<'_>, user: Option<&str>) {
        if self.enabled {
            let line = line(exchange, user, SystemTime::now());
            self.sink.write_access(line.as_bytes());
        }
    }
}

/// `client - user [time] "method target version" status bytes "referer" "agent" seconds` and the line's end.
fn line(exchange: &Exchange<'_>, user: Option<&str>, time: SystemTime) -> String {
    let client = exchange
        .client
        .map(|address| address.to_canonical().to_string());
    format!(
        "{} - {} [{}] \"{} {} {}\" {} {} \"{}\" \"{}\" {:.6}\n",
        client.as_deref().unwrap_or("-"),
        user.map_or("-".to_owned(), word),
        format_common_log(time),
        escaped(exchange.method),
        escaped(exchange.target),
        escaped(exchange.version),
        exchange.status,
        exchange.body_bytes,
        escaped(exchange.referer),
        escaped(exchange.user_agent),
        exchange.duration.as_secs_f64(),
    )
}

/// A text that takes the place of one word.
fn word(text: &str) -> String {
    escaped(text).replace(' ', "\\x20")
}

/// Apache's escapes: quotes and backslashes by a backslash, bytes that are not printable ASCII as `\xhh`. A head
/// may be large, and the log is bounded: long texts are shortened.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(EXCERPT_BYTES_MAX));
    for byte in text.bytes() {
        if out.len() >= EXCERPT_BYTES_MAX {
            out.push_str("...");
            break;
        }
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn exchange() -> Exchange<'static> {
        Exchange {
            client: Some([192, 0, 2, 7].into()),
            method: "GET",
            target: "/v2/a/tags/list?n=1",
            version: "HTTP/1.1",
            referer: "",
            user_agent: "docker/28",
            status: 200,
            body_bytes: 17,
            duration: Duration::from_nanos(12_345_400),
        }
    }

    fn time() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn lines_have_the_combined_format() {
        assert_eq!(
            line(&exchange(), Some("anna"), time()),
            "192.0.2.7 - anna [15/Jan/2027:08:00:00 +0000] \
             \"GET /v2/a/tags/list?n=1 HTTP/1.1\" 200 17 \"\" \"docker/28\" 0.012345\n"
        );
    }

    #[test]
    fn a_client_cannot_forge_a_line_or_a_field() {
        let evil = Exchange {
            client: None,
            user_agent: "a\" 200\n1.2.3.4 \\ \u{1b} \u{e9}",
            ..exchange()
        };
        let line = line(&evil, Some("a b\"\n"), time());
        assert!(line.starts_with("- - a\\x20b\\\"\\x0a ["), "{line}");
        assert!(
            line.ends_with("\"a\\\" 200\\x0a1.2.3.4 \\\\ \\x1b \\xc3\\xa9\" 0.012345\n"),
            "{line}"
        );
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn a_large_field_is_shortened() {
        let large = "a".repeat(200_000);
        let exchange = Exchange {
            target: &large,
            user_agent: &large,
            ..exchange()
        };
        let line = line(&exchange, None, time());
        assert!(line.len() < 2_200, "{}", line.len());
        assert!(
            line.contains("aaa... HTTP/1.1\" 200 17 \"\" \"aaa"),
            "{line}"
        );
        assert!(line.ends_with("aaa...\" 0.012345\n"), "{line}");
    }

    #[test]
    fn a_mapped_address_is_written_as_it_is_known() {
        let mapped = Exchange {
            client: Some("::ffff:192.0.2.7".parse().unwrap()),
            ..exchange()
        };
        assert!(line(&mapped, None, time()).starts_with("192.0.2.7 "));
    }

    #[test]
    fn a_file_takes_the_lines_where_one_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.log");
        let sink = Sink::open(Some(&path)).unwrap();
        let exchange = Exchange {
            client: None,
            method: "GET",
            target: "/v2/",
            version: "HTTP/1.1",
            referer: "",
            user_agent: "",
            status: 200,
            body_bytes: 2,
            duration: Duration::ZERO,
        };
        AccessLog::new(true, sink.clone()).record(&exchange, None);
        AccessLog::new(false, sink.clone()).record(&exchange, None);
        sink.flush();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("\"GET /v2/ HTTP/1.1\" 200 2"), "{text}");
    }
}
