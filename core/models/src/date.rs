//! A calendar date and the way templates write it.

use std::fmt;
use std::str::FromStr;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A day in the Gregorian calendar, years 1 to 9999. Written `2024-07-26`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date such as `2024-07-26`")]
pub struct BadDate(pub String);

impl FromStr for Date {
    type Err = BadDate;

    fn from_str(text: &str) -> Result<Self, BadDate> {
        let bad = || BadDate(text.to_owned());
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(bad()) };
        if (year.len(), month.len(), day.len()) != (4, 2, 2) || !parts.into_iter().all(digits) {
            return Err(bad());
        }
        let (Ok(year), Ok(month), Ok(day)) = (year.parse(), month.parse(), day.parse()) else {
            return Err(bad());
        };
        let date = Self { year, month, day };
        let valid =
            year > 0 && (1..=12).contains(&month) && (1..=date.days_in(month)).contains(&day);
        if valid { Ok(date) } else { Err(bad()) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Date {
    /// The date as Python's `strftime` writes it in the C locale, at midnight, without a time zone.
    ///
    /// Fails with the directive that is not known here.
    pub(crate) fn strftime(self, format: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = format.chars();
        while let Some(letter) = rest.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            let (padded, letter) = match rest.next() {
                Some('-') => (false, rest.next()),
                other => (true, other),
            };
            let directive = letter.map(String::from).unwrap_or_default();
            match self.part(&directive) {
                Some(text) if padded => out.push_str(&text),
                Some(text) => {
                    let bare = text.trim_start_matches(['0', ' ']);
                    out.push_str(if bare.is_empty() { "0" } else { bare });
                }
                None => return Err(format!("%{}{directive}", if padded { "" } else { "-" })),
            }
        }
        Ok(out)
    }

    fn part(self, directive: &str) -> Option<String> {
        let month = MONTHS[usize::from(self.month) - 1];
        let day = DAYS[self.weekday()];
        Some(match directive {
            "Y" => format!("{:04}", self.year),
            "y" => format!("{:02}", self.year % 100),
            "m" => format!("{:02}", self.month),
            "d" => format!("{:02}", self.day),
            "e" => format!("{:2}", self.day),
            "B" => month.to_owned(),
            "b" | "h" => month[..3].to_owned(),
            "A" => day.to_owned(),
            "a" => day[..3].to_owned(),
            "w" => self.weekday().to_string(),
            "u" => if self.weekday() == 0 { 7 } else { self.weekday() }.to_string(),
            "j" => format!("{:03}", self.day_of_year()),
            "H" | "M" | "S" => "00".to_owned(),
            "I" => "12".to_owned(),
            "p" => "AM".to_owned(),
            "f" => "000000".to_owned(),
            "Z" | "z" => String::new(),
            "F" => self.to_string(),
            "D" | "x" => format!("{:02}/{:02}/{:02}", self.month, self.day, self.year % 100),
            "T" | "X" => "00:00:00".to_owned(),
            "R" => "00:00".to_owned(),
            "c" => {
                format!("{} {} {:2} 00:00:00 {:04}", &day[..3], &month[..3], self.day, self.year)
            }
            "%" => "%".to_owned(),
            _ => return None,
        })
    }

    fn is_leap(self) -> bool {
        self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400))
    }

    fn days_in(self, month: u8) -> u8 {
        match month {
            2 if self.is_leap() => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(self) -> u16 {
        let before: u16 = (1..self.month).map(|month| u16::from(self.days_in(month))).sum();
        before + u16::from(self.day)
    }

    /// Days since Sunday. 1 January of year 1 was a Monday.
    fn weekday(self) -> usize {
        let years = usize::from(self.year) - 1;
        let leaps = years / 4 - years / 100 + years / 400;
        (years + leaps + usize::from(self.day_of_year())) % 7
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(date: &str, format: &str) -> String {
        date.parse::<Date>().unwrap().strftime(format).unwrap()
    }

    #[test]
    fn a_date_is_written_as_python_writes_it() {
        // 26 July 2024 was a Friday and day 31+29+31+30+31+30+26 = 208 of its year.
        assert_eq!(write("2024-07-26", "%d %b %Y"), "26 Jul 2024");
        assert_eq!(write("2024-07-26", "%A, %B %d, %Y (%j)"), "Friday, July 26, 2024 (208)");
        assert_eq!(write("2024-07-06", "%-d/%-m/%y %% [%e] %H:%M"), "6/7/24 % [ 6] 00:00");
        // 1 January 2000 was a Saturday, 29 February 2000 a Tuesday (59 days later, 59 = 8 weeks + 3).
        assert_eq!(write("2000-01-01", "%a %w %u"), "Sat 6 6");
        assert_eq!(write("2000-02-29", "%a %F"), "Tue 2000-02-29");
        assert_eq!(write("2023-01-01", "%a %w %u"), "Sun 0 7");
    }

    #[test]
    fn a_directive_that_is_not_known_is_named() {
        let date: Date = "2024-07-26".parse().unwrap();
        assert_eq!(date.strftime("%d %Q"), Err("%Q".to_owned()));
        assert_eq!(date.strftime("%"), Err("%".to_owned()));
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in
            ["2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-04-31", "0000-01-01"]
        {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        for text in ["", "26 Jul 2024", "2024-7-26", "2024-07-26-1", "+024-07-26", "２０２４-07-26"]
        {
            assert_eq!(text.parse::<Date>(), Err(BadDate(text.to_owned())));
        }
    }
}
