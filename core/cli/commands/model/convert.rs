//! An import on this command line: nothing is overwritten unasked, progress is shown, Ctrl-C leaves no half of a file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tribunal_models::import::{Card, ImportOptions, Outputs, Step, import};

use super::failure;
use crate::commands::run::interrupted;
use crate::exit::{Exit, Failure, tell};
use crate::progress::Bytes;

/// Refuses what is no model folder, in words that say so.
pub(super) fn must_be_model(folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    if folder.is_dir() {
        if folder.join("config.json").exists() {
            return Ok(());
        }
        return Err(Failure::usage(
            format!("`{shown}` is no model folder: it holds no `config.json`"),
            "give the folder that holds the model's `config.json`, `tokenizer.json` and safetensors files",
        ));
    }
    if folder.exists() {
        return Err(Failure::usage(
            format!("`{shown}` is a file, and a model of transformers is a folder"),
            "give the model's folder; `tribunal model info` shows what a file is",
        ));
    }
    Err(Failure::usage(
        format!("there is no folder `{shown}`"),
        "fetch the model first, then give the folder that it lies in",
    ))
}

/// Converts a folder. Fails when one of the files is there already, unless `force`.
pub(super) fn convert(
    folder: &Path,
    out: &Path,
    options: &ImportOptions,
    force: bool,
    quiet: bool,
) -> Result<(Card, Outputs), Failure> {
    let outputs = Outputs::of(folder, out, options).map_err(|error| failure::of_import(&error))?;
    if out.exists() && !out.is_dir() {
        return Err(Failure::usage(
            format!("`{}` is a file, not a folder to write into", out.display()),
            "name another folder with `-o FOLDER`",
        ));
    }
    let all = [&outputs.gguf, &outputs.head, &outputs.card];
    if !force && let Some(taken) = all.into_iter().find(|path| path.exists()) {
        return Err(Failure::usage(
            format!("`{}` exists already", taken.display()),
            "give another name with `--name NAME`, or overwrite it with `--force`",
        ));
    }
    stop_when_interrupted(Arc::clone(&options.stop), quiet);
    let mut bytes = Bytes::new(quiet);
    let card = import(folder, out, options, &mut |progress| {
        let doing = match progress.step {
            Step::Digest => "digesting",
            Step::Convert => "converting",
        };
        bytes.at(doing, progress.name, progress.done, progress.total);
    });
    drop(bytes);
    match card {
        Ok(card) => Ok((card, outputs)),
        Err(error) => Err(failure::of_import(&error)),
    }
}

/// Sets `stop` at the first Ctrl-C and ends the program at the second.
fn stop_when_interrupted(stop: Arc<AtomicBool>, quiet: bool) {
    // Without this the program ends at the first one, and what is left is a file with a passing name.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            interrupted().await;
            stop.store(true, Ordering::Relaxed);
            if !quiet {
                tell("stopping: what was written so far is removed");
            }
            interrupted().await;
            std::process::exit(Exit::Interrupted as i32);
        });
    });
}
