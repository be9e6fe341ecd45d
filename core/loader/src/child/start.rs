//! Starting a program so that it ends when this one does.
//!
//! On Linux the kernel kills a child when the *thread* that made it ends. So all children are made by one thread that lives as
//! long as the program.
#![allow(unsafe_code)]

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

type Order = (Command, Sender<io::Result<Child>>);

static STARTER: OnceLock<Option<Sender<Order>>> = OnceLock::new();

/// Starts the command. On Linux it gets SIGKILL when this program ends, however that happens.
pub(super) fn spawn(mut command: Command) -> io::Result<Child> {
    #[cfg(target_os = "linux")]
    die_with_us(&mut command);
    let gone = || io::Error::other("the thread that starts children cannot be had");
    let starter = STARTER.get_or_init(begin).as_ref().ok_or_else(gone)?;
    let (reply, child) = mpsc::channel();
    starter.send((command, reply)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

fn begin() -> Option<Sender<Order>> {
    let (orders, queue) = mpsc::channel::<Order>();
    let serve = move || {
        for (mut command, reply) in queue {
            // Whoever asked waits for the reply; when it is gone there is nobody to tell.
            let _ = reply.send(command.spawn());
        }
    };
    thread::Builder::new().name("plugin-start".to_owned()).spawn(serve).ok()?;
    Some(orders)
}

#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command) {
    use std::os::unix::process::CommandExt;

    use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

    let us = getpid();
    let in_child = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // We may have ended between the fork and the line above; then no signal comes.
        match getppid() {
            Some(parent) if parent == us => Ok(()),
            _ => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
        }
    };
    // SAFETY: between fork and exec only functions may be called that are safe in a signal handler. The closure makes two system
    // calls, compares two numbers, allocates nothing and takes no lock (`io::Error` of a kind or of an `Errno` is a plain value).
    unsafe {
        command.pre_exec(in_child);
    }
}
