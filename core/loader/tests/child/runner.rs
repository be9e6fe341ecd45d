//! The other end of the protocol: kinds written in Rust, served to a host in memory and to a host in another process.

mod isolated;
mod kinds;
mod memory;
mod process;
