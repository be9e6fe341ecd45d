//! Lenient reading: also the forms that people understand at once.
//!
//! Forms are tried from the clearest to the weakest: marks such as `[[b]]`, lines such as `**Answer:** B`, and what the
//! last line says. The first form that says anything decides, and within it disagreement is an abstention.

use super::marker::{Held, Marker};
use super::number::Rating;
use super::tally::{Tally, missing};
use super::token::{self, at_most, naked, plain};
use super::{Label, NumberForm, Verdict, VerdictForm, comparison};

/// Marks that are understood whatever the prompt asks for.
const MARKS: [(&str, &str); 5] = [
    ("[[{}]]", "{}"),
    ("\\boxed{@}", "@"),
    ("<answer>{}</answer>", "{}"),
    ("<verdict>{}</verdict>", "{}"),
    ("<rating>{}</rating>", "{}"),
];

/// Words that name a candidate together with its label.
const NOUNS: [&str; 12] = [
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
const CHOICE_CUES: [&str; 15] = [
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

/// Words in front of a number that announce a rating.
const RATING_CUES: [&str; 10] =
    ["rating", "score", "rate", "rated", "grade", "verdict", "overall", "result", "mark", "final"];

/// Words of a sentence that choose what it names.
const CHOOSING: [&str; 19] = [
    "better",
    "best",
    "superior",
    "stronger",
    "strongest",
    "preferable",
    "preferred",
    "prefer",
    "choose",
    "chosen",
    "pick",
    "select",
    "favor",
    "favour",
    "wins",
    "winner",
    "verdict",
    "answer",
    "choice",
];

/// Words that turn the meaning of a sentence, or leave it open.
const TURNING: [&str; 19] = [
    "not", "neither", "nor", "no", "cannot", "can't", "isn't", "doesn't", "worse", "worst",
    "weaker", "inferior", "loses", "loser", "if", "but", "although", "however", "unless",
];

/// Words that say that nobody is better.
const TIES: [&str; 7] = ["tie", "tied", "draw", "equal", "equally", "both", "neither"];

/// Reads a label.
pub(super) fn letter(
    form: &VerdictForm,
    labels: &[Label],
    marker: Marker<'_>,
    reply: &str,
) -> Verdict {
    let choices = Choices { form, labels };
    let forms =
        [choices.marked(marker, reply), choices.announced(marker, reply), choices.last_line(reply)];
    forms.into_iter().find_map(Tally::verdict).unwrap_or_else(|| missing(reply))
}

struct Choices<'a> {
    form: &'a VerdictForm,
    labels: &'a [Label],
}

/// What a piece of text is to a list of labels.
enum Choice {
    /// It is one of them.
    Says(Vec<f64>),
    /// It is a tie where none is offered.
    Tie,
    /// Neither.
    Other,
}

impl Choices<'_> {
    /// What a piece of text says that holds nothing but a choice.
    fn choice(&self, text: &str) -> Choice {
        let text = plain(text);
        if let Some(label) = self.labels.iter().find(|label| label.text.eq_ignore_ascii_case(text))
        {
            return Choice::Says(label.scores.clone());
        }
        if self.form.letter.as_ref().is_some_and(|form| form.comparison) {
            let names = [self.form.candidate_label(0), self.form.candidate_label(1)];
            if let Some(scores) = comparison::scores(naked_ends(text), &names) {
                return Choice::Says(scores);
            }
        }
        let mut rest = naked(text);
        while let Some((word, more)) =
            rest.split_once(|one: char| one.is_whitespace() || one == ':')
        {
            if !self.is_noun(naked(word)) {
                break;
            }
            rest = naked(more);
        }
        if let Some(label) = self.labels.iter().find(|label| label.text.eq_ignore_ascii_case(rest))
        {
            return Choice::Says(label.scores.clone());
        }
        match TIES[..4].iter().any(|tie| rest.eq_ignore_ascii_case(tie)) {
            true => self.tie().map_or(Choice::Tie, Choice::Says),
            false => Choice::Other,
        }
    }

    fn tie(&self) -> Option<Vec<f64>> {
        let several = |label: &&Label| label.scores.len() > 1;
        let level = |label: &&Label| label.scores.iter().all(|score| *score == label.scores[0]);
        self.labels.iter().filter(several).find(level).map(|label| label.scores.clone())
    }

    fn is_noun(&self, word: &str) -> bool {
        NOUNS.iter().any(|noun| word.eq_ignore_ascii_case(noun))
            || word.eq_ignore_ascii_case(self.form.noun())
    }

    fn take(&self, tally: &mut Tally, text: &str) -> bool {
        match self.choice(text) {
            Choice::Says(scores) => tally.says(&format!("{scores:?}"), scores, text),
            Choice::Tie => tally.spoils(text),
            Choice::Other => return false,
        }
        true
    }

    /// What stands in the prompt's mark or in one that everybody knows.
    fn marked(&self, marker: Marker<'_>, reply: &str) -> Tally {
        let mut tally = Tally::default();
        for held in all_marks(marker, reply) {
            if let Held::Between(text) = held {
                let unknown = !self.take(&mut tally, text);
                let text = text.trim();
                let capital = text.len() == 1 && text.bytes().all(|one| one.is_ascii_uppercase());
                if unknown && capital {
                    tally.spoils(text);
                }
            }
        }
        tally
    }

    /// What stands behind the prompt's own mark where it has no end, or behind a cue and a colon.
    fn announced(&self, marker: Marker<'_>, reply: &str) -> Tally {
        let mut tally = Tally::default();
        for held in marker.held(reply) {
            if let Held::Behind(line) = held {
                self.take_beginning(&mut tally, line);
            }
        }
        for line in token::lines(reply) {
            if let Some(said) = after_cue(line, &CHOICE_CUES) {
                self.take_beginning(&mut tally, said);
            }
        }
        tally
    }

    /// Takes a choice that fills a line, or that a line begins with.
    fn take_beginning(&self, tally: &mut Tally, line: &str) {
        let line = at_most(line, token::REACH);
        if self.take(tally, line) {
            return;
        }
        let mut words =
            line.split_whitespace().map(naked).filter(|word| !word.is_empty()).peekable();
        while words.next_if(|word| self.is_noun(word)).is_some() {}
        let Some(first) = words.next() else { return };
        // `a better approach`: in the middle of a line a label has its own case.
        let Some(label) = self.labels.iter().find(|label| label.text == first) else { return };
        let next = words.next().unwrap_or_default();
        let article = first.eq_ignore_ascii_case("a")
            && next.starts_with(char::is_lowercase)
            && !matches!(
                next,
                "is" | "was" | "wins" | "because" | "since" | "as" | "with" | "over" | "by"
            );
        match next {
            "or" | "and" | "/" | "nor" => tally.spoils(line),
            _ if article => {}
            _ => tally.says(&format!("{:?}", label.scores), label.scores.clone(), first),
        }
    }

    /// What the last line says: a label by itself, or a sentence that chooses one.
    fn last_line(&self, reply: &str) -> Tally {
        let mut tally = Tally::default();
        let Some(line) = token::lines(reply).next_back() else { return tally };
        if self.take(&mut tally, at_most(line, token::REACH)) || line.len() > 600 {
            return tally;
        }
        let words: Vec<&str> =
            line.split_whitespace().map(naked).filter(|word| !word.is_empty()).collect();
        let any = |list: &[&str]| {
            words.iter().any(|word| list.iter().any(|one| word.eq_ignore_ascii_case(one)))
        };
        if any(&TURNING) || !any(&CHOOSING) {
            return tally;
        }
        // `A is better than B` chooses what stands before `than`.
        let end =
            words.iter().position(|word| matches!(*word, "than" | "over")).unwrap_or(words.len());
        for at in 0..end {
            let Some(label) = self.labels.iter().find(|label| label.text == words[at]) else {
                continue;
            };
            if self.is_named(&words, at) {
                tally.says(&format!("{:?}", label.scores), label.scores.clone(), words[at]);
            }
        }
        if any(&TIES) {
            tally.spoils(line);
        }
        tally
    }

    /// True where a word is a label and not an article: `Response A`, `is A`, `A is`.
    fn is_named(&self, words: &[&str], at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| words[before]).unwrap_or_default();
        let leads = [
            "to", "prefer", "choose", "pick", "select", "favor", "favour", "with", "verdict",
            "winner", "choice",
        ];
        let follows = ["is", "was", "wins"];
        let next = words.get(at + 1).copied().unwrap_or_default();
        (before != "the"
            && before != "The"
            && self.is_noun(before)
            && (before != "is" || next.is_empty()))
            || (leads.contains(&before) && (next.is_empty() || next == "over" || next == "as"))
            || follows.contains(&next)
    }
}

fn naked_ends(text: &str) -> &str {
    text.trim_matches(|one: char| !one.is_alphanumeric())
}

/// Everything that the prompt's mark and the well-known marks hold.
fn all_marks<'t>(marker: Marker<'_>, reply: &'t str) -> Vec<Held<'t>> {
    let mut held = marker.held(reply);
    for (mark, slot) in MARKS {
        let mark = Marker::new(mark, slot);
        if mark != marker {
            held.extend(mark.held(reply));
        }
    }
    held
}

/// What stands behind the first colon of a line whose last word before it is a cue.
fn after_cue<'t>(line: &'t str, cues: &[&str]) -> Option<&'t str> {
    let (head, said) = line.split_once([':', '：'])?;
    let word = naked(head).split_whitespace().next_back()?;
    let few = at_most(head, token::REACH).split_whitespace().count() <= 8;
    let cue = cues.iter().any(|cue| naked(word).eq_ignore_ascii_case(cue));
    (cue && few && !said.trim().is_empty()).then_some(said)
}

/// Reads a rating: in a mark, on the last line that announces one, or on the last line.
pub(super) fn number(form: &NumberForm, marker: Marker<'_>, reply: &str) -> Verdict {
    let mut marked = Tally::default();
    for held in all_marks(marker, reply) {
        match held {
            Held::Between(text) if !text.contains([',', '[', '{']) => {
                numbers(form, text, Place::Anywhere, &mut marked);
            }
            Held::Between(_) => {}
            Held::Behind(line) if begins_with_number(line) => {
                numbers(form, line, Place::First, &mut marked);
            }
            Held::Behind(_) => {}
        }
    }
    let mut announced = Tally::default();
    if let Some(said) = token::lines(reply).rev().find_map(announced_rating) {
        numbers(form, said, Place::First, &mut announced);
    }
    let mut last = Tally::default();
    if let Some(line) = token::lines(reply).next_back() {
        numbers(form, line, Place::End, &mut last);
    }
    let forms = [marked, announced, last];
    forms.into_iter().find_map(Tally::verdict).unwrap_or_else(|| missing(reply))
}

/// What stands behind the last cue of a line, if a number stands near it.
fn announced_rating(line: &str) -> Option<&str> {
    let line = at_most(line, 600);
    let mut from = 0;
    let mut said = None;
    for word in line.split_whitespace() {
        let start = from + line[from..].find(word)?;
        from = start + word.len();
        let stem = naked(word).split([':', '=', '：']).next().unwrap_or_default();
        if RATING_CUES.iter().any(|cue| stem.eq_ignore_ascii_case(cue)) {
            let behind = &line[start + word.find(stem)? + stem.len()..];
            said = begins_with_number(behind).then_some(behind).or(said);
        }
    }
    said
}

/// True when nothing but signs and small words stands before the first number.
fn begins_with_number(text: &str) -> bool {
    let small = [
        "is", "of", "would", "be", "a", "an", "the", "-", "–", "as", "at", "i", "give", "it",
        "this", "response", "rating", "score",
    ];
    text.split_whitespace()
        .map(sides)
        .filter(|word| !word.is_empty())
        .find(|word| !small.iter().any(|one| word.eq_ignore_ascii_case(one)))
        .is_some_and(|word| word.starts_with(|one: char| one.is_ascii_digit() || one == '-'))
}

/// Which numbers of a line can be ratings.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// All of them.
    Anywhere,
    /// The first, and what is joined to it (`7 or 8`).
    First,
    /// Those with a scale (`8/10`) and the line's last word.
    End,
}

/// Takes the ratings of a line. `8/10` and `8 out of 10` are 8 where the scale ends at 10; a range is unreadable.
fn numbers(form: &NumberForm, line: &str, place: Place, tally: &mut Tally) {
    let line = at_most(line, 600);
    let words: Vec<&str> =
        line.split_whitespace().map(sides).filter(|word| !word.is_empty()).collect();
    let mut at = 0;
    let mut taken = 0;
    while at < words.len() {
        let word = words[at];
        let rest = &words[at + 1..];
        let (value, used, scaled) = match (word.split_once('/'), rest) {
            (Some((number, top)), _) if !number.is_empty() => {
                (on_scale(form, naked(number), naked(top)), 1, true)
            }
            (None, ["/" | "of" | "over", top, ..]) => (on_scale(form, word, top), 3, true),
            (None, ["out", "of", top, ..]) => (on_scale(form, word, top), 4, true),
            _ => (form.rating(word.trim_end_matches('.'), true), 1, false),
        };
        let is_last = at + used >= words.len();
        at += used;
        if value == Rating::Not {
            if place == Place::First
                && taken > 0
                && !matches!(word, "or" | "to" | "and" | "-" | "–")
            {
                break;
            }
            continue;
        }
        if place == Place::End && !scaled && !is_last {
            continue;
        }
        taken += 1;
        match value {
            Rating::On(value) => tally.says(&value.to_string(), vec![value], line),
            _ => tally.spoils(line),
        }
    }
    if place == Place::End && taken == 1 && range_before_end(form, &words) {
        tally.spoils("a range");
    }
}

/// True for a last word that belongs to the one before it: `7 to 8`, `7 or 8`, `between 7 and 8`.
fn range_before_end(form: &NumberForm, words: &[&str]) -> bool {
    match words {
        [.., before, "to" | "or" | "and" | "-" | "–", _] => {
            form.rating(before, true) != Rating::Not
        }
        _ => false,
    }
}

fn on_scale(form: &NumberForm, number: &str, top: &str) -> Rating {
    let top = top.trim_end_matches('.');
    match form.rating(number, true) {
        Rating::Not => Rating::Not,
        _ if top.parse::<i64>().ok() != Some(form.high) => Rating::Off,
        rating => rating,
    }
}

/// A word without emphasis, quotes, brackets and sentence marks around it, but with its sign.
fn sides(word: &str) -> &str {
    naked(naked(word).trim_start_matches(['=', '≈']))
}
