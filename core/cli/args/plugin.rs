//! The command line of `tribunal plugin`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use tribunal_api::Component;
use tribunal_engine::recipe::parse_duration;

/// Arguments of `plugin`.
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: PluginCommand,
}

/// What can be done with plugins.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Write a project of a plugin that builds, passes its check and runs
    #[command(
        after_help = "Examples:\n  tribunal plugin new my-reward --lang python\n  tribunal plugin new my-suite --lang rust --component suite -o plugins/my-suite"
    )]
    New(PluginNewArgs),
    /// Show what a plugin says of itself: its file, its kinds and their settings
    #[command(
        after_help = "Examples:\n  tribunal plugin info target/release/libmy_reward.so\n  tribunal plugin info my_reward.py\n  tribunal plugin info -- python3 -m tribunal_adapter my_reward.py\n\nExit code 5 when it cannot be loaded."
    )]
    Info(PluginInfoArgs),
    /// Check that the kinds of a plugin keep their promises, and how fast they are
    #[command(
        after_help = "Examples:\n  tribunal plugin check ./my-reward.so\n  tribunal plugin check my_reward.py --set temperature=0.5\n  tribunal plugin check --isolate ./my-reward.so\n\nExit code 7 when a check fails, 5 when the plugin cannot be loaded."
    )]
    Check(PluginCheckArgs),
}

/// A language that projects are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// A library, by the crate tribunal-api
    Rust,
    /// A library, by the header tribunal.h
    C,
    /// The same in C++17
    Cpp,
    /// A program, by the package tribunal_adapter
    Python,
}

/// What a plugin adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// A reward model or judge
    Source,
    /// A backend that judges are built on
    Generator,
    /// A benchmark
    Suite,
}

impl From<Part> for Component {
    fn from(part: Part) -> Self {
        match part {
            Part::Source => Component::Source,
            Part::Generator => Component::Generator,
            Part::Suite => Component::Suite,
        }
    }
}

/// Arguments of `plugin new`.
#[derive(Debug, Args)]
pub struct PluginNewArgs {
    /// The name of the project and its kind: lower case letters, digits and `-`
    pub name: String,
    /// The language
    #[arg(long, value_enum)]
    pub lang: Language,
    /// What it adds
    #[arg(long, value_enum, default_value = "source")]
    pub component: Part,
    /// The folder to write [default: NAME]
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plugin info`.
#[derive(Debug, Args)]
pub struct PluginInfoArgs {
    /// A library, a Python file, or a program with its arguments: in quotes, or behind `--`
    #[arg(required = true, value_name = "PATH or COMMAND")]
    pub target: Vec<String>,
    /// Read the library's file alone and run nothing of it
    #[arg(long)]
    pub no_load: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plugin check`.
#[derive(Debug, Args)]
pub struct PluginCheckArgs {
    /// A library, a Python file, or a program with its arguments: in quotes, or behind `--`
    #[arg(required = true, value_name = "PATH or COMMAND")]
    pub target: Vec<String>,
    /// Check this kind alone
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// A setting of the kind, instead of the one in its example; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Run a library in a process of its own, so that its crash is a finding
    #[arg(long)]
    pub isolate: bool,
    /// Longest time for each check
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = read_duration)]
    pub within: Duration,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn read_duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("it must be longer than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}, for example `90s`")),
    }
}
