//! Why a GGUF file cannot be read or written.

use std::path::PathBuf;

/// Why a GGUF file cannot be read or written. Every message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The file cannot be opened or read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// It is no GGUF file.
    #[error("`{}` is no GGUF file", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
    },
    /// It is a version that is not read.
    #[error("`{}` is GGUF of version {found}; versions 2 and 3 are read", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Its numbers are stored with the highest byte first.
    #[error("`{}` is a GGUF file for machines that store the highest byte first", path.display())]
    Endian {
        /// The file.
        path: PathBuf,
    },
    /// The file ends inside its header, or a tensor reaches over its end.
    #[error("`{}` is cut short: it has {found} bytes, and {what} needs more", path.display())]
    CutShort {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// What does not fit.
        what: String,
    },
    /// The header contradicts itself or is larger than any.
    #[error("the header of `{}` is wrong: {fault}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What does not fit, in a few words.
        fault: String,
    },
}

impl GgufError {
    /// What to do about it: one imperative sentence, with no full stop.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check the path and that the file is readable",
            Self::Write { .. } => "check that the folder can be written and has room",
            Self::Magic { .. } => "give a GGUF file, or import the model folder first",
            Self::Version { .. } | Self::Endian { .. } => {
                "convert the model again with a current converter"
            }
            Self::CutShort { .. } | Self::Header { .. } => "fetch or convert the file again",
        }
    }
}
