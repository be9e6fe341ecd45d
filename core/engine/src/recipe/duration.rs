//! Lengths of time as written in a recipe: a number with its unit, `500ms`, `60s`, `2m`, `1h`.

use std::time::Duration;

/// The longest time a recipe can name: 1000 days, so that sums of times never overflow.
const MOST: Duration = Duration::from_secs(1000 * 24 * 3600);

/// Units and their seconds, the one that is the end of another one first.
const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// Why a text is no length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number alone.
    #[error("a length of time needs a unit")]
    NoUnit,
    /// Not a number followed by a unit.
    #[error("a length of time is a number and a unit")]
    Unreadable,
    /// Above 1000 days.
    #[error("a length of time is at most 24000h")]
    TooLong,
}

/// Reads a length of time: a decimal number, then `ms`, `s`, `m` or `h`.
///
/// # Errors
///
/// A missing or other unit, something else than a number, or more than 1000 days.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    if is_number(text) {
        return Err(DurationError::NoUnit);
    }
    let (number, seconds) = UNITS
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?.trim_end(), *seconds)))
        .filter(|(number, _)| is_number(number))
        .ok_or(DurationError::Unreadable)?;
    let number: f64 = number.parse().map_err(|_| DurationError::Unreadable)?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if duration <= MOST => Ok(duration),
        _ => Err(DurationError::TooLong),
    }
}

/// Writes a length of time in the largest unit in which it is a whole number; below a millisecond in rounded milliseconds.
pub fn format_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        ms if ms % 1000 != 0 => format!("{ms}ms"),
        ms if ms == 0 || ms % 60_000 != 0 => format!("{}s", ms / 1000),
        ms if ms % 3_600_000 != 0 => format!("{}m", ms / 60_000),
        ms => format!("{}h", ms / 3_600_000),
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.')
        && text.matches('.').count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_unit_is_read() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(parse_duration("1.5 s"), Ok(Duration::from_millis(1500)));
    }

    #[test]
    fn texts_that_are_no_time_are_refused() {
        assert_eq!(parse_duration("60"), Err(DurationError::NoUnit));
        for text in ["", "s", "-1s", "1e3s", "1.2.3s", "1 day", "1S", "NaNs", "infs", ".5s"] {
            assert_eq!(parse_duration(text), Err(DurationError::Unreadable), "{text}");
        }
        assert_eq!(parse_duration("24001h"), Err(DurationError::TooLong));
        assert_eq!(parse_duration(&format!("{}h", "9".repeat(400))), Err(DurationError::TooLong));
    }

    proptest! {
        #[test]
        fn a_written_time_reads_back(ms in 0_u64..86_400_000) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
