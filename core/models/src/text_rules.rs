//! What has to be done to a text before llama.cpp tokenises it, so that the tokens are those of the model's own tokenizer.
//!
//! llama.cpp neither composes characters nor prefixes a space to the first stretch alone. The importer writes into the GGUF file what
//! the tokenizer does, and whoever tokenises applies it first.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use crate::gguf::{Array, Gguf, Value};

/// The key of a GGUF file that names the normaliser: `none`, `nfc` or `nfkc`.
pub const NORMALIZER_KEY: &str = "tribunal.normalizer";
/// The key of a GGUF file that says where a space is put before texts: `none`, `first` or `each`.
pub const PREFIX_KEY: &str = "tribunal.space_prefix";

/// Which Unicode normal form texts get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalizer {
    /// Texts stay as they are.
    #[default]
    None,
    /// Composed characters.
    Nfc,
    /// Composed characters, and compatible ones made alike.
    Nfkc,
}

/// Where a space is put before stretches of text between special tokens, unless they begin with one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpacePrefix {
    /// Nowhere, or llama.cpp does it itself.
    #[default]
    None,
    /// Before the text, when it does not begin with a special token.
    First,
    /// Before every stretch.
    Each,
}

impl Normalizer {
    /// The word that GGUF files hold.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Nfc => "nfc",
            Self::Nfkc => "nfkc",
        }
    }
}

impl SpacePrefix {
    /// The word that GGUF files hold.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::First => "first",
            Self::Each => "each",
        }
    }
}

/// A word under one of the two keys that this version does not know: the file is from a later one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key `{key}` says `{found}`, which this version does not know")]
pub struct UnknownRule {
    /// The key.
    pub key: &'static str,
    /// What stands there.
    pub found: String,
}

/// How a text is prepared for llama.cpp's tokenizer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextRules {
    normalizer: Normalizer,
    prefix: SpacePrefix,
    /// Texts of tokens that are taken out before anything else, the longest first.
    special: Vec<String>,
}

impl TextRules {
    /// Rules for a vocabulary with these special tokens.
    pub fn new(
        normalizer: Normalizer,
        prefix: SpacePrefix,
        special: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut special: Vec<String> =
            special.into_iter().filter(|text| !text.is_empty()).collect();
        special.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Self { normalizer, prefix, special }
    }

    /// The rules of a GGUF file. A file that the importer did not make has none, and texts stay as they are.
    pub fn of(gguf: &Gguf) -> Result<Self, UnknownRule> {
        let unknown = |key, found: &str| UnknownRule { key, found: found.to_owned() };
        let normalizer = match gguf.text(NORMALIZER_KEY) {
            None | Some("none") => Normalizer::None,
            Some("nfc") => Normalizer::Nfc,
            Some("nfkc") => Normalizer::Nfkc,
            Some(other) => return Err(unknown(NORMALIZER_KEY, other)),
        };
        let prefix = match gguf.text(PREFIX_KEY) {
            None | Some("none") => SpacePrefix::None,
            Some("first") => SpacePrefix::First,
            Some("each") => SpacePrefix::Each,
            Some(other) => return Err(unknown(PREFIX_KEY, other)),
        };
        let tokens = gguf.texts("tokenizer.ggml.tokens").unwrap_or_default();
        let types: &[i32] = match gguf.value("tokenizer.ggml.token_type") {
            Some(Value::Array(Array::I32(types))) => types,
            _ => &[],
        };
        let special = tokens.iter().zip(types).filter(|(_, kind)| matches!(kind, 2..=4));
        Ok(Self::new(normalizer, prefix, special.map(|(text, _)| text.clone())))
    }

    /// The normal form that texts get.
    pub fn normalizer(&self) -> Normalizer {
        self.normalizer
    }

    /// The text that llama.cpp is to tokenise, with special tokens recognised.
    ///
    /// Special tokens in the text stay as they are, and characters around them are not composed with theirs.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let normal = match self.normalizer {
            Normalizer::None => true,
            Normalizer::Nfc => is_nfc_quick(text.chars()) == IsNormalized::Yes,
            Normalizer::Nfkc => is_nfkc_quick(text.chars()) == IsNormalized::Yes,
        };
        if normal && self.prefix == SpacePrefix::None || text.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len() + 8);
        let mut rest = text;
        while !rest.is_empty() {
            let (stretch, special) = match self.next_special(rest) {
                Some((at, length)) => (&rest[..at], &rest[at..at + length]),
                None => (rest, ""),
            };
            if !stretch.is_empty() {
                let prefixed = match self.prefix {
                    SpacePrefix::None => false,
                    SpacePrefix::First => out.is_empty(),
                    SpacePrefix::Each => true,
                };
                if prefixed && !stretch.starts_with([' ', '\u{2581}']) {
                    out.push(' ');
                }
                match self.normalizer {
                    Normalizer::None => out.push_str(stretch),
                    Normalizer::Nfc => out.extend(stretch.nfc()),
                    Normalizer::Nfkc => out.extend(stretch.nfkc()),
                }
            }
            out.push_str(special);
            rest = &rest[stretch.len() + special.len()..];
        }
        Cow::Owned(out)
    }

    /// The first special token of a text: where it begins and how many bytes it has. Of several at one place, the longest.
    fn next_special(&self, text: &str) -> Option<(usize, usize)> {
        let mut first: Option<(usize, usize)> = None;
        for special in &self.special {
            let end = first.map_or(text.len(), |(at, length)| (at + length).min(text.len()));
            let Some(window) = text.as_bytes().get(..end.max(special.len()).min(text.len())) else {
                continue;
            };
            if let Some(at) = find(window, special.as_bytes())
                && first
                    .is_none_or(|(best, length)| at < best || at == best && special.len() > length)
            {
                first = Some((at, special.len()));
            }
        }
        first
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let last = text.len().checked_sub(wanted.len())?;
    let mut at = 0;
    while at <= last {
        at += text[at..=last].iter().position(|byte| *byte == first)?;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(normalizer: Normalizer, prefix: SpacePrefix) -> TextRules {
        TextRules::new(
            normalizer,
            prefix,
            ["<s>".to_owned(), "<|im_end|>".to_owned(), "<s>x".to_owned()],
        )
    }

    #[test]
    fn texts_are_composed() {
        let rules = rules(Normalizer::Nfc, SpacePrefix::None);
        assert_eq!(rules.apply("Cafe\u{301}"), "Caf\u{e9}");
        assert!(matches!(rules.apply("Caf\u{e9}"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_special_token_is_not_composed_with_what_follows() {
        // `>` and U+0338 compose to U+226F, which would break the token.
        let rules = rules(Normalizer::Nfc, SpacePrefix::None);
        assert_eq!(rules.apply("e\u{301}<|im_end|>\u{338}"), "\u{e9}<|im_end|>\u{338}");
        assert_eq!(rules.apply("a>\u{338}"), "a\u{226f}");
    }

    #[test]
    fn a_space_is_put_before_stretches() {
        let each = rules(Normalizer::None, SpacePrefix::Each);
        assert_eq!(each.apply("a<s>b<s> c"), " a<s> b<s> c");
        let first = rules(Normalizer::None, SpacePrefix::First);
        assert_eq!(first.apply("a<s>b"), " a<s>b");
        assert_eq!(first.apply("<s>b"), "<s>b");
        assert_eq!(first.apply(""), "");
    }

    #[test]
    fn of_two_special_tokens_at_one_place_the_longer_counts() {
        let each = rules(Normalizer::None, SpacePrefix::Each);
        assert_eq!(each.apply("<s>xy"), "<s>x y");
        assert_eq!(each.apply("q<s>y<s>x"), " q<s> y<s>x");
    }
}
