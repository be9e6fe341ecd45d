//! How a child ended: in words for a person, and in kind for those who had asked it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use tribunal_api::SourceError;

/// Why a child is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It ended of its own accord.
    Died,
    /// It was ended because it said what cannot be assigned.
    Violated,
    /// It was ended because it did not answer.
    Hung,
    /// It was told to end.
    Wanted,
}

/// The end of a child.
#[derive(Debug)]
pub(super) struct End {
    pub(super) why: Why,
    /// The plugin as errors name it.
    pub(super) origin: Arc<str>,
    /// What became of it: `ended with exit status 3`.
    pub(super) what: String,
    /// The end of its standard error, as it stands below an error.
    pub(super) tail: String,
}

impl End {
    pub(super) fn message(&self) -> String {
        format!("the plugin `{}` {}{}", self.origin, self.what, self.tail)
    }
}

/// Why a request has no reply.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The child ended first.
    Ended(Arc<End>),
    /// It took too long.
    Late(String),
}

impl Failure {
    pub(super) fn message(&self) -> String {
        match self {
            Failure::Ended(end) => end.message(),
            Failure::Late(what) => what.clone(),
        }
    }

    /// Another try may help unless the child breaks the protocol.
    pub(super) fn into_source_error(self) -> SourceError {
        let message = self.message();
        match self {
            Failure::Ended(end) if end.why == Why::Violated => SourceError::Broken { message },
            Failure::Ended(_) | Failure::Late(_) => SourceError::Unreachable { message },
        }
    }
}

/// `exit status 3`, `signal 11 (SIGSEGV)`.
pub(super) fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => {
            "signal 9 (SIGKILL; the system does this when memory runs out)".to_owned()
        }
        (None, Some(signal)) => match name(signal) {
            Some(name) => format!("signal {signal} ({name})"),
            None => format!("signal {signal}"),
        },
        (None, None) => "no exit status".to_owned(),
    }
}

fn name(signal: i32) -> Option<&'static str> {
    use rustix::process::Signal;
    let names = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::SYS, "SIGSYS"),
    ];
    names.iter().find(|(known, _)| known.as_raw() == signal).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_signals_have_words() {
        let words = |raw| words(ExitStatus::from_raw(raw));
        assert_eq!(words(3 << 8), "exit status 3");
        assert_eq!(words(11), "signal 11 (SIGSEGV)");
        assert_eq!(words(6), "signal 6 (SIGABRT)");
        assert_eq!(words(40), "signal 40");
    }
}
