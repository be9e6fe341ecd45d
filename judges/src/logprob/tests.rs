//! Sums of label probabilities, worked by hand.

use super::*;

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
    let written = [token("rating", 0.9, &[]), token(" 1", 0.9, &[]), token("0", 0.9, &[])];
    let why = expected(&scale(10), &written).unwrap_err();
    assert!(why.contains("`10` is split into 2 tokens"), "{why}");
}

#[test]
fn the_last_label_of_the_reply_is_the_place() {
    let tokens = [
        token("Answer", 0.9, &[]),
        token(" A", 0.9, &[("B", 0.05)]),
        token(" is", 0.9, &[]),
        token(" worse", 0.9, &[]),
        token(":", 0.9, &[]),
        token(" [[", 0.9, &[]),
        token("B", 0.75, &[("A", 0.25)]),
        token("]]", 0.9, &[]),
        token(" a", 0.9, &[]),
        token(" word", 0.9, &[]),
    ];
    let found = expected(&pair(), &tokens).unwrap();
    assert!(near(found.scores[0], 0.25), "{found:?}");
}

#[test]
fn a_letter_inside_a_word_is_no_label() {
    let tokens = [
        token("B", 0.9, &[]),
        token("\n", 0.9, &[]),
        token("A", 0.9, &[]),
        token("nswer", 0.9, &[]),
    ];
    assert!(near(expected(&pair(), &tokens).unwrap().scores[1], 1.0));
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
