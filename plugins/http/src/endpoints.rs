//! Sharing requests among the endpoints of one served model.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Url;

use crate::connection::is_loopback;

/// How long an endpoint that refused a connection is left alone while others live.
const REST: Duration = Duration::from_secs(5);

/// One endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The base URL without a slash at the end.
    base: String,
    /// True when requests never leave the machine, so that no proxy may see them.
    pub loopback: bool,
    in_flight: AtomicUsize,
    /// Milliseconds after the start until which it rests.
    rests_until: AtomicU64,
}

/// All endpoints of one served model.
#[derive(Debug)]
pub(crate) struct Endpoints {
    list: Vec<Endpoint>,
    next: AtomicUsize,
    start: Instant,
}

/// A request that is on its way to an endpoint. It counts until this is dropped.
pub(crate) struct OnItsWay<'a> {
    /// The endpoint chosen.
    pub endpoint: &'a Endpoint,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Endpoints {
    /// The endpoints with these base URLs, at least one.
    pub fn new(bases: &[String]) -> Self {
        let endpoint = |base: &String| Endpoint {
            base: base.clone(),
            loopback: Url::parse(base).is_ok_and(|url| is_loopback(&url)),
            in_flight: AtomicUsize::new(0),
            rests_until: AtomicU64::new(0),
        };
        let list = bases.iter().map(endpoint).collect();
        Self { list, next: AtomicUsize::new(0), start: Instant::now() }
    }

    /// The endpoint with the fewest requests on their way, those at rest only when all are.
    pub fn choose(&self) -> OnItsWay<'_> {
        let count = self.list.len();
        let now = self.now();
        let first = if count == 1 { 0 } else { self.next.fetch_add(1, Ordering::Relaxed) };
        let turned = (0..count).map(|offset| &self.list[(first.wrapping_add(offset)) % count]);
        let endpoint = turned
            .min_by_key(|endpoint| {
                let rests = endpoint.rests_until.load(Ordering::Relaxed) > now;
                (rests, endpoint.in_flight.load(Ordering::Relaxed))
            })
            .expect("a connection has at least one endpoint");
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        OnItsWay { endpoint }
    }

    /// Leaves an endpoint alone for a few seconds.
    pub fn rest(&self, endpoint: &Endpoint) {
        let until = self.now() + REST.as_millis() as u64;
        endpoint.rests_until.store(until, Ordering::Relaxed);
    }

    /// The endpoint that a full URL leads to: same scheme, host and port.
    pub fn of_url(&self, url: &Url) -> Option<OnItsWay<'_>> {
        let endpoint = self.list.iter().find(|endpoint| {
            Url::parse(&endpoint.base).is_ok_and(|base| base.origin() == url.origin())
        })?;
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(OnItsWay { endpoint })
    }

    /// Hosts and ports, in the order of the recipe.
    pub fn hosts(&self) -> String {
        let hosts: Vec<&str> = self.list.iter().map(Endpoint::host).collect();
        hosts.join(",")
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis())
            .unwrap_or(u64::MAX - REST.as_millis() as u64)
    }
}

impl Endpoint {
    /// Host and port as the recipe writes them.
    pub fn host(&self) -> &str {
        let rest = self.base.split_once("://").map_or(&*self.base, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The URL of a route. A base URL may end in its version (`/v1`) or not: a route with a version replaces its own by
    /// the base's, a route without one stands beside it. An empty route is the base URL itself.
    pub fn url(&self, route: &str) -> String {
        if route.is_empty() {
            return self.base.clone();
        }
        let (versioned, rest) = match route.strip_prefix('/').and_then(|path| path.split_once('/'))
        {
            Some((first, rest)) if is_version(first) => (true, rest),
            _ => (false, route.trim_start_matches('/')),
        };
        let path = self.base.split_once("://").map_or("", |(_, rest)| rest);
        let has_version = path.split('/').skip(1).any(is_version);
        if versioned && has_version {
            return format!("{}/{rest}", self.base);
        }
        let root = match self.base.rsplit_once('/') {
            Some((root, last)) if has_version && is_version(last) => root,
            _ => &self.base,
        };
        format!("{root}/{}", route.trim_start_matches('/'))
    }
}

/// `v1`, `v1beta`, `v4`.
fn is_version(segment: &str) -> bool {
    let mut letters = segment.chars();
    letters.next() == Some('v')
        && letters.next().is_some_and(|c| c.is_ascii_digit())
        && letters.all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, route: &str) -> String {
        Endpoints::new(&[base.to_owned()]).choose().endpoint.url(route)
    }

    #[test]
    fn base_urls_with_and_without_version_lead_to_the_same_route() {
        let chat = "/v1/chat/completions";
        assert_eq!(url("http://h:1", chat), "http://h:1/v1/chat/completions");
        assert_eq!(url("http://h:1/v1", chat), "http://h:1/v1/chat/completions");
        assert_eq!(url("https://o/api/v1", chat), "https://o/api/v1/chat/completions");
        assert_eq!(url("https://z/api/paas/v4", chat), "https://z/api/paas/v4/chat/completions");
        assert_eq!(
            url("https://g/v1beta/openai", chat),
            "https://g/v1beta/openai/chat/completions"
        );
        assert_eq!(url("http://h:1/v1", "/tokenize"), "http://h:1/tokenize");
        assert_eq!(url("http://h:1/sub", "/tokenize"), "http://h:1/sub/tokenize");
        assert_eq!(url("http://h:1/v1/score", ""), "http://h:1/v1/score");
    }

    #[test]
    fn requests_go_where_fewest_are_on_their_way_and_not_to_those_at_rest() {
        let endpoints = Endpoints::new(&["http://a".to_owned(), "http://b".to_owned()]);
        let one = endpoints.choose();
        let two = endpoints.choose();
        assert_ne!(one.endpoint.host(), two.endpoint.host());
        endpoints.rest(one.endpoint);
        let (resting, awake) = (one.endpoint.host().to_owned(), two.endpoint.host().to_owned());
        drop(one);
        for _ in 0..3 {
            let chosen = endpoints.choose();
            assert_eq!(chosen.endpoint.host(), awake);
            std::mem::forget(chosen);
        }
        endpoints.rest(two.endpoint);
        assert_eq!(endpoints.choose().endpoint.host(), resting);
    }
}
