//! Begin tokens that a chat template writes, of which a tokenizer that adds its own makes two.

/// The begin tokens that are known by sight, for templates without tokenizer settings.
const KNOWN: [&str; 6] = [
    "<|begin_of_text|>",
    "<s>",
    "<bos>",
    "<|startoftext|>",
    "<\u{ff5c}begin\u{2581}of\u{2581}sentence\u{ff5c}>",
    "[CLS]",
];

/// The begin token at the start of a rendered text: one of those named, else one that is known by sight.
pub(crate) fn written<'a>(
    rendered: &str,
    named: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let mut tokens = named.into_iter().chain(KNOWN).filter(|token| !token.is_empty());
    tokens.find(|token| rendered.starts_with(token))
}
