//! What is to be loaded, and how it is run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a plugin is loaded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A shared library.
    Library(PathBuf),
    /// A program with its arguments, at least the program, and the folder that it is started in.
    Command {
        /// Program, then arguments.
        command: Vec<String>,
        /// Where it is started; a program with a `/` is looked up from here.
        folder: PathBuf,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Library(path) => write!(f, "{}", path.display()),
            Origin::Command { command, .. } => f.write_str(&command.join(" ")),
        }
    }
}

/// How serious a line of a plugin's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is probably not meant.
    Warn,
    /// What happens.
    Info,
    /// Details, and what children write to standard error.
    Debug,
}

/// Takes lines of plugins' logs: level, origin of the plugin, line. Called from any thread.
pub type Log = Arc<dyn Fn(Level, &str, &str) + Send + Sync>;

/// A plugin to load, and how it is run.
#[derive(Clone)]
pub struct Spec {
    /// What is loaded.
    pub origin: Origin,
    /// A library is run in a child of `host`, so that its crash costs its own trials alone.
    pub isolate: bool,
    /// Equal children that answer as one source, at least 1. Only of children.
    pub replicas: usize,
    /// Longest wait for the greeting, and for `check`, `create` and `identify`.
    pub start_within: Duration,
    /// Longest wait until weights are loaded.
    pub load_within: Duration,
    /// Grace between a cancelled call and the end of the child, or giving up the thread of a library.
    pub cancel_within: Duration,
    /// How often a child is started again without an answer in between.
    pub restarts: u32,
    /// Variables of children; `{replica}` in a value is the child's number.
    pub env: BTreeMap<String, String>,
    /// The program and arguments that run an isolated library: the library's path is added ([`runner::run`](crate::runner::run)).
    pub host: Vec<String>,
    /// Where log lines go.
    pub log: Log,
}

impl Spec {
    /// A plugin with the defaults of recipes.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            isolate: false,
            replicas: 1,
            start_within: Duration::from_secs(60),
            load_within: Duration::from_secs(1800),
            cancel_within: Duration::from_secs(5),
            restarts: 3,
            env: BTreeMap::new(),
            host: Vec::new(),
            log: Arc::new(|_, _, _| {}),
        }
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, isolate, replicas, start_within, .. } = self;
        f.debug_struct("Spec")
            .field("origin", origin)
            .field("isolate", isolate)
            .field("replicas", replicas)
            .field("start_within", start_within)
            .finish_non_exhaustive()
    }
}
