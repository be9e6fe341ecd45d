//! Why weights cannot be read.

use std::path::PathBuf;

/// Why weights cannot be read. Every message names the file and, where there is one, the tensor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file cannot be opened or read.
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
    /// The folder has no safetensors files.
    #[error("`{}` has neither `model.safetensors` nor `model.safetensors.index.json`", folder.display())]
    NoWeights {
        /// The folder.
        folder: PathBuf,
        /// Whether weights in the format of Python objects lie there.
        pickled: bool,
    },
    /// The index names a file that is not in the folder.
    #[error("`{}` is missing; `{}` puts {tensors} tensors into it", shard.display(), index.display())]
    NoShard {
        /// The index.
        index: PathBuf,
        /// The file that is missing.
        shard: PathBuf,
        /// How many tensors it should hold.
        tensors: usize,
    },
    /// The index names a file that is not a plain name in the same folder.
    #[error("`{}` names the file `{shard}`, which is no plain file name", index.display())]
    ShardName {
        /// The index.
        index: PathBuf,
        /// The name.
        shard: String,
    },
    /// A tensor is not in the file that the index names for it.
    #[error("`{}` does not hold the tensor `{tensor}`, as the index says", path.display())]
    NotInShard {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// The same tensor stands in a header twice, or in two files.
    #[error("`{}` holds the tensor `{tensor}` a second time", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A header or an index is longer than one can be.
    #[error("`{}` says that its header has {bytes} bytes; the most is {most}", path.display())]
    HeaderSize {
        /// The file.
        path: PathBuf,
        /// How long it says it is.
        bytes: u64,
        /// How long it may be.
        most: u64,
    },
    /// A file ends before what its header promises.
    #[error("`{}` is cut short: it has {found} bytes and should have {wanted}", path.display())]
    CutShort {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The length that its header asks for, in bytes.
        wanted: u64,
    },
    /// A header or an index is not the JSON it should be.
    #[error("the header of `{}` cannot be read", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        cause: serde_json::Error,
    },
    /// What the header says of one tensor contradicts itself.
    #[error("`{}` describes the tensor `{tensor}` wrongly: {fault}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What does not fit, in a few words.
        fault: String,
    },
    /// There is no tensor of this name.
    #[error("`{}` has no tensor `{tensor}`", path.display())]
    NoTensor {
        /// The file or index.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A tensor holds numbers of a type that weights of these models do not have.
    #[error("the tensor `{tensor}` in `{}` is {found}, not F32, F16, BF16 or F64", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type.
        found: &'static str,
    },
}

impl CheckpointError {
    /// What to do about it: one imperative sentence, with no full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::Read { .. } => "check the path and that the file is readable".to_owned(),
            Self::Write { .. } => "check that the folder can be written and has room".to_owned(),
            Self::NoWeights { pickled: true, .. } => {
                "save the model as safetensors first: with transformers, `save_pretrained` does that"
                    .to_owned()
            }
            Self::NoWeights { pickled: false, .. } => {
                "give the folder that holds the model's safetensors files".to_owned()
            }
            Self::NoShard { .. } | Self::CutShort { .. } => {
                "fetch that file again; a download was probably broken off".to_owned()
            }
            Self::ShardName { .. }
            | Self::NotInShard { .. }
            | Self::Twice { .. }
            | Self::HeaderSize { .. }
            | Self::Json { .. }
            | Self::Entry { .. } => "fetch the model's files again from one revision".to_owned(),
            Self::NoTensor { .. } => {
                "check that the folder holds the whole model, not an adapter".to_owned()
            }
            Self::Type { .. } => {
                "use the unquantised model: its weights are BF16, F16 or F32".to_owned()
            }
        }
    }
}
