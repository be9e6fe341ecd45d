//! Telling the reasoning at the start of a reply from the reply.

use tribunal_api::{Finish, Text, Token};

/// The texts around reasoning that stands inside a reply.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    /// What begins it.
    pub open: String,
    /// What ends it.
    pub close: String,
}

/// What a server reports of one sample.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raw {
    /// The text of the reply, which may begin with reasoning between tags.
    pub content: String,
    /// Reasoning that the server reports apart.
    pub reasoning: Option<String>,
    /// Why it ended.
    pub finish: Finish,
    /// All tokens, those of the reasoning included.
    pub tokens: Vec<Token>,
}

/// The sample without its reasoning. Only a block at the very start counts; `opened` says that the prompt has already
/// opened it. A block that never closes means that the reply was cut off: the text is then empty.
pub(crate) fn separate(raw: Raw, tags: Option<&Tags>, opened: bool) -> Text {
    let Raw { content, reasoning, finish, tokens } = raw;
    let block = tags.map_or(Block::None, |tags| block(&content, tags, opened));
    let whole = (!matches!(block, Block::None)).then(|| content.clone());
    let (text, thought, finish) = match block {
        Block::None => (content, None, finish),
        Block::Closed(thought, rest) => {
            (content[rest..].trim_start().to_owned(), Some(thought), finish)
        }
        Block::Open(thought) => {
            let finish = if finish == Finish::Refused { finish } else { Finish::Length };
            (String::new(), Some(thought), finish)
        }
    };
    let reasoning = match (reasoning.filter(|text| !text.is_empty()), thought) {
        (Some(apart), Some(inside)) if !inside.is_empty() => Some(format!("{apart}\n{inside}")),
        (Some(apart), _) => Some(apart),
        (None, inside) => inside,
    };
    let tokens = if reasoning.is_none() { tokens } else { of_reply(tokens, &text, tags) };
    Text { text, reasoning, whole, finish, tokens }
}

enum Block {
    None,
    /// The reasoning, and where the reply begins.
    Closed(String, usize),
    Open(String),
}

fn block(content: &str, tags: &Tags, opened: bool) -> Block {
    let start = content.len() - content.trim_start().len();
    let inner = match content[start..].strip_prefix(&*tags.open) {
        Some(_) => start + tags.open.len(),
        None if opened => 0,
        None => return Block::None,
    };
    match content[inner..].find(&*tags.close) {
        Some(length) => {
            let thought = content[inner..inner + length].trim().to_owned();
            Block::Closed(thought, inner + length + tags.close.len())
        }
        None => Block::Open(content[inner..].trim().to_owned()),
    }
}

/// The tokens that make the reply, without those of the reasoning before it. None at all when that cannot be told.
fn of_reply(tokens: Vec<Token>, reply: &str, tags: Option<&Tags>) -> Vec<Token> {
    let reply = reply.trim();
    if reply.is_empty() {
        return Vec::new();
    }
    let whole: String = tokens.iter().map(|token| &*token.text).collect();
    if whole.trim() == reply {
        return tokens;
    }
    let closing = tags.and_then(|tags| Some(whole.find(&*tags.close)? + tags.close.len()));
    let Some(start) = closing.or_else(|| whole.rfind(reply)) else { return Vec::new() };
    let mut end = 0;
    let behind = |token: &Token| {
        let begins = end;
        end += token.text.len();
        // A tag ends with its token; a text that is searched for may begin inside one.
        if closing.is_some() { begins >= start } else { end > start }
    };
    tokens.into_iter().filter(behind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> Tags {
        Tags { open: "<think>".to_owned(), close: "</think>".to_owned() }
    }

    fn raw(content: &str, tokens: &[&str]) -> Raw {
        let token = |text: &&str| Token { text: (*text).to_owned(), logprob: -0.1, others: vec![] };
        Raw {
            content: content.to_owned(),
            tokens: tokens.iter().map(token).collect(),
            ..Raw::default()
        }
    }

    fn texts(tokens: &[Token]) -> Vec<&str> {
        tokens.iter().map(|token| &*token.text).collect()
    }

    #[test]
    fn a_leading_block_is_reasoning_and_its_tokens_go_with_it() {
        let tokens = ["<think>", "A", " or B", "</think>", "\n\n", "B"];
        let text = separate(raw("<think>A or B</think>\n\nB", &tokens), Some(&tags()), false);
        assert_eq!((text.text.as_str(), text.reasoning.as_deref()), ("B", Some("A or B")));
        assert_eq!(texts(&text.tokens), ["\n\n", "B"]);
        assert_eq!(text.whole.as_deref(), Some("<think>A or B</think>\n\nB"));
        let apart = Raw { reasoning: Some("A or B".to_owned()), ..raw("B", &["B"]) };
        assert_eq!(separate(apart, Some(&tags()), false).whole, None);
    }

    #[test]
    fn a_block_in_the_middle_is_part_of_the_reply() {
        let content = "The reply says <think>A</think>. B";
        let text = separate(raw(content, &[content]), Some(&tags()), false);
        assert_eq!((text.text.as_str(), text.reasoning, text.tokens.len()), (content, None, 1));
    }

    #[test]
    fn a_block_that_never_closes_is_a_reply_cut_off() {
        let text = separate(raw("  <think>A is better", &["A"]), Some(&tags()), false);
        assert_eq!((text.text.as_str(), text.finish), ("", Finish::Length));
        assert_eq!(text.reasoning.as_deref(), Some("A is better"));
        assert!(text.tokens.is_empty());
    }

    #[test]
    fn a_block_that_the_prompt_opened_needs_no_opening_tag() {
        let text = separate(raw("hm</think>B", &["hm", "</think>", "B"]), Some(&tags()), true);
        assert_eq!((text.text.as_str(), text.reasoning.as_deref()), ("B", Some("hm")));
        assert_eq!(texts(&text.tokens), ["B"]);
        let text = separate(raw("hm", &[]), Some(&tags()), true);
        assert_eq!((text.text.as_str(), text.finish), ("", Finish::Length));
    }

    #[test]
    fn tokens_of_reasoning_that_the_server_reports_apart_are_dropped_too() {
        let apart = Raw {
            reasoning: Some("A or B".to_owned()),
            ..raw("B", &["<think>", "A", " or B", "</think>", "B"])
        };
        assert_eq!(texts(&separate(apart, Some(&tags()), false).tokens), ["B"]);
        // The server hides the tags themselves: the last place of the reply's text counts.
        let hidden =
            Raw { reasoning: Some("B or A".to_owned()), ..raw("B", &["B", " or A", "\n", "B"]) };
        assert_eq!(texts(&separate(hidden, Some(&tags()), false).tokens), ["B"]);
        let unclear =
            Raw { reasoning: Some("x".to_owned()), ..raw("é", &["\u{fffd}", "\u{fffd}"]) };
        assert!(separate(unclear, Some(&tags()), false).tokens.is_empty());
    }
}
