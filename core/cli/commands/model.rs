//! `tribunal model`: converting, looking at and making model files.

mod convert;
mod facts;
mod failure;
mod import;
mod info;
mod make_tiny;
mod snippet;
mod words;

use crate::args::ModelCommand;
use crate::exit::{Exit, Failure};

/// Does what is asked with models.
pub fn model(command: &ModelCommand) -> Result<Exit, Failure> {
    match command {
        ModelCommand::Import(args) => import::import(args),
        ModelCommand::Info(args) => info::info(args),
        ModelCommand::MakeTiny(args) => make_tiny::make_tiny(args),
    }
}
