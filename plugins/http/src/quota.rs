//! What the headers of a reply say about the quota that is left.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use tribunal_api::Quota;

use crate::wait::reset;

/// One quota of a server: of requests, of tokens, or unnamed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    /// What is counted (`requests`, `tokens`, `input-tokens`); empty when the server does not say.
    pub counts: String,
    /// The whole quota.
    pub limit: Option<f64>,
    /// What is left of it.
    pub remaining: Option<u64>,
    /// How long until it is full again.
    pub resets: Option<Duration>,
}

/// The quotas that the headers name, whatever the order of their words: `x-ratelimit-remaining-requests`,
/// `anthropic-ratelimit-requests-remaining`, `RateLimit-Remaining`, `X-Rate-Limit-Remaining`, and the one header
/// `RateLimit: limit=100, remaining=50, reset=30` with its newer form `RateLimit: "default";r=50;t=30`.
pub(crate) fn windows(headers: &HeaderMap, now: SystemTime) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for (name, value) in headers {
        let name = name.as_str();
        let Ok(value) = value.to_str() else { continue };
        if matches!(name, "ratelimit" | "x-ratelimit" | "x-rate-limit") {
            windows.extend(listed(value, now));
            continue;
        }
        let after = |word: &str| name.split_once(word).map(|(_, words)| words);
        let Some(words) = after("ratelimit-").or_else(|| after("rate-limit-")) else { continue };
        let is_field = |word: &&str| matches!(*word, "limit" | "remaining" | "reset");
        let Some(field) = words.split('-').find(is_field) else { continue };
        let counted: Vec<&str> = words.split('-').filter(|word| *word != field).collect();
        let counts = counted.join("-");
        let place = match windows.iter().position(|window| window.counts == counts) {
            Some(place) => place,
            None => {
                windows.push(Window { counts, limit: None, remaining: None, resets: None });
                windows.len() - 1
            }
        };
        let window = &mut windows[place];
        match field {
            "limit" => window.limit = leading_number(value),
            "remaining" => window.remaining = leading_number(value).map(|left| left as u64),
            _ => window.resets = reset(value, now),
        }
    }
    windows
}

/// The quota that a single header lists.
fn listed(text: &str, now: SystemTime) -> Option<Window> {
    let mut window = Window { counts: String::new(), limit: None, remaining: None, resets: None };
    for pair in text.split([',', ';']) {
        let Some((key, value)) = pair.split_once('=') else { continue };
        match key.trim() {
            "limit" => window.limit = window.limit.or(leading_number(value)),
            "remaining" | "r" => {
                let left = leading_number(value).map(|left| left as u64);
                window.remaining = window.remaining.or(left);
            }
            "reset" | "t" => window.resets = window.resets.or_else(|| reset(value, now)),
            _ => {}
        }
    }
    (window.limit.is_some() || window.remaining.is_some()).then_some(window)
}

/// The scarcest quota; `None` when none has both limit and rest.
pub(crate) fn scarcest(windows: &[Window]) -> Option<Quota> {
    let quotas = windows.iter().filter_map(|window| {
        let limit = window.limit.filter(|limit| *limit > 0.0)?;
        let left = (window.remaining? as f64 / limit).clamp(0.0, 1.0);
        Some(Quota { left, resets: window.resets })
    });
    quotas.min_by(|one, other| one.left.total_cmp(&other.left))
}

/// The requests that are left in the current window.
pub(crate) fn requests_left(windows: &[Window]) -> Option<u64> {
    let of_requests = windows.iter().filter(|window| matches!(&*window.counts, "requests" | ""));
    of_requests.filter_map(|window| window.remaining).min()
}

/// The number at the start of `100` or `100, 100;w=60`, at least 0.
fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn read(pairs: &[(&'static str, &'static str)]) -> Vec<Window> {
        let headers = pairs
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        windows(&headers.collect(), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn the_scarcest_of_several_quotas_counts() {
        let windows = read(&[
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "400"),
            ("x-ratelimit-reset-requests", "120ms"),
            ("x-ratelimit-limit-tokens", "30000"),
            ("x-ratelimit-remaining-tokens", "1500"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        // 1,500 of 30,000 is 0.05; 400 of 500 is 0.8.
        let quota = scarcest(&windows).unwrap();
        assert_eq!(quota, Quota { left: 0.05, resets: Some(Duration::from_secs(360)) });
        assert_eq!(requests_left(&windows), Some(400));
    }

    #[test]
    fn the_words_of_anthropic_and_of_the_generic_headers_are_understood() {
        let windows = read(&[
            ("anthropic-ratelimit-input-tokens-limit", "1000"),
            ("anthropic-ratelimit-input-tokens-remaining", "250"),
            ("anthropic-ratelimit-input-tokens-reset", "1970-01-01T00:00:09Z"),
        ]);
        let quota = Quota { left: 0.25, resets: Some(Duration::from_secs(9)) };
        assert_eq!(scarcest(&windows), Some(quota));
        assert_eq!(requests_left(&windows), None);
        let windows = read(&[("ratelimit-limit", "10, 10;w=60"), ("ratelimit-remaining", "1")]);
        assert_eq!(scarcest(&windows), Some(Quota { left: 0.1, resets: None }));
        assert_eq!(requests_left(&windows), Some(1));
    }

    #[test]
    fn a_single_header_and_hyphened_names_are_understood() {
        let windows = read(&[("ratelimit", "limit=100, remaining=20, reset=30")]);
        let quota = Quota { left: 0.2, resets: Some(Duration::from_secs(30)) };
        assert_eq!(scarcest(&windows), Some(quota));
        assert_eq!(requests_left(&windows), Some(20));
        let windows = read(&[("ratelimit", "\"default\";r=0;t=7")]);
        assert_eq!(requests_left(&windows), Some(0));
        assert_eq!(windows[0].resets, Some(Duration::from_secs(7)));
        let windows = read(&[
            ("x-rate-limit-limit", "50"),
            ("x-rate-limit-remaining", "5"),
            ("x-rate-limit-reset", "60"),
        ]);
        let quota = Quota { left: 0.1, resets: Some(Duration::from_secs(60)) };
        assert_eq!(scarcest(&windows), Some(quota));
        assert_eq!(read(&[("ratelimit-policy", "100;w=60"), ("ratelimit", "x")]), []);
    }

    #[test]
    fn headers_that_are_no_numbers_say_nothing() {
        assert_eq!(
            scarcest(&read(&[("ratelimit-limit", "x"), ("ratelimit-remaining", "-1")])),
            None
        );
        assert_eq!(
            scarcest(&read(&[("ratelimit-limit", "0"), ("ratelimit-remaining", "0")])),
            None
        );
    }
}
