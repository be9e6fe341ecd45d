//! Why a plugin could not be loaded: every situation with a message that names the file and a hint that says what to do.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tribunal_api::Taken;
use tribunal_api::abi;

/// Why a plugin could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the plugin `{}`: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file is not a shared library for this machine.
    #[error("`{}` is not a shared library: {what}", path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// The library was built for another machine.
    #[error("`{}` is built for {theirs}, and this machine is {ours}", path.display())]
    Machine {
        /// The file.
        path: PathBuf,
        /// What it was built for.
        theirs: String,
        /// What this machine is.
        ours: String,
    },
    /// A library, but not a plugin.
    #[error("`{}` is a shared library, but not a plugin: it has no symbol `{}`", path.display(), abi::RECORD_SYMBOL)]
    NoRecord {
        /// The file.
        path: PathBuf,
    },
    /// The record is not one of ours.
    #[error("`{}` is not a plugin of Tribunal: its record begins with {found:?}", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// The first bytes.
        found: [u8; 8],
    },
    /// Another major version of the boundary or protocol.
    #[error(
        "`{origin}` (built with {sdk}) speaks version {theirs}.x of the plugin boundary, and this program speaks {ours}.x"
    )]
    Major {
        /// The plugin.
        origin: String,
        /// Who built it.
        sdk: String,
        /// Its major.
        theirs: u16,
        /// Ours.
        ours: u16,
    },
    /// The plugin needs functions that this host does not have.
    #[error(
        "`{origin}` (built with {sdk}) needs version {major}.{needs} of the plugin boundary, and this program has {major}.{have}"
    )]
    Minor {
        /// The plugin.
        origin: String,
        /// Who built it.
        sdk: String,
        /// The common major.
        major: u16,
        /// The minor that it needs.
        needs: u16,
        /// Ours.
        have: u16,
    },
    /// The record promises an entry that is not there.
    #[error("`{}` has the record of a plugin and no symbol `{}`", path.display(), abi::ENTRY_SYMBOL)]
    NoEntry {
        /// The file.
        path: PathBuf,
    },
    /// The system's loader refuses the library.
    #[error("the library `{}` cannot be opened: {cause}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the loader says.
        cause: String,
    },
    /// The same file is loaded already.
    #[error("`{}` is already loaded as `{known}`", path.display())]
    SameFile {
        /// The file.
        path: PathBuf,
        /// The path by which it was loaded.
        known: Arc<str>,
    },
    /// What the plugin offers breaks the rules.
    #[error("the plugin `{origin}` is broken: {what}")]
    Broken {
        /// The plugin.
        origin: String,
        /// What is wrong.
        what: String,
    },
    /// A kind's name is taken.
    #[error("the plugin `{origin}` cannot be used: {taken}")]
    Taken {
        /// The plugin.
        origin: String,
        /// The name, and whose it is.
        #[source]
        taken: Taken,
    },
    /// The program cannot be started.
    #[error("the plugin `{origin}` cannot be started: {cause}")]
    Start {
        /// The command.
        origin: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The child did not greet as it should.
    #[error("the plugin `{origin}` did not greet: {what}{tail}")]
    Greeting {
        /// The command.
        origin: String,
        /// What happened instead.
        what: String,
        /// The end of its standard error, on lines of its own; may be empty.
        tail: String,
    },
}

impl LoadError {
    /// What to do about it: one imperative sentence.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            LoadError::Unreadable { .. } => {
                "check the path; relative paths start at the recipe's folder".to_owned()
            }
            LoadError::NotALibrary { .. } => {
                "name a library in `library`, and a program in `command = [\"...\"]`".to_owned()
            }
            LoadError::Machine { ours, .. } => format!("build the plugin for {ours}"),
            LoadError::NoRecord { .. } | LoadError::Magic { .. } => {
                "build it with `export_plugin!` (Rust) or `TRB_PLUGIN` (C): see docs/adapters.md".to_owned()
            }
            LoadError::Major { theirs, ours, .. } if theirs > ours => {
                "use a newer Tribunal, or build the plugin with the header or crate of this one".to_owned()
            }
            LoadError::Major { .. } => {
                "build the plugin again with the header or crate of this Tribunal".to_owned()
            }
            LoadError::Minor { .. } => "use a newer Tribunal".to_owned(),
            LoadError::NoEntry { .. } => {
                "export the entry: use `export_plugin!` (Rust) or `TRB_PLUGIN` (C)".to_owned()
            }
            LoadError::Open { .. } => {
                "install the library that it needs, or link it in; `ldd` lists what is missing".to_owned()
            }
            LoadError::SameFile { .. } => "name each plugin once".to_owned(),
            LoadError::Broken { .. } => {
                "ask its author; `tribunal plugin check` shows everything that is wrong".to_owned()
            }
            LoadError::Taken { .. } => "leave one of the two plugins out, or rename the kind".to_owned(),
            LoadError::Start { .. } => {
                "check `command` and that the program is installed and executable".to_owned()
            }
            LoadError::Greeting { .. } => {
                "start the command by hand and read what it prints; `start-within` of `[[plugin]]` sets how long \
                 it may take"
                    .to_owned()
            }
        })
    }
}
