//! The connections of this machine to its servers, built when they are first needed.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect;

use crate::failure::{Failure, FailureKind};

/// How long a connection may take to be made.
const CONNECTING: Duration = Duration::from_secs(15);

/// One pool of connections for endpoints on this machine and one for all others.
#[derive(Default)]
pub(crate) struct Transport {
    /// For endpoints on this machine: without proxy, and without certificates where no address needs them.
    near: OnceLock<Result<reqwest::Client, String>>,
    /// For all others.
    far: OnceLock<Result<reqwest::Client, String>>,
}

impl Transport {
    /// The pool for an endpoint. `secured` says whether any endpoint is reached by `https`.
    pub fn pool(&self, loopback: bool, secured: bool) -> Result<&reqwest::Client, Failure> {
        let slot = if loopback { &self.near } else { &self.far };
        let built = slot.get_or_init(|| build(loopback, secured || !loopback));
        built.as_ref().map_err(|cause| {
            let message = format!("no connection can be made from this machine: {cause}");
            Failure::new(FailureKind::Broken, message)
        })
    }
}

fn build(loopback: bool, certificates: bool) -> Result<reqwest::Client, String> {
    // A provider that another part of the program installed serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("tribunal/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECTING)
        .pool_idle_timeout(Duration::from_secs(60))
        .retry(reqwest::retry::never());
    if loopback {
        builder = builder.no_proxy();
    }
    // Reading the certificates of the machine takes long, and a machine may have none.
    if !certificates {
        builder = builder.tls_certs_only([]);
    }
    let built = builder.build();
    built.map_err(|cause| {
        let inner = cause.source().map(ToString::to_string);
        inner.unwrap_or_else(|| cause.to_string())
    })
}
