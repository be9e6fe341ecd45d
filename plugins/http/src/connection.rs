//! Where a served model is reached: base URLs, key, headers and limits, read from the settings of any kind.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use tribunal_api::{Context, ServerRef, SettingsError};

use crate::secret::Secret;

/// The largest body that is read when a recipe does not say: 16 MiB.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Headers that carry keys, lower case.
const KEY_HEADERS: [&str; 6] =
    ["authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"];
/// Names under which a query carries a key, lower case.
const KEY_NAMES: [&str; 7] =
    ["key", "api_key", "api-key", "apikey", "access_token", "token", "subscription-key"];

/// The value of a header that goes with every request.
#[derive(Debug)]
pub(crate) enum HeaderValue {
    /// The text itself.
    Literal(String),
    /// The value of an environment variable.
    Environment(Secret),
}

/// How a served model is reached.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Base URLs without a slash at the end, at least one. All serve the same model.
    pub endpoints: Vec<String>,
    /// The key, where one is needed.
    pub key: Option<Secret>,
    /// Headers that go with every request.
    pub headers: Vec<(String, HeaderValue)>,
    /// How long one request may take; `None` leaves giving up to the engine.
    pub timeout: Option<Duration>,
    /// The largest body that is read, in bytes.
    pub most_bytes: usize,
}

/// The keys of a kind's settings that make a connection.
pub(crate) struct Keys<'a> {
    /// `base-url`.
    pub base_url: Option<&'a str>,
    /// `base-urls`.
    pub base_urls: &'a [String],
    /// The managed server.
    pub server: Option<&'a ServerRef>,
    /// What the key of the managed server is called in this kind.
    pub server_key: &'a str,
    /// The base URL that stands when none of the three is set.
    pub default: Option<&'a str>,
    /// `api-key-env`.
    pub api_key_env: Option<&'a str>,
    /// `headers`.
    pub headers: &'a BTreeMap<String, String>,
    /// `headers-env`: header to environment variable.
    pub headers_env: &'a BTreeMap<String, String>,
    /// `most-bytes`.
    pub most_bytes: Option<u64>,
}

impl Connection {
    /// The connection that these keys describe. Exactly one of base URL, base URLs and server may stand, and one must
    /// unless there is a default.
    pub fn of_keys(keys: Keys<'_>, context: &dyn Context) -> Result<Self, SettingsError> {
        let given = [
            keys.base_url.map(|_| "base-url"),
            (!keys.base_urls.is_empty()).then_some("base-urls"),
            keys.server.map(|_| keys.server_key),
        ];
        let given: Vec<&str> = given.into_iter().flatten().collect();
        if let [_, second, ..] = given[..] {
            let message = format!("`{}` and `{second}` both say where the server is", given[0]);
            return Err(SettingsError::of_key(second, message).with_hint(format!(
                "keep one of `base-url`, `base-urls` and `{}`",
                keys.server_key
            )));
        }
        let endpoints = if let Some(server) = keys.server {
            vec![context.server(server)?]
        } else if let Some(url) = keys.base_url {
            vec![url.to_owned()]
        } else if !keys.base_urls.is_empty() {
            keys.base_urls.to_vec()
        } else if let Some(url) = keys.default {
            vec![url.to_owned()]
        } else {
            let message = "nothing says where the server is".to_owned();
            return Err(SettingsError::at(Vec::new(), message).with_hint(format!(
                "set one of `base-url`, `base-urls` and `{}`",
                keys.server_key
            )));
        };
        let key = match given.first() {
            Some(key) => *key,
            None => "base-url",
        };
        let endpoints: Result<Vec<String>, SettingsError> =
            endpoints.iter().map(|url| checked_url(key, url, context)).collect();
        let api_key = keys.api_key_env.map(|name| Secret::of_setting("api-key-env", name));
        let mut headers = Vec::new();
        for (name, value) in keys.headers {
            check_header("headers", name)?;
            if KEY_HEADERS.contains(&name.to_lowercase().as_str()) {
                let message = format!("the header `{name}` carries a key (not shown)");
                return Err(SettingsError::of_key("headers", message).with_hint(
                    "put the value into an environment variable and name that in `headers-env`",
                ));
            }
            if reqwest::header::HeaderValue::from_str(value).is_err() {
                let message = format!("the value of the header `{name}` cannot be sent");
                return Err(SettingsError::of_key("headers", message)
                    .with_hint("use printable characters of ASCII without line breaks"));
            }
            headers.push((name.clone(), HeaderValue::Literal(value.clone())));
        }
        for (name, variable) in keys.headers_env {
            check_header("headers-env", name)?;
            let secret = Secret::of_setting("headers-env", variable)?;
            headers.push((name.clone(), HeaderValue::Environment(secret)));
        }
        Ok(Self {
            endpoints: endpoints?,
            key: api_key.transpose()?,
            headers,
            timeout: None,
            most_bytes: keys
                .most_bytes
                .map_or(MOST_BYTES, |most| usize::try_from(most).unwrap_or(usize::MAX)),
        })
    }

    /// All secrets that may stand in a request.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let headers = self.headers.iter().filter_map(|(_, value)| match value {
            HeaderValue::Environment(secret) => Some(secret),
            HeaderValue::Literal(_) => None,
        });
        self.key.iter().chain(headers)
    }
}

/// True when this URL leads to the machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
    }
}

/// True when the query of a URL holds a value under a name that is used for keys.
pub(crate) fn carries_key(url: &Url) -> bool {
    url.query_pairs()
        .any(|(name, value)| !value.is_empty() && KEY_NAMES.contains(&name.to_lowercase().as_str()))
}

/// A base URL without a slash at the end, or what is wrong with it. The text is never repeated when it holds a password.
pub(crate) fn checked_url(
    key: &str,
    text: &str,
    context: &dyn Context,
) -> Result<String, SettingsError> {
    let text = text.trim();
    let parsed = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = parsed.filter(Url::has_host) else {
        let message = "the base URL is none of `http` or `https`".to_owned();
        return Err(
            SettingsError::of_key(key, message).with_hint("write it like `http://127.0.0.1:8000`")
        );
    };
    if !url.username().is_empty() || url.password().is_some() {
        let message = "a user name or password stands in the base URL";
        return Err(SettingsError::of_key(key, message)
            .with_hint("put it into an environment variable and name that in `headers-env`"));
    }
    if carries_key(&url) {
        let message = "a key stands behind the `?` of the base URL (not shown)";
        return Err(SettingsError::of_key(key, message)
            .with_hint("put it into an environment variable and name that in `headers-env`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        let message = "the base URL goes on with `?` or `#`";
        return Err(SettingsError::of_key(key, message).with_hint("end it before that"));
    }
    if context.offline() && !is_loopback(&url) {
        let host = url.host_str().unwrap_or_default();
        let message = format!("`{host}` is not this machine, and the run is offline");
        return Err(SettingsError::of_key(key, message)
            .with_hint("use a server on this machine, or run without `--offline`"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn check_header(key: &str, name: &str) -> Result<(), SettingsError> {
    if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_ok() {
        return Ok(());
    }
    Err(SettingsError::of_key(key, format!("`{name}` is no name of a header")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_api::registry::NoGenerators;

    struct Offline;

    impl Context for Offline {
        fn generator(
            &self,
            name: &tribunal_api::GeneratorRef,
        ) -> Result<std::sync::Arc<dyn tribunal_api::Generator>, SettingsError> {
            NoGenerators.generator(name)
        }

        fn offline(&self) -> bool {
            true
        }
    }

    fn keys<'a>(none: &'a BTreeMap<String, String>) -> Keys<'a> {
        Keys {
            base_url: None,
            base_urls: &[],
            server: None,
            server_key: "server",
            default: None,
            api_key_env: None,
            headers: none,
            headers_env: none,
            most_bytes: None,
        }
    }

    #[test]
    fn exactly_one_key_says_where_the_server_is() {
        let none = BTreeMap::new();
        let error = Connection::of_keys(keys(&none), &NoGenerators).unwrap_err();
        assert!(error.hint.unwrap().contains("`base-urls`"));
        let urls = ["http://127.0.0.1:2".to_owned()];
        let both = Keys { base_url: Some("http://127.0.0.1:1"), base_urls: &urls, ..keys(&none) };
        let error = Connection::of_keys(both, &NoGenerators).unwrap_err();
        assert!(error.message.contains("`base-url` and `base-urls`"), "{error}");
        let one = Keys { base_url: Some("http://127.0.0.1:1/"), ..keys(&none) };
        let connection = Connection::of_keys(one, &NoGenerators).unwrap();
        assert_eq!(connection.endpoints, ["http://127.0.0.1:1"]);
    }

    #[test]
    fn offline_only_loopback_may_be_named() {
        for (url, allowed) in [
            ("http://127.0.0.1:8000", true),
            ("http://localhost:8000/v1", true),
            ("http://[::1]:80", true),
            ("https://api.example.org", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(checked_url("base-url", url, &Offline).is_ok(), allowed, "{url}");
            assert!(checked_url("base-url", url, &NoGenerators).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_password_in_a_base_url_is_refused_and_not_repeated() {
        let url = "http://me:hunter2@127.0.0.1";
        let error = checked_url("base-url", url, &NoGenerators).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn a_key_written_into_a_header_or_a_url_is_refused_and_not_repeated() {
        let none = BTreeMap::new();
        for name in ["Authorization", "x-api-key", "api-key", "Cookie", "proxy-authorization"] {
            let headers = BTreeMap::from([(name.to_owned(), "Bearer hunter2".to_owned())]);
            let wrong =
                Keys { base_url: Some("http://127.0.0.1:1"), headers: &headers, ..keys(&none) };
            let error = Connection::of_keys(wrong, &NoGenerators).unwrap_err();
            assert!(error.hint.as_deref().unwrap().contains("`headers-env`"), "{error:?}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
        for query in ["key=hunter2", "a=b&api_key=hunter2", "API_KEY=hunter2"] {
            let url = format!("http://127.0.0.1/v1?{query}");
            let error = checked_url("base-url", &url, &NoGenerators).unwrap_err();
            assert!(error.hint.as_deref().unwrap().contains("`headers-env`"), "{error:?}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_key_written_where_its_variable_belongs_is_refused_and_not_repeated() {
        let none = BTreeMap::new();
        let wrong = Keys {
            base_url: Some("http://127.0.0.1:1"),
            api_key_env: Some("sk-live-1234"),
            ..keys(&none)
        };
        let error = Connection::of_keys(wrong, &NoGenerators).unwrap_err();
        assert!(!format!("{error:?}").contains("sk-live"));
    }
}
