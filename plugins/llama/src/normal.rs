//! What a tokenizer does to a text before it looks for tokens, and llama.cpp does not.

use std::borrow::Cow;

use crate::ffi::Model;

/// The normal form of a vocabulary's texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Normaliser {
    None,
    /// Unicode normalisation form C.
    Nfc,
}

impl Normaliser {
    /// What the model file says; a file that `tribunal model import` did not write does not say it, and Qwen's tokenizers are known to
    /// use form C.
    pub(crate) fn of(model: &Model) -> Self {
        match model.meta("tribunal.normalizer").as_deref() {
            Some("nfc") => Self::Nfc,
            Some(_) => Self::None,
            None => match model.meta("tokenizer.ggml.pre").as_deref() {
                Some("qwen2") => Self::Nfc,
                _ => Self::None,
            },
        }
    }

    pub(crate) fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::None => Cow::Borrowed(text),
            Self::Nfc => nfc(text),
        }
    }
}

fn nfc(text: &str) -> Cow<'_, str> {
    use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_c_joins_letters_with_their_marks() {
        assert_eq!(Normaliser::Nfc.apply("e\u{301}"), "\u{e9}");
        assert_eq!(Normaliser::None.apply("e\u{301}"), "e\u{301}");
        assert!(matches!(Normaliser::Nfc.apply("plain"), Cow::Borrowed(_)));
    }
}
