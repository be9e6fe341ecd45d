//! From a reply to a readout: when a verdict counts, and which abstention stands where none does.
//!
//! A reply that was cut by the token limit and holds no verdict is truncated. One that holds a verdict counts when the
//! verdict cannot have been still to come or still unfinished: reasoning comes before the verdict in mode `before`, so a
//! cut reply was cut before its verdict, and a label or number at the very end may lack its rest unless its mark is
//! closed. A closed JSON object is finished. The published parses do not look at why a reply ended. A cut reply that
//! counts has the part `cut`.

use std::collections::BTreeMap;

use tribunal_api::{Abstention, Finish, Readout as Scored, Reason, Score, SourceError, Text};

use crate::logprob;
use crate::prompt::Reasoning;
use crate::verdict::{Parse, Readout, Verdict, VerdictForm};

/// How replies are read.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) form: VerdictForm,
    pub(super) readout: Readout,
    pub(super) parse: Parse,
    pub(super) reasoning: Reasoning,
}

/// What a reply says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    /// Scores or an abstention.
    pub(super) scored: Scored,
    /// Numbers kept beside the scores.
    pub(super) parts: BTreeMap<String, Vec<f64>>,
    /// Each label's share of the probability, for label-logprob.
    pub(super) shares: Vec<(String, f64)>,
    /// True when nothing like a verdict was found: a follow-up turn may bring one.
    pub(super) missing: bool,
}

impl Reading {
    /// A question without scores.
    pub(super) fn abstained(reason: Reason, note: impl Into<String>) -> Self {
        Self {
            scored: Scored::Abstained(Abstention { reason, note: note.into() }),
            parts: BTreeMap::new(),
            shares: Vec::new(),
            missing: false,
        }
    }

    /// True when asking again may bring a verdict.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(&self.scored, Scored::Abstained(why) if why.reason == Reason::Unreadable)
    }
}

impl Reader {
    /// # Errors
    ///
    /// `Rejected` for a number of candidates that the form or the parse has no rule for.
    pub(super) fn check(&self, candidates: usize) -> Result<(), SourceError> {
        let rejected = |message| SourceError::Rejected { message };
        self.form.fits(self.readout, candidates).map_err(rejected)?;
        match self.parse.reads(self.readout, candidates) {
            true => Ok(()),
            false => Err(rejected(format!(
                "the parse `{}` has no rule for `{candidates}` candidates",
                self.parse.word()
            ))),
        }
    }

    /// What is read of a text: the whole reply where the protocol does not tell thinking from the reply, else what is
    /// left without the thinking that stood inside it.
    pub(super) fn reply<'t>(&self, text: &'t Text) -> &'t str {
        match &text.whole {
            Some(whole) if self.parse.is_published() => whole,
            _ => &text.text,
        }
    }

    /// Reads `reply`, which is the text itself, or what a first turn and its follow-up said together.
    pub(super) fn read(&self, text: &Text, reply: &str, candidates: usize) -> Reading {
        let cut = text.finish == Finish::Length;
        if text.finish == Finish::Refused {
            return Reading::abstained(Reason::Refused, short(reply));
        }
        if self.readout == Readout::LabelLogprob {
            return self.read_probabilities(text, candidates);
        }
        if reply.trim().is_empty() {
            let (reason, note) = match cut {
                true => (Reason::Truncated, "the token limit was reached before the reply began"),
                false => (Reason::Unreadable, "the reply is empty"),
            };
            return Reading { missing: true, ..Reading::abstained(reason, note) };
        }
        let verdict = self.verdict(self.parse, text, reply, candidates);
        let (seen, missing) = match verdict {
            Verdict::Scores(scores) if cut && self.may_be_unfinished(text, reply, &scores) => {
                let note =
                    format!("cut behind what reads as {scores:?}: raise `sampling.max-tokens`");
                return Reading::abstained(Reason::Truncated, note);
            }
            Verdict::Scores(scores) => match scored(&scores, candidates) {
                Some(scored) => {
                    let cut = cut.then(|| ("cut".to_owned(), vec![1.0; candidates]));
                    let parts = cut.into_iter().collect();
                    return Reading { scored, parts, ..Reading::abstained(Reason::Unreadable, "") };
                }
                None => (format!("{scores:?} are not {candidates} finite scores"), false),
            },
            Verdict::Missing(seen) => (seen, true),
            Verdict::Unreadable(seen) => (seen, false),
        };
        let reason = if cut { Reason::Truncated } else { Reason::Unreadable };
        Reading { missing, ..Reading::abstained(reason, seen) }
    }

    fn read_probabilities(&self, text: &Text, candidates: usize) -> Reading {
        if text.tokens.is_empty() {
            let note = "the reply came without log-probabilities: take a backend that reports them, or another readout";
            return Reading::abstained(Reason::Unreadable, note);
        }
        if text.finish == Finish::Length
            && self.reasoning == Reasoning::Before
            && text.tokens.len() > 1
        {
            return Reading::abstained(Reason::Truncated, short(&text.text));
        }
        let labels = self.form.labels(self.readout, candidates);
        match logprob::expected(&labels, &text.tokens, self.reasoning, self.form.mark()) {
            Ok(expected) => match scored(&expected.scores, candidates) {
                Some(scored) => Reading {
                    scored,
                    parts: BTreeMap::from([("mass".to_owned(), vec![expected.mass; candidates])]),
                    shares: expected.shares,
                    missing: false,
                },
                None => {
                    Reading::abstained(Reason::Unreadable, "the labels do not fit the candidates")
                }
            },
            Err(why) => Reading::abstained(Reason::Unreadable, why),
        }
    }

    /// What a reply says. Where the backend has told the reasoning apart, tags of thinking in the reply are quoted.
    fn verdict(&self, parse: Parse, text: &Text, reply: &str, candidates: usize) -> Verdict {
        match text.reasoning {
            Some(_) => self.form.read_said(self.readout, parse, reply, candidates),
            None => self.form.read(self.readout, parse, reply, candidates),
        }
    }

    /// Whether a verdict in a reply that was cut may be another one than the judge was about to give.
    fn may_be_unfinished(&self, text: &Text, reply: &str, scores: &[f64]) -> bool {
        if self.parse.is_published() || self.readout == Readout::Json {
            return false;
        }
        if self.reasoning == Reasoning::Before {
            return true;
        }
        let ends_inside = reply.trim_end_matches([' ', '\t']).ends_with(|last: char| {
            last.is_alphanumeric() || (self.readout == Readout::Number && last == '.')
        });
        let says_so = |parse, reply: &str| {
            let verdict = self.verdict(parse, text, reply, scores.len());
            matches!(verdict, Verdict::Scores(said) if said == scores)
        };
        let in_closed_mark = || self.form.is_closed(self.readout) && says_so(Parse::Strict, reply);
        let before_last_line =
            || reply.rsplit_once('\n').is_some_and(|(before, _)| says_so(self.parse, before));
        ends_inside && !in_closed_mark() && !before_last_line()
    }
}

fn scored(scores: &[f64], candidates: usize) -> Option<Scored> {
    let scores: Option<Vec<Score>> =
        scores.iter().map(|score| Score::try_from(*score).ok()).collect();
    scores.filter(|scores| scores.len() == candidates).map(Scored::Scores)
}

/// The end of a text, where verdicts stand, in at most 80 characters.
fn short(text: &str) -> String {
    let text = text.trim();
    let count = text.chars().count();
    text.chars().skip(count.saturating_sub(80)).collect()
}
