//! Why a head cannot be used.

use std::path::PathBuf;

use crate::CheckpointError;

/// Why a head cannot be used. Every message names the file and, where there is one, the tensor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Its file cannot be read or written, or lacks a tensor.
    #[error(transparent)]
    File(#[from] CheckpointError),
    /// The file has no description.
    #[error("`{}` is no head of a reward model: its header has no `tribunal.head`", path.display())]
    NoDescription {
        /// The file.
        path: PathBuf,
    },
    /// The description is not the JSON it should be.
    #[error("the description of the head in `{}` cannot be read", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        cause: serde_json::Error,
    },
    /// The description is of a later version.
    #[error("the head in `{}` is described in version {found}; version 1 is read", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The description contradicts itself.
    #[error("the description of the head in `{}` is wrong: {fault}", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// What does not fit, in a few words.
        fault: String,
    },
    /// A tensor has another shape than the description asks for.
    #[error("the tensor `{tensor}` in `{}` has the shape {found:?}; the head needs {wanted:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shape that fits.
        wanted: Vec<u64>,
        /// The shape it has.
        found: Vec<u64>,
    },
}

impl HeadError {
    /// What to do about it: one imperative sentence, with no full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::File(error) => error.hint(),
            Self::NoDescription { .. } => {
                "give the `.head.safetensors` file that an import writes beside the model"
                    .to_owned()
            }
            Self::Json { .. } | Self::Shape { .. } | Self::Description { .. } => {
                "import the model again, or mend the description of the head".to_owned()
            }
            Self::Format { .. } => "import the model again with this version".to_owned(),
        }
    }
}
