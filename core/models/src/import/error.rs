//! Why a model cannot be imported.

use std::path::PathBuf;

use crate::gguf::GgufError;
use crate::head::HeadError;
use crate::quantise::Unfit;
use crate::vocabulary::VocabularyError;
use crate::{CheckpointError, TemplateError};

/// Why a model cannot be imported. Every message names the file, the class, the tensor or the key that is the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The name for the files is no plain name.
    #[error("`{name}` cannot be the name of the files")]
    Name {
        /// The name.
        name: String,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The configuration is not the JSON it should be.
    #[error("`{}` is not valid JSON at line {}", path.display(), cause.line())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        cause: serde_json::Error,
    },
    /// The model's type is not known.
    #[error("`{}` is of the type `{model_type}` (class `{class}`), which is not known", path.display())]
    Class {
        /// The configuration.
        path: PathBuf,
        /// The model's type.
        model_type: String,
        /// The model's class.
        class: String,
    },
    /// A key of the configuration is missing or has a value that cannot be.
    #[error("`{key}` in `{}` is {found}, not {wanted}", path.display())]
    Key {
        /// The configuration.
        path: PathBuf,
        /// The key.
        key: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        wanted: String,
    },
    /// A key of the configuration asks for something that llama.cpp has no equal for.
    #[error("`{key}` in `{}` is {found}, for which llama.cpp has no equal in `{architecture}`", path.display())]
    NoEqual {
        /// The configuration.
        path: PathBuf,
        /// The key.
        key: String,
        /// What stands there.
        found: String,
        /// llama.cpp's name of the architecture.
        architecture: &'static str,
    },
    /// The weights cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The vocabulary cannot be converted.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The tokenizer settings cannot be read.
    #[error(transparent)]
    Settings(#[from] TemplateError),
    /// The head cannot be used.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The GGUF file cannot be written.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// Tensors that the class has are not in the checkpoint.
    #[error("`{}` lacks {} of a `{class}`", path.display(), listed(tensors))]
    Missing {
        /// The file or index.
        path: PathBuf,
        /// The model's class.
        class: String,
        /// The tensors.
        tensors: Vec<String>,
    },
    /// Tensors of the checkpoint belong to nothing that the class has.
    #[error("`{}` holds {}, which a `{class}` does not have", path.display(), listed(tensors))]
    Unknown {
        /// The file or index.
        path: PathBuf,
        /// The model's class.
        class: String,
        /// The tensors.
        tensors: Vec<String>,
    },
    /// A tensor has another shape than the configuration asks for.
    #[error("the tensor `{tensor}` in `{}` has the shape {found:?}; `config.json` asks for {wanted:?}", path.display())]
    Shape {
        /// The file or index.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shape that fits.
        wanted: Vec<u64>,
        /// The shape it has.
        found: Vec<u64>,
    },
    /// A tensor holds a number that the type of the output cannot hold.
    #[error("the tensor `{tensor}` cannot be stored: {cause}")]
    Unfit {
        /// The tensor.
        tensor: String,
        /// Why not.
        cause: Unfit,
    },
    /// A class that is no language model has no head that is known.
    #[error("`{}` is a `{class}`, and {fault}", path.display())]
    NoHead {
        /// The file or index.
        path: PathBuf,
        /// The model's class.
        class: String,
        /// What is lacking, in a few words.
        fault: String,
    },
    /// There are several labels, and nothing says how they become one score.
    #[error("`{}` has {} labels ({}), and nothing says how they become one score", path.display(), labels.len(), labels.join(", "))]
    Labels {
        /// The file or index.
        path: PathBuf,
        /// The labels.
        labels: Vec<String>,
    },
    /// An option was given that has no meaning for this model.
    #[error("{option} cannot be given for the `{class}` in `{}`: {why}", path.display())]
    Idle {
        /// The file or index.
        path: PathBuf,
        /// The model's class.
        class: String,
        /// The option, in a few words.
        option: &'static str,
        /// Why it has no meaning.
        why: &'static str,
    },
    /// Whoever started the import wants it to end.
    #[error("the import was stopped; no file was written")]
    Stopped,
}

impl ImportError {
    /// What to do about it: one imperative sentence, with no full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::Name { .. } => "give a name without slashes".to_owned(),
            Self::Read { .. } => "check the path and that the file is readable".to_owned(),
            Self::Write { .. } => "check that the folder can be written and has room".to_owned(),
            Self::Json { .. } | Self::Key { .. } | Self::Missing { .. } | Self::Shape { .. } => {
                "fetch the model's files again from one revision".to_owned()
            }
            Self::Class { .. } | Self::NoEqual { .. } => {
                "run this model with transformers, through the Python adapter".to_owned()
            }
            Self::Checkpoint(error) => error.hint(),
            Self::Vocabulary(error) => error.hint(),
            Self::Settings(error) => error.hint(),
            Self::Head(error) => error.hint(),
            Self::Gguf(error) => error.hint().to_owned(),
            Self::Unknown { .. } => {
                "describe the head, if these tensors are one, or merge an adapter into its model first"
                    .to_owned()
            }
            Self::Unfit { cause: Unfit::NotFinite(_), .. } => {
                "fetch the model's weights again: this checkpoint is damaged".to_owned()
            }
            Self::Unfit { .. } => "import with weights of the type F32".to_owned(),
            Self::NoHead { .. } => "describe the head".to_owned(),
            Self::Labels { .. } => "choose one label, or give each a weight".to_owned(),
            Self::Idle { .. } => "leave that option out".to_owned(),
            Self::Stopped => "start the import again".to_owned(),
        }
    }
}

/// Up to five names, and how many more.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    let more = names.len() - shown.len();
    let word = if names.len() == 1 { "the tensor" } else { "the tensors" };
    match more {
        0 => format!("{word} {}", shown.join(", ")),
        more => format!("{word} {} and {more} more", shown.join(", ")),
    }
}
