//! Numbers of bytes and durations, as they are written.

use super::*;
use registry::config::format_duration;

#[test]
fn byte_counts_are_read() {
    let load = |text: &str| {
        let text = format!("{BASE}http: {{limits: {{drainbytes: {text}}}}}\n");
        let loaded = load(&text, &[]);
        loaded.map(|(config, _)| config.http.limits.drain_bytes_max)
    };
    for (text, count) in [
        ("0", 0),
        ("65536", 65536),
        ("64KiB", 65536),
        ("4 MiB", 4 << 20),
        ("1GiB", 1 << 30),
        ("'1_000'", 1000),
    ] {
        assert_eq!(load(text), Ok(count), "{text}");
    }
    for text in ["-1", "4MB", "MiB", "1.5", "true", "9223372036854775807GiB"] {
        let found = load(text).unwrap_err();
        let allowed = "allowed: a number of bytes from 0 to 1073741824";
        assert!(found[0].contains(allowed), "{text}: {found:?}");
    }
}

fn age(text: &str) -> Result<Duration, Vec<String>> {
    let text = format!("{BASE}  maintenance: {{uploadpurging: {{age: '{text}', interval: 1s}}}}\n");
    load(&text, &[]).map(|(config, _)| config.storage.upload_purging.age)
}

#[test]
fn durations_are_read_as_go_reads_them() {
    for (text, nanoseconds) in [
        ("168h", 168 * 3600 * 1_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1h15m30.918273645s", 4_530_918_273_645),
        ("500ms", 500_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5s", 500_000_000),
        ("1us", 1_000),
        ("1\u{b5}s", 1_000),
        ("1\u{3bc}s", 1_000),
        ("7ns", 7),
        ("0", 0),
        ("0s", 0),
        ("+2s", 2_000_000_000),
    ] {
        assert_eq!(age(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
    }
    for text in [
        "h",
        "1",
        "1d",
        "-1s",
        "1 h",
        "1h ",
        "1..5s",
        ".s",
        "s1",
        "1hour",
        "9999999h",
        "99999999999999999999999h",
        "1h-1m",
        "0x1s",
    ] {
        assert_eq!(age(text).map_err(|found| found.len()), Err(1), "{text}");
    }
}

#[test]
fn durations_that_are_written_are_read_back() {
    for nanoseconds in [
        0,
        1,
        1_500,
        2_000_000,
        90_000_000_000,
        604_800_000_000_000,
        3_600_000_000_001,
    ] {
        let duration = Duration::from_nanos(nanoseconds);
        assert_eq!(age(&format_duration(duration)), Ok(duration));
    }
    assert_eq!(format_duration(Duration::from_secs(90)), "1m30s");
    assert_eq!(format_duration(Duration::from_secs(168 * 3600)), "168h");
}
