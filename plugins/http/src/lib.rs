//! Reward servers and chat endpoints over HTTP.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod chat;
mod classify;
mod client;
mod completions;
mod connection;
mod endpoints;
mod failure;
mod inspecting;
mod learned;
mod logprobs;
mod models;
mod quota;
mod reward;
mod said;
mod secret;
pub mod server;
mod shape;
mod talk;
mod thinking;
mod together;
mod wait;

/// Registers the generators and reward sources of this crate.
pub fn register(registry: &mut tribunal_api::Registry) {
    chat::register(registry);
    completions::register(registry);
    reward::register(registry);
}
