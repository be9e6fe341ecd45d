//! What known pairs can show to be wrong with a source, in words, and what to do about it.

use std::collections::BTreeMap;
use std::fmt;

/// One of the two ends of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where it begins.
    Beginning,
    /// Where it ends.
    End,
}

/// Something that makes the scores of a source worthless or doubtful.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// More than half of the questions got no scores.
    Abstains {
        /// Questions without scores.
        without: usize,
        /// Questions asked.
        of: usize,
        /// How many by reason: the name of the abstention, or `rejected`.
        reasons: BTreeMap<&'static str, usize>,
    },
    /// All scores of single replies lie within [`EDGE`](Finding::EDGE) of 1.
    SoftmaxOfOne {
        /// Scores seen.
        of: usize,
    },
    /// All scores of single replies lie between 0 and 1, and the source claims a model's raw output.
    Squashed {
        /// The least score.
        least: f64,
        /// The largest score.
        most: f64,
        /// Scores seen.
        of: usize,
    },
    /// The token that begins a text stands at its start more than once.
    DoubleBos {
        /// Its id.
        token: u32,
        /// How often it stands there.
        count: usize,
    },
    /// The longest question of the plan keeps its score when one of its ends is changed.
    Cut {
        /// The end that is not read.
        end: End,
        /// The question's length in characters.
        characters: usize,
    },
    /// The longest question of the plan has more tokens than the model reads, and gets a score all the same.
    LongerThanModel {
        /// Its tokens.
        tokens: u64,
        /// The most that the model reads.
        most: u64,
    },
    /// All scores are the same number.
    Constant {
        /// The number.
        value: f64,
        /// Scores seen.
        of: usize,
    },
    /// At least 90 % of the scores of single replies lie within [`EDGE`](Finding::EDGE) of 0 or 1.
    Saturated {
        /// Scores at the edge.
        at_edge: usize,
        /// Scores seen.
        of: usize,
    },
    /// Fewer than 40 % of the comparisons are right, ties counted half.
    Reversed {
        /// Comparisons that the better reply wins.
        right: usize,
        /// Comparisons that tie.
        tied: usize,
        /// Comparisons with scores.
        of: usize,
    },
    /// At least 40 % and fewer than 60 % of the comparisons are right, ties counted half.
    NoBetterThanCoin {
        /// Comparisons that the better reply wins.
        right: usize,
        /// Comparisons that tie.
        tied: usize,
        /// Comparisons with scores.
        of: usize,
        /// Comparisons that the first reply shown wins; `None` where replies are scored one by one.
        first: Option<usize>,
    },
    /// A question asked alone gets other scores than among others.
    BatchDependent {
        /// The largest absolute difference, in the source's units.
        most: f64,
        /// The largest less the least score of all questions, in the source's units.
        range: f64,
        /// Questions asked both ways.
        of: usize,
    },
}

impl Finding {
    /// How near to 0 or 1 a score counts as saturated.
    pub const EDGE: f64 = 1e-6;

    /// What to do about it: one imperative sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Finding::Abstains { .. } => {
                "raise the source's token limit, or mend the form in which its prompt asks for a verdict"
            }
            Finding::SoftmaxOfOne { .. } => "ask the server for the raw score, without softmax",
            Finding::Constant { .. } => {
                "check that the source reads the score of the reply, and that the reply reaches the model"
            }
            Finding::Saturated { .. } => "ask the server for raw logits",
            Finding::Squashed { .. } => {
                "ask the server for raw logits, or undo the sigmoid with the source's `transform`; go on with \
                 `--accept-unverified` only if the model itself scores between 0 and 1"
            }
            Finding::DoubleBos { .. } => {
                "tell the server to add no special tokens, or take this token out of the template"
            }
            Finding::Cut { .. } | Finding::LongerThanModel { .. } => {
                "raise the server's token limit, or make it refuse what is too long instead of cutting it"
            }
            Finding::Reversed { .. } => {
                "read the label or the sign that stands for the better reply"
            }
            Finding::NoBetterThanCoin { .. } => {
                "check the model, its chat template and the prompt that the source uses"
            }
            Finding::BatchDependent { .. } => {
                "set `batch = 1` and `in-flight = 1` for the source, or mend how it pads what it asks together"
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Abstains { without, of, reasons } => {
                let reasons: Vec<String> =
                    reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
                write!(f, "{without} of {of} questions got no scores ({})", reasons.join(", "))
            }
            Finding::SoftmaxOfOne { of } => {
                write!(f, "all {of} scores are 1, as a softmax over a single number is")
            }
            Finding::Squashed { least, most, of } => write!(
                f,
                "all {of} scores lie between 0 and 1, as after a sigmoid ({} to {})",
                short(*least),
                short(*most)
            ),
            Finding::DoubleBos { token, count } => {
                let often = match count {
                    2 => "twice".to_owned(),
                    more => format!("{more} times"),
                };
                write!(
                    f,
                    "double BOS: the token {token}, which begins a text, stands at its start {often}"
                )
            }
            Finding::Cut { end, characters } => {
                let end = match end {
                    End::Beginning => "beginning",
                    End::End => "end",
                };
                write!(
                    f,
                    "truncated: the longest question ({characters} characters) keeps its score to the last bit \
                     when its {end} is changed, so its {end} is not read"
                )
            }
            Finding::LongerThanModel { tokens, most } => write!(
                f,
                "truncated: the longest question has {tokens} tokens, the model reads {most}, and it is scored all \
                 the same"
            ),
            Finding::Constant { value, of } => write!(f, "all {of} scores are `{value}`"),
            Finding::Saturated { at_edge, of } => write!(
                f,
                "{at_edge} of {of} scores lie within {} of 0 or 1, as after a sigmoid or softmax",
                Self::EDGE
            ),
            Finding::Reversed { right, tied, of } => {
                write!(f, "reversed: ")?;
                write_right(f, *right, *tied, *of)
            }
            Finding::NoBetterThanCoin { right, tied, of, first } => {
                write!(f, "no better than a coin: ")?;
                write_right(f, *right, *tied, *of)?;
                match first {
                    Some(first) => write!(f, ", the first reply shown wins {first}"),
                    None => Ok(()),
                }
            }
            Finding::BatchDependent { most, range, of } => write!(
                f,
                "scores depend on what else is asked: up to {} apart over {of} questions asked alone and among \
                 others, where all scores span {}",
                short(*most),
                short(*range)
            ),
        }
    }
}

fn write_right(f: &mut fmt::Formatter<'_>, right: usize, tied: usize, of: usize) -> fmt::Result {
    write!(f, "the better reply wins {right} of {of} comparisons")?;
    if tied > 0 { write!(f, " and ties in {tied}") } else { Ok(()) }
}

/// A number with three significant digits.
pub(super) fn short(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}
