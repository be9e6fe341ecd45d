//! The program `tribunal`: arguments, commands, and the list of built-in plugins.

#![forbid(unsafe_code)]
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod args;
mod builtin;
mod commands;
mod exit;
mod progress;
mod render;
mod servers;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use exit::{Exit, Failure};
use tribunal_http::server::{SUPERVISE, supervise};

/// Calls under way allocate on one thread and free on another, where the system's allocator waits for itself: a quarter of
/// the processor time of a judge over HTTP went there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // No command for people: this program starts itself so, to watch over a server.
    if arguments.next().is_some_and(|first| first == SUPERVISE) {
        let code = supervise(arguments);
        return ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX));
    }
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print();
            failure.exit.into()
        }
    }
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    let registry = builtin::registry();
    match command {
        Command::Run(args) => commands::run::run(&args, &registry),
        Command::Plan(args) => commands::plan::plan(&args, &registry),
        Command::Validate(args) => commands::validate::validate(&args, &registry),
        Command::Resume(args) => commands::resume::resume(&args, &registry),
        Command::Report(args) => commands::report::report(&args, &registry),
        Command::Source(args) => commands::source::source(&args.command, &registry),
        Command::List(args) => commands::list::list(&args, &registry),
        Command::Show(args) => commands::show::show(&args, &registry),
        Command::Export(args) => commands::export::export(&args),
        Command::Init(args) => commands::init::init(&args),
        Command::Completions { shell } => commands::completions(shell),
    }
}
