//! Plugins that are programs, tested with children of `/bin/sh` that behave as badly as they can.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

mod arbitrary;
mod ending;
mod fixture;
mod greeting;
mod hanging;
mod parent;
mod planning;
mod replicas;
mod runner;
mod scoring;
mod session;
mod speed;
