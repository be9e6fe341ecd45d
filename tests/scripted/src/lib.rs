//! A scripted HTTP server for tests and benches: real HTTP over loopback, never part of the program.

#![deny(missing_docs)]
#![forbid(unsafe_code)]
