//! Small pieces of text: labels by position, emphasis, words, and what a reply says after thinking.

/// Characters of a text that are looked at behind a mark, at most.
pub(super) const REACH: usize = 96;

/// The label of the candidate at a position: A to Z, then AA, AB and so on.
pub(super) fn letter(position: usize) -> String {
    let mut rest = position;
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'A' + (rest % 26) as u8));
        match rest / 26 {
            0 => break,
            more => rest = more - 1,
        }
    }
    letters.iter().rev().collect()
}

/// What a reply says behind a block of thinking that it begins with; nothing when the block never ends. `None` when
/// the reply does not begin with one.
pub(crate) fn behind_thinking(reply: &str) -> Option<&str> {
    let thought = reply.trim_start().strip_prefix("<think>")?;
    Some(thought.split_once("</think>").map_or("", |(_, said)| said))
}

/// True for the characters that markdown uses for emphasis and code.
pub(super) fn is_emphasis(character: char) -> bool {
    matches!(character, '*' | '_' | '`' | '~')
}

/// A text without white space and emphasis around it.
pub(super) fn plain(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || is_emphasis(character))
}

/// A text without white space, emphasis, quotes, brackets and sentence marks around it.
pub(super) fn naked(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace()
            || is_emphasis(character)
            || matches!(character, '"' | '\'' | '“' | '”' | '‘' | '’' | '«' | '»')
            || matches!(character, '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '#' | '$')
            || matches!(character, '【' | '】' | '「' | '」' | '『' | '』')
            || matches!(character, '.' | ',' | ';' | ':' | '!' | '。' | '：' | '|')
    })
}

/// The lines of a text that hold more than white space and emphasis.
pub(super) fn lines(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !plain(line).is_empty())
}

/// The beginning of a text, at most so many characters.
pub(super) fn at_most(text: &str, characters: usize) -> &str {
    match text.char_indices().nth(characters) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// A piece of a reply for a message: one line, at most 60 characters.
pub(super) fn short(text: &str) -> String {
    let line = text.trim();
    let line = line.lines().next().unwrap_or_default();
    let piece = at_most(line, 60);
    if piece.len() < text.trim().len() { format!("{piece}...") } else { piece.to_owned() }
}

/// The end of a reply for a message: its last line, at most 60 characters of it.
pub(super) fn ending(reply: &str) -> String {
    let line = lines(reply).next_back().unwrap_or_default();
    let from = line.char_indices().rev().nth(59).map_or(0, |(start, _)| start);
    if from > 0 { format!("...{}", &line[from..]) } else { line.to_owned() }
}
