//! What a verdict looks like: the labels and marks that a prompt asks for, and how a reply is read.
//!
//! A [`VerdictForm`] is the `[verdict]` table of a prompt file. A [`Readout`] says what the judge is asked to write,
//! a [`Parse`] how exactly its reply must match. Reading never fails: what cannot be read is data, not an error.

mod check;
mod comparison;
mod form;
mod instruction;
mod json;
mod lenient;
mod marker;
mod number;
mod published;
mod strict;
mod tally;
mod token;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tribunal_api::Grammar;

use marker::Marker;

pub(crate) use token::behind_thinking;

pub use check::FormFault;
pub use form::{JsonForm, LabelForm, LetterForm, NumberForm, VerdictForm};

/// What a reply says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// One score per candidate in the order shown, larger is better: `[1, 0]` for the first of two, `[0.5, 0.5]` for
    /// a tie, 1 for the best of n and 0 for the rest, a rating as it stands.
    Scores(Vec<f64>),
    /// Nothing like a verdict was found; holds what the reply ends with, short. A follow-up turn may bring one.
    Missing(String),
    /// Something like a verdict was found that cannot count: several that disagree, a label that was not offered, a
    /// number off the scale. Holds what was seen, short.
    Unreadable(String),
}

/// What a judge is asked for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// The label of a candidate (`A`), of a tie, or a word such as `Yes`.
    Letter,
    /// A number on a scale.
    Number,
    /// A JSON object.
    Json,
    /// The probabilities of the labels at the place where one of them stands.
    LabelLogprob,
}

/// How a reply is read. `docs/protocols.md` says for each what it misreads.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Parse {
    /// Only the form that the prompt asks for.
    #[default]
    Strict,
    /// Also what people understand: lower case, markdown, `Answer: B`, `8/10`.
    Lenient,
    /// RewardBench: `[[A]]` anywhere, else `[[B]]`.
    Rewardbench,
    /// RewardBench's reading of Prometheus: the last character.
    RewardbenchPrometheus,
    /// RewardBench 2: `[[A]]` to `[[D]]` looked for in this order; a rating is the last token.
    #[serde(rename = "rewardbench-2")]
    Rewardbench2,
    /// Arena-Hard as JudgeBench reads it: one distinct label of `A`, `B`, `<`, `>`, `=` in double brackets.
    ArenaHard,
    /// JudgeBench's vanilla judge: exactly `Output (a)` or `Output (b)`.
    Vanilla,
    /// Prometheus 2: what follows `[RESULT]`.
    Prometheus,
    /// Skywork-Critic as JudgeBench reads it: a letter A anywhere, else a B.
    SkyworkCritic,
    /// RM-R1's reading on RMB: `[[A]]` or `[[B]]`, but not both.
    #[serde(rename = "rm-r1")]
    RmR1,
}

/// A text that stands for a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The label alone, without marks around it: `A`, `7`, `Yes`.
    pub text: String,
    /// The scores of a reply that says it, one per candidate. An expectation over labels is taken over these.
    pub scores: Vec<f64>,
}

impl VerdictForm {
    /// The readouts that this form describes, in the order letter, number, json, label-logprob.
    pub fn readouts(&self) -> Vec<Readout> {
        let offered = [
            (Readout::Letter, self.letter.is_some()),
            (Readout::Number, self.number.is_some()),
            (Readout::Json, self.json.is_some()),
            (Readout::LabelLogprob, self.label_logprob.is_some()),
        ];
        offered.into_iter().filter(|(_, is)| *is).map(|(readout, _)| readout).collect()
    }

    /// The readout when the recipe names none; `None` when no readout is described.
    pub fn default_readout(&self) -> Option<Readout> {
        self.readout.or_else(|| self.readouts().first().copied())
    }

    /// What a candidate is called in instructions.
    pub fn noun(&self) -> &str {
        self.noun.as_deref().unwrap_or("Response")
    }

    /// A turn that is sent once when the reply is [`Verdict::Missing`]. What is read then is the first reply, a line
    /// break, and the reply to this turn.
    pub fn follow_up(&self) -> Option<&str> {
        self.follow_up.as_deref()
    }

    /// The lowest and the highest rating, where the form speaks of ratings.
    pub fn scale(&self) -> Option<(f64, f64)> {
        let rated = self.json.as_ref().is_some_and(|json| json.winner.is_none());
        let form = self.number.clone().or_else(|| rated.then(NumberForm::default))?;
        Some((form.low as f64, form.high as f64))
    }

    /// The name of a candidate by its position on screen, such as `A`.
    pub fn candidate_label(&self, position: usize) -> String {
        let named = self.letter.as_ref().and_then(|form| form.candidates.get(position));
        named.cloned().unwrap_or_else(|| token::letter(position))
    }

    /// The texts that stand for a verdict, each once: what a letter or number readout may say, and what probabilities
    /// are taken of. Empty when the readout is not described or has no such texts.
    pub fn labels(&self, readout: Readout, candidates: usize) -> Vec<Label> {
        match readout {
            Readout::Letter => self.letter_labels(candidates),
            Readout::Number => self.number_labels(),
            Readout::LabelLogprob if self.letter.is_some() => self.letter_labels(candidates),
            Readout::LabelLogprob => self.number_labels(),
            Readout::Json => match &self.json {
                Some(form) if form.winner.is_some() => self.letter_labels(candidates),
                Some(form) if form.rating.is_some() => self.number_labels(),
                _ => Vec::new(),
            },
        }
    }

    fn letter_labels(&self, candidates: usize) -> Vec<Label> {
        let default = LetterForm::default();
        let form = self.letter.as_ref().unwrap_or(&default);
        if !form.words.is_empty() {
            let of_word = |(text, score): (&String, &f64)| Label {
                text: text.clone(),
                scores: vec![*score; candidates],
            };
            return form.words.iter().map(of_word).collect();
        }
        let names = [self.candidate_label(0), self.candidate_label(1)];
        if form.comparison {
            return comparison::labels(&names);
        }
        let mut labels: Vec<Label> = (0..candidates)
            .map(|winner| Label {
                text: self.candidate_label(winner),
                scores: best_of(winner, candidates),
            })
            .collect();
        if let Some(tie) = &form.tie {
            labels.push(Label { text: tie.clone(), scores: tie_of(candidates) });
        }
        labels
    }

    fn number_labels(&self) -> Vec<Label> {
        let form = self.number.clone().unwrap_or_default();
        let last = form.high.min(form.low.saturating_add(MOST_RATINGS));
        (form.low..=last)
            .map(|rating| Label { text: rating.to_string(), scores: vec![rating as f64] })
            .collect()
    }

    /// The text that fills the slot `{{ verdict }}`: what to write and in which form.
    pub fn instruction(&self, readout: Readout, candidates: usize) -> String {
        instruction::text(self, readout, candidates)
    }

    /// The shape of a reply that holds nothing but the verdict: for generators that can be held to one. `None` when
    /// the readout is not described.
    pub fn grammar(&self, readout: Readout, candidates: usize) -> Option<Grammar> {
        match readout {
            Readout::Json => self.json.as_ref().map(|form| json::grammar(self, form, candidates)),
            Readout::LabelLogprob => Some(Grammar::OneOf(
                self.labels(readout, candidates).into_iter().map(|label| label.text).collect(),
            )),
            Readout::Letter | Readout::Number => {
                let marker = self.marker(readout);
                let labels = self.labels(readout, candidates);
                Some(Grammar::OneOf(
                    labels.iter().map(|label| marker.around(&label.text)).collect(),
                ))
            }
        }
    }

    /// True when the mark of this readout has an end, so that what it holds is finished wherever the reply ends.
    pub fn is_closed(&self, readout: Readout) -> bool {
        self.marker(readout).is_closed()
    }

    /// The mark that the prompt's words may ask for around a label whose probability is read, with `{label}` or
    /// `{number}` in the label's place.
    pub fn mark(&self) -> &str {
        let letter = self.letter.as_ref().and_then(|form| form.marker.as_deref());
        let number = self.number.as_ref().and_then(|form| form.marker.as_deref());
        match &self.letter {
            Some(_) => letter.unwrap_or("[[{label}]]"),
            None => number.unwrap_or("[[{number}]]"),
        }
    }

    fn marker(&self, readout: Readout) -> Marker<'_> {
        match readout {
            Readout::Letter => {
                let marker = self.letter.as_ref().and_then(|form| form.marker.as_deref());
                Marker::new(marker.unwrap_or("[[{label}]]"), LABEL_SLOT)
            }
            Readout::Number => {
                let marker = self.number.as_ref().and_then(|form| form.marker.as_deref());
                Marker::new(marker.unwrap_or("[[{number}]]"), NUMBER_SLOT)
            }
            Readout::Json | Readout::LabelLogprob => Marker::new(LABEL_SLOT, LABEL_SLOT),
        }
    }

    /// What a reply says, its thinking left aside where it stands inside the reply. Takes any text, never fails, and
    /// takes time in proportion to the reply's length.
    ///
    /// A `parse` that does not read this readout (see [`Parse::reads`]) is read as strict. A label-logprob readout is
    /// read from the reply's text: the label that stands alone on the last line. The published parses know no thinking.
    pub fn read(&self, readout: Readout, parse: Parse, reply: &str, candidates: usize) -> Verdict {
        if parse.is_published() && parse.reads(readout, candidates) {
            return self.read_said(readout, parse, reply, candidates);
        }
        // What strict reading finds is what the prompt asked for, and nothing looser stands against it.
        if parse == Parse::Lenient
            && let strict @ Verdict::Scores(_) =
                self.read(readout, Parse::Strict, reply, candidates)
        {
            return strict;
        }
        if let Some(said) = token::behind_thinking(reply) {
            return self.read_said(readout, parse, said, candidates);
        }
        // A prompt may have opened the thinking, so that its end alone is seen. A judge that has given its verdict
        // before the tag quotes the tag.
        if let (false, Some((thought, said))) =
            (readout == Readout::Json, reply.split_once("</think>"))
            && let Verdict::Missing(_) = self.read_said(readout, parse, thought, candidates)
        {
            return self.read_said(readout, parse, said, candidates);
        }
        self.read_said(readout, parse, reply, candidates)
    }

    /// What a reply says from which thinking was taken off before: tags of thinking in it are quoted text.
    pub fn read_said(
        &self,
        readout: Readout,
        parse: Parse,
        reply: &str,
        candidates: usize,
    ) -> Verdict {
        let parse = if parse.reads(readout, candidates) { parse } else { Parse::Strict };
        if let Some(verdict) = published::read(parse, readout, reply, candidates) {
            return verdict;
        }
        let lenient = parse == Parse::Lenient;
        if lenient
            && let strict @ Verdict::Scores(_) =
                self.read_said(readout, Parse::Strict, reply, candidates)
        {
            return strict;
        }
        match readout {
            Readout::Json => json::read(self, lenient, reply, candidates),
            Readout::Number => {
                let form = self.number.clone().unwrap_or_default();
                let marker = self.marker(readout);
                match lenient {
                    true => lenient::number(&form, marker, reply),
                    false => strict::number(&form, marker, reply),
                }
            }
            Readout::Letter | Readout::LabelLogprob => {
                let labels = self.labels(readout, candidates);
                let marker = self.marker(readout);
                match lenient {
                    true => lenient::letter(self, &labels, marker, reply),
                    false => strict::letter(&labels, marker, reply),
                }
            }
        }
    }
}

impl Readout {
    /// The word in recipes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Letter => "letter",
            Self::Number => "number",
            Self::Json => "json",
            Self::LabelLogprob => "label-logprob",
        }
    }
}

impl Parse {
    /// Every parse, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Strict,
        Self::Lenient,
        Self::Rewardbench,
        Self::RewardbenchPrometheus,
        Self::Rewardbench2,
        Self::ArenaHard,
        Self::Vanilla,
        Self::Prometheus,
        Self::SkyworkCritic,
        Self::RmR1,
    ];

    /// The word in recipes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Lenient => "lenient",
            Self::Rewardbench => "rewardbench",
            Self::RewardbenchPrometheus => "rewardbench-prometheus",
            Self::Rewardbench2 => "rewardbench-2",
            Self::ArenaHard => "arena-hard",
            Self::Vanilla => "vanilla",
            Self::Prometheus => "prometheus",
            Self::SkyworkCritic => "skywork-critic",
            Self::RmR1 => "rm-r1",
        }
    }

    /// True for the reading of a published protocol.
    pub fn is_published(self) -> bool {
        !matches!(self, Self::Strict | Self::Lenient)
    }

    /// Whether this parse has a rule for a readout about so many candidates.
    pub fn reads(self, readout: Readout, candidates: usize) -> bool {
        match (self, readout) {
            (Self::Strict | Self::Lenient, _) => true,
            (_, Readout::Json | Readout::LabelLogprob) => false,
            (Self::Rewardbench2 | Self::Prometheus, Readout::Number) => candidates == 1,
            (_, Readout::Number) => false,
            (Self::Rewardbench2 | Self::RewardbenchPrometheus, Readout::Letter) => {
                (2..=4).contains(&candidates)
            }
            (_, Readout::Letter) => candidates == 2,
        }
    }
}

const LABEL_SLOT: &str = "{label}";
const NUMBER_SLOT: &str = "{number}";

/// Labels of a scale are listed up to this many steps above its lowest rating.
const MOST_RATINGS: i64 = 1000;

fn best_of(winner: usize, candidates: usize) -> Vec<f64> {
    (0..candidates).map(|position| if position == winner { 1.0 } else { 0.0 }).collect()
}

fn tie_of(candidates: usize) -> Vec<f64> {
    vec![1.0 / candidates.max(1) as f64; candidates]
}
