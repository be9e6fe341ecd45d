//! Kinds from elsewhere: a shared library or a child process becomes registrations like those that are built in.
//!
//! Two carriers behind one face. A *library* speaks the C boundary of `tribunal.h`; every call into it runs on a plain thread that
//! belongs to the instance, never on a worker of the runtime. A *child* speaks lines of JSON (`docs/plugin-protocol.md`); a library
//! that is isolated is run by [`runner`] in a child of the host's own program, over the same protocol. The engine cannot tell
//! which was which, and what a plugin does wrong becomes an error that names it.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod child;
mod error;
mod kinds;
mod library;
pub mod runner;
mod spec;
mod suite;

use std::sync::Arc;

use tribunal_api::{Component, Registry};

pub use child::shutdown_all;
pub use error::LoadError;
pub use library::{FileReport, inspect};
pub use spec::{Level, Log, Origin, Spec};

/// A plugin whose kinds are registered.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// What it was loaded from, as errors and lists name it.
    pub origin: Arc<str>,
    /// Its name, as it says itself.
    pub name: String,
    /// Its version, as it says itself.
    pub version: String,
    /// What it was built with.
    pub sdk: String,
    /// The version of the boundary or protocol that it speaks.
    pub protocol: (u16, u16),
    /// BLAKE3 of the library's file, in hexadecimal; `None` for programs.
    pub digest: Option<String>,
    /// Its kinds.
    pub kinds: Vec<(Component, String)>,
    /// What a person should know of it, one sentence each.
    pub warnings: Vec<String>,
    pub(crate) failures: kinds::Failures,
}

impl Plugin {
    /// What went wrong in the plugin itself while components were planned, in the order it happened. Faults of settings are
    /// not among it.
    pub fn failures(&self) -> Vec<String> {
        self.failures.list()
    }
}

/// Loads a plugin and registers its kinds. All of them, or none: a name that is taken refuses the plugin.
///
/// # Errors
///
/// See [`LoadError`].
pub fn load(spec: &Spec, registry: &mut Registry) -> Result<Plugin, LoadError> {
    match &spec.origin {
        Origin::Library(path) if !spec.isolate => library::load(path, spec, registry),
        _ => child::load(spec, registry),
    }
}
