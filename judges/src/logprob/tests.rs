//! Sums of label probabilities, worked by hand.

use super::*;

const MARK: &str = "[[{label}]]";

/// The expectation of a reply that holds the verdict alone or at its end.
fn expected(labels: &[Label], tokens: &[Token]) -> Result<Expected, String> {
    super::expected(labels, tokens, Reasoning::Before, MARK)
}

fn label(text: &str, scores: &[f64]) -> Label {
    Label { text: text.to_owned(), scores: scores.to_vec() }
}

fn pair() -> Vec<Label> {
    vec![label("A", &[1.0, 0.0]), label("B", &[0.0, 1.0])]
}

fn scale(high: u32) -> Vec<Label> {
    (1..=high).map(|rating| label(&rating.to_string(), &[f64::from(rating)])).collect()
}

/// A token of this probability, with others in its place.
fn token(text: &str, p: f64, others: &[(&str, f64)]) -> Token {
    let others = others.iter().map(|(text, p)| ((*text).to_owned(), p.ln())).collect();
    Token { text: text.to_owned(), logprob: p.ln(), others }
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-12
}

#[test]
fn variants_of_a_label_are_summed_and_each_text_counts_once() {
    // A: 0.4 + 0.1 + 0.1 = 0.6 (the token itself is listed again), B: 0.15 + 0.05 = 0.2; mass 0.8.
    let tokens = [token(
        "A",
        0.4,
        &[("A", 0.4), (" A", 0.1), ("a", 0.1), (" B", 0.15), ("b", 0.05), ("The", 0.2)],
    )];
    let found = expected(&pair(), &tokens).unwrap();
    assert!(near(found.scores[0], 0.75) && near(found.scores[1], 0.25), "{found:?}");
    assert!(near(found.mass, 0.8));
    assert_eq!(found.shares[0].0, "A");
}

#[test]
fn half_of_a_tie_goes_to_each_side() {
    // A 0.5, B 0.1, tie 0.4: A = (0.5 + 0.2) / 1, B = (0.1 + 0.2) / 1.
    let mut labels = pair();
    labels.push(label("C", &[0.5, 0.5]));
    let found = expected(&labels, &[token("A", 0.5, &[("B", 0.1), ("C", 0.4)])]).unwrap();
    assert!(near(found.scores[0], 0.7) && near(found.scores[1], 0.3), "{found:?}");
}

#[test]
fn yes_against_no_is_a_probability() {
    // yes 0.3 + 0.3 = 0.6, no 0.2: 0.6 / 0.8 = 0.75.
    let labels = [label("Yes", &[1.0]), label("No", &[0.0])];
    let tokens = [token(" Yes", 0.3, &[("YES", 0.3), ("no", 0.2)])];
    assert!(near(expected(&labels, &tokens).unwrap().scores[0], 0.75));
}

#[test]
fn a_rating_is_its_expectation() {
    // (7 x 0.5 + 8 x 0.3 + 9 x 0.1) / 0.9 = 6.8 / 0.9; labels that are not listed count nothing.
    let tokens = [token("7", 0.5, &[("8", 0.3), ("9", 0.1), ("x", 0.1)])];
    let found = expected(&scale(9), &tokens).unwrap();
    assert!(near(found.scores[0], 6.8 / 0.9), "{found:?}");
    assert!(near(found.mass, 0.9));
}

#[test]
fn a_ten_that_may_be_split_is_no_number_unless_it_is_seen_whole_or_does_not_matter() {
    let split = [token("1", 0.3, &[("7", 0.7)])];
    let why = expected(&scale(10), &split).unwrap_err();
    assert!(why.contains("`1` may be the start of `10`"), "{why}");
    // 10 as one token: (1 x 0.3 + 7 x 0.5 + 10 x 0.2) / 1 = 5.8.
    let whole = [token("1", 0.3, &[("7", 0.5), ("10", 0.2)])];
    assert!(near(expected(&scale(10), &whole).unwrap().scores[0], 5.8));
    // 0.0005 of the mass on 1 moves an expectation by less than 0.005.
    let little = [token("7", 0.9995, &[("1", 0.0005)])];
    assert!(expected(&scale(10), &little).is_ok());
    let written = [token("Rating:", 0.9, &[]), token(" 1", 0.9, &[]), token("0", 0.9, &[])];
    let why = expected(&scale(10), &written).unwrap_err();
    assert!(why.contains("split into 2 tokens"), "{why}");
}

/// A reply of these tokens. A label has half of the probability, and the other label a quarter.
fn reply(tokens: &[&str]) -> Vec<Token> {
    let other = |text: &str| if bare(text).eq_ignore_ascii_case("A") { "B" } else { "A" };
    tokens.iter().map(|text| token(text, 0.5, &[(other(text), 0.25)])).collect()
}

#[test]
fn the_verdict_stands_first_or_alone_on_the_last_line_and_nowhere_else() {
    use Reasoning::{After, Before, Native, None};
    // A third of the mass is the other label's: 0.25 / 0.75.
    let (a, b) = (Some(0), Some(1));
    let table: [(Reasoning, &[&str], Option<usize>, &str); 24] = [
        (
            After,
            &["B", "\n", "Because", " Response", " A", " is", " wrong"],
            b,
            "what follows is no verdict",
        ),
        (After, &["**", "B", "**", "\n", "A", " is", " wrong"], b, "marks may stand before it"),
        (After, &["[[", "A", "]]", ".", " B", " fails"], a, "brackets too"),
        (After, &["I", " prefer", " A", "\n"], Option::None, "words may not"),
        (
            After,
            &["A", " better", " plan", " is", " B", "'s"],
            Option::None,
            "an article is no label",
        ),
        (After, &["A", " is", " better"], a, "a label is"),
        (
            Before,
            &["**", "B", "**", " is", " better", " than", " A"],
            Option::None,
            "a sentence is no label",
        ),
        (Before, &["A", " is", " worse", ".", "\n\n", "[[", "B", "]]"], b, "in the prompt's mark"),
        (Before, &["x", "\n", "B"], b, "alone"),
        (Before, &["x", "\n", " **", "B", "**", ".\n"], b, "with emphasis and a full stop"),
        (Before, &["A", "\n", "B", "\n"], b, "the last line counts"),
        (Before, &["Verdict", ":", " A"], a, "behind a cue"),
        (Before, &["My", " final", " answer", ":", " B"], b, "behind a longer cue"),
        (Before, &["Wrong", " answer", ":", " B"], Option::None, "a cue that is turned"),
        (Before, &["[[", "B", "]]", " a", " word"], Option::None, "something stands behind it"),
        (Before, &["A", " or", " B"], Option::None, "no choice"),
        (Before, &["B", "\n", "A", "nswer"], Option::None, "a letter inside a word is no label"),
        (
            Before,
            &["[[", "A", "]]", "\n", "That", " is", " all"],
            Option::None,
            "the last line says nothing",
        ),
        (Native, &["So", ":", "\n", "A"], a, "native reasoning reads as before"),
        (Native, &["<think>", "A", "</think>", "\n", "B"], b, "thinking is not read"),
        (None, &["A", "<|im_end|>"], a, "what ends a reply is no part of it"),
        (None, &[" B", "."], b, "a full stop"),
        (None, &["I", " choose", " A"], Option::None, "a sentence"),
        (None, &["B", "\n\n", "</s>"], b, "another end"),
    ];
    let mut wrong = Vec::new();
    for (reasoning, tokens, winner, why) in table {
        let found = super::expected(&pair(), &reply(tokens), reasoning, MARK);
        let read = found.as_ref().ok().map(|found| usize::from(found.scores[1] > 0.5));
        let shares = found.as_ref().map_or(true, |found| {
            near(found.scores[0].max(found.scores[1]), 2.0 / 3.0) && near(found.mass, 0.75)
        });
        if read != winner || !shares {
            wrong.push(format!("{reasoning:?} {tokens:?}: {found:?} ({why})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_prompt_s_own_mark_and_numbers_are_places_too() {
    let tokens = [token("[RESULT]", 0.9, &[]), token(" 4", 0.5, &[("5", 0.25)])];
    let read = |reasoning| super::expected(&scale(5), &tokens, reasoning, "[RESULT] {number}");
    // (4 x 0.5 + 5 x 0.25) / 0.75 = 13 / 3.
    assert!(near(read(Reasoning::Before).unwrap().scores[0], 13.0 / 3.0));
    assert!(read(Reasoning::After).is_err(), "a word stands before it");
    for parts in [["4", ".", "5"], ["4", "/", "5"]] {
        let tokens: Vec<Token> = parts.iter().map(|text| token(text, 0.9, &[])).collect();
        for reasoning in [Reasoning::After, Reasoning::Before] {
            assert!(super::expected(&scale(5), &tokens, reasoning, MARK).is_err(), "{parts:?}");
        }
    }
}

#[test]
fn labels_that_hold_little_of_the_probability_are_no_verdict() {
    // 0.03 + 0.019 = 0.049 is too little, 0.03 + 0.02 is just enough.
    let little = [token("The", 0.9, &[("A", 0.03), ("B", 0.019)])];
    let why = expected(&pair(), &little).unwrap_err();
    assert!(why.starts_with("the labels hold only 0.0490 of the probability"), "{why}");
    assert!(why.contains("ask for the label alone"), "{why}");
    let enough = [token("The", 0.9, &[("A", 0.03), ("B", 0.0201)])];
    assert!(expected(&pair(), &enough).is_ok());
}

#[test]
fn an_only_token_is_read_whatever_it_is_and_no_label_is_no_score() {
    let found = expected(&pair(), &[token("The", 0.9, &[("A", 0.06), ("B", 0.02)])]).unwrap();
    assert!(near(found.scores[0], 0.75) && near(found.mass, 0.08));
    assert!(expected(&pair(), &[token("The", 0.9, &[("An", 0.1)])]).is_err());
    assert!(expected(&pair(), &[token("x", 0.9, &[]), token("y", 0.9, &[])]).is_err());
    assert!(expected(&pair(), &[]).is_err());
}

#[test]
fn clamped_and_wrong_log_probabilities_make_no_number_that_is_not_finite() {
    for odd in [-9999.0, f64::NEG_INFINITY, f64::NAN, 3.0] {
        let tokens = [Token { text: "A".into(), logprob: -0.1, others: vec![("B".into(), odd)] }];
        let found = expected(&pair(), &tokens).unwrap();
        assert!(found.scores.iter().all(|score| score.is_finite()), "{odd}: {found:?}");
    }
}

#[test]
fn variants_hold_every_case_with_and_without_a_space() {
    let all = variants(&[label("Yes", &[1.0])]);
    assert_eq!(all, ["Yes", " Yes", "yes", " yes", "YES", " YES"]);
}
