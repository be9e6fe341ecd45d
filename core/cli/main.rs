//! The program `tribunal`: arguments, commands, and the list of built-in plugins.

#![forbid(unsafe_code)]
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod args;
mod builtin;
mod commands;
mod exit;
mod progress;
mod render;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use exit::{Exit, Failure};

fn main() -> ExitCode {
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
        Command::List(args) => commands::list::list(&args, &registry),
        Command::Show(args) => commands::show::show(&args, &registry),
        Command::Export(args) => commands::export::export(&args),
        Command::Init(args) => commands::init::init(&args),
        Command::Completions { shell } => commands::completions(shell),
    }
}
