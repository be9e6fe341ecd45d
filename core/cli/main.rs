//! The program `tribunal`: arguments, commands, and the list of built-in plugins.

#![forbid(unsafe_code)]
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod args;
mod builtin;
mod commands;
mod exit;
mod plugins;
mod progress;
mod render;
mod servers;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use exit::{Exit, Failure};
use plugins::{Kinds, PLUGIN_HOST};
use tribunal_http::server::{SUPERVISE, supervise};

/// Calls under way allocate on one thread and free on another, where the system's allocator waits for itself: a quarter of
/// the processor time of a judge over HTTP went there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    // No commands for people: this program starts itself so, to watch over a server or to run a library.
    let own = match (first, arguments.next()) {
        (Some(first), second) if first == SUPERVISE => {
            Some(supervise(second.into_iter().chain(arguments)))
        }
        (Some(first), Some(library)) if first == PLUGIN_HOST => {
            Some(tribunal_loader::runner::run(library.as_ref()))
        }
        _ => None,
    };
    if let Some(code) = own {
        return ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX));
    }
    let cli = Cli::parse();
    let exit = dispatch(cli.command).unwrap_or_else(|failure| {
        failure.print();
        failure.exit
    });
    tribunal_loader::shutdown_all(std::time::Duration::from_secs(2));
    exit.into()
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => commands::run::run(&args, &mut Kinds::with_folders()),
        Command::Plan(args) => commands::plan::plan(&args, &mut Kinds::with_folders()),
        Command::Validate(args) => commands::validate::validate(&args, &mut Kinds::with_folders()),
        Command::Resume(args) => commands::resume::resume(&args, &mut Kinds::with_folders()),
        Command::Report(args) => commands::report::report(&args, &mut Kinds::builtin()),
        Command::Source(args) => {
            commands::source::source(&args.command, &mut Kinds::with_folders())
        }
        Command::List(args) => commands::list::list(&args, &Kinds::with_folders().registry),
        Command::Show(args) => commands::show::show(&args, &mut Kinds::with_folders()),
        Command::Export(args) => commands::export::export(&args),
        Command::Plugin(args) => commands::plugin::plugin(&args.command),
        Command::Model(args) => commands::model::model(&args.command),
        Command::Init(args) => commands::init::init(&args),
        Command::Completions { shell } => commands::completions(shell),
    }
}
