//! Labels as people write them.

use super::super::marker::{Held, Marker};
use super::super::strict::looks_like_a_label;
use super::super::tally::Tally;
use super::super::token::{self, at_most, naked, plain};
use super::super::{Label, Verdict, VerdictForm, comparison};
use super::known_marks;
use super::words::{
    BESIDE, CHOICE_CUES, LEADS, NOUNS, PRAISE, REASONS, TIES, among, contradicts, turns, words,
};

/// Characters of a line that are looked at.
const LINE: usize = 600;
/// Words between `is` and what it says of a candidate, at most.
const ADVERBS: usize = 3;

/// The verdict of the clearest form that says anything.
pub(super) fn read(
    form: &VerdictForm,
    labels: &[Label],
    marker: Marker<'_>,
    reply: &str,
) -> Option<Verdict> {
    let choices = Choices { form, labels };
    let forms = [
        choices.in_own_mark(marker, reply),
        choices.in_known_marks(reply),
        choices.announced(reply),
        choices.last_line(reply),
    ];
    forms.into_iter().find_map(Tally::verdict)
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
            let ends = text.trim_matches(|one: char| !one.is_alphanumeric());
            if let Some(scores) = comparison::scores(ends, &names) {
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
        among(word, &NOUNS) || word.eq_ignore_ascii_case(self.form.noun())
    }

    /// The label that a word is, in its own case: `a better approach` names nobody.
    fn label(&self, word: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.text == word)
    }

    fn take(&self, tally: &mut Tally, text: &str) -> bool {
        match self.choice(text) {
            Choice::Says(scores) => tally.says(&format!("{scores:?}"), scores, text),
            Choice::Tie => tally.spoils(text),
            Choice::Other => return false,
        }
        true
    }

    fn take_marked(&self, tally: &mut Tally, text: &str) {
        if !self.take(tally, text) && looks_like_a_label(self.labels, text.trim()) {
            tally.spoils(text);
        }
    }

    /// What the prompt's own mark holds, or what stands behind it where it has no end.
    fn in_own_mark(&self, marker: Marker<'_>, reply: &str) -> Tally {
        let mut tally = Tally::default();
        for held in marker.held(reply) {
            match held {
                Held::Between(text) => self.take_marked(&mut tally, text),
                Held::Behind(line) => self.take_beginning(&mut tally, line),
            }
        }
        tally
    }

    /// What other marks hold, alone on their line or behind words that choose: `the better one is \boxed{B}`.
    fn in_known_marks(&self, reply: &str) -> Tally {
        let mut tally = Tally::default();
        for (head, text) in known_marks(reply) {
            let head = at_most(head, LINE);
            let chooses = || {
                let last = words(head).next_back().unwrap_or_default();
                !turns(head)
                    && words(head).any(|word| among(word, &CHOICE_CUES) || among(word, &LEADS))
                    && (self.is_noun(last) || among(last, &CHOICE_CUES) || among(last, &LEADS))
            };
            if naked(head).is_empty() || chooses() {
                self.take_marked(&mut tally, text);
            }
        }
        tally
    }

    /// What stands behind a cue and a colon.
    fn announced(&self, reply: &str) -> Tally {
        let mut tally = Tally::default();
        for line in token::lines(reply) {
            if let Some(said) = after_cue(line) {
                self.take_beginning(&mut tally, said);
            }
        }
        tally
    }

    /// Takes a choice that fills a line, or that a line begins with: `B`, `B, because A miscounts`, `B is better`. What
    /// follows it may turn it, so that anything else is left alone.
    fn take_beginning(&self, tally: &mut Tally, line: &str) {
        let line = at_most(line, LINE);
        if self.take(tally, line) {
            return;
        }
        let (clause, rest) = first_clause(line);
        if matches!(self.choice(clause), Choice::Says(_) | Choice::Tie) {
            let next = words(rest).next().unwrap_or_default();
            if self.label(next).is_some() || among(next, &["or", "and", "nor"]) {
                tally.spoils(line);
            } else if self.stands(next, rest) {
                self.take(tally, clause);
            }
            return;
        }
        let all: Vec<&str> = words(line).collect();
        let at = all.iter().position(|word| !self.is_noun(word)).unwrap_or(all.len());
        let Some(label) = all.get(at).and_then(|word| self.label(word)) else { return };
        if all.get(at + 1).is_some_and(|next| among(next, &["or", "and", "/", "nor"])) {
            tally.spoils(line);
        } else if !turns(line) && is_praised(&all[at + 1..]) {
            tally.says(&format!("{:?}", label.scores), label.scores.clone(), line);
        }
    }

    /// True when what follows a choice leaves it as it is: a reason, or nothing that may turn it.
    fn stands(&self, next: &str, rest: &str) -> bool {
        let is_words = self.form.letter.as_ref().is_some_and(|form| !form.words.is_empty());
        match is_words {
            // `No, it is wrong` is as clear as `Yes, it is right`.
            true => !contradicts(rest),
            false => (among(next, &REASONS) && !contradicts(rest)) || !turns(rest),
        }
    }

    /// What the last line says: a label by itself, or a sentence that chooses one.
    fn last_line(&self, reply: &str) -> Tally {
        let mut tally = Tally::default();
        let Some(line) = token::lines(reply).next_back() else { return tally };
        if self.take(&mut tally, at_most(line, token::REACH)) || line.len() > LINE || turns(line) {
            return tally;
        }
        let all: Vec<&str> = words(line).collect();
        let ties = all.iter().any(|word| among(word, &TIES));
        let chooses = all.iter().any(|word| among(word, &PRAISE) || among(word, &LEADS))
            || all.iter().any(|word| word.eq_ignore_ascii_case("wins"))
            || all.windows(2).any(|two| two[0].eq_ignore_ascii_case("answer") && two[1] == "is");
        // `A is better than B` chooses what stands before `than`.
        let end = all.iter().position(|word| matches!(*word, "than" | "over")).unwrap_or(all.len());
        for at in (0..end).filter(|_| chooses) {
            if let Some(label) = self.label(all[at])
                && self.is_chosen(&all, at)
            {
                tally.says(&format!("{:?}", label.scores), label.scores.clone(), all[at]);
            }
        }
        if ties && chooses {
            tally.spoils(line);
        }
        tally
    }

    /// True for a label that its sentence chooses: `A is better`, `I prefer Response A`, `the better answer is A`.
    fn is_chosen(&self, words: &[&str], at: usize) -> bool {
        if is_praised(&words[at + 1..]) {
            return true;
        }
        let before = at.checked_sub(1).map(|before| words[before]).unwrap_or_default();
        let next = words.get(at + 1).copied().unwrap_or_default();
        let ends = next.is_empty() || next == "over" || next == "than" || among(next, &REASONS);
        let named = self.is_noun(before) && !before.eq_ignore_ascii_case("the");
        ends && (named || among(before, &LEADS) || matches!(before, "to" | "with"))
    }
}

/// True for words that say of what stands before them that it is chosen: `is clearly better`, `wins`.
fn is_praised(words: &[&str]) -> bool {
    match words {
        ["wins", ..] => true,
        ["is" | "was", rest @ ..] => rest.iter().take(ADVERBS + 1).any(|word| among(word, &PRAISE)),
        _ => false,
    }
}

/// The beginning of a line up to a sentence mark or a word that gives a reason, and what follows.
fn first_clause(line: &str) -> (&str, &str) {
    let mark = line.find([',', ';', '.', '(', '—', '–', '!', '?']);
    let mut from = 0;
    let mut joint = None;
    for word in line.split_whitespace() {
        let Some(start) = line[from..].find(word).map(|start| from + start) else { break };
        from = start + word.len();
        if word == "-" || word == "over" || (among(word, &REASONS) && start > 0) {
            joint = Some(start);
            break;
        }
    }
    match (mark, joint) {
        (Some(mark), joint) if joint.is_none_or(|joint| mark < joint) => {
            let sign = line[mark..].chars().next().map_or(1, char::len_utf8);
            (&line[..mark], &line[mark + sign..])
        }
        (_, Some(joint)) => (&line[..joint], &line[joint..]),
        _ => (line, ""),
    }
}

/// What stands behind the first colon of a line that announces a choice: a cue, and nothing before it that could turn
/// it.
fn after_cue(line: &str) -> Option<&str> {
    let (head, said) = line.split_once(':')?;
    let head = (head.len() <= token::REACH).then_some(head)?;
    let known = |word: &str| among(word, &CHOICE_CUES) || among(word, &BESIDE);
    let lettered = || words(head).filter(|word| word.contains(char::is_alphabetic));
    let cue = lettered().any(|word| among(word, &CHOICE_CUES)) && lettered().all(known);
    (cue && !said.trim().is_empty()).then_some(said)
}
