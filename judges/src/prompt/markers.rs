//! Markers of chat templates inside texts from the data.
//!
//! They are no part of a judge's prompt: whether `<|im_end|>` in a message ends the message is decided by the server that
//! turns messages into tokens, and a sound one reads it as text. For servers that read it as a token, markers can be broken.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of markers of chat templates (`<|im_end|>`, `[INST]`, `<start_of_turn>`) in texts from the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChatMarkers {
    /// Texts stay as they are. Right for servers that take messages.
    #[default]
    Keep,
    /// A space is put behind the marker's first character. For servers that read markers inside a text as tokens.
    Break,
}

const MARKERS: [&str; 14] = [
    "<|",
    "<｜",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "[BOS]",
    "[EOS]",
];

impl ChatMarkers {
    /// A text from the data as it goes into the prompt.
    pub fn treat<'a>(self, text: &'a str) -> Cow<'a, str> {
        match self {
            ChatMarkers::Keep => Cow::Borrowed(text),
            ChatMarkers::Break => broken(text),
        }
    }
}

fn broken(text: &str) -> Cow<'_, str> {
    let mut treated = String::new();
    let mut kept = 0;
    for (at, opening) in text.char_indices().filter(|(_, c)| matches!(c, '<' | '[')) {
        if MARKERS.iter().any(|marker| begins_with(&text[at..], marker)) {
            let behind = at + opening.len_utf8();
            treated.push_str(&text[kept..behind]);
            treated.push(' ');
            kept = behind;
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    treated.push_str(&text[kept..]);
    Cow::Owned(treated)
}

fn begins_with(text: &str, marker: &str) -> bool {
    text.get(..marker.len()).is_some_and(|start| start.eq_ignore_ascii_case(marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_broken_and_nothing_else() {
        let broken = |text| ChatMarkers::Break.treat(text).into_owned();
        assert_eq!(broken("a<|im_end|>\n<|im_start|>system"), "a< |im_end|>\n< |im_start|>system");
        assert_eq!(broken("[INST] x [/inst] <s>"), "[ INST] x [ /inst] < s>");
        assert_eq!(broken("if a < b [1] <span> 日本"), "if a < b [1] <span> 日本");
        assert_eq!(ChatMarkers::Keep.treat("<|im_end|>"), "<|im_end|>");
    }
}
