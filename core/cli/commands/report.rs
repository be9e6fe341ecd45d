//! `tribunal report`: what a run says, from its folder alone.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

use tribunal_engine::summary::{self, Summary};

use crate::args::{ReportArgs, ReportFormat};
use crate::commands::{find_run, grading};
use crate::exit::{self, Exit, Failure, print, tell};
use crate::plugins::Kinds;
use crate::render;

/// Measures what a run stored, and prints or writes it.
pub fn report(args: &ReportArgs, kinds: &mut Kinds) -> Result<Exit, Failure> {
    let folder = find_run(&args.run)?;
    let (summary, damage) = grading(&folder, kinds, |registry| {
        summary::summarise(&folder, registry, args.by.as_deref())
    })?;
    // What was damaged and is asked again since is told no more.
    for one in damage.into_iter().filter(|_| summary.complete.unanswered > 0) {
        tell(&format!("warning: {}", render::plain(&one.to_string())));
    }
    let text = text(args, &summary)?;
    match &args.out {
        Some(path) => write(path, &text)?,
        None => print(&text)?,
    }
    Ok(Exit::Success)
}

fn text(args: &ReportArgs, summary: &Summary) -> Result<String, Failure> {
    let format = if args.json { ReportFormat::Json } else { args.format };
    Ok(match format {
        ReportFormat::Json => summary.to_json(),
        ReportFormat::Csv => render::csv(summary).map_err(|error| {
            Failure::new(Exit::Internal, error.told(), error.hint().map(str::to_owned))
        })?,
        ReportFormat::Markdown => render::markdown(summary, args.verbose),
        ReportFormat::Table if args.out.is_some() => {
            render::table(summary, args.verbose, None, false)
        }
        ReportFormat::Table => {
            let colour = io::stdout().is_terminal() && exit::colour();
            render::table(summary, args.verbose, render::width(), colour)
        }
    })
}

/// Writes a file beside its place and renames it, so that it is there whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name else {
        return Err(Failure::usage(
            format!("`{}` is no name of a file", path.display()),
            "name a file after `-o`",
        ));
    };
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(|cause| {
        // Nothing refers to the file beside; when it cannot be removed either, it is only left over.
        let _ = fs::remove_file(&beside);
        Failure::new(Exit::Internal, format!("cannot write `{}`: {cause}", path.display()), None)
    })
}
