//! Filling a prompt with a question: data go in as data, behind a fence that holds for exactly these texts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::Value;
use tribunal_api::{Question, Role, SourceError, Turn as Message};

use super::fault::FileFault;
use super::{ChatMarkers, JudgePrompt, Reasoning, Turn};
use crate::fence::{Fence, FenceStyle};
use crate::transcript::{Reply, transcript};
use crate::verdict::Readout;

/// Marks for turns, to see where they come out.
const ASKED: &str = "m4rk-asked-m4rk";
const EARLIER: &str = "m4rk-earlier-m4rk";

/// What goes into a prompt beside the question.
#[derive(Clone, Copy, Debug)]
pub struct Filling<'a> {
    /// What the judge is asked for.
    pub readout: Readout,
    /// Whether and when it explains itself.
    pub reasoning: Reasoning,
    /// Whether the prompt's examples are shown.
    pub examples: bool,
    /// The criteria; empty for none.
    pub criteria: &'a str,
    /// True when a model wrote the criteria: they are data then, and stand behind a fence.
    pub criteria_are_data: bool,
    /// A good answer, if there is one.
    pub reference: Option<&'a str>,
    /// What becomes of markers of chat templates in data.
    pub chat_markers: ChatMarkers,
}

/// Which turns of a prompt are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Those that ask for a verdict.
    Judgment,
    /// Those that ask for criteria.
    SelfCriteria,
}

/// The values of the slots that the prompt uses.
struct Slots<'a> {
    wanted: &'a BTreeSet<String>,
    values: BTreeMap<String, Value>,
}

impl Slots<'_> {
    /// Makes a value, if some template asks for it.
    fn put(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if self.wanted.contains(name) {
            self.values.insert(name.to_owned(), value());
        }
    }
}

/// The texts of a question as they go into the prompt.
struct Texts<'a> {
    dialogue: Vec<Message>,
    answers: Vec<Cow<'a, str>>,
    reference: Cow<'a, str>,
    criteria: Cow<'a, str>,
}

impl JudgePrompt {
    /// The prompt's messages about a question. A message that holds nothing but white space is left out.
    ///
    /// # Errors
    ///
    /// A template that fails (`Broken`): an attribute that a slot does not have, an index past the last candidate.
    pub fn fill(
        &self,
        shown: Shown,
        question: &Question,
        filling: &Filling<'_>,
    ) -> Result<Vec<Message>, SourceError> {
        let rendered = match shown {
            Shown::Judgment => self.render(self.turns_for(question.subset()), question, filling),
            Shown::SelfCriteria => self.render(&self.self_criteria, &self.asked(question), filling),
        };
        rendered.map_err(|fault| SourceError::Broken {
            message: format!("{}: `{}`", fault.message, fault.place),
        })
    }

    /// Fills the prompt with a question of marked texts and looks for the marks. True when it shows the turns before the
    /// last one too.
    ///
    /// # Errors
    ///
    /// A template that fails, and one that never shows a candidate or the question.
    pub fn try_out(&self, filling: &Filling<'_>, self_criteria: bool) -> Result<bool, FileFault> {
        let mut shows_history = true;
        for dialogue in [&[ASKED][..], &[EARLIER, "x", ASKED][..]] {
            let question = self.marked(dialogue);
            let variants = self.variants.iter().map(|variant| ("variants", &variant.turns));
            for (key, turns) in std::iter::once(("turns", &self.turns)).chain(variants) {
                let text = joined(&self.render(turns, &question, filling)?);
                shows_history &= dialogue.len() == 1 || text.contains(EARLIER);
                self.check_shown(key, &text, &question)?;
            }
            if self_criteria {
                let asked = self.asked(&question);
                let text = joined(&self.render(&self.self_criteria, &asked, filling)?);
                let alone = Question::new(question.prompt().clone(), Vec::new());
                self.check_shown("self-criteria", &text, &alone)?;
            }
        }
        Ok(shows_history)
    }

    /// The question as the turns that ask for criteria see it: without candidates, unless they show them. So the fence
    /// does not depend on the candidates, and the same dialogue is asked about in the same words.
    fn asked<'q>(&self, question: &'q Question) -> Cow<'q, Question> {
        let shows = |slot: &String| {
            ["answer", "transcript", "candidates", "labels", "count"]
                .iter()
                .any(|start| slot.starts_with(start))
        };
        if self.used_for_criteria.iter().any(shows) {
            return Cow::Borrowed(question);
        }
        let mut asked = Question::new(question.prompt().clone(), Vec::new());
        if let Some(topic) = question.subset() {
            asked = asked.with_subset(Arc::from(topic));
        }
        Cow::Owned(asked)
    }

    /// A question whose texts are marks.
    fn marked(&self, dialogue: &[&str]) -> Question {
        let answers: Vec<Arc<str>> = (0..self.candidates.some())
            .map(|place| Arc::from(format!("m4rk-answer-{place}-m4rk")))
            .collect();
        let turns: Vec<Message> = dialogue
            .iter()
            .enumerate()
            .map(|(place, text)| match place % 2 {
                0 => Message::user(*text),
                _ => Message::assistant(*text),
            })
            .collect();
        Question::new(turns, answers)
    }

    fn check_shown(&self, key: &str, text: &str, question: &Question) -> Result<(), FileFault> {
        let unseen = question.candidates().iter().position(|answer| !text.contains(&**answer));
        if let Some(place) = unseen {
            let message = format!("`{key}` never show candidate {}", place + 1);
            return Err(FileFault::new(&self.place, message).with_hint(self.how_to_show()));
        }
        if !text.contains(ASKED) {
            let message = format!("`{key}` never show the question");
            return Err(FileFault::new(&self.place, message)
                .with_hint("write `{{ question }}`, `{{ dialogue }}` or a transcript"));
        }
        Ok(())
    }

    fn how_to_show(&self) -> &'static str {
        match self.candidates {
            super::Candidates::One => "write `{{ answer }}` or `{{ transcript }}`",
            super::Candidates::Two => {
                "write `{{ answer_a }}` and `{{ answer_b }}`, or the transcripts"
            }
            super::Candidates::Many => "write `{% for c in candidates %}{{ c.text }}{% endfor %}`",
        }
    }

    fn render(
        &self,
        turns: &[Turn],
        question: &Question,
        filling: &Filling<'_>,
    ) -> Result<Vec<Message>, FileFault> {
        let context = Value::from(self.slots_of(question, filling));
        let mut messages = Vec::with_capacity(turns.len());
        for turn in turns {
            let filled = self
                .env
                .get_template(&turn.template)
                .and_then(|template| template.render(context.clone()))
                .map_err(|error| self.failed(turn, &error))?;
            if !filled.trim().is_empty() {
                messages.push(Message { role: turn.role, content: filled });
            }
        }
        Ok(messages)
    }

    fn failed(&self, turn: &Turn, error: &minijinja::Error) -> FileFault {
        let what = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
        let line =
            error.line().map_or_else(String::new, |line| format!(", line {line} of its text"));
        FileFault::new(&self.place, format!("`{}` cannot be filled{line}: {what}", turn.template))
            .with_hint("use the attributes that `docs/judges.md` describes")
    }

    fn slots_of(&self, question: &Question, filling: &Filling<'_>) -> BTreeMap<String, Value> {
        let texts = Texts::of(question, filling);
        let fence = match self.fence {
            FenceStyle::Strict => texts.fence(filling.criteria_are_data),
            FenceStyle::Published => Fence::published(),
        };
        let count = texts.answers.len();
        let labels: Vec<String> =
            (0..count).map(|place| self.form.candidate_label(place)).collect();
        let mut slots = Slots { wanted: &self.wanted, values: BTreeMap::new() };
        self.put_dialogue(&texts, &fence, &mut slots);
        self.put_candidates(&texts, &labels, &fence, &mut slots);
        slots.put("criteria", || match texts.criteria.as_ref() {
            written if filling.criteria_are_data && !written.is_empty() => {
                Value::from(fence.around("criteria", written))
            }
            ours => Value::from(ours),
        });
        slots.put("reference", || match texts.reference.as_ref() {
            "" => Value::from(""),
            known => Value::from(fence.around("reference", known)),
        });
        slots.put("count", || Value::from(count));
        slots.put("labels", || Value::from(labels));
        slots.put("mode", || Value::from(filling.reasoning.as_str()));
        slots.put("reasoning", || Value::from(self.instructions.of(filling.reasoning)));
        slots.put("verdict", || Value::from(self.form.instruction(filling.readout, count)));
        slots.put("noun", || Value::from(self.form.noun()));
        let number = self.form.number.as_ref();
        slots.put("scale_low", || Value::from(number.map_or(1, |number| number.low)));
        slots.put("scale_high", || Value::from(number.map_or(10, |number| number.high)));
        slots.put("topic", || {
            let words: Vec<&str> =
                question.subset().unwrap_or_default().split_whitespace().collect();
            Value::from(words.join(" "))
        });
        slots.put("fence_note", || Value::from(fence.note()));
        slots.put("examples", || self.examples_shown(filling.examples));
        slots.values
    }

    fn put_dialogue(&self, texts: &Texts<'_>, fence: &Fence, slots: &mut Slots<'_>) {
        let last = texts.dialogue.iter().rposition(|turn| turn.role == Role::User);
        let asked = last.map_or("", |place| texts.dialogue[place].content.as_str());
        let written =
            |name: &str, turns: &[Message]| transcript(name, turns, None, fence, &self.headings);
        slots.put("question", || Value::from(fence.around("question", asked)));
        slots.put("history", || match &texts.dialogue[..last.unwrap_or(0)] {
            [] => Value::from(""),
            before => Value::from(written("history", before)),
        });
        slots.put("dialogue", || Value::from(written("dialogue", &texts.dialogue)));
        slots.put("multi_turn", || Value::from(texts.dialogue.len() > 1));
    }

    fn put_candidates(
        &self,
        texts: &Texts<'_>,
        labels: &[String],
        fence: &Fence,
        slots: &mut Slots<'_>,
    ) {
        let listed = slots.wanted.contains("candidates");
        let mut all = Vec::with_capacity(texts.answers.len());
        let alone = texts.answers.len() == 1;
        for (place, answer) in texts.answers.iter().enumerate() {
            let letter = letter(place);
            let named = |base: &str, joint: &str| match alone {
                true => base.to_owned(),
                false => format!("{base}{joint}{letter}"),
            };
            let label = labels[place].as_str();
            let reply = Reply { label: if alone { "" } else { label }, text: answer };
            let text = Value::from(fence.around(&named("answer", "-"), answer));
            let whole = match self.shows_transcripts {
                true => Value::from(transcript(
                    &named("transcript", "-"),
                    &texts.dialogue,
                    Some(reply),
                    fence,
                    &self.headings,
                )),
                false => Value::UNDEFINED,
            };
            slots.put(&named("answer", "_"), || text.clone());
            slots.put(&named("transcript", "_"), || whole.clone());
            if !listed {
                continue;
            }
            all.push(Value::from(BTreeMap::from([
                ("label".to_owned(), Value::from(label)),
                ("number".to_owned(), Value::from(place + 1)),
                ("text".to_owned(), text),
                ("transcript".to_owned(), whole),
            ])));
        }
        slots.put("candidates", || Value::from(all));
    }

    fn examples_shown(&self, on: bool) -> Value {
        let shown = self.examples.iter().filter(|_| on).map(|example| {
            Value::from(BTreeMap::from([
                ("question".to_owned(), Value::from(example.question.as_str())),
                ("answers".to_owned(), Value::from(example.answers.clone())),
                ("reasoning".to_owned(), Value::from(example.reasoning.as_str())),
                ("verdict".to_owned(), Value::from(example.verdict.as_str())),
            ]))
        });
        Value::from(shown.collect::<Vec<Value>>())
    }
}

impl<'a> Texts<'a> {
    fn of(question: &'a Question, filling: &Filling<'a>) -> Self {
        let treat = |text: &'a str| filling.chat_markers.treat(text);
        let turns = question.prompt().iter();
        Self {
            dialogue: turns
                .map(|turn| Message { role: turn.role, content: treat(&turn.content).into_owned() })
                .collect(),
            answers: question.candidates().iter().map(|text| treat(text)).collect(),
            reference: treat(filling.reference.unwrap_or_default()),
            criteria: match filling.criteria_are_data {
                true => treat(filling.criteria),
                false => Cow::Borrowed(filling.criteria),
            },
        }
    }

    /// A fence that holds for every text of the question.
    fn fence(&self, criteria_are_data: bool) -> Fence {
        let mut all: Vec<&str> = self.dialogue.iter().map(|turn| turn.content.as_str()).collect();
        all.extend(self.answers.iter().map(Cow::as_ref));
        all.push(&self.reference);
        if criteria_are_data {
            all.push(&self.criteria);
        }
        Fence::strict(&all)
    }
}

/// What a candidate's tags and slots are called: `a` to `z`, then its number.
fn letter(place: usize) -> String {
    match u8::try_from(place) {
        Ok(place) if place < 26 => char::from(b'a' + place).to_string(),
        _ => (place + 1).to_string(),
    }
}

fn joined(messages: &[Message]) -> String {
    messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n")
}
