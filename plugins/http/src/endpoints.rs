//! Sharing requests among the endpoints of one served model.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Url;

use crate::connection::is_loopback;

/// How long an endpoint that failed is left alone while others live.
pub(crate) const REST: Duration = Duration::from_secs(5);
/// The longest rest: of an endpoint that denies what others allow, or asks for a long wait.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// Most addresses that are kept by endpoint; a client asks at a handful of routes.
const MOST_ADDRESSES: usize = 64;

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
    /// Requests that failed by its fault since it last answered well.
    failures: AtomicUsize,
    /// True when it has ever answered well.
    answered: AtomicBool,
    /// True when it denied what other endpoints may allow, and has not answered well since.
    denies: AtomicBool,
    /// Parsed addresses by route.
    addresses: Mutex<BTreeMap<String, Url>>,
}

/// All endpoints of one served model.
#[derive(Debug)]
pub(crate) struct Endpoints {
    list: Vec<Endpoint>,
    next: AtomicUsize,
    start: Instant,
}

/// A request that is on its way to an endpoint. It counts until this is dropped; dropped without a word on how it went,
/// it was given up because no reply came in time.
pub(crate) struct OnItsWay<'a> {
    /// The endpoint chosen.
    pub endpoint: &'a Endpoint,
    endpoints: &'a Endpoints,
    settled: bool,
}

impl OnItsWay<'_> {
    /// It was answered well.
    pub fn well(mut self) {
        self.settled = true;
        self.endpoint.failures.store(0, Ordering::Relaxed);
        self.endpoint.answered.store(true, Ordering::Relaxed);
        self.endpoint.denies.store(false, Ordering::Relaxed);
    }

    /// It ended in a way that says nothing of the endpoint.
    pub fn neither(mut self) {
        self.settled = true;
    }

    /// It failed by the fault of the endpoint, which is left alone for so long.
    pub fn failed(mut self, rest: Duration) {
        self.settled = true;
        self.endpoints.rest(self.endpoint, rest);
    }

    /// It was denied. True when another endpoint may allow it: then this one is left alone. False when all deny it.
    pub fn denied(mut self) -> bool {
        self.settled = true;
        self.endpoint.denies.store(true, Ordering::Relaxed);
        let now = self.endpoints.now();
        let lives = |other: &Endpoint| {
            let rests = other.rests_until.load(Ordering::Relaxed) > now;
            !other.denies.load(Ordering::Relaxed)
                && (!rests || other.answered.load(Ordering::Relaxed))
        };
        let others = &mut self.endpoints.list.iter();
        let allowed = others.any(|other| !std::ptr::eq(other, self.endpoint) && lives(other));
        if allowed {
            self.endpoints.rest(self.endpoint, LONGEST_REST);
        }
        allowed
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.settled {
            self.endpoints.rest(self.endpoint, REST);
        }
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
            failures: AtomicUsize::new(0),
            answered: AtomicBool::new(false),
            denies: AtomicBool::new(false),
            addresses: Mutex::default(),
        };
        let list = bases.iter().map(endpoint).collect();
        Self { list, next: AtomicUsize::new(0), start: Instant::now() }
    }

    /// The endpoint with the fewest requests on their way. One at rest is taken only when all are, and of those the one
    /// that failed least; after its rest one request at a time finds out whether it lives again.
    pub fn choose(&self) -> OnItsWay<'_> {
        let count = self.list.len();
        let now = self.now();
        let first = if count == 1 { 0 } else { self.next.fetch_add(1, Ordering::Relaxed) };
        let turned = (0..count).map(|offset| &self.list[(first.wrapping_add(offset)) % count]);
        let endpoint = turned
            .min_by_key(|endpoint| {
                let in_flight = endpoint.in_flight.load(Ordering::Relaxed);
                let failures = endpoint.failures.load(Ordering::Relaxed);
                let rests = endpoint.rests_until.load(Ordering::Relaxed) > now
                    || (failures > 0 && in_flight > 0);
                (rests, if rests { failures } else { 0 }, in_flight)
            })
            .expect("a connection has at least one endpoint");
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        OnItsWay { endpoint, endpoints: self, settled: false }
    }

    /// Leaves an endpoint alone for a while.
    fn rest(&self, endpoint: &Endpoint, rest: Duration) {
        endpoint.failures.fetch_add(1, Ordering::Relaxed);
        let until = self.now().saturating_add(rest.min(LONGEST_REST).as_millis() as u64);
        endpoint.rests_until.fetch_max(until, Ordering::Relaxed);
    }

    /// Hosts and ports, in the order of the recipe.
    pub fn hosts(&self) -> String {
        let hosts: Vec<&str> = self.list.iter().map(Endpoint::host).collect();
        hosts.join(",")
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Endpoint {
    /// Host and port as the recipe writes them.
    pub fn host(&self) -> &str {
        let rest = self.base.split_once("://").map_or(&*self.base, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The address of a route, parsed once; the text that is no address when it cannot be parsed.
    pub fn address(&self, route: &str) -> Result<Url, String> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = addresses.get(route) {
            return Ok(address.clone());
        }
        let text = self.url(route);
        let address =
            Url::parse(&text).map_err(|cause| format!("`{text}` is no address: {cause}"))?;
        if addresses.len() < MOST_ADDRESSES {
            addresses.insert(route.to_owned(), address.clone());
        }
        Ok(address)
    }

    /// The URL of a route. A base URL may end in its version (`/v1`) or not: a route with a version replaces its own by
    /// the base's, a route without one stands beside it. An empty route is the base URL itself.
    fn url(&self, route: &str) -> String {
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

    fn two() -> Endpoints {
        Endpoints::new(&["http://a".to_owned(), "http://b".to_owned()])
    }

    /// The host to which the next request goes, which stays on its way.
    fn next(endpoints: &Endpoints) -> String {
        let chosen = endpoints.choose();
        let host = chosen.endpoint.host().to_owned();
        std::mem::forget(chosen);
        host
    }

    #[test]
    fn requests_go_where_fewest_are_on_their_way_and_not_to_those_at_rest() {
        let endpoints = two();
        let one = endpoints.choose();
        let two = endpoints.choose();
        assert_ne!(one.endpoint.host(), two.endpoint.host());
        let (resting, awake) = (one.endpoint.host().to_owned(), two.endpoint.host().to_owned());
        one.failed(REST);
        for _ in 0..3 {
            assert_eq!(next(&endpoints), awake);
        }
        two.failed(REST);
        assert_eq!(next(&endpoints), resting);
    }

    #[test]
    fn a_request_that_is_given_up_lets_its_endpoint_rest() {
        let endpoints = two();
        let one = endpoints.choose();
        let given_up = one.endpoint.host().to_owned();
        drop(one);
        for _ in 0..3 {
            assert_ne!(next(&endpoints), given_up);
        }
    }

    #[test]
    fn of_endpoints_that_all_rest_the_one_that_failed_least_is_taken() {
        let endpoints = two();
        let (one, two) = (endpoints.choose(), endpoints.choose());
        let good = two.endpoint.host().to_owned();
        one.failed(REST);
        two.failed(REST);
        // The first fails again and again, at once; the other is busy.
        let index = usize::from(good == "a");
        for _ in 0..3 {
            endpoints.rest(&endpoints.list[index], REST);
        }
        for _ in 0..3 {
            assert_eq!(next(&endpoints), good);
        }
    }

    #[test]
    fn a_denial_counts_once_every_endpoint_denies() {
        let endpoints = two();
        assert!(endpoints.choose().denied());
        assert!(!endpoints.choose().denied());
        let alone = Endpoints::new(&["http://a".to_owned()]);
        assert!(!alone.choose().denied());
    }

    #[test]
    fn an_address_is_parsed_once() {
        let endpoints = two();
        let endpoint = &endpoints.list[0];
        assert_eq!(endpoint.address("/v1/x").unwrap().as_str(), "http://a/v1/x");
        assert_eq!(endpoint.address("/v1/x"), endpoint.address("/v1/x"));
        assert_eq!(endpoint.addresses.lock().unwrap().len(), 1);
    }
}
