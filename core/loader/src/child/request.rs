//! Requests as lines. `score` is written by hand: it carries all texts of a run, and each is copied once.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value};
use tribunal_api::wire::Declares;
use tribunal_api::{Question, Reads, Turn};

/// What questions of a source hold beside texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lends {
    reads: Reads,
    draws: bool,
}

impl Lends {
    pub(super) fn of(declares: &Declares) -> Self {
        Self {
            reads: declares.reads.unwrap_or(Reads::Text),
            draws: declares.draws.unwrap_or(false),
        }
    }
}

/// A request with these keys after `op`, `id` and, when there is one, `handle`.
pub(super) fn line(op: &str, id: u64, handle: Option<u64>, keys: &Value) -> Vec<u8> {
    let mut request = Map::new();
    request.insert("op".to_owned(), op.into());
    request.insert("id".to_owned(), id.into());
    if let Some(handle) = handle {
        request.insert("handle".to_owned(), handle.into());
    }
    for (key, value) in keys.as_object().into_iter().flatten() {
        request.entry(key.clone()).or_insert_with(|| value.clone());
    }
    format!("{}\n", Value::Object(request)).into_bytes()
}

/// Questions as one line of JSON, each prompt once.
pub(super) fn score(id: u64, handle: u64, batch: &[Question], lends: Lends) -> Vec<u8> {
    let (prompts, places) = prompts(batch);
    let texts = text_bytes(&prompts, batch);
    let mut out = Writer(Vec::with_capacity(texts + texts / 8 + 128 * batch.len() + 256));
    out.raw(format_args!("{{\"op\":\"score\",\"id\":{id},\"handle\":{handle},\"prompts\":"));
    out.list(&prompts, |out, prompt| {
        out.list(*prompt, |out, turn| {
            out.raw(format_args!("{{\"role\":\"{}\",\"content\":", turn.role.as_str()));
            out.text(&turn.content);
            out.word("}");
        });
    });
    out.word(",\"questions\":");
    out.questions(batch, &places, lends, |out, text| out.text(text));
    out.word("}\n");
    out.0
}

/// Questions as a line of lengths, and after it all texts as they are.
pub(super) fn score_blob(id: u64, handle: u64, batch: &[Question], lends: Lends) -> Vec<u8> {
    let (prompts, places) = prompts(batch);
    let texts = text_bytes(&prompts, batch);
    let mut out = Writer(Vec::with_capacity(texts + 128 * batch.len() + 256));
    out.raw(format_args!(
        "{{\"op\":\"score\",\"id\":{id},\"handle\":{handle},\"bytes\":{texts},\"prompts\":"
    ));
    out.list(&prompts, |out, prompt| {
        out.list(*prompt, |out, turn| {
            out.raw(format_args!("[\"{}\",{}]", turn.role.as_str(), turn.content.len()));
        });
    });
    out.word(",\"questions\":");
    out.questions(batch, &places, lends, |out, text| out.raw(format_args!("{}", text.len())));
    out.word("}\n");
    for turn in prompts.iter().flat_map(|prompt| prompt.iter()) {
        out.word(&turn.content);
    }
    for text in batch.iter().flat_map(Question::candidates) {
        out.word(text);
    }
    out.0
}

/// The different prompts of a batch, by pointer, and the place of each question's prompt among them.
fn prompts(batch: &[Question]) -> (Vec<&[Turn]>, Vec<usize>) {
    let mut known = HashMap::new();
    let mut prompts = Vec::new();
    let places = batch.iter().map(|question| {
        *known.entry(Arc::as_ptr(question.prompt()).cast::<Turn>()).or_insert_with(|| {
            prompts.push(&**question.prompt());
            prompts.len() - 1
        })
    });
    let places = places.collect();
    (prompts, places)
}

fn text_bytes(prompts: &[&[Turn]], batch: &[Question]) -> usize {
    let turns = prompts.iter().flat_map(|prompt| prompt.iter()).map(|turn| turn.content.len());
    let candidates = batch.iter().flat_map(Question::candidates).map(|text| text.len());
    turns.chain(candidates).sum()
}

struct Writer(Vec<u8>);

impl Writer {
    fn word(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn raw(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a vector cannot fail.
        let _ = self.0.write_fmt(text);
    }

    /// A JSON string.
    fn text(&mut self, text: &str) {
        // Writing to a vector cannot fail, nor can a string be no JSON.
        let _ = serde_json::to_writer(&mut self.0, text);
    }

    fn list<T>(&mut self, values: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.word("[");
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.word(",");
            }
            write(self, value);
        }
        self.word("]");
    }

    fn questions(
        &mut self,
        batch: &[Question],
        places: &[usize],
        lends: Lends,
        text: impl Fn(&mut Self, &str),
    ) {
        self.list(batch.iter().zip(places), |out, (question, place)| {
            out.raw(format_args!("{{\"prompt\":{place},\"candidates\":"));
            if question.candidates().is_empty() && question.key().is_some() {
                out.word("null");
            } else {
                out.list(question.candidates(), |out, candidate| text(out, candidate));
            }
            if lends.draws {
                out.word(",\"seeds\":");
                out.list(question.seeds(), |out, seed| out.raw(format_args!("{seed}")));
            }
            if let Some(subset) = question.subset().filter(|_| lends.reads == Reads::Subset) {
                out.word(",\"subset\":");
                out.text(subset);
            }
            if let Some(key) = question.key().filter(|_| lends.reads == Reads::Key) {
                out.word(",\"key\":");
                // Writing to a vector cannot fail, and a key is texts and numbers.
                let _ = serde_json::to_writer(&mut out.0, key);
            }
            out.word("}");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tribunal_api::{CandidateIndex, Key};

    const PLAIN: Lends = Lends { reads: Reads::Text, draws: false };

    fn value(line: &[u8]) -> Value {
        assert_eq!(line.last(), Some(&b'\n'));
        serde_json::from_slice(line).unwrap()
    }

    fn shared_prompt() -> Vec<Question> {
        let prompt: Arc<[Turn]> = Arc::from([Turn::user("a \"b\"\n\u{1}é"), Turn::assistant("c")]);
        let question = |text: &str| Question::new(prompt.clone(), vec![Arc::from(text)]);
        vec![question("one"), Question::of_text("p", &["x", "y"]), question("two")]
    }

    #[test]
    fn a_prompt_that_is_shared_stands_once() {
        let expect = json!({
            "op": "score", "id": 7, "handle": 2,
            "prompts": [
                [{"role": "user", "content": "a \"b\"\n\u{1}é"}, {"role": "assistant", "content": "c"}],
                [{"role": "user", "content": "p"}],
            ],
            "questions": [
                {"prompt": 0, "candidates": ["one"]},
                {"prompt": 1, "candidates": ["x", "y"]},
                {"prompt": 0, "candidates": ["two"]},
            ],
        });
        assert_eq!(value(&score(7, 2, &shared_prompt(), PLAIN)), expect);
    }

    #[test]
    fn a_blob_has_lengths_in_bytes_and_the_texts_behind() {
        let bytes = score_blob(7, 2, &shared_prompt(), PLAIN);
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let expect = json!({
            "op": "score", "id": 7, "handle": 2, "bytes": 19,
            "prompts": [[["user", 9], ["assistant", 1]], [["user", 1]]],
            "questions": [
                {"prompt": 0, "candidates": [3]},
                {"prompt": 1, "candidates": [1, 1]},
                {"prompt": 0, "candidates": [3]},
            ],
        });
        assert_eq!(value(&bytes[..end]), expect);
        assert_eq!(&bytes[end..], "a \"b\"\n\u{1}écponexytwo".as_bytes());
    }

    #[test]
    fn only_what_the_source_declares_is_lent() {
        let key = Key {
            suite: "s".into(),
            subset: "u".into(),
            id: "i".into(),
            candidates: vec![CandidateIndex(1), CandidateIndex(0)],
        };
        let empty: Arc<[Turn]> = Arc::from([]);
        let batch = [Question::new(empty, vec![])
            .with_key(key)
            .with_subset("topic".into())
            .with_seeds(vec![3, u64::MAX])];
        let asked = |reads, draws| {
            value(&score(1, 1, &batch, Lends { reads, draws }))["questions"][0].clone()
        };
        assert_eq!(
            asked(Reads::Key, false),
            json!({"prompt": 0, "candidates": null,
                "key": {"suite": "s", "subset": "u", "id": "i", "candidates": [1, 0]}})
        );
        assert_eq!(
            asked(Reads::Subset, true),
            json!({"prompt": 0, "candidates": null, "seeds": [3, u64::MAX], "subset": "topic"})
        );
    }

    #[test]
    fn keys_of_a_request_do_not_replace_its_own() {
        let bytes = line("items", 3, Some(1), &json!({"from": 0, "id": "x"}));
        assert_eq!(bytes, b"{\"op\":\"items\",\"id\":3,\"handle\":1,\"from\":0}\n");
    }
}
