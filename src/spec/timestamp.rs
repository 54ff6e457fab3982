//! Points in time as text: RFC 3339 in UTC with whole seconds, as distribution writes `startedat`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_SECONDS: u64 = 86_400;

/// A date and time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Civil {
    pub year: u64,
    pub month: u64,
    pub day: u64,
    pub hour: u64,
    pub minute: u64,
    pub second: u64,
}

impl Civil {
    /// The date in the proleptic Gregorian calendar; a time before 1970 is taken as 1970.
    pub fn from_time(time: SystemTime) -> Civil {
        let seconds = time
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
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
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        }
    }

    /// Seconds since 1970.
    fn to_seconds(self) -> Option<u64> {
        let year = self.year.checked_sub(u64::from(self.month <= 2))?;
        let (era, year_of_era) = (year / 400, year % 400);
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day.checked_sub(1)?;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
        Some(days * DAY_SECONDS + self.hour * 3600 + self.minute * 60 + self.second)
    }
}

/// `2026-11-22T05:14:56Z`.
pub fn format_rfc_3339(time: SystemTime) -> String {
    let Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = Civil::from_time(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads `YYYY-MM-DDThh:mm:ss`, a fraction that is ignored, and `Z`. Another zone is not
/// understood: distribution writes UTC.
pub fn parse_rfc_3339(text: &str) -> Option<SystemTime> {
    let text = text.trim().strip_suffix('Z')?;
    let number = |from: usize, to: usize, after: &str| -> Option<u64> {
        let digits = text.get(from..to)?;
        let separated =
            text.get(to..)?.starts_with(after) && digits.bytes().all(|b| b.is_ascii_digit());
        if separated { digits.parse().ok() } else { None }
    };
    let civil = Civil {
        year: number(0, 4, "-")?,
        month: number(5, 7, "-").filter(|month| (1..=12).contains(month))?,
        day: number(8, 10, "T").filter(|day| (1..=31).contains(day))?,
        hour: number(11, 13, ":").filter(|hour| *hour < 24)?,
        minute: number(14, 16, ":").filter(|minute| *minute < 60)?,
        second: number(17, 19, "").filter(|second| *second <= 60)?,
    };
    UNIX_EPOCH.checked_add(Duration::from_secs(civil.to_seconds()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar_and_come_back() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_324_496, "2026-11-22T05:14:56Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(format_rfc_3339(time), text);
            assert_eq!(parse_rfc_3339(text), Some(time), "{text}");
        }
        let with_fraction = parse_rfc_3339("1970-01-01T00:00:01.25Z");
        assert_eq!(with_fraction, Some(UNIX_EPOCH + Duration::from_secs(1)));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "Z",
            "1970-01-01",
            "1970-13-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "x",
        ] {
            assert_eq!(parse_rfc_3339(text), None, "{text}");
        }
        assert_eq!(parse_rfc_3339("1970-01-01T00:00:00+01:00"), None);
    }
}
