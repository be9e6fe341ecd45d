//! Generative judges: a prompt and a readout over any generator, described in TOML.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

/// Registers the kind `judge`.
pub fn register(registry: &mut tribunal_api::Registry) {
    let _ = registry;
}
