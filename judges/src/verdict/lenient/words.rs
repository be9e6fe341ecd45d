//! Words that tell what a sentence says of a candidate.

use super::super::token::naked;

/// Words that name a candidate together with its label.
pub(super) const NOUNS: [&str; 12] = [
    "response",
    "assistant",
    "answer",
    "option",
    "output",
    "candidate",
    "model",
    "reply",
    "completion",
    "chatbot",
    "the",
    "is",
];

/// Words in front of a colon that announce a choice.
pub(super) const CHOICE_CUES: [&str; 15] = [
    "answer",
    "verdict",
    "winner",
    "choice",
    "result",
    "decision",
    "judgment",
    "judgement",
    "preference",
    "preferred",
    "better",
    "best",
    "conclusion",
    "selection",
    "pick",
];

/// Words that may stand beside a cue before its colon. Any other word may turn it: `wrong answer:`.
pub(super) const BESIDE: [&str; 22] = [
    "the",
    "my",
    "our",
    "your",
    "final",
    "overall",
    "so",
    "therefore",
    "thus",
    "hence",
    "and",
    "then",
    "now",
    "which",
    "is",
    "one",
    "a",
    "in",
    "response",
    "assistant",
    "candidate",
    "option",
];

/// Words that announce a rating that stands close behind them.
pub(super) const RATING_CUES: [&str; 5] = ["rating", "score", "rate", "rated", "grade"];

/// Words that announce a rating when a colon or an equals sign follows them at once.
pub(super) const COLON_CUES: [&str; 5] = ["verdict", "overall", "result", "mark", "final"];

/// Verbs that give a rating which ends the line.
pub(super) const GIVING: [&str; 8] =
    ["give", "gave", "giving", "assign", "award", "deserves", "earns", "merits"];

/// Words that say that what they are said of is chosen.
pub(super) const PRAISE: [&str; 11] = [
    "better",
    "best",
    "superior",
    "stronger",
    "strongest",
    "preferable",
    "preferred",
    "winner",
    "right",
    "correct",
    "chosen",
];

/// Words in front of what is chosen.
pub(super) const LEADS: [&str; 10] = [
    "prefer", "choose", "pick", "select", "favor", "favour", "verdict", "winner", "choice",
    "better",
];

/// Words that give a reason for what was said.
pub(super) const REASONS: [&str; 5] = ["because", "since", "as", "for", "due"];

/// Words that say that nobody is better.
pub(super) const TIES: [&str; 7] = ["tie", "tied", "draw", "equal", "equally", "both", "neither"];

/// Words that turn the meaning of a sentence, or leave it open.
const TURNING: [&str; 74] = [
    "not",
    "neither",
    "nor",
    "no",
    "never",
    "cannot",
    "worse",
    "worst",
    "weaker",
    "weakest",
    "inferior",
    "loses",
    "lost",
    "loser",
    "losing",
    "if",
    "but",
    "although",
    "though",
    "however",
    "unless",
    "wrong",
    "wrongly",
    "incorrect",
    "incorrectly",
    "fail",
    "fails",
    "failed",
    "failing",
    "avoid",
    "avoids",
    "avoided",
    "flawed",
    "flaws",
    "hardly",
    "barely",
    "scarcely",
    "less",
    "least",
    "from",
    "nearly",
    "almost",
    "nobody",
    "few",
    "without",
    "lack",
    "lacks",
    "lacking",
    "miss",
    "misses",
    "reject",
    "rejected",
    "might",
    "may",
    "could",
    "should",
    "some",
    "instead",
    "rather",
    "unlike",
    "despite",
    "bad",
    "badly",
    "poor",
    "poorly",
    "false",
    "inaccurate",
    "misleading",
    "errors",
    "mistakes",
    "mistaken",
    "error",
    "mistake",
    "until",
];

/// Words that take back what was said.
const CONTRADICTING: [&str; 6] = ["but", "although", "though", "however", "unless", "if"];

/// True when a word is in a list, whatever its case.
pub(super) fn among(word: &str, list: &[&str]) -> bool {
    list.iter().any(|one| word.eq_ignore_ascii_case(one))
}

/// The words of a text without the marks around them.
pub(super) fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split_whitespace().map(naked).filter(|word| !word.is_empty())
}

/// True when some word of a text may turn what it says.
pub(super) fn turns(text: &str) -> bool {
    words(text).any(|word| {
        let lower = word.to_ascii_lowercase();
        among(word, &TURNING) || lower.ends_with("n't") || lower.ends_with("n’t")
    })
}

/// True when some word of a text takes back what was said before it.
pub(super) fn contradicts(text: &str) -> bool {
    words(text).any(|word| among(word, &CONTRADICTING))
}
