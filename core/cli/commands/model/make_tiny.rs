//! `tribunal model make-tiny`: a small random model, for tests and demonstrations.

use std::fs;
use std::path::Path;

use serde_json::json;
use tribunal_models::import::{ImportOptions, Labels, Outputs};
use tribunal_models::tiny::{TinyKind, make_tiny as make};

use super::convert::convert;
use super::{failure, import, snippet, words};
use crate::args::ModelMakeTinyArgs;
use crate::exit::{Exit, Failure, print, quoted_path};

/// Writes the folder, and imports it where that is asked for.
pub(super) fn make_tiny(args: &ModelMakeTinyArgs) -> Result<Exit, Failure> {
    if !(args.force && args.out.is_dir()) {
        must_be_free(&args.out)?;
    }
    let kind = TinyKind::from(args.kind);
    make(args.family.into(), kind, args.seed, &args.out)
        .map_err(|error| failure::of_tiny(&error))?;
    let imported = match args.gguf {
        false => None,
        true => {
            let mut options = ImportOptions {
                weights: args.weights.into(),
                labels: (kind == TinyKind::Labels).then_some(Labels::Index(0)),
                ..ImportOptions::default()
            };
            // A folder such as `.tiny` has no name that files may have.
            if Outputs::of(&args.out, &args.out, &options).is_err() {
                options.name = Some("tiny".to_owned());
            }
            Some(convert(&args.out, &args.out, &options, args.force, true)?)
        }
    };
    let files = files(&args.out);
    if args.json {
        let all = json!({
            "schema": "tribunal-model-make-tiny/1",
            "folder": args.out,
            "seed": args.seed,
            "files": files.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "card": imported.as_ref().map(|(card, _)| card),
            "gguf": imported.as_ref().map(|(_, outputs)| &outputs.gguf),
            "recipe": imported.as_ref().map(|(card, outputs)| snippet::block(card, &outputs.gguf)),
        });
        print(&format!("{all:#}\n"))?;
        return Ok(Exit::Success);
    }
    let bytes = files.iter().map(|(_, bytes)| bytes).sum();
    let mut text = format!(
        "wrote {}, {}, to {}\nits weights are random, from seed {}: it judges at chance, and its scores mean nothing\n",
        words::some(files.len(), "file"),
        words::size(bytes),
        quoted_path(&args.out),
        args.seed
    );
    match &imported {
        Some((card, outputs)) => {
            text.push_str(&import::summary(card, outputs));
            text.push_str(&import::next(card, &outputs.gguf));
        }
        None => {
            let folder = quoted_path(&args.out);
            // Which of the labels is meant is not for this program to choose unasked.
            let label = if kind == TinyKind::Labels { " --label 0" } else { "" };
            text.push_str(&format!(
                "next:\n    tribunal model info {folder}\n    tribunal model import {folder} -o models{label}\n"
            ));
        }
    }
    print(&text)?;
    Ok(Exit::Success)
}

/// Refuses a folder that holds something.
fn must_be_free(folder: &Path) -> Result<(), Failure> {
    let taken = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => fs::symlink_metadata(folder).is_ok(),
    };
    if !taken {
        return Ok(());
    }
    Err(Failure::usage(
        format!("`{}` exists already and is not an empty folder", folder.display()),
        "name another folder with `-o FOLDER`, or write into this one with `--force`",
    ))
}

/// Names and sizes of the files of a folder, by name.
fn files(folder: &Path) -> Vec<(String, u64)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<(String, u64)> = entries
        .flatten()
        .filter_map(|entry| {
            let bytes = entry.metadata().ok().filter(fs::Metadata::is_file)?.len();
            Some((entry.file_name().to_string_lossy().into_owned(), bytes))
        })
        .collect();
    files.sort();
    files
}
