//! The words that engine keys take: orders, rules for failures and ties, protocols, votes.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// A type whose values are written as words in a recipe.
pub trait Word: FromStr<Err = ValueError> + fmt::Display {
    /// All that may be written, in the order to print.
    const KNOWN: &'static [&'static str];

    /// What to do about a word that is none of them, where a suggestion alone would mislead.
    fn hint(_found: &str) -> Option<&'static str> {
        None
    }
}

/// A word that is none of those known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no value `{}`", found.escape_debug())]
pub struct ValueError {
    /// The word as given.
    pub found: String,
    /// The words that are known.
    pub known: &'static [&'static str],
}

/// The most random orders of one question.
pub const MOST_ORDERS: u32 = 1_000;

/// In which orders the candidates of a question are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Order {
    /// What the suite's own publication did.
    Published,
    /// One seeded permutation a question.
    Seeded,
    /// The canonical order and its reverse; for more than two candidates a seeded permutation and its reverse.
    Both,
    /// All cyclic shifts.
    Rotations,
    /// So many seeded permutations.
    Random(NonZeroU32),
    /// The first stored candidate exchanged with a seeded position.
    SwapFirst,
    /// As stored; only for suites whose stored order is neutral.
    Given,
}

impl Word for Order {
    const KNOWN: &'static [&'static str] =
        &["published", "seeded", "both", "rotations", "random:m", "swap-first", "given"];

    fn hint(found: &str) -> Option<&'static str> {
        found.starts_with("random").then_some("write `random:4` for four seeded orders")
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published => f.write_str("published"),
            Self::Seeded => f.write_str("seeded"),
            Self::Both => f.write_str("both"),
            Self::Rotations => f.write_str("rotations"),
            Self::Random(count) => write!(f, "random:{count}"),
            Self::SwapFirst => f.write_str("swap-first"),
            Self::Given => f.write_str("given"),
        }
    }
}

impl FromStr for Order {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Ok(match text {
            "published" => Self::Published,
            "seeded" => Self::Seeded,
            "both" => Self::Both,
            "rotations" => Self::Rotations,
            "swap-first" => Self::SwapFirst,
            "given" => Self::Given,
            _ => {
                let count = text
                    .strip_prefix("random:")
                    .filter(|count| count.bytes().all(|b| b.is_ascii_digit()));
                return count
                    .and_then(|count| count.parse().ok())
                    .filter(|count: &NonZeroU32| count.get() <= MOST_ORDERS)
                    .map(Self::Random)
                    .ok_or_else(|| ValueError { found: text.to_owned(), known: Self::KNOWN });
            }
        })
    }
}

/// Writes a type whose values are plain words: the enum, its words, reading and writing.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum $name {
            $($(#[$of])* $variant,)+
        }

        impl Word for $name {
            const KNOWN: &'static [&'static str] = &[$($word),+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)+ })
            }
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ValueError { found: text.to_owned(), known: Self::KNOWN }),
                }
            }
        }
    };
}

words! {
    /// How an abstention is graded.
    Failures {
        /// By the suite's published rule.
        Published = "published",
        /// As a wrong verdict.
        Wrong = "wrong",
        /// Not at all: the item leaves the measure.
        Exclude = "exclude",
    }
}

words! {
    /// How a tie is graded.
    Ties {
        /// By the suite's published rule.
        Published = "published",
        /// As a lost comparison.
        Loss = "loss",
        /// As half a win.
        Half = "half",
        /// Credit split evenly among those tied for the best.
        Split = "split",
    }
}

words! {
    /// How a source is asked about an item.
    Protocol {
        /// What fits the source's arity best.
        Auto = "auto",
        /// One candidate a question.
        Pointwise = "pointwise",
        /// Two candidates a question.
        Pairwise = "pairwise",
        /// All candidates in one question.
        Listwise = "listwise",
    }
}

words! {
    /// How samples, or the members of a panel, become one score.
    Vote {
        /// Their mean.
        Mean = "mean",
        /// The share of them that prefers a candidate; the most frequent score of a single one.
        Majority = "majority",
        /// Their median.
        Median = "median",
        /// The least of them.
        Min = "min",
    }
}

impl From<Vote> for tribunal_api::Vote {
    fn from(vote: Vote) -> Self {
        match vote {
            Vote::Mean => Self::Mean,
            Vote::Majority => Self::Majority,
            Vote::Median => Self::Median,
            Vote::Min => Self::Min,
        }
    }
}

words! {
    /// Who wins a vote of a panel that is split evenly.
    TieBreak {
        /// Nobody: it stays a tie.
        Tie = "tie",
        /// Whom the first member that tells those tied apart prefers.
        FirstMember = "first-member",
        /// A seeded draw among those tied.
        Seeded = "seeded",
    }
}

words! {
    /// How the scores of a panel's members are put on one scale.
    Normalise {
        /// Mean and standard deviation of each member's scores become 0 and 1.
        Z = "z",
        /// Not at all.
        None = "none",
    }
}

/// Conversions for serde, the same for every word type.
macro_rules! as_text {
    ($($name:ident)+) => {$(
        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.to_string()
            }
        }
    )+};
}

as_text!(Order Failures Ties Protocol Vote TieBreak Normalise);

#[cfg(test)]
mod tests {
    use super::*;

    fn all_words_read_back<T: Word>() {
        for word in T::KNOWN.iter().map(|word| word.replace(":m", ":3")) {
            assert_eq!(word.parse::<T>().map(|read| read.to_string()), Ok(word));
        }
    }

    #[test]
    fn every_known_word_is_read_and_written_the_same() {
        all_words_read_back::<Order>();
        all_words_read_back::<Failures>();
        all_words_read_back::<Ties>();
        all_words_read_back::<Protocol>();
        all_words_read_back::<Vote>();
        all_words_read_back::<TieBreak>();
        all_words_read_back::<Normalise>();
    }

    #[test]
    fn a_number_of_random_orders_is_at_least_one() {
        for text in
            ["random", "random:", "random:0", "random:-1", "random:+2", "random:x", "Random:2"]
        {
            assert!(text.parse::<Order>().is_err(), "{text}");
        }
    }
}
