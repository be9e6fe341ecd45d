//! `tribunal plugin`: writing, looking at and checking plugins.

mod check;
mod embedded;
mod info;
mod new;
mod target;

use crate::args::PluginCommand;
use crate::exit::{Exit, Failure};

/// Does what is asked with plugins.
pub fn plugin(command: &PluginCommand) -> Result<Exit, Failure> {
    match command {
        PluginCommand::New(args) => new::new(args),
        PluginCommand::Info(args) => info::info(args),
        PluginCommand::Check(args) => check::check(args),
    }
}
