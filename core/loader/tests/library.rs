//! Libraries that do what they should, and libraries that do not: every failure has a typed error, and the program goes on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

#[path = "library/built.rs"]
mod built;
#[path = "library/calls.rs"]
mod calls;
#[path = "library/files.rs"]
mod files;
