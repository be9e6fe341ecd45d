//! The supervisor: a process of its own that runs one server as long as it is wanted.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, PipeReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::log::{self, Hidden};

/// The first argument of a program that is to call [`supervise`].
pub const SUPERVISE: &str = "supervise-server";

/// How long a server has between SIGTERM and SIGKILL.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long the processes that a server started have once the server itself has ended.
const ORPHANS: Duration = Duration::from_secs(2);
/// How long the rest of what was printed is waited for.
const DRAIN: Duration = Duration::from_secs(1);

/// Exit code for a server that could not be started, as shells use it.
const NOT_STARTED: i32 = 127;
/// Exit codes above this stand for signals, as in shells.
const SIGNALS: i32 = 128;

/// Runs a server until it ends or standard input does, and gives the exit code: its own, or 128 and its signal.
///
/// `arguments` are the log's path, names of variables that are blanked in it, `--`, and the server's command.
pub fn supervise(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let mut arguments = arguments.into_iter();
    let Some(path) = arguments.next() else { return NOT_STARTED };
    let names: Vec<String> = arguments
        .by_ref()
        .take_while(|argument| argument != "--")
        .filter_map(|name| name.into_string().ok())
        .collect();
    let Ok(mut log) = OpenOptions::new().create(true).append(true).open(path) else {
        return NOT_STARTED;
    };
    let Some(program) = arguments.next() else { return NOT_STARTED };
    match start(&program, arguments.collect()) {
        Ok((server, printed)) => {
            let hidden = Hidden::of_variables(names);
            let copy = thread::spawn(move || log::copy(printed, log, &hidden));
            let code = attend(server);
            let until = Instant::now() + DRAIN;
            while !copy.is_finished() && Instant::now() < until {
                thread::sleep(Duration::from_millis(5));
            }
            code
        }
        Err(cause) => {
            let _ = writeln!(log, "cannot start `{}`: {cause}", program.to_string_lossy());
            NOT_STARTED
        }
    }
}

/// An exit code of [`supervise`] in words.
pub(super) fn how(code: i32) -> String {
    match code {
        NOT_STARTED => "its program could not be started".to_owned(),
        code if code > SIGNALS => format!("signal {}", code - SIGNALS),
        code => format!("exit code {code}"),
    }
}

fn start(program: &OsString, arguments: Vec<OsString>) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let server = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    Ok((server, reader))
}

/// Waits for the end of the server or of standard input, and leaves nothing of its process group behind.
fn attend(mut server: Child) -> i32 {
    enum News {
        Ended(ExitStatus),
        Unwanted,
    }
    let group = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
    let (sender, news) = mpsc::channel();
    let sender = Arc::new(sender);
    let unwanted = sender.clone();
    thread::spawn(move || {
        let mut byte = [0];
        let mut pipe = io::stdin();
        loop {
            match pipe.read(&mut byte) {
                Ok(0) => break,
                Err(cause) if cause.kind() != io::ErrorKind::Interrupted => break,
                _ => {}
            }
        }
        let _ = unwanted.send(News::Unwanted);
    });
    let (ended_sender, ended) = mpsc::channel();
    thread::spawn(move || {
        if let Ok(status) = server.wait() {
            let _ = ended_sender.send(status);
            let _ = sender.send(News::Ended(status));
        }
    });
    match news.recv() {
        Ok(News::Ended(status)) => {
            sweep(group, Some(status), &ended);
            code(status)
        }
        Ok(News::Unwanted) | Err(_) => sweep(group, None, &ended).map_or(SIGNALS + 9, code),
    }
}

/// Ends the process group: SIGTERM, and SIGKILL when patience is over. Gives the server's status once there is one.
fn sweep(
    group: Option<Pid>,
    mut status: Option<ExitStatus>,
    ended: &Receiver<ExitStatus>,
) -> Option<ExitStatus> {
    let Some(group) = group else { return status };
    // An error means that nobody is left, which is what is wanted.
    let _ = kill_process_group(group, Signal::TERM);
    let mut until = Instant::now() + if status.is_some() { ORPHANS } else { PATIENCE };
    while test_kill_process_group(group).is_ok() && Instant::now() < until {
        match ended.recv_timeout(Duration::from_millis(20)) {
            Ok(found) if status.is_none() => {
                status = Some(found);
                until = until.min(Instant::now() + ORPHANS);
            }
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(Duration::from_millis(20)),
        }
    }
    let _ = kill_process_group(group, Signal::KILL);
    status.or_else(|| ended.recv_timeout(Duration::from_secs(2)).ok())
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| SIGNALS + signal)).unwrap_or(1)
}
