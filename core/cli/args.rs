//! The command line: verbs first, every one with an example.

mod model;
mod plugin;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use model::{
    HeadChoices, ModelArgs, ModelCommand, ModelImportArgs, ModelInfoArgs, ModelMakeTinyArgs,
};
pub use plugin::{
    Language, PluginArgs, PluginCheckArgs, PluginCommand, PluginInfoArgs, PluginNewArgs,
};

/// Puts reward models on trial: which reward model or judge to trust, on what, and why.
#[derive(Debug, Parser)]
#[command(name = "tribunal", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Example:\n  tribunal init first.toml && tribunal run first.toml")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a recipe: ask every source, store every answer, print the report
    #[command(
        after_help = "Example:\n  tribunal run examples/recipes/01-first.toml\n\nA second start of the same recipe goes on where the first one stopped."
    )]
    Run(RunArgs),
    /// Count what a recipe would ask, without asking
    #[command(after_help = "Example:\n  tribunal plan examples/recipes/01-first.toml")]
    Plan(PlanArgs),
    /// Check a recipe and the data it names
    #[command(after_help = "Example:\n  tribunal validate examples/recipes/01-first.toml")]
    Validate(ValidateArgs),
    /// Go on with a run that was stopped
    #[command(after_help = "Example:\n  tribunal resume latest")]
    Resume(ResumeArgs),
    /// Measure what a run stored
    #[command(after_help = "Example:\n  tribunal report latest --by language --format markdown")]
    Report(ReportArgs),
    /// Look closely at the sources of a recipe
    Source(SourceArgs),
    /// List sources, generators, prompts, suites, recipes or runs
    #[command(after_help = "Example:\n  tribunal list sources")]
    List(ListArgs),
    /// Show a kind with its settings and an example, or one item of a run
    #[command(
        after_help = "Examples:\n  tribunal show baseline.length\n  tribunal show latest --suite rmb --id 12"
    )]
    Show(ShowArgs),
    /// Write trials or items of a run as a table
    #[command(
        after_help = "Example:\n  tribunal export latest --rows trials --to csv -o trials.csv"
    )]
    Export(ExportArgs),
    /// Write, look at and check plugins: sources, generators and suites of your own
    Plugin(PluginArgs),
    /// Convert, look at and make model files for this machine
    Model(ModelArgs),
    /// Write a commented recipe that runs
    #[command(after_help = "Example:\n  tribunal init first.toml && tribunal run first.toml")]
    Init(InitArgs),
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  tribunal completions bash > ~/.local/share/bash-completion/completions/tribunal"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// A recipe and what the command line changes of it.
#[derive(Debug, Args)]
pub struct RecipeArgs {
    /// The recipe
    pub recipe: PathBuf,
    /// What the command line changes of it.
    #[command(flatten)]
    pub changes: Changes,
}

/// What the command line changes of a recipe.
#[derive(Clone, Debug, Args)]
pub struct Changes {
    /// Change one key of the recipe; may be given several times
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    pub sets: Vec<String>,
    /// Keep at most this many clusters of every suite, drawn by subset with the recipe's seed
    #[arg(long, value_name = "CLUSTERS", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// The seed, instead of the recipe's
    #[arg(long)]
    pub seed: Option<u64>,
    /// Contact nothing but this machine: a recipe that names another host is a fault. Plugins are not held to it
    #[arg(long)]
    pub offline: bool,
}

/// How much is told on the way.
#[derive(Debug, Args)]
pub struct Loudness {
    /// Tell nothing on the way
    #[arg(short, long)]
    pub quiet: bool,
    /// Tell more on the way; in reports, show every subset
    #[arg(short, long)]
    pub verbose: bool,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The recipe.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// How to ask.
    #[command(flatten)]
    pub asking: AskingArgs,
    /// The run folder [default: runs/NAME-DIGEST, after the recipe and its plan]
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Start anew beside a folder that holds the same plan
    #[arg(long)]
    pub fresh: bool,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run folder, its name below `runs`, or `latest`
    pub run: PathBuf,
    /// Contact nothing but this machine: a recipe that names another host is a fault. Plugins are not held to it
    #[arg(long)]
    pub offline: bool,
    /// How to ask.
    #[command(flatten)]
    pub asking: AskingArgs,
}

/// How trials are asked by this process.
#[derive(Debug, Args)]
pub struct AskingArgs {
    /// Answer only part I of N, counted from 0; also read from SLURM_ARRAY_TASK_ID and
    /// SLURM_ARRAY_TASK_COUNT, or JOB_COMPLETION_INDEX and JOB_COMPLETION_COUNT
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,
    /// Take over answers of an earlier run; may be given several times
    #[arg(long, value_name = "FOLDER")]
    pub reuse: Vec<PathBuf>,
    /// Go on although the self-check of a source fails; every report says so
    #[arg(long)]
    pub accept_unverified: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// How much is told.
    #[command(flatten)]
    pub loudness: Loudness,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The recipe.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The recipe.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Check the recipe alone and open no data
    #[arg(long)]
    pub no_data: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `source`.
#[derive(Debug, Args)]
pub struct SourceArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: SourceCommand,
}

/// What can be done with sources.
#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// Show what a source makes of one item, and put the known pairs to it
    #[command(
        after_help = "Examples:\n  tribunal source check served.toml --source reward\n  tribunal source check reward --recipe served.toml\n\nExit code 7 when something is found, 6 when a source cannot be reached, 5 when a plugin cannot be loaded."
    )]
    Check(SourceCheckArgs),
}

/// Arguments of `source check`.
#[derive(Debug, Args)]
pub struct SourceCheckArgs {
    /// The recipe; with `--recipe`, the name of the source
    #[arg(value_name = "RECIPE or NAME")]
    pub what: PathBuf,
    /// The recipe that the named source is of
    #[arg(long, value_name = "RECIPE", conflicts_with = "source")]
    pub recipe: Option<PathBuf>,
    /// What the command line changes of the recipe.
    #[command(flatten)]
    pub changes: Changes,
    /// Check this source alone
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How much is told.
    #[command(flatten)]
    pub loudness: Loudness,
}

impl SourceCheckArgs {
    /// The recipe, wherever it stands on the command line.
    pub fn recipe_args(&self) -> RecipeArgs {
        let recipe = self.recipe.as_ref().unwrap_or(&self.what).clone();
        RecipeArgs { recipe, changes: self.changes.clone() }
    }

    /// The source that is to be checked alone.
    pub fn name(&self) -> Option<&str> {
        match &self.recipe {
            Some(_) => self.what.to_str(),
            None => self.source.as_deref(),
        }
    }
}

/// A shape of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A table for a terminal
    Table,
    /// Markdown
    Markdown,
    /// The JSON report
    Json,
    /// One measure a row
    Csv,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run folder, its name below `runs`, or `latest`
    pub run: PathBuf,
    /// The shape of the output
    #[arg(long, value_enum, default_value = "table")]
    pub format: ReportFormat,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Slice by the values of a tag (`language`, `turns`, `author`...)
    #[arg(long, value_name = "TAG")]
    pub by: Option<String>,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show every subset and every figure, not the headline and its groups alone
    #[arg(short, long)]
    pub verbose: bool,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Kinds of sources
    Sources,
    /// Kinds of generators, which judges are built on
    Generators,
    /// Built-in prompts of judges
    Prompts,
    /// Kinds of suites
    Suites,
    /// Recipes in a folder
    Recipes,
    /// Runs in a folder
    Runs,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub what: Listed,
    /// The folder of recipes [default: examples/recipes and .] or runs [default: runs]
    pub folder: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A kind, or a run folder, its name below `runs`, or `latest`
    pub what: String,
    /// The suite of the item, where the run has several
    #[arg(long)]
    pub suite: Option<String>,
    /// The subset of the item, where its id is not unique
    #[arg(long)]
    pub subset: Option<String>,
    /// The item's id
    #[arg(long)]
    pub id: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What a row of an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Rows {
    /// One sample of one question in one presentation
    Trials,
    /// One item in one cell
    Items,
}

/// A file format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Apache Parquet
    Parquet,
    /// Comma-separated values with a header
    Csv,
    /// One JSON object a line
    Jsonl,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The run folder, its name below `runs`, or `latest`
    pub run: PathBuf,
    /// The file format
    #[arg(long, value_enum, default_value = "jsonl")]
    pub to: ExportFormat,
    /// What a row is
    #[arg(long, value_enum, default_value = "trials")]
    pub rows: Rows,
    /// The file [default: standard output, except for parquet]
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The recipe to write
    #[arg(default_value = "recipe.toml")]
    pub path: PathBuf,
    /// Overwrite a file that exists
    #[arg(long)]
    pub force: bool,
}
