//! A moment as log lines write it.

use crate::spec::timestamp::Civil;
use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    civil: Civil,
    milliseconds: u32,
}

impl From<SystemTime> for Clock {
    /// A time before 1970 counts as 1970-01-01.
    fn from(time: SystemTime) -> Clock {
        let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            civil: Civil::from_time(time),
            milliseconds: elapsed.subsec_millis(),
        }
    }
}

impl Clock {
    /// `2027-01-15T08:00:00.042Z`.
    pub fn rfc3339(&self) -> String {
        let Civil {
            year, month, day, ..
        } = self.civil;
        let (time, milliseconds) = (self.time(), self.milliseconds);
        format!("{year:04}-{month:02}-{day:02}T{time}.{milliseconds:03}Z")
    }

    /// `15/Jan/2027:08:00:00 +0000`, as the Common Log Format has it.
    pub fn common_log(&self) -> String {
        let Civil {
            year, month, day, ..
        } = self.civil;
        let index = usize::try_from(month.saturating_sub(1)).unwrap_or_default();
        let month = MONTHS.get(index).unwrap_or(&"Jan");
        format!("{day:02}/{month}/{year:04}:{} +0000", self.time())
    }

    fn time(&self) -> String {
        let Civil {
            hour,
            minute,
            second,
            ..
        } = self.civil;
        format!("{hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, "29/Feb/2000:00:00:00 +0000"),
            (951_868_800, "01/Mar/2000:00:00:00 +0000"),
            (1_709_210_096, "29/Feb/2024:12:34:56 +0000"),
            (4_107_542_400, "01/Mar/2100:00:00:00 +0000"),
            (253_402_300_799, "31/Dec/9999:23:59:59 +0000"),
        ] {
            let clock = Clock::from(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(clock.common_log(), date);
        }
    }

    #[test]
    fn every_day_of_a_century_agrees_with_http_dates() {
        for day in 0..36_525 {
            let time = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_723);
            let expected = httpdate::fmt_http_date(time);
            let parts: Vec<&str> = expected.split(' ').collect();
            let clock = Clock::from(time).common_log();
            assert_eq!(
                clock,
                format!("{}/{}/{}:{} +0000", parts[1], parts[2], parts[3], parts[4])
            );
        }
    }

    #[test]
    fn a_wrong_clock_gives_a_date() {
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Clock::from(before).rfc3339(), "1970-01-01T00:00:00.000Z");
        if let Some(late) = UNIX_EPOCH.checked_add(Duration::from_secs(1 << 50)) {
            assert!(Clock::from(late).rfc3339().ends_with('Z'));
        }
    }
}
