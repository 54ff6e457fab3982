//! A moment in UTC as a calendar and a clock show it, for log lines. Total: a clock that is wrong by
//! centuries gives a strange date, never a panic.

use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY_SECONDS: u64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: u64 = 719_468;
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: u64 = 146_097;

/// A moment in UTC, of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
    milliseconds: u32,
}

impl From<SystemTime> for Clock {
    /// A time before 1970 counts as 1970-01-01.
    fn from(time: SystemTime) -> Clock {
        let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        // Years begin in March, so the leap day is the last of its year (Howard Hinnant, "chrono-
        // Compatible Low-Level Date Algorithms").
        let days = elapsed.as_secs() / DAY_SECONDS + EPOCH_DAYS;
        let day_of_era = days % ERA_DAYS;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        Clock {
            year: days / ERA_DAYS * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            second_of_day: elapsed.as_secs() % DAY_SECONDS,
            milliseconds: elapsed.subsec_millis(),
        }
    }
}

impl Clock {
    /// `2027-01-15T08:00:00.042Z`.
    pub fn rfc3339(&self) -> String {
        let Clock {
            year,
            month,
            day,
            milliseconds,
            ..
        } = self;
        format!(
            "{year:04}-{month:02}-{day:02}T{}.{milliseconds:03}Z",
            self.time()
        )
    }

    /// `15/Jan/2027:08:00:00 +0000`, as the Common Log Format has it.
    pub fn common_log(&self) -> String {
        let index = usize::try_from(self.month.saturating_sub(1)).unwrap_or_default();
        let month = MONTHS.get(index).unwrap_or(&"Jan");
        format!(
            "{:02}/{month}/{:04}:{} +0000",
            self.day,
            self.year,
            self.time()
        )
    }

    fn time(&self) -> String {
        let second = self.second_of_day;
        format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
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
            let time = UNIX_EPOCH + Duration::from_secs(day * DAY_SECONDS + 3_723);
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
