//! Why a model folder cannot be read or a chat template gives no text.

use std::path::PathBuf;

/// Why there is no template or no text. Every message names the file and, where there is one, the line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// A file is not the JSON it should be.
    #[error("`{}` is not valid JSON at line {}", path.display(), cause.line())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        cause: serde_json::Error,
    },
    /// A key of a file has a value of another shape than tokenizers have.
    #[error("`{key}` in `{}` is {found}, not {wanted}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What may stand there.
        wanted: &'static str,
        /// What stands there, in a few words.
        found: String,
    },
    /// The folder has no chat template at all.
    #[error("`{}` has no `chat_template`, and no `chat_template.jinja` lies beside it", path.display())]
    Missing {
        /// The tokenizer settings that were searched.
        path: PathBuf,
    },
    /// There are templates, none of them under this name.
    #[error("`{}` has no chat template named `{name}`, only {}", path.display(), list(names))]
    Unnamed {
        /// The tokenizer settings that were searched.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The names there are.
        names: Vec<String>,
    },
    /// The template is no valid template.
    #[error("line {line} of the chat template in `{origin}` cannot be read: {cause}")]
    Syntax {
        /// Where the template is from: a path, or words for a text.
        origin: String,
        /// Line of the template, from 1.
        line: usize,
        /// What the template reader said.
        cause: String,
    },
    /// The template itself refuses the messages, through `raise_exception`.
    #[error("the chat template in `{origin}` refuses these messages at line {line}: `{message}`")]
    Refused {
        /// Where the template is from.
        origin: String,
        /// Line of the template, from 1.
        line: usize,
        /// The template's own words.
        message: String,
    },
    /// The template writes today's date, and no date was given.
    #[error(
        "line {line} of the chat template in `{origin}` asks for today's date, and none is given"
    )]
    NeedsDate {
        /// Where the template is from.
        origin: String,
        /// Line of the template, from 1.
        line: usize,
    },
    /// The template fails on these messages in another way.
    #[error("line {line} of the chat template in `{origin}` fails: {cause}")]
    Render {
        /// Where the template is from.
        origin: String,
        /// Line of the template, from 1; 0 when it is not known.
        line: usize,
        /// What the template engine said.
        cause: String,
    },
    /// A template variable of the caller has a name that belongs to this crate.
    #[error("`{name}` cannot be given as a template variable")]
    Reserved {
        /// The name.
        name: String,
    },
}

impl TemplateError {
    /// What to do about it: one imperative sentence, with no full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::Read { .. } => "check the path and that the file is readable text".to_owned(),
            Self::Json { .. } | Self::Shape { .. } => {
                "fetch the model's tokenizer files again, or mend this one".to_owned()
            }
            Self::Missing { .. } => "give a chat template file for this model".to_owned(),
            Self::Unnamed { names, .. } => format!("choose one of {}", list(names)),
            Self::Syntax { .. } => {
                "mend the template, or give another template file for this model".to_owned()
            }
            Self::Refused { .. } => {
                "use only the roles and the order that this model takes, or give another template file"
                    .to_owned()
            }
            Self::NeedsDate { .. } => {
                "give the date that the template is to write, as `2024-07-26`".to_owned()
            }
            Self::Render { .. } => {
                "check the template's variables, or give another template file for this model"
                    .to_owned()
            }
            Self::Reserved { .. } => "leave it out: it is set for every rendering".to_owned(),
        }
    }
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
