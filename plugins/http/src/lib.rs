//! Reward servers and chat endpoints over HTTP.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

/// Registers the generators and reward sources of this crate.
pub fn register(registry: &mut tribunal_api::Registry) {
    let _ = registry;
}
