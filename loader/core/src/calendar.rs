//! The date: seconds since 1970 as people read and type them, and the machine's idea of what time it is.
//!
//! The loader has a monotonic clock and, as a rule, no other: the date is known when `sntp` or `date` has told it. Days are counted as
//! the Gregorian calendar does, by arithmetic over eras of 400 years; a crate for it would bring time zones and formats along.

use core::fmt;
use core::time::Duration;

use hal::Instant;
use thiserror::Error;

const DAY: u64 = 86_400;

/// Days in an era of 400 years.
const ERA: u64 = 146_097;

/// Days from 1 March of the year 0 to 1970.
const EPOCH: u64 = 719_468;

/// The last year that can be typed.
const LAST_YEAR: u64 = 9999;

/// 2000-01-01, where `date reset` goes back to.
pub const RESET: Duration = Duration::from_secs(946_684_800);

/// The date as an offset to the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallClock(Option<(Instant, Duration)>);

impl WallClock {
    /// Notes that at the instant `at` it is `since_1970`.
    pub fn set(&mut self, at: Instant, since_1970: Duration) {
        self.0 = Some((at, since_1970));
    }

    /// The time at `now`, if it is known.
    #[must_use]
    pub fn at(&self, now: Instant) -> Option<Duration> {
        let (at, since_1970) = self.0?;
        Some(since_1970.saturating_add(now.since(at)))
    }
}

/// Why a text is not a date.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DateError {
    /// It has another form.
    #[error("it has to be MMDDhhmm[[CC]YY][.ss]")]
    Form,
    /// No such month, day, hour, minute or second.
    #[error("there is no {0}")]
    NoSuch(&'static str),
}

/// A date and a time of day, without a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    year: u64,
    /// From 1.
    month: u64,
    /// From 1.
    day: u64,
    second_of_day: u64,
    weekday: &'static str,
}

impl Date {
    /// The date that is so long after 1970.
    #[must_use]
    pub fn new(since_1970: Duration) -> Self {
        let (days, second_of_day) = (since_1970.as_secs() / DAY, since_1970.as_secs() % DAY);
        let shifted = days.saturating_add(EPOCH);
        let (era, day_of_era) = (shifted / ERA, shifted % ERA);
        // Leap days fall into an era after 4, not after 100, and after 400 years; the year begins in March.
        let leaps = (day_of_era / 1460)
            .saturating_sub(day_of_era / 36_524)
            .saturating_add(day_of_era / 146_096);
        let year_of_era = day_of_era.saturating_sub(leaps) / 365;
        let day_of_year = day_of_era.saturating_sub(days_before(year_of_era));
        let march_month = day_of_year.saturating_mul(5).saturating_add(2) / 153;
        let day = day_of_year
            .saturating_sub(days_of_months(march_month))
            .saturating_add(1);
        let month = march_month.saturating_add(2) % 12 + 1;
        let year = era
            .saturating_mul(400)
            .saturating_add(year_of_era)
            .saturating_add(u64::from(month <= 2));
        Self {
            year,
            month,
            day,
            second_of_day,
            weekday: weekday(days),
        }
    }

    /// Reads `MMDDhhmm[[CC]YY][.ss]`; the year is that of `now` if it is not given, and of the 21st century if its century is not.
    ///
    /// # Errors
    /// Every [`DateError`].
    pub fn parse(text: &str, now: Option<Duration>) -> Result<Duration, DateError> {
        let (digits, seconds) = text
            .split_once('.')
            .map_or((text, "00"), |(digits, seconds)| (digits, seconds));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(digits) || !plain(seconds) || seconds.len() != 2 {
            return Err(DateError::Form);
        }
        let pair = |index: usize| number(digits.get(index..index.saturating_add(2)));
        let year = match digits.len() {
            8 => Self::new(now.unwrap_or(RESET)).year,
            10 => pair(8)?.saturating_add(2000),
            12 => number(digits.get(8..12))?,
            _ => return Err(DateError::Form),
        };
        let date = [pair(0)?, pair(2)?];
        let [hour, minute, second] = [pair(4)?, pair(6)?, number(Some(seconds))?];
        let time = time_of_day(hour, minute, second)?;
        Self::since_1970(year, date).map(|days| Duration::from_secs(days.saturating_mul(DAY).saturating_add(time)))
    }

    /// Days from 1970 to a date.
    fn since_1970(year: u64, [month, day]: [u64; 2]) -> Result<u64, DateError> {
        if !(1970..=LAST_YEAR).contains(&year) {
            return Err(DateError::NoSuch("such year"));
        }
        if !(1..=12).contains(&month) {
            return Err(DateError::NoSuch("such month"));
        }
        // Years that begin in March: January and February belong to the year before.
        let (year_from_march, march_month) = if month > 2 {
            (year, month.saturating_sub(3))
        } else {
            (year.saturating_sub(1), month.saturating_add(9))
        };
        let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
        let days = era
            .saturating_mul(ERA)
            .saturating_add(days_before(year_of_era))
            .saturating_add(days_of_months(march_month))
            .saturating_add(day)
            .saturating_sub(EPOCH.saturating_add(1));
        // A day that the month does not have comes back as one of the next month.
        let back = Self::new(Duration::from_secs(days.saturating_mul(DAY)));
        let exists = (back.month, back.day) == (month, day);
        exists
            .then_some(days)
            .ok_or(DateError::NoSuch("such day in that month"))
    }
}

fn time_of_day(hour: u64, minute: u64, second: u64) -> Result<u64, DateError> {
    for (value, limit, name) in [
        (hour, 24, "such hour"),
        (minute, 60, "such minute"),
        (second, 60, "such second"),
    ] {
        if value >= limit {
            return Err(DateError::NoSuch(name));
        }
    }
    Ok(hour
        .saturating_mul(3600)
        .saturating_add(minute.saturating_mul(60))
        .saturating_add(second))
}

fn number(digits: Option<&str>) -> Result<u64, DateError> {
    digits.and_then(|digits| digits.parse().ok()).ok_or(DateError::Form)
}

/// Days of an era before one of its years.
fn days_before(year_of_era: u64) -> u64 {
    let leaps = (year_of_era / 4).saturating_sub(year_of_era / 100);
    year_of_era.saturating_mul(365).saturating_add(leaps)
}

/// Days of a year from March before one of its months, which are counted from 0.
fn days_of_months(march_month: u64) -> u64 {
    march_month.saturating_mul(153).saturating_add(2) / 5
}

fn weekday(days: u64) -> &'static str {
    // 1970 began on a Thursday.
    match days % 7 {
        0 => "Thursday",
        1 => "Friday",
        2 => "Saturday",
        3 => "Sunday",
        4 => "Monday",
        5 => "Tuesday",
        _ => "Wednesday",
    }
}

impl Date {
    /// As `sntp` prints it: without the day of the week.
    #[must_use]
    pub fn plain(&self) -> Plain {
        Plain(*self)
    }
}

/// A date as `sntp` prints it.
#[derive(Clone, Copy, Debug)]
pub struct Plain(Date);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day, .. } = self.0;
        write!(f, "Date: {year:4}-{month:02}-{day:02} ")?;
        time(f, self.0.second_of_day)
    }
}

impl fmt::Display for Date {
    /// As `date` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            weekday,
            ..
        } = self;
        write!(f, "Date: {year:4}-{month:02}-{day:02} ({weekday})    ")?;
        time(f, self.second_of_day)
    }
}

fn time(f: &mut fmt::Formatter<'_>, second_of_day: u64) -> fmt::Result {
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    write!(f, "Time: {hour:2}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use core::time::Duration;

    use hal::Instant;

    use super::{DAY, Date, DateError, RESET, WallClock};

    fn at(seconds: u64) -> Date {
        Date::new(Duration::from_secs(seconds))
    }

    #[test]
    fn dates_are_printed_as_u_boot_does() {
        assert_eq!(
            at(1_795_790_142).to_string(),
            "Date: 2026-11-27 (Friday)    Time: 14:35:42"
        );
        assert_eq!(
            Date::new(RESET).to_string(),
            "Date: 2000-01-01 (Saturday)    Time:  0:00:00"
        );
        assert_eq!(at(0).plain().to_string(), "Date: 1970-01-01 Time:  0:00:00");
    }

    #[test]
    fn every_day_of_three_centuries_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..110_000 {
            let date = at(days * DAY);
            assert_eq!((date.year, date.month, date.day), (year, month, day), "{days}");
            let typed = format!("{month:02}{day:02}0000{year:04}");
            assert_eq!(
                Date::parse(&typed, None),
                Ok(Duration::from_secs(days * DAY)),
                "{typed}"
            );
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let len = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > len {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }

    #[test]
    fn every_form_is_read() {
        let now = Some(Duration::from_secs(1_795_790_142));
        for (text, expected) in [
            ("11271435", "Date: 2026-11-27 (Friday)    Time: 14:35:00"),
            ("1127143599", "Date: 2099-11-27 (Friday)    Time: 14:35:00"),
            ("1127143525.07", "Date: 2025-11-27 (Thursday)    Time: 14:35:07"),
            ("022912302024.59", "Date: 2024-02-29 (Thursday)    Time: 12:30:59"),
            ("123123599999", "Date: 9999-12-31 (Friday)    Time: 23:59:00"),
        ] {
            assert_eq!(
                Date::new(Date::parse(text, now).unwrap()).to_string(),
                expected,
                "{text}"
            );
        }
        for text in [
            "",
            "x",
            "0101",
            "01011",
            "0101123020261",
            "01011230.",
            "01011230.1",
            "+1011230",
            "01011230.5.5",
        ] {
            assert_eq!(Date::parse(text, now), Err(DateError::Form), "{text}");
        }
        for (text, what) in [
            ("13011230", "such month"),
            ("00011230", "such month"),
            ("02301230", "such day in that month"),
            ("01001230", "such day in that month"),
            ("022912302023", "such day in that month"),
            ("01012430", "such hour"),
            ("01011260", "such minute"),
            ("01011230.60", "such second"),
            ("010112301969", "such year"),
        ] {
            assert_eq!(Date::parse(text, now), Err(DateError::NoSuch(what)), "{text}");
        }
    }

    #[test]
    fn the_clock_goes_on_from_where_it_was_set() {
        let mut clock = WallClock::default();
        assert_eq!(clock.at(Instant::from_micros(5)), None);
        clock.set(Instant::from_micros(1_000_000), RESET);
        assert_eq!(
            clock.at(Instant::from_micros(3_500_000)),
            Some(RESET + Duration::from_millis(2500))
        );
    }

    #[test]
    fn no_number_is_too_large() {
        let date = Date::new(Duration::MAX).to_string();
        assert!(date.starts_with("Date: 5845"), "{date}");
    }
}
