//! A scripted HTTP server for tests and benches: real HTTP over loopback, never part of the program.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod body;
mod reply;
mod request;
mod server;
mod tally;
#[cfg(test)]
mod tests;

pub use reply::Reply;
pub use request::Request;
pub use server::Server;
