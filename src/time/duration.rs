//! Durations as Go writes them (`time.ParseDuration`), because that is what a `config.yml` contains: `168h`, `1m30s`,
//! `500ms`, `1.5h`, `0`.

use std::time::Duration;

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a Go duration. `None` when it is not one, is negative, or is longer than 2^63 nanoseconds (292 years), which
/// is Go's maximum.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (amount, tail) = part(rest)?;
        total = total.checked_add(amount)?;
        rest = tail;
    }
    if text.is_empty() {
        return None;
    }
    nanoseconds(total)
}

/// Reads one number with its unit; returns nanoseconds and what follows.
fn part(text: &str) -> Option<(u128, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, tail) = text.split_at_checked(end)?;
    let end = tail.find(|c: char| c.is_ascii_digit() || c == '.');
    let (unit, tail) = tail.split_at_checked(end.unwrap_or(tail.len()))?;
    let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut amount = u128::from(whole) * u128::from(scale);
    let mut place = scale;
    for digit in fraction.chars() {
        place /= 10;
        amount += u128::from(digit.to_digit(10)?) * u128::from(place);
    }
    Some((amount, tail))
}

/// A duration of that many nanoseconds, `None` beyond Go's maximum.
pub fn nanoseconds(count: u128) -> Option<Duration> {
    let count = u64::try_from(count).ok()?;
    (count <= i64::MAX.unsigned_abs()).then(|| Duration::from_nanos(count))
}

/// Writes a duration so that [`parse`] and Go read it back exactly: `168h`, `1m30s`, `500ms`, `0s`.
pub fn format(duration: Duration) -> String {
    let (mut seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    let mut text = String::new();
    for (unit, scale) in [("h", 3600), ("m", 60), ("s", 1)] {
        if seconds >= scale {
            text.push_str(&format!("{}{unit}", seconds / scale));
            seconds %= scale;
        }
    }
    let (amount, unit) = match nanoseconds {
        0 => (0, ""),
        n if n % 1_000_000 == 0 => (n / 1_000_000, "ms"),
        n if n % 1_000 == 0 => (n / 1_000, "us"),
        n => (n, "ns"),
    };
    if amount > 0 {
        text.push_str(&format!("{amount}{unit}"));
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}
