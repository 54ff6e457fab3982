//! Points in time as text, in UTC: one calendar (proleptic Gregorian) for the log, the storage, certificates and HTTP; and
//! durations as text (`duration`).
//!
//! A time before 1970, which only a wrong clock gives, is taken as 1970.

pub mod duration;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_SECONDS: u64 = 86_400;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A date and time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CivilTime {
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    pub day: u64,
    pub hour: u64,
    pub minute: u64,
    pub second: u64,
}

impl CivilTime {
    /// The date and time of day at that time.
    pub fn from_system_time(time: SystemTime) -> CivilTime {
        let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = elapsed.as_secs();
        let (days, rest) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
        // Days are counted from 1 March of year 0, so that the leap day is the last of its year
        // (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        CivilTime {
            year: year_of_era + era * 400 + u64::from(month <= 2),
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    /// The time; `None` for one before 1970 or out of range, such as month 13.
    pub fn to_system_time(self) -> Option<SystemTime> {
        let is_date = (1..=12).contains(&self.month) && (1..=31).contains(&self.day);
        // 60 is a leap second.
        let is_time = self.hour < 24 && self.minute < 60 && self.second <= 60;
        if !is_date || !is_time {
            return None;
        }
        let year = self.year.checked_sub(u64::from(self.month <= 2))?;
        let (era, year_of_era) = (year / 400, year % 400);
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
        let seconds = days * DAY_SECONDS + self.hour * 3600 + self.minute * 60 + self.second;
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }
}

/// `2026-11-22T05:14:56Z`, as distribution writes `startedat`.
pub fn format_rfc_3339(time: SystemTime) -> String {
    let CivilTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = CivilTime::from_system_time(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `2027-01-15T08:00:00.042Z`, as lines of the log start.
pub fn format_rfc_3339_milliseconds(time: SystemTime) -> String {
    let CivilTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = CivilTime::from_system_time(time);
    let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let milliseconds = elapsed.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// `15/Jan/2027:08:00:00 +0000`, the Common Log Format.
pub fn format_common_log(time: SystemTime) -> String {
    let CivilTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = CivilTime::from_system_time(time);
    let mut months = (1..).zip(MONTHS);
    let name = months.find_map(|(number, name)| (number == month).then_some(name));
    let month = name.unwrap_or("Jan");
    format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7). Years beyond 9999 are written as 9999.
pub fn format_http_date(time: SystemTime) -> String {
    // 9999-12-31T23:59:59Z: the crate panics beyond it, and a clock may be there.
    let last = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    httpdate::fmt_http_date(time.clamp(UNIX_EPOCH, last))
}

/// Reads `YYYY-MM-DDThh:mm:ss`, a fraction that is ignored, and `Z`. Other time zones are not
/// supported: distribution writes UTC.
pub fn parse_rfc_3339(text: &str) -> Option<SystemTime> {
    let text = text.trim().strip_suffix('Z')?;
    let number = |from: usize, to: usize, after: &str| -> Option<u64> {
        let digits = text.get(from..to)?;
        let is_separated = text.get(to..)?.starts_with(after);
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_separated && is_number {
            digits.parse().ok()
        } else {
            None
        }
    };
    let time = CivilTime {
        year: number(0, 4, "-")?,
        month: number(5, 7, "-")?,
        day: number(8, 10, "T")?,
        hour: number(11, 13, ":")?,
        minute: number(14, 16, ":")?,
        second: number(17, 19, "")?,
    };
    time.to_system_time()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar_and_come_back() {
        for (seconds, text, common) in [
            (0, "1970-01-01T00:00:00Z", "01/Jan/1970:00:00:00 +0000"),
            (
                951_782_399,
                "2000-02-28T23:59:59Z",
                "28/Feb/2000:23:59:59 +0000",
            ),
            (
                951_782_400,
                "2000-02-29T00:00:00Z",
                "29/Feb/2000:00:00:00 +0000",
            ),
            (
                951_868_800,
                "2000-03-01T00:00:00Z",
                "01/Mar/2000:00:00:00 +0000",
            ),
            (
                1_795_324_496,
                "2026-11-22T05:14:56Z",
                "22/Nov/2026:05:14:56 +0000",
            ),
            (
                4_107_542_400,
                "2100-03-01T00:00:00Z",
                "01/Mar/2100:00:00:00 +0000",
            ),
            (
                253_402_300_799,
                "9999-12-31T23:59:59Z",
                "31/Dec/9999:23:59:59 +0000",
            ),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(format_rfc_3339(time), text);
            assert_eq!(format_common_log(time), common);
            assert_eq!(parse_rfc_3339(text), Some(time), "{text}");
        }
        let with_fraction = parse_rfc_3339("1970-01-01T00:00:01.25Z");
        assert_eq!(with_fraction, Some(UNIX_EPOCH + Duration::from_secs(1)));
    }

    #[test]
    fn every_day_of_a_century_agrees_with_http_dates() {
        for day in 0..36_525 {
            let time = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_723);
            let expected = format_http_date(time);
            let parts: Vec<&str> = expected.split(' ').collect();
            assert_eq!(
                format_common_log(time),
                format!("{}/{}/{}:{} +0000", parts[1], parts[2], parts[3], parts[4])
            );
        }
    }

    #[test]
    fn a_wrong_clock_gives_a_date() {
        let before = UNIX_EPOCH - Duration::from_secs(1);
        let text = format_rfc_3339_milliseconds(before);
        assert_eq!(text, "1970-01-01T00:00:00.000Z");
        assert_eq!(format_http_date(before), "Thu, 01 Jan 1970 00:00:00 GMT");
        if let Some(late) = UNIX_EPOCH.checked_add(Duration::from_secs(1 << 50)) {
            assert!(format_rfc_3339_milliseconds(late).ends_with('Z'));
            assert_eq!(format_http_date(late), "Fri, 31 Dec 9999 23:59:59 GMT");
        }
    }

    #[test]
    fn what_is_not_a_time_is_rejected() {
        for text in [
            "",
            "Z",
            "1970-01-01",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-01-32T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "x",
        ] {
            assert_eq!(parse_rfc_3339(text), None, "{text}");
        }
        assert_eq!(parse_rfc_3339("1970-01-01T00:00:00+01:00"), None);
    }
}
