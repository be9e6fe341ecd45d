//! How long a server asks to wait, in every form that servers write it.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::quota::Window;

/// No wait is believed to be longer than a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that a reply asks for, from the most to the least explicit: milliseconds, seconds or date of `Retry-After`,
/// Gemini's `RetryInfo`, the reset of a quota that is used up.
pub(crate) fn asked_wait(
    headers: &HeaderMap,
    body: Option<&Value>,
    windows: &[Window],
    now: SystemTime,
) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let milliseconds = ["retry-after-ms", "x-ms-retry-after-ms"]
        .into_iter()
        .find_map(|name| seconds(text(name)?).map(|wait| wait / 1000));
    let explicit = milliseconds
        .or_else(|| {
            let after = text("retry-after")?.trim();
            seconds(after).or_else(|| until(httpdate::parse_http_date(after).ok()?, now))
        })
        .or_else(|| body.and_then(retry_info));
    let used_up = || {
        let empty = windows.iter().filter(|window| window.remaining == Some(0));
        empty.filter_map(|window| window.resets).max()
    };
    explicit.or_else(used_up).map(|wait| wait.min(LONGEST))
}

/// `retryDelay` of a `RetryInfo` among `error.details`.
fn retry_info(body: &Value) -> Option<Duration> {
    let error = body.get("error").or_else(|| body.get(0)?.get("error"))?;
    let details = error.get("details")?.as_array()?;
    details.iter().find_map(|detail| go_duration(detail.get("retryDelay")?.as_str()?))
}

/// A reset as servers write it: a Go duration, a number of seconds from now, a Unix time, or an RFC 3339 time.
pub(crate) fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        // Seconds since 1970 have ten digits, milliseconds thirteen; nobody waits thirty years.
        let since_1970 = if number >= 1e12 {
            number / 1000.0
        } else if number >= 1e9 {
            number
        } else {
            return seconds(text);
        };
        let at = Duration::try_from_secs_f64(since_1970).ok()?;
        return until(SystemTime::UNIX_EPOCH.checked_add(at)?, now);
    }
    go_duration(text).or_else(|| until(rfc_3339(text)?, now))
}

/// A number of seconds, whole or not, at least 0.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

fn until(then: SystemTime, now: SystemTime) -> Option<Duration> {
    Some(then.duration_since(now).unwrap_or_default())
}

/// A duration such as `1s`, `6m0s`, `120ms` or `1h2m3.5s`.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match rest.get(..letters)? {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" | "μs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = rest.get(letters..)?;
    }
    Duration::try_from_secs_f64(total).ok()
}

/// A time such as `2026-01-31T12:34:56Z` or `2026-01-31T12:34:56.5+01:00`, from 1970 on.
fn rfc_3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = (time.get(..zone)?, time.get(zone..)?);
    let mut clock = clock.splitn(3, ':');
    let hours: i64 = clock.next()?.parse().ok()?;
    let minutes: i64 = clock.next()?.parse().ok()?;
    let within: f64 = clock.next()?.parse().ok()?;
    if !(0..24).contains(&hours) || !(0..60).contains(&minutes) || !(0.0..61.0).contains(&within) {
        return None;
    }
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let size = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -size } else { size }
        }
    };
    let whole = days_since_1970(year, month, day) * 86_400 + hours * 3600 + minutes * 60 - offset;
    let whole = Duration::from_secs(u64::try_from(whole).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(whole + Duration::try_from_secs_f64(within).ok()?)
}

/// Days of the Gregorian calendar from 1 January 1970; years are counted from March so that leap days come last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    365 * year + leap_days + (month * 306 + 5) / 10 + (day - 1) - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    /// 1 January 2026 00:00:00 UTC: 56 years of 365 days and 14 leap days (1972 to 2024) after 1970.
    fn new_year() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs((56 * 365 + 14) * 86_400)
    }

    fn wait(pairs: &[(&'static str, &'static str)], body: Option<Value>) -> Option<f64> {
        let headers = headers(pairs);
        let windows = crate::quota::windows(&headers, new_year());
        asked_wait(&headers, body.as_ref(), &windows, new_year()).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn retry_after_is_read_as_seconds_date_and_milliseconds() {
        assert_eq!(wait(&[("retry-after", "7")], None), Some(7.0));
        assert_eq!(wait(&[("retry-after", "1.5")], None), Some(1.5));
        assert_eq!(wait(&[("retry-after-ms", "250"), ("retry-after", "1")], None), Some(0.25));
        assert_eq!(wait(&[("retry-after", "Thu, 01 Jan 2026 00:01:30 GMT")], None), Some(90.0));
        assert_eq!(wait(&[("retry-after", "Wed, 31 Dec 2025 00:00:00 GMT")], None), Some(0.0));
        assert_eq!(wait(&[("retry-after", "soon")], None), None);
        assert_eq!(wait(&[("retry-after", "-3")], None), None);
    }

    #[test]
    fn retry_info_of_gemini_is_read_with_and_without_fraction() {
        for (delay, seconds) in [("23s", 23.0), ("1.5s", 1.5)] {
            let info = serde_json::json!({"error": {"details": [
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure"},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]}});
            assert_eq!(wait(&[], Some(info)), Some(seconds));
        }
    }

    #[test]
    fn a_quota_that_is_used_up_says_when_it_is_full_again() {
        let openai = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-remaining-tokens", "100"),
            ("x-ratelimit-reset-tokens", "10h"),
        ];
        assert_eq!(wait(&openai, None), Some(360.0));
        let anthropic = [
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:42Z"),
        ];
        assert_eq!(wait(&anthropic, None), Some(42.0));
        let generic = [("ratelimit-remaining", "0"), ("ratelimit-reset", "30")];
        assert_eq!(wait(&generic, None), Some(30.0));
    }

    #[test]
    fn durations_of_go_are_added_up() {
        let read = |text| go_duration(text).map(|wait| wait.as_secs_f64());
        assert_eq!(read("1s"), Some(1.0));
        assert_eq!(read("6m0s"), Some(360.0));
        assert_eq!(read("120ms"), Some(0.12));
        assert_eq!(read("1h2m3.5s"), Some(3723.5));
        for wrong in ["", "s", "3", "3d", "1.2.3s", "-1s"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_of_rfc_3339_count_leap_days_and_zones() {
        let read = |text| {
            rfc_3339(text)
                .map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64())
        };
        assert_eq!(read("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(read("1972-03-01T00:00:00Z"), Some(f64::from((365 * 2 + 31 + 29) * 86_400)));
        assert_eq!(read("1970-01-02T00:30:00.5+01:00"), Some(84_600.5));
        assert_eq!(read("1970-01-01T00:00:00-02:00"), Some(7200.0));
        for wrong in ["", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "xTyZ"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_reset_may_be_a_unix_time_in_seconds_or_milliseconds() {
        let now = new_year();
        let at = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 5;
        assert_eq!(reset(&at.to_string(), now), Some(Duration::from_secs(5)));
        assert_eq!(reset(&(at * 1000).to_string(), now), Some(Duration::from_secs(5)));
        assert_eq!(reset("5", now), Some(Duration::from_secs(5)));
    }
}
