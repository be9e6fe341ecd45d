//! Paths of keys in a recipe: `source.judge.sampling.temperature`, `arm[0].set`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// One step of a key path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a table.
    Key(String),
    /// A position in a list, from 0.
    Index(usize),
}

impl Segment {
    /// The segment as written in a path: a bare or quoted key, or `[i]`.
    pub fn to_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) if is_bare(key) => f.write_str(key),
            Self::Key(key) => write_quoted(f, key),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// The way to an entry of a recipe, from the top.
///
/// Written as in TOML: keys between dots, keys with other characters than `A-Z a-z 0-9 _ -` in quotes, positions in
/// lists in brackets. Parsing the written form gives the same path back.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyPath(Vec<Segment>);

impl KeyPath {
    /// The path of the whole recipe.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path of keys alone.
    pub fn of<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self(keys.into_iter().map(|key| Segment::Key(key.into())).collect())
    }

    /// The path of a key below this one.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.child(Segment::Key(key.into()))
    }

    /// The path of a list entry below this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.child(Segment::Index(index))
    }

    /// The path one segment longer.
    #[must_use]
    pub fn child(&self, segment: Segment) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
    }

    /// The path with all segments of `rest` behind it.
    #[must_use]
    pub fn join(&self, rest: &[Segment]) -> Self {
        Self([self.0.as_slice(), rest].concat())
    }

    /// The path one segment shorter; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    /// All segments, from the top.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The last segment; `None` at the root.
    pub fn last(&self) -> Option<&Segment> {
        self.0.last()
    }

    /// The last segment that is a key.
    pub fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        })
    }

    /// The key at position `at`; `None` past the end or at a list position.
    pub fn key_at(&self, at: usize) -> Option<&str> {
        match self.0.get(at)? {
            Segment::Key(key) => Some(key),
            Segment::Index(_) => None,
        }
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the root: the same as [`KeyPath::is_root`].
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the path of the whole recipe.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this path lies at or below `other`.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// What lies at this path in a document.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, segment| match segment {
            Segment::Key(key) => value.get(key),
            Segment::Index(index) => value.get(index),
        })
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            if at > 0 && matches!(segment, Segment::Key(_)) {
                f.write_char('.')?;
            }
            write!(f, "{segment}")?;
        }
        Ok(())
    }
}

/// Why a text is no key path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a key path: {reason}", text.escape_debug())]
pub struct PathError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for KeyPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let fail = |reason| PathError { text: text.to_owned(), reason };
        let (path, rest) = read(text).map_err(fail)?;
        if rest.is_empty() {
            Ok(path)
        } else {
            Err(fail("a key with such characters needs quotes"))
        }
    }
}

impl TryFrom<String> for KeyPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<KeyPath> for String {
    fn from(path: KeyPath) -> Self {
        path.to_string()
    }
}

/// Reads a key path from the start of `text` and gives back what follows it. Blanks around segments are skipped.
pub(crate) fn read(text: &str) -> Result<(KeyPath, &str), &'static str> {
    let mut segments = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (segment, after) =
            if rest.starts_with('[') { read_index(rest)? } else { read_key(rest)? };
        segments.push(segment);
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix('.') {
            rest = after.trim_start();
            if rest.starts_with('[') {
                return Err("a position in brackets follows its key without a dot");
            }
        } else if !rest.starts_with('[') {
            return Ok((KeyPath(segments), rest));
        }
    }
}

fn read_index(text: &str) -> Result<(Segment, &str), &'static str> {
    let (inside, after) = text[1..].split_once(']').ok_or("a `[` is never closed")?;
    let index =
        inside.trim().parse().map_err(|_| "a position in brackets is a whole number from 0")?;
    Ok((Segment::Index(index), after))
}

fn read_key(text: &str) -> Result<(Segment, &str), &'static str> {
    if let Some(inside) = text.strip_prefix('\'') {
        let (key, after) = inside.split_once('\'').ok_or("a quote is never closed")?;
        return Ok((Segment::Key(key.to_owned()), after));
    }
    if text.starts_with('"') {
        let end = closing_quote(text).ok_or("a quote is never closed")?;
        let key = serde_json::from_str(&text[..=end])
            .map_err(|_| "a quoted key has an unknown escape")?;
        return Ok((Segment::Key(key), &text[end + 1..]));
    }
    let end = text.find(|c: char| !is_bare_char(c)).unwrap_or(text.len());
    if end == 0 {
        return Err("a key is missing");
    }
    Ok((Segment::Key(text[..end].to_owned()), &text[end..]))
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(is_bare_char)
}

fn is_bare_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn write_quoted(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in key.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            // JSON and TOML share the four-digit escape, and every control character fits it.
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_is_written_with_dots_brackets_and_quotes_where_needed() {
        let path = KeyPath::of(["arm"]).index(0).key("set").key("source.judge.samples");
        assert_eq!(path.to_string(), r#"arm[0].set."source.judge.samples""#);
        assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn literal_quotes_and_blanks_are_read() {
        assert_eq!("a . 'b.c'".parse(), Ok(KeyPath::of(["a", "b.c"])));
    }

    #[test]
    fn texts_that_are_no_path_say_why() {
        for (text, reason) in [
            ("", "a key is missing"),
            ("a..b", "a key is missing"),
            ("a.", "a key is missing"),
            ("a b", "a key with such characters needs quotes"),
            ("a.\"b", "a quote is never closed"),
            ("a[x]", "a position in brackets is a whole number from 0"),
            ("a.[0]", "a position in brackets follows its key without a dot"),
        ] {
            let error = text.parse::<KeyPath>().expect_err(text);
            assert_eq!(error.reason, reason, "{text}");
        }
    }

    fn segment() -> impl Strategy<Value = Segment> {
        prop_oneof![
            any::<String>().prop_map(Segment::Key),
            (0_usize..1000).prop_map(Segment::Index)
        ]
    }

    proptest! {
        #[test]
        fn reading_back_a_written_path_changes_nothing(segments in prop::collection::vec(segment(), 1..5)) {
            let path = KeyPath(segments);
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = text.parse::<KeyPath>();
        }
    }
}
