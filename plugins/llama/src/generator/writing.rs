//! One sample while it is written.

use std::collections::VecDeque;
use std::sync::Arc;

use tribunal_api::{Finish, Text, Token};

use super::constraint::Constraint;
use super::sample::Drawing;

/// What tells reasoning from the reply, with the tokens that end it.
#[derive(Debug)]
pub(crate) struct Tags {
    pub open: String,
    pub close: String,
    /// The most tokens of reasoning.
    pub budget: Option<u32>,
    /// What is written once that is used up.
    pub closing: Vec<u32>,
}

/// What samples of one prompt have in common.
#[derive(Debug)]
pub(crate) struct Terms {
    /// What the reply begins with.
    pub start: String,
    pub most_tokens: u32,
    pub stop: Vec<String>,
    pub tags: Option<Arc<Tags>>,
    /// The prompt has already opened the reasoning.
    pub opened: bool,
}

/// Where in its text a sample stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It is not known yet whether reasoning begins.
    Start,
    /// Reasoning from this byte on, and how many tokens of it.
    Thinking { from: usize, tokens: u32 },
    /// The reply, from this byte on.
    Reply { from: usize },
}

/// A sample.
pub(crate) struct Writing {
    terms: Arc<Terms>,
    drawing: Drawing,
    constraint: Option<Constraint>,
    bytes: Vec<u8>,
    count: u32,
    phase: Phase,
    /// Bytes of reasoning, once the reply has begun.
    thought: Option<(usize, usize)>,
    tokens: Vec<Token>,
    forced: VecDeque<u32>,
    /// The latest token was forced.
    forcing: bool,
    /// Where the model's own words begin: no stop text lies wholly before.
    own: usize,
}

/// A token that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub token: u32,
    /// Nothing can follow it in the shape of the reply.
    pub last: bool,
}

impl Writing {
    pub(crate) fn new(terms: Arc<Terms>, drawing: Drawing, constraint: Option<Constraint>) -> Self {
        let phase = match (&terms.tags, terms.opened) {
            (Some(_), true) => Phase::Thinking { from: 0, tokens: 0 },
            // A shape leaves no room for reasoning that nobody opened.
            (Some(tags), false)
                if constraint.is_none() || terms.start.trim_start().starts_with(&*tags.open) =>
            {
                Phase::Start
            }
            _ => Phase::Reply { from: 0 },
        };
        let bytes = terms.start.clone().into_bytes();
        let own = bytes.len();
        let mut writing = Self {
            terms,
            drawing,
            constraint,
            bytes,
            count: 0,
            phase,
            thought: None,
            tokens: Vec::new(),
            forced: VecDeque::new(),
            forcing: false,
            own,
        };
        if own > 0 {
            writing.advance();
        }
        writing
    }

    /// What the reply begins with, as far as it is reply.
    pub(crate) fn begun(&self) -> &str {
        match self.phase {
            Phase::Reply { from } => self.terms.start.get(from..).unwrap_or_default().trim_start(),
            _ => "",
        }
    }

    /// Holds what the reply begins with against the shape that it must have. False when it does not fit.
    pub(crate) fn fits(&mut self, begun: &[u32]) -> bool {
        self.constraint.as_mut().is_none_or(|constraint| constraint.begin(begun))
    }

    /// The next token by these logits. `None` when the shape of the reply leaves none.
    pub(crate) fn draw(&mut self, logits: &[f32]) -> Result<Option<Drawn>, String> {
        let forced = self.forced.pop_front();
        self.forcing = forced.is_some();
        if let Some(token) = forced {
            return Ok(Some(Drawn { token, last: false }));
        }
        let constrained = matches!(self.phase, Phase::Reply { .. });
        let Some(constraint) = self.constraint.as_mut().filter(|_| constrained) else {
            return Ok(self.drawing.draw(logits).map(|token| Drawn { token, last: false }));
        };
        let mut logits = logits.to_vec();
        constraint.apply(&mut logits)?;
        let Some(token) = self.drawing.draw(&logits) else { return Ok(None) };
        let last = constraint.accept(token);
        Ok(Some(Drawn { token, last }))
    }

    /// Writes a token that does not end the reply. `report` is kept where the token belongs to the reply.
    pub(crate) fn write(&mut self, piece: &[u8], report: Option<Token>) -> Option<Finish> {
        self.bytes.extend_from_slice(piece);
        self.count += 1;
        self.tokens.extend(report);
        self.advance();
        if self.forcing {
            self.own = self.bytes.len();
        } else if let Phase::Reply { from } = self.phase
            && let Some(end) = self.stopped(from, piece.len())
        {
            self.bytes.truncate(end);
            return Some(Finish::Stop);
        }
        (self.count >= self.terms.most_tokens).then_some(Finish::Length)
    }

    fn advance(&mut self) {
        let Some(tags) = self.terms.tags.clone() else { return };
        if self.phase == Phase::Start {
            let start = self.bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let (text, open) = (&self.bytes[start..], tags.open.as_bytes());
            if text.starts_with(open) {
                self.phase = Phase::Thinking { from: start + open.len(), tokens: self.count };
            } else if !open.starts_with(text) {
                self.phase = Phase::Reply { from: 0 };
            }
        } else if let Phase::Thinking { tokens, .. } = &mut self.phase {
            *tokens += 1;
        }
        let Phase::Thinking { from, tokens } = self.phase else { return };
        if let Some(at) = find(&self.bytes[from..], tags.close.as_bytes()) {
            self.thought = Some((from, from + at));
            self.phase = Phase::Reply { from: from + at + tags.close.len() };
            self.tokens.clear();
        } else if self.forced.is_empty() && tags.budget.is_some_and(|budget| tokens >= budget) {
            self.forced.extend(&tags.closing);
        }
    }

    /// Where the reply ends because a stop text stands in what was written last.
    fn stopped(&self, mut from: usize, written: usize) -> Option<usize> {
        if self.thought.is_some() {
            // What stands between reasoning and reply is neither.
            from += self.bytes[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        }
        self.terms
            .stop
            .iter()
            .filter(|stop| !stop.is_empty())
            .filter_map(|stop| {
                let back = (written + stop.len()).min(self.bytes.len() - from);
                let start = self.bytes.len() - back;
                let start = start.max((self.own + 1).saturating_sub(stop.len()));
                find(&self.bytes[start..], stop.as_bytes()).map(|at| start + at)
            })
            .min()
    }

    /// The sample as it is reported.
    pub(crate) fn finish(mut self, finish: Finish) -> Text {
        let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self.phase {
            Phase::Thinking { from, .. } => Text {
                text: String::new(),
                reasoning: Some(text_of(&self.bytes[from..]).trim().to_owned()),
                whole: Some(text_of(&self.bytes)),
                // Reasoning that never closes was cut off, whoever ended it.
                finish: Finish::Length,
                tokens: Vec::new(),
            },
            Phase::Reply { from } => match self.thought {
                Some((begin, end)) => Text {
                    text: text_of(&self.bytes[from..]).trim_start().to_owned(),
                    reasoning: Some(text_of(&self.bytes[begin..end]).trim().to_owned()),
                    whole: Some(text_of(&self.bytes)),
                    finish,
                    tokens: std::mem::take(&mut self.tokens),
                },
                None => self.plain(finish),
            },
            Phase::Start => self.plain(finish),
        }
    }

    fn plain(self, finish: Finish) -> Text {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        Text { text, finish, tokens: self.tokens, ..Text::default() }
    }

    /// Tokens written.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writing(tags: Option<Tags>, opened: bool, stop: &[&str]) -> Writing {
        let stop = stop.iter().map(|&stop| stop.to_owned()).collect();
        let start = String::new();
        let terms = Terms { start, most_tokens: 8, stop, tags: tags.map(Arc::new), opened };
        Writing::new(Arc::new(terms), Drawing::Greedy, None)
    }

    fn tags(budget: Option<u32>) -> Option<Tags> {
        let [open, close] = ["<think>", "</think>"].map(str::to_owned);
        Some(Tags { open, close, budget, closing: vec![7, 8] })
    }

    fn token(text: &str) -> Option<Token> {
        Some(Token { text: text.to_owned(), ..Token::default() })
    }

    #[test]
    fn a_stop_text_ends_the_reply_before_it() {
        let mut writing = writing(None, false, &["[[A]]", "END"]);
        for piece in ["x ", "[[", "A]"] {
            assert_eq!(writing.write(piece.as_bytes(), None), None);
        }
        assert_eq!(writing.write(b"] more END", None), Some(Finish::Stop));
        assert_eq!(writing.finish(Finish::Stop).text, "x ");
    }

    #[test]
    fn reasoning_stands_apart_and_its_tokens_are_not_reported() {
        let mut writing = writing(tags(None), false, &[]);
        for piece in ["\n<th", "ink>", "hm", "</think>", "\n\nA"] {
            writing.write(piece.as_bytes(), token(piece));
        }
        let text = writing.finish(Finish::Stop);
        assert_eq!((&*text.text, text.reasoning.as_deref()), ("A", Some("hm")));
        assert_eq!(text.whole.as_deref(), Some("\n<think>hm</think>\n\nA"));
        assert_eq!(text.tokens.len(), 1);
    }

    #[test]
    fn a_reply_may_begin_with_closed_reasoning() {
        let terms = Terms {
            start: "<think>\n\n</think>\n\n[[".to_owned(),
            most_tokens: 8,
            stop: Vec::new(),
            tags: tags(None).map(Arc::new),
            opened: false,
        };
        let mut writing = Writing::new(Arc::new(terms), Drawing::Greedy, None);
        writing.write(b"A", token("A"));
        let text = writing.finish(Finish::Stop);
        assert_eq!((&*text.text, text.reasoning.as_deref()), ("[[A", Some("")));
        assert_eq!(text.tokens.len(), 1);
    }

    #[test]
    fn what_a_reply_begins_with_and_what_parts_it_from_reasoning_stops_nothing() {
        let begun = |start: &str, tags: Option<Tags>, stop: &str| {
            let terms = Terms {
                start: start.to_owned(),
                most_tokens: 8,
                stop: vec![stop.to_owned()],
                tags: tags.map(Arc::new),
                opened: false,
            };
            Writing::new(Arc::new(terms), Drawing::Greedy, None)
        };
        let mut writing = begun("<think>\n\n</think>\n\n", tags(None), "\n\n");
        assert_eq!(writing.write(b"A", None), None);
        assert_eq!(writing.write(b"\n\nB", None), Some(Finish::Stop));
        assert_eq!(writing.finish(Finish::Stop).text, "A");
        let mut writing = begun("Verdict:\n", None, "\n");
        assert_eq!(writing.write(b"A", None), None);
        // A stop text may end in the model's words.
        let mut writing = begun("[[", None, "[[A");
        assert_eq!(writing.write(b"A", None), Some(Finish::Stop));
        let mut writing = begun("", tags(None), "\n");
        assert_eq!(writing.write(b"<think>hm</think>\n\n", None), None);
        assert_eq!(writing.write(b"A\n", None), Some(Finish::Stop));
        assert_eq!(writing.finish(Finish::Stop).text, "A");
    }

    #[test]
    fn a_reply_that_only_begins_like_reasoning_is_a_reply() {
        let mut writing = writing(tags(None), false, &[]);
        for piece in ["<th", "ree"] {
            writing.write(piece.as_bytes(), token(piece));
        }
        let text = writing.finish(Finish::Stop);
        assert_eq!((&*text.text, text.reasoning, text.tokens.len()), ("<three", None, 2));
    }

    #[test]
    fn a_budget_that_is_used_up_closes_the_reasoning() {
        let mut writing = writing(tags(Some(2)), true, &[]);
        writing.write(b"one ", None);
        writing.write(b"two ", None);
        let drawn: Vec<u32> =
            (0..2).map(|_| writing.draw(&[0.0, 1.0]).unwrap().unwrap().token).collect();
        assert_eq!(drawn, [7, 8]);
        assert_eq!(writing.draw(&[0.0, 1.0]).unwrap().unwrap().token, 1);
    }

    #[test]
    fn reasoning_without_an_end_was_cut() {
        let mut writing = writing(tags(None), true, &[]);
        writing.write(b"endless", token("endless"));
        let text = writing.finish(Finish::Stop);
        assert_eq!((&*text.text, text.finish, text.tokens.len()), ("", Finish::Length, 0));
    }
}
