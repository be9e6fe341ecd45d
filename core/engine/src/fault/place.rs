//! Where an entry was written: file and bytes, and the line and column a person counts.

use super::{Fault, Part};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A text that entries come from: a recipe file, or the `--set` options, one a line.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Position in the order of faults: the recipe itself, then what it extends, then `--set`.
    pub order: usize,
    /// Its name as the user gave it.
    pub shown: String,
    /// Its text; `None` for a stored recipe.
    pub text: Option<String>,
    /// Folder at which relative paths in it start, absolute.
    pub folder: PathBuf,
}

/// Where an entry was written. Spans are byte ranges of the file's text.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub file: Arc<SourceFile>,
    pub key: Option<Range<usize>>,
    pub value: Option<Range<usize>>,
}

impl Place {
    /// The place of a whole file.
    pub fn of_file(file: &Arc<SourceFile>) -> Self {
        Self { file: Arc::clone(file), key: None, value: None }
    }

    /// Folder at which relative paths in the value start.
    pub fn folder(&self) -> &Path {
        &self.file.folder
    }

    /// The stretch of text that stands for one part of the entry.
    pub fn at(&self, part: Part) -> Mark {
        let span = match part {
            Part::Key => self.key.clone().or_else(|| self.value.clone()),
            Part::Value => self.value.clone().or_else(|| self.key.clone()),
            Part::File => None,
        };
        Mark { file: Arc::clone(&self.file), span }
    }

    /// Line and column of one part of the entry; `None` without a text.
    pub fn spot(&self, part: Part) -> Option<Spot> {
        self.at(part).spot()
    }
}

/// A stretch of a file, or the whole file.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub file: Arc<SourceFile>,
    pub span: Option<Range<usize>>,
}

impl Mark {
    /// Line and column of the start; line 1, column 1 for a whole file; `None` without a text.
    pub fn spot(&self) -> Option<Spot> {
        let text = self.file.text.as_deref()?;
        let start = self.span.as_ref().map_or(0, |span| span.start).min(text.len());
        let before = text.get(..start)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some(Spot {
            file: self.file.shown.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }
}

/// A fault with the stretches of text it is drawn at.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub fault: Fault,
    pub mark: Option<Mark>,
    /// Further places of the fault, each with the text beside it.
    pub also: Vec<(Mark, String)>,
}

/// A position in a recipe file, as a person counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file as the user named it; `--set` for the command line.
    pub file: String,
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
}
