//! A fault: one thing wrong in a recipe, with the key path it concerns, so that it can be drawn at its line.

mod draw;
mod nearest;
mod path;
mod place;

pub use draw::Faults;
pub use nearest::nearest;
pub(crate) use path::read as read_path;
pub use path::{KeyPath, PathError, Segment};
pub use place::Spot;
pub(crate) use place::{Mark, Place, Placed, SourceFile};

use std::fmt;

/// What of an entry of the recipe a fault concerns: this decides where the caret goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The key itself: `samples` in `samples = 8`.
    Key,
    /// The value: `8` in `samples = 8`; for a table written with a header, the whole header.
    Value,
    /// The file as a whole: the drawing names the file and no line.
    File,
}

/// One thing wrong in a recipe.
///
/// The message is lower case without a full stop, keys and values in backticks; the remedy stands in the hint.
/// [`Faults`] draws it at the line its key path was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The entry at fault. One that the recipe does not hold is drawn at its nearest parent that it does hold.
    pub key: KeyPath,
    /// What of the entry is wrong.
    pub part: Part,
    /// What is wrong.
    pub message: String,
    /// A short text beside the caret.
    pub label: Option<String>,
    /// What `known` lists, in the plural: `keys`, `values`, `suites`.
    pub known_as: &'static str,
    /// All that would have been accepted in its place, in the order to print; empty when that cannot be listed.
    pub known: Vec<String>,
    /// The one of `known` that was probably meant.
    pub suggestion: Option<String>,
    /// What to do: one imperative sentence without a full stop.
    pub hint: Option<String>,
    /// Other entries that belong to the fault (the first of two equal names), each with a text for beside it.
    pub also: Vec<(KeyPath, String)>,
}

impl Fault {
    /// A fault of the value at `key`.
    pub fn new(key: KeyPath, message: impl Into<String>) -> Self {
        Self {
            key,
            part: Part::Value,
            message: message.into(),
            label: None,
            known_as: "values",
            known: Vec::new(),
            suggestion: None,
            hint: None,
            also: Vec::new(),
        }
    }

    /// A fault of the whole recipe, drawn with the name of its file alone.
    pub fn whole(message: impl Into<String>) -> Self {
        Self::new(KeyPath::root(), message).part(Part::File)
    }

    /// The key at `path` means nothing there; `known` are the keys that do.
    pub fn unknown_key<K: AsRef<str>>(path: KeyPath, known: impl IntoIterator<Item = K>) -> Self {
        let name = path.last().map_or_else(String::new, Segment::to_text);
        let message = match path.parent() {
            Some(parent) if !parent.is_root() => format!("unknown key `{name}` in `{parent}`"),
            _ => format!("unknown key `{name}`"),
        };
        Self::new(path, message).part(Part::Key).known_as("keys", &name, known)
    }

    /// `found` is none of the words that the key at `path` takes.
    pub fn bad_value<K: AsRef<str>>(
        path: KeyPath,
        found: &str,
        known: impl IntoIterator<Item = K>,
    ) -> Self {
        let message = match path.last_key() {
            Some(key) => format!("`{key}` has no value `{found}`"),
            None => format!("there is no value `{found}`"),
        };
        Self::new(path, message).known_as("values", found, known)
    }

    /// `found` names none of the existing `what` (plural: `suites`).
    pub fn unknown_name<K: AsRef<str>>(
        path: KeyPath,
        what: &'static str,
        found: &str,
        known: impl IntoIterator<Item = K>,
    ) -> Self {
        let one = what.strip_suffix('s').unwrap_or(what);
        Self::new(path, format!("there is no {one} `{found}`")).known_as(what, found, known)
    }

    /// Moves the fault to another part of its entry.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.part = part;
        self
    }

    /// Puts a short text beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Lists what would have been accepted instead of `found` (`what` is the plural), and suggests the nearest of it.
    #[must_use]
    pub fn known_as<K: AsRef<str>>(
        mut self,
        what: &'static str,
        found: &str,
        known: impl IntoIterator<Item = K>,
    ) -> Self {
        self.known_as = what;
        self.known = known.into_iter().map(|one| one.as_ref().to_owned()).collect();
        self.suggestion = nearest(found, &self.known).map(str::to_owned);
        self
    }

    /// Replaces the suggestion.
    #[must_use]
    pub fn suggestion(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// Marks another entry that belongs to the fault.
    #[must_use]
    pub fn also(mut self, key: KeyPath, label: impl Into<String>) -> Self {
        self.also.push((key, label.into()));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
