//! Why a vocabulary cannot be converted.

use std::path::PathBuf;

use crate::TemplateError;

/// Why a vocabulary cannot be converted. Every message names the file and what llama.cpp has no equal for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// There is no `tokenizer.json`.
    #[error("`{}` is missing{}", path.display(), if *sentencepiece { "; there is only a `tokenizer.model`" } else { "" })]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// Whether a sentencepiece model lies there in its place.
        sentencepiece: bool,
    },
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The file is not the JSON it should be.
    #[error("`{}` is no valid tokenizer file at line {}", path.display(), cause.line())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        cause: serde_json::Error,
    },
    /// The tokenizer settings beside it cannot be read.
    #[error(transparent)]
    Settings(#[from] TemplateError),
    /// A step of the tokenizer has no equal in llama.cpp.
    #[error("`{}` has {what}, for which llama.cpp has no equal: {found}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Which step, in a few words.
        what: &'static str,
        /// What stands there.
        found: String,
    },
    /// Texts are split by a pattern that llama.cpp does not know.
    #[error("`{}` splits texts by a pattern that llama.cpp does not know: {pattern}", path.display())]
    Pattern {
        /// The file.
        path: PathBuf,
        /// The patterns in their order, in backticks.
        pattern: String,
    },
    /// There are more tokens than rows in the embedding.
    #[error("`{}` has {found} tokens, and the embedding has {rows} rows", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// The largest id and one more.
        found: usize,
        /// Rows of the embedding.
        rows: usize,
    },
    /// The embedding has more rows than any vocabulary.
    #[error("the embedding for `{}` has {rows} rows; at most {most} are read", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// Rows of the embedding.
        rows: usize,
        /// How many there may be.
        most: usize,
    },
    /// A text has two ids, or an id two texts.
    #[error("`{}` gives the token `{token}` with the id {id} twice, and not alike", path.display())]
    Doubled {
        /// The file.
        path: PathBuf,
        /// The token.
        token: String,
        /// Its id.
        id: u32,
    },
    /// A merge or a byte names a token that is not there.
    #[error("`{}` has no token `{token}`, which {needed}", path.display())]
    NoToken {
        /// The file.
        path: PathBuf,
        /// The token.
        token: String,
        /// What it is needed for.
        needed: String,
    },
}

impl VocabularyError {
    /// What to do about it: one imperative sentence, with no full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { sentencepiece: true, .. } => {
                "write one with transformers: load the tokenizer and call `save_pretrained`"
                    .to_owned()
            }
            Self::Missing { .. } | Self::Read { .. } | Self::Json { .. } => {
                "fetch the model's tokenizer files again".to_owned()
            }
            Self::Settings(error) => error.hint(),
            Self::Unsupported { .. } | Self::Pattern { .. } => {
                "run this model with transformers, through the Python adapter".to_owned()
            }
            Self::Size { .. } | Self::Rows { .. } | Self::Doubled { .. } | Self::NoToken { .. } => {
                "fetch the model's files again from one revision".to_owned()
            }
        }
    }
}
