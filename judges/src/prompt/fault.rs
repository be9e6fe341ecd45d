//! What is wrong with a file that a judge is described in, and where.

use tribunal_api::SettingsError;

/// One thing wrong with a prompt file, a criteria file or a file of references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// The file's path, or the name of what is built in.
    pub place: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong; the first text in backticks is the offending one.
    pub message: String,
    /// What would have been right, where it can be listed.
    pub known: Vec<String>,
    /// What to do: one imperative sentence.
    pub hint: Option<String>,
}

impl FileFault {
    /// A fault of the file as a whole.
    pub fn new(place: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { place: place.to_owned(), line: None, message, known: Vec::new(), hint: None }
    }

    /// The same fault in a line.
    pub fn in_line(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }

    /// The same fault with a remedy.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault with what would have been right.
    pub fn with_known<T: Into<String>>(mut self, known: impl IntoIterator<Item = T>) -> Self {
        self.known = known.into_iter().map(Into::into).collect();
        self
    }

    /// A fault that the reader of TOML found.
    pub fn of_toml(place: &str, text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| line_at(text, span.start));
        Self::new(place, error.message().replace('\n', " ")).in_line(line)
    }

    /// The fault of the setting that names the file.
    pub fn of_key(self, key: &str) -> SettingsError {
        let place = match self.line {
            Some(line) => format!("line {line} of `{}`", self.place),
            None => format!("`{}`", self.place),
        };
        let error =
            SettingsError::of_key(key, format!("{}: {place}", self.message)).with_known(self.known);
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

/// The line of a byte, counted from 1.
pub fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}
