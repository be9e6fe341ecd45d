//! The kinds of this crate on models that are made for the test: what a host sees of them, without the boundary of a library.
#![allow(clippy::unwrap_used)]

mod broken;
mod common;
mod encoder;
mod exact;
mod generation;
mod golden;
mod stopping;
