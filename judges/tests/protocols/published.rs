//! The rules of published protocols, their mistakes included.

use tribunal_judges::verdict::{Parse, Readout};

use crate::Is::{Missing, Unreadable};
use crate::{a, b, best, check, comparison, letters, numbers, rated, tie};

#[test]
fn rewardbench_finds_the_first_label_of_the_alphabet_wherever_it_stands() {
    let table = [
        ("[[B]]", b(), "the label"),
        ("Not [[A]], but [[B]]", a(), "`[[A]]` is looked for first: quoting it is enough"),
        ("[[C]]", Missing, "the program looks for nothing else"),
        ("[[a]]", Missing, "case counts"),
        ("<think>[[A]]</think>[[B]]", a(), "thinking is not taken off"),
    ];
    check(&letters("[[{label}]]"), Readout::Letter, Parse::Rewardbench, 2, &table);
    let table = [
        ("[[D]]", best(3), "the label"),
        (
            "[[D]] is better than [[C]] and [[B]]",
            best(1),
            "the first in letter order, not the first said",
        ),
        ("[[D]], not [[A]]", best(0), "a reply that quotes A chooses A"),
        ("D", Missing, "no brackets"),
    ];
    check(&letters("[[{label}]]"), Readout::Letter, Parse::Rewardbench2, 4, &table);
}

#[test]
fn rewardbench_2_reads_the_last_token_as_the_rating() {
    let table = [
        ("Good.\n\n9", rated(9.0), "the example of the published program"),
        ("8/10", rated(10.0), "the last token is 10"),
        ("9 out of 10", rated(10.0), "the last token is 10"),
        ("7.5", rated(5.0), "the last token is 5"),
        ("-3", rated(3.0), "a sign is no word character"),
        ("between 7 and 8", rated(8.0), "the last token is 8"),
        ("**9**", Missing, "the text ends in asterisks"),
        ("9.", Missing, "the text ends in a full stop"),
        ("9\n \t", rated(9.0), "white space at the end is taken off"),
        ("11", Missing, "neither 1 nor 11 is a rating"),
        ("110", Missing, "10 does not stand by itself"),
        ("x9", Missing, "nor does 9 behind a letter"),
        ("_9", Missing, "nor behind an underscore"),
        ("é9", Missing, "letters of every script are word characters"),
        ("0", Missing, "off the scale"),
        ("", Missing, "nothing"),
    ];
    check(&numbers("{number}"), Readout::Number, Parse::Rewardbench2, 1, &table);
}

#[test]
fn rewardbench_reads_prometheus_by_the_last_character() {
    let table = [
        ("Feedback. [RESULT] B", b(), "the last character"),
        ("[RESULT] A. It has a better plan B", b(), "the last character, wherever the mark stands"),
        ("[RESULT] B\n", Missing, "the text is not trimmed"),
        ("[RESULT] B.", Missing, "a full stop hides it"),
        ("I choose B", Missing, "the mark has to occur"),
    ];
    let form = letters("[RESULT] {label}");
    check(&form, Readout::Letter, Parse::RewardbenchPrometheus, 2, &table);
}

#[test]
fn arena_hard_wants_one_distinct_label() {
    let table = [
        ("[[A>>B]]", a(), "strength is not kept"),
        ("[[B>A]]", b(), "the label"),
        ("tie: [[A=B]]", tie(), "a tie"),
        ("[[A>B]] as I said [[A>B]]", a(), "the same label twice is one"),
        ("[[A>>B]] ... [[A>B]]", Unreadable, "two distinct labels are none, although both say A"),
        ("[[A>B]] or [[B>A]]", Unreadable, "two distinct labels"),
        ("[[A]]", Unreadable, "a label of these signs that is neither verdict nor tie"),
        ("[[A<B]]", Unreadable, "the same: it is not turned round"),
        ("[[A > B]]", Missing, "a space ends the label: the follow-up is asked"),
        ("[[Assistant A]]", Missing, "no label: the follow-up is asked"),
        ("[[[A>B]]]", a(), "brackets around the mark change nothing"),
    ];
    check(&comparison(), Readout::Letter, Parse::ArenaHard, 2, &table);
}

#[test]
fn vanilla_wants_the_exact_words() {
    let table = [
        ("Output (a)", a(), "the words"),
        ("\n Output (b) ", b(), "white space around them is taken off"),
        ("Output (a).", Missing, "a full stop is too much"),
        ("output (a)", Missing, "case counts"),
        ("I choose Output (a)", Missing, "nothing may stand before it"),
    ];
    check(&letters("Output ({label})"), Readout::Letter, Parse::Vanilla, 2, &table);
}

#[test]
fn prometheus_reads_what_follows_the_first_result() {
    let table = [
        ("Feedback: fine [RESULT] A", a(), "the form asked for"),
        ("[RESULT] B\nmore", b(), "white space ends it"),
        ("[result] b", b(), "case does not count"),
        ("[Result] Response B", b(), "a name in between"),
        ("[RESULT: A]", a(), "a colon inside the bracket"),
        ("I choose [Response B]", b(), "a bracket with the name"),
        ("Fine.\nResult: A", a(), "a line of its own"),
        ("The result: A", Missing, "but not within a line"),
        ("[RESULT] A.", Missing, "a full stop hides it"),
        ("[RESULT] (A)", Missing, "so do brackets"),
        ("[RESULT] A\n[RESULT] B", a(), "the first counts, not the last"),
    ];
    check(&letters("[RESULT] {label}"), Readout::Letter, Parse::Prometheus, 2, &table);
    let table = [
        ("Feedback: fine [RESULT] 4", rated(4.0), "the form asked for"),
        ("[RESULT]: (5)", rated(5.0), "brackets and a colon"),
        (
            "a score of 3 for clarity. [RESULT] 5",
            rated(3.0),
            "the first number counts, wherever it stands",
        ),
        ("Score: 4/5", rated(4.0), "out of five"),
        ("Score: 4 out of 5", rated(4.0), "out of five, in words"),
        ("[RESULT] 4.", Missing, "a full stop hides it"),
        ("[RESULT] 4.5", Missing, "so does a fraction"),
        ("[RESULT] 8", Unreadable, "off the scale, and nothing after it is looked at"),
        ("[RESULT] 8 [RESULT] 4", Unreadable, "the same"),
        ("four", Missing, "no number"),
    ];
    check(&numbers("[RESULT] {number}"), Readout::Number, Parse::Prometheus, 1, &table);
}

#[test]
fn skywork_critic_finds_an_a_in_any_word() {
    let table = [
        ("[[B]]", b(), "no A occurs"),
        ("[[A]]", a(), "the label"),
        ("After all: [[B]]", a(), "the A of `After` decides"),
        ("[[b]]", Missing, "no capital A or B"),
    ];
    check(&letters("[[{label}]]"), Readout::Letter, Parse::SkyworkCritic, 2, &table);
}

#[test]
fn rm_r1_refuses_both_labels() {
    let table = [
        ("<answer>[[B]]</answer>", b(), "the form asked for"),
        ("[[A]]", a(), "the tags are not looked at"),
        (
            "<eval>[[A]] is weaker</eval><answer>[[B]]</answer>",
            Unreadable,
            "both labels occur: wrong there",
        ),
        ("<answer>B</answer>", Missing, "no brackets: wrong there"),
    ];
    check(&letters("<answer>[[{label}]]</answer>"), Readout::Letter, Parse::RmR1, 2, &table);
}
