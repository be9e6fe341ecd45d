//! Reward servers and chat endpoints over HTTP.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod begin;
mod body;
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
mod not_a_number;
mod quota;
mod reward;
mod said;
mod secret;
pub mod server;
mod shape;
mod talk;
mod thinking;
mod together;
mod transport;
mod wait;

/// Registers the generators and reward sources of this crate.
pub fn register(registry: &mut tribunal_api::Registry) {
    chat::register(registry);
    completions::register(registry);
    reward::register(registry);
}
