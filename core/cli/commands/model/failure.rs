//! Errors of model files as failures: whose fault it is, and what to do on this command line.

use std::error::Error;
use std::io;

use tribunal_models::CheckpointError;
use tribunal_models::gguf::GgufError;
use tribunal_models::head::HeadError;
use tribunal_models::import::ImportError;
use tribunal_models::info::InfoError;
use tribunal_models::quantise::Unfit;
use tribunal_models::tiny::TinyError;

use crate::exit::{Exit, Failure};
use crate::render::plain;

/// Why a model is not imported.
pub(super) fn of_import(error: &ImportError) -> Failure {
    let writes = matches!(
        error,
        ImportError::Write { .. }
            | ImportError::Checkpoint(CheckpointError::Write { .. })
            | ImportError::Gguf(GgufError::Write { .. })
            | ImportError::Head(HeadError::File(CheckpointError::Write { .. }))
    );
    let exit = match error {
        ImportError::Stopped => Exit::Interrupted,
        _ if writes => Exit::Internal,
        _ => whose(error),
    };
    let hint = match error {
        ImportError::Name { .. } => "give a name without slashes: `--name NAME`".to_owned(),
        ImportError::Unfit { cause: Unfit::TooLarge(_) | Unfit::TooLargeForBlock(_), .. } => {
            "import with `--type f32`".to_owned()
        }
        ImportError::Labels { .. } => {
            "choose one with `--label N`, counted from 0, or weigh them with `--label-weights W,W,...`".to_owned()
        }
        ImportError::NoHead { .. } => {
            "describe the head with `--head FILE` (docs/import.md), or, for numbered layers, give `--activation`"
                .to_owned()
        }
        ImportError::Unknown { .. } => {
            "describe the head with `--head FILE` (docs/import.md) if these tensors are one, or merge an adapter into its model first"
                .to_owned()
        }
        _ => error.hint(),
    };
    Failure::new(exit, told(error), Some(hint))
}

/// Why nothing can be said of a file or folder.
pub(super) fn of_info(error: &InfoError) -> Failure {
    Failure::new(whose(error), told(error), Some(error.hint()))
}

/// Why a head cannot be read.
pub(super) fn of_head(error: &HeadError) -> Failure {
    Failure::new(whose(error), told(error), Some(error.hint()))
}

/// Why a GGUF file cannot be read.
pub(super) fn of_gguf(error: &GgufError) -> Failure {
    Failure::new(whose(error), told(error), Some(error.hint().to_owned()))
}

/// Why no tiny model is written.
pub(super) fn of_tiny(error: &TinyError) -> Failure {
    let hint = "check that the folder can be written and has room".to_owned();
    Failure::new(Exit::Internal, told(error), Some(hint))
}

/// The machine's fault where a file that is there and may be read cannot be; otherwise that of what was named.
fn whose(error: &(dyn Error + 'static)) -> Exit {
    let cause = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        None
        | Some(
            io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof,
        ) => Exit::Usage,
        Some(_) => Exit::Internal,
    }
}

/// The error with its causes, none of which can steer a terminal.
pub(super) fn told(error: &(dyn Error + 'static)) -> String {
    let mut told = String::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if told.is_empty() {
            told = text;
        } else if !told.ends_with(&text) {
            told = format!("{told}: {text}");
        }
    }
    plain(&told)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: io::ErrorKind) -> ImportError {
        ImportError::Read { path: "model".into(), cause: kind.into() }
    }

    #[test]
    fn files_that_are_missing_are_not_the_fault_of_the_machine() {
        assert_eq!(of_import(&read(io::ErrorKind::NotFound)).exit, Exit::Usage);
        assert_eq!(of_import(&read(io::ErrorKind::Other)).exit, Exit::Internal);
    }

    #[test]
    fn weights_that_are_no_numbers_are_not_helped_by_another_type() {
        let hint = |cause| {
            let text = of_import(&ImportError::Unfit { tensor: "w".to_owned(), cause }).text;
            text.split_once("\nhint: ").unwrap().1.trim_end().to_owned()
        };
        assert_eq!(hint(Unfit::TooLarge(7e4)), "import with `--type f32`");
        assert_eq!(hint(Unfit::TooLargeForBlock(1e8)), "import with `--type f32`");
        let damaged = "fetch the model's weights again: this checkpoint is damaged";
        assert_eq!(hint(Unfit::NotFinite(f32::NAN)), damaged);
    }

    #[test]
    fn a_full_disk_is_the_fault_of_the_machine_whatever_is_written() {
        let cause = || io::Error::from(io::ErrorKind::StorageFull);
        let path = std::path::PathBuf::from("out");
        let checkpoint = || CheckpointError::Write { path: "out".into(), cause: cause() };
        for error in [
            ImportError::Write { path: path.clone(), cause: cause() },
            ImportError::Gguf(GgufError::Write { path, cause: cause() }),
            ImportError::Checkpoint(checkpoint()),
            ImportError::Head(HeadError::File(checkpoint())),
        ] {
            let failure = of_import(&error);
            assert_eq!(failure.exit, Exit::Internal);
            let wanted = "error: cannot write `out`: no storage space\nhint: check that the folder can be written and has room\n";
            assert_eq!(failure.text, wanted);
        }
    }
}
