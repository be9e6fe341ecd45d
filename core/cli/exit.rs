//! How commands end: exit codes, and errors drawn for a person.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use tribunal_engine::fault::Faults;
use tribunal_engine::ready::Unidentified;
use tribunal_engine::run::RunError;
use tribunal_engine::store::StoreError;
use tribunal_engine::summary::SummaryError;
use tribunal_loader::LoadError;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Success = 0,
    /// The program or the machine failed.
    Internal = 1,
    /// The command line or the recipe is at fault.
    Usage = 2,
    /// The run finished with more unanswered trials than tolerated.
    Unanswered = 3,
    /// The run stopped at a budget or limit and can be resumed.
    Stopped = 4,
    /// A plugin, or the model that a source computes with, could not be loaded.
    Plugin = 5,
    /// A source could not be reached or denied access.
    Unreachable = 6,
    /// The self-check of a source failed.
    SelfCheck = 7,
    /// The run was interrupted; its state is saved.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error that ends a command: what to print, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is printed to standard error, already drawn.
    pub text: String,
}

impl Failure {
    /// A failure with a message and perhaps a remedy.
    pub fn new(exit: Exit, message: impl Display, hint: Option<String>) -> Self {
        let mut text = format!("error: {message}\n");
        if let Some(hint) = hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        Self { exit, text }
    }

    /// A fault of the command line.
    pub fn usage(message: impl Display, hint: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message, Some(hint.into()))
    }

    /// Prints the failure.
    pub fn print(&self) {
        // There is nowhere left to say that standard error is closed.
        let _ = io::stderr().write_all(self.text.as_bytes());
    }
}

/// Tells a person a line on standard error. Nobody listening is no error.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Text of several lines from elsewhere, so that no line of it can steer a terminal.
fn plain_lines(text: &str) -> String {
    text.lines().map(crate::render::plain).collect::<Vec<_>>().join("\n")
}

/// A path on one line, in quotes where a shell needs them.
pub fn quoted_path(path: &Path) -> String {
    let path = crate::render::plain(&path.display().to_string());
    let bare =
        |one: char| one.is_alphanumeric() || matches!(one, '.' | '_' | '-' | '/' | '+' | ',');
    if path.chars().all(bare) { path } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// True when text on standard error may be coloured: a terminal, and `NO_COLOR` is not set.
pub fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self { exit: Exit::Usage, text: faults.render(colour()) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match error {
            StoreError::Io { .. } => Exit::Internal,
            _ => Exit::Usage,
        };
        let hint = error.hint();
        Self::new(exit, error, hint)
    }
}

impl From<SummaryError> for Failure {
    fn from(error: SummaryError) -> Self {
        match error {
            SummaryError::Store(error) => error.into(),
            SummaryError::NoTag { tag, known } => {
                let hint = match known.is_empty() {
                    true => "the items of this run have no tags at all".to_owned(),
                    false => format!("use one of: {}", known.join(", ")),
                };
                Self::usage(format!("no item has the tag `{tag}`"), hint)
            }
            other => {
                let exit = match other {
                    SummaryError::Plugin { .. } | SummaryError::NoGrades { .. } => Exit::Plugin,
                    _ => Exit::Usage,
                };
                let hint = other.hint();
                Self::new(exit, other, hint)
            }
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let hint = error.hint();
        Self::new(Exit::Plugin, plain_lines(&error.to_string()), hint)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Store(error) => error.into(),
            other => Self::new(Exit::Internal, other, None),
        }
    }
}

impl From<Unidentified> for Failure {
    fn from(error: Unidentified) -> Self {
        let hint = "check the source's settings, files and server, then run the same command again";
        Self::new(Exit::Unreachable, error, Some(hint.to_owned()))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Internal, format!("cannot write the output: {error}"), None)
    }
}

/// Writes text to standard output. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::from),
    }
}
