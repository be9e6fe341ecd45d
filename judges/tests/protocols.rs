//! How replies are read: the rules of every parse, one reply at a time, each with the reason for its verdict.

use tribunal_judges::verdict::{
    JsonForm, LabelForm, LetterForm, NumberForm, Parse, Readout, Verdict, VerdictForm,
};

/// What a reply is expected to be.
#[derive(Debug, PartialEq)]
enum Is {
    /// These scores.
    Scores(Vec<f64>),
    /// No verdict at all: a follow-up may bring one.
    Missing,
    /// A verdict that cannot count.
    Unreadable,
}

use Is::{Missing, Unreadable};

fn a() -> Is {
    Is::Scores(vec![1.0, 0.0])
}

fn b() -> Is {
    Is::Scores(vec![0.0, 1.0])
}

fn tie() -> Is {
    Is::Scores(vec![0.5, 0.5])
}

fn rated(rating: f64) -> Is {
    Is::Scores(vec![rating])
}

fn best(winner: usize) -> Is {
    Is::Scores((0..4).map(|at| if at == winner { 1.0 } else { 0.0 }).collect())
}

fn seen(verdict: Verdict) -> Is {
    match verdict {
        Verdict::Scores(scores) => Is::Scores(scores),
        Verdict::Missing(_) => Missing,
        Verdict::Unreadable(_) => Unreadable,
    }
}

/// Checks a table of replies, expected verdicts and reasons, and reports all that differ.
fn check(
    form: &VerdictForm,
    readout: Readout,
    parse: Parse,
    candidates: usize,
    table: &[(&str, Is, &str)],
) {
    assert!(parse.reads(readout, candidates), "{parse:?} has no rule for {readout:?}");
    let differs = |(reply, expected, why): &(&str, Is, &str)| {
        let read = seen(form.read(readout, parse, reply, candidates));
        (read != *expected)
            .then(|| format!("{reply:?}: expected {expected:?}, read {read:?} ({why})"))
    };
    let wrong: Vec<String> = table.iter().filter_map(differs).collect();
    assert!(wrong.is_empty(), "{parse:?}:\n{}", wrong.join("\n"));
}

fn letters(marker: &str) -> VerdictForm {
    let letter = LetterForm { marker: Some(marker.to_owned()), ..LetterForm::default() };
    VerdictForm { letter: Some(letter), ..VerdictForm::default() }
}

fn with_tie(marker: &str) -> VerdictForm {
    let mut form = letters(marker);
    if let Some(letter) = &mut form.letter {
        letter.tie = Some("C".to_owned());
    }
    form
}

fn comparison() -> VerdictForm {
    let letter = LetterForm { comparison: true, ..LetterForm::default() };
    VerdictForm { letter: Some(letter), ..VerdictForm::default() }
}

fn numbers(marker: &str) -> VerdictForm {
    let number = NumberForm { marker: Some(marker.to_owned()), ..NumberForm::default() };
    VerdictForm { number: Some(number), ..VerdictForm::default() }
}

#[test]
fn strict_letters_are_read_in_their_mark_and_nowhere_else() {
    let table = [
        ("[[A]]", a(), "the form asked for"),
        ("A is clearer.\n\n[[B]]", b(), "an explanation may come first"),
        ("[[B]] because it is right", b(), "or last"),
        ("My verdict is **[[A]]**.", a(), "emphasis around the mark changes nothing"),
        ("[[ A ]]", a(), "space inside the mark changes nothing"),
        ("[[[A]]]", a(), "one bracket too many still holds the mark"),
        ("[[A]] ... so, again: [[A]]", a(), "the same verdict twice is one verdict"),
        ("[[A]] would be wrong, so [[B]]", Unreadable, "two verdicts that disagree are none"),
        ("[[C]]", Unreadable, "a tie was not offered"),
        (
            "[[A]], hmm, or [[C]]",
            Unreadable,
            "a label that was not offered disagrees with one that was",
        ),
        ("[[a]]", Missing, "lower case was not asked for"),
        ("[[A", Missing, "cut off by the token limit"),
        ("[A]", Missing, "one bracket is not the mark"),
        ("Answer: B", Missing, "not the form asked for"),
        ("B", Missing, "not the form asked for"),
        (
            "In pandas, df[['x']] gives a frame, so [[B]]",
            b(),
            "code in double brackets is no verdict",
        ),
        ("I end with [[label]]: [[A]]", a(), "a quoted form is no verdict"),
        ("", Missing, "nothing was said"),
        ("<think>[[A]] maybe</think>\n[[B]]", b(), "what was thought is not what is said"),
        ("<think>I lean to [[A]]", Missing, "thinking that never ended holds no verdict"),
    ];
    check(&letters("[[{label}]]"), Readout::Letter, Parse::Strict, 2, &table);
}

#[test]
fn strict_letters_know_ties_and_rankings() {
    let table = [
        ("[[C]]", tie(), "the tie that was offered"),
        ("[[A]]\n[[C]]", Unreadable, "a winner and a tie disagree"),
    ];
    check(&with_tie("[[{label}]]"), Readout::Letter, Parse::Strict, 2, &table);
    let table = [
        ("[[D]]", best(3), "the last of four"),
        ("[[B]] beats [[D]]", Unreadable, "labels quoted in the explanation"),
        ("[[E]]", Unreadable, "there is no fifth"),
    ];
    check(&letters("[[{label}]]"), Readout::Letter, Parse::Strict, 4, &table);
}

#[test]
fn strict_letters_behind_an_open_mark_end_their_line() {
    let table = [
        ("Both are fine. [RESULT] A", a(), "the form asked for"),
        ("[RESULT] **B**.", b(), "emphasis and a full stop change nothing"),
        ("[RESULT]A", a(), "the space may be missing"),
        ("The form is [RESULT] (A or B).\n[RESULT] B", b(), "a quoted form is no verdict"),
        ("[RESULT] A or B", Unreadable, "that is no choice"),
        ("[RESULT] A\nNo: [RESULT] B", Unreadable, "two verdicts that disagree"),
        ("[RESULT] Neither", Missing, "no label follows"),
        ("[result] A", Missing, "the mark is written otherwise"),
    ];
    check(&letters("[RESULT] {label}"), Readout::Letter, Parse::Strict, 2, &table);
    let table = [
        ("Output (a)", a(), "both parts of the mark"),
        ("I choose Output (b) over the other", b(), "anywhere in the reply"),
        ("Output (a) is worse than Output (b)", Unreadable, "both are named in the mark"),
    ];
    let mut form = letters("Output ({label})");
    if let Some(letter) = &mut form.letter {
        letter.candidates = vec!["a".to_owned(), "b".to_owned()];
    }
    check(&form, Readout::Letter, Parse::Strict, 2, &table);
}

#[test]
fn strict_letters_without_a_mark_stand_alone_on_the_last_line() {
    let table = [
        ("A", a(), "nothing else"),
        ("Because of the sum.\n\n**B**", b(), "the last line"),
        ("B.", b(), "a full stop"),
        ("A\nB", b(), "the last line counts"),
        ("B is better", Missing, "a sentence is no label"),
    ];
    check(&letters("{label}"), Readout::Letter, Parse::Strict, 2, &table);
    let letter = LetterForm {
        marker: Some("{label}".to_owned()),
        words: [("Yes".to_owned(), 1.0), ("No".to_owned(), 0.0)].into(),
        ..LetterForm::default()
    };
    let form = VerdictForm {
        letter: Some(letter),
        label_logprob: Some(LabelForm::default()),
        ..VerdictForm::default()
    };
    let table = [
        ("It is wrong.\nNo", rated(0.0), "a word with its score"),
        ("Yes.", rated(1.0), "a full stop"),
        ("yes", Missing, "the word is written otherwise"),
    ];
    check(&form, Readout::Letter, Parse::Strict, 1, &table);
    check(&form, Readout::LabelLogprob, Parse::Strict, 1, &table);
}

#[test]
fn lenient_letters_are_read_as_people_write_them() {
    let table = [
        ("[[b]]", b(), "lower case"),
        ("[[**A**]]", a(), "markdown inside the mark"),
        ("[[Response B]]", b(), "the candidate's name in the mark"),
        ("$\\boxed{B}$", b(), "a box, as mathematicians end"),
        ("<answer>A</answer>", a(), "tags"),
        ("[[A]] or rather [[B]]", Unreadable, "marks that disagree"),
        ("Answer: A\n\nfor the record: [[B]]", b(), "a mark is clearer than a line"),
        ("Answer: B", b(), "announced by a cue"),
        ("**Final verdict:** Response A", a(), "announced, with markdown and a name"),
        ("Winner: b", b(), "announced in lower case, alone"),
        ("Answer: B, because A miscounts", b(), "with its reason"),
        ("Answer: A\nAnswer: B", Unreadable, "announced twice, differently"),
        ("Answer: A or B", Unreadable, "no choice"),
        ("The answer: a better proof would help", Missing, "an article is no label"),
        ("Verdict: tie", Unreadable, "a tie was not offered"),
        ("Some thoughts.\n\nb", b(), "alone on the last line"),
        ("Some thoughts.\n(B).", b(), "alone, with brackets and a full stop"),
        ("Response A is better.", a(), "a sentence that chooses"),
        ("Overall, Response B is clearly better than Response A.", b(), "what stands before than"),
        ("I prefer Response B", b(), "a sentence that chooses"),
        ("The better answer is B.", b(), "a sentence that chooses"),
        (
            "Response A is worse than Response B.",
            Missing,
            "sentences that say it backwards are left alone",
        ),
        ("Response A is not better.", Missing, "a negation is left alone"),
        ("A great answer overall", Missing, "an article is no label"),
        ("Response A is better, Response B is best", Unreadable, "two choices"),
        ("I cannot judge this.", Missing, "nothing is chosen"),
    ];
    check(&letters("[[{label}]]"), Readout::Letter, Parse::Lenient, 2, &table);
    let table = [
        ("Verdict: tie", tie(), "the word for the tie that was offered"),
        ("[[c]]", tie(), "the label of the tie"),
        ("Answer: A\nVerdict: draw", Unreadable, "a winner and a tie"),
    ];
    check(&with_tie("[[{label}]]"), Readout::Letter, Parse::Lenient, 2, &table);
    let table = [
        ("[[A >> B]]", a(), "spaces between the signs"),
        ("[[B<A]]", a(), "turned round"),
        ("[[A>>B]] and so [[A>B]]", a(), "strength is not kept, so these agree"),
        ("A = B", tie(), "alone on the last line"),
        ("[[A>B]] [[A=B]]", Unreadable, "a winner and a tie"),
    ];
    check(&comparison(), Readout::Letter, Parse::Lenient, 2, &table);
}

#[test]
fn strict_ratings_are_whole_tokens_in_the_form_asked_for() {
    let table = [
        ("[[8]]", rated(8.0), "the form asked for"),
        ("Good.\n\n**[[10]]**", rated(10.0), "emphasis around the mark"),
        ("[[8/10]]", Unreadable, "a fraction of the scale was not asked for, and 10 was not said"),
        ("[[7.5]]", Unreadable, "the scale is whole, and 5 was not said"),
        ("[[11]]", Unreadable, "off the scale"),
        ("[[0]]", Unreadable, "off the scale"),
        ("[[-3]]", Unreadable, "off the scale"),
        ("[[08]]", Unreadable, "no number that people write"),
        ("[[7]] at first, then [[8]]", Unreadable, "two ratings that disagree"),
        ("[[8]], I repeat [[8]]", rated(8.0), "the same rating twice"),
        ("a[[1, 2], [3, 4]] is its matrix. [[6]]", rated(6.0), "a matrix is no rating"),
        ("the form [[rating]]: [[6]]", rated(6.0), "a quoted form is no rating"),
        ("Rating: 8", Missing, "not the form asked for"),
        ("8", Missing, "not the form asked for"),
    ];
    check(&numbers("[[{number}]]"), Readout::Number, Parse::Strict, 1, &table);
    let table = [
        ("Fine.\nRating: 8", rated(8.0), "the form asked for"),
        ("**Rating: 9**", rated(9.0), "emphasis"),
        ("Rating: **9**.", rated(9.0), "emphasis and a full stop"),
        ("Rating: 8/10", Unreadable, "not the form asked for"),
        ("Rating: 8 out of 10", Unreadable, "not the form asked for"),
        ("Rating: 7.5", Unreadable, "the scale is whole"),
        ("Rating: high", Missing, "no number"),
    ];
    check(&numbers("Rating: {number}"), Readout::Number, Parse::Strict, 1, &table);
}

#[test]
fn strict_ratings_at_the_end_are_not_torn_from_what_they_belong_to() {
    let table = [
        ("Clear and correct.\n\n8", rated(8.0), "the last word"),
        ("10", rated(10.0), "the only word"),
        ("I give it 8/10", Unreadable, "not 10"),
        ("9 out of 10", Unreadable, "not 10"),
        ("9 / 10", Unreadable, "not 10"),
        ("7.5", Unreadable, "not 5"),
        ("7,5", Unreadable, "not 5"),
        ("between 7 and 8", Unreadable, "not 8"),
        ("7 to 8", Unreadable, "not 8"),
        ("7-8", Unreadable, "not 8"),
        ("no more than 4", Unreadable, "a bound is no rating"),
        ("**9**", rated(9.0), "emphasis does not hide a clear rating"),
        ("9.", rated(9.0), "neither does a full stop"),
        ("Rating: 9", rated(9.0), "a cue may stand before it"),
        ("On a scale from 1 to 10: 6", rated(6.0), "the scale is named before a colon"),
        ("80%", Unreadable, "a percentage is not on the scale"),
        ("It was written in 2019", Unreadable, "off the scale"),
        ("The answer is good.", Missing, "no number"),
        ("8\nIt is good.", Missing, "the rating comes last in this form"),
    ];
    check(&numbers("{number}"), Readout::Number, Parse::Strict, 1, &table);
}

#[test]
fn lenient_ratings_are_read_as_people_write_them() {
    let table = [
        ("8/10", rated(8.0), "out of the scale's end"),
        ("9 out of 10", rated(9.0), "in words"),
        ("I rate it 8 / 10.", rated(8.0), "with spaces"),
        ("**8**/10", rated(8.0), "with emphasis"),
        ("7.5", rated(7.5), "between whole numbers"),
        ("**9**", rated(9.0), "emphasis"),
        ("9.", rated(9.0), "a full stop"),
        ("[[7.5/10]]", rated(7.5), "in the mark"),
        ("4/5", Unreadable, "another scale"),
        ("80%", Unreadable, "another scale"),
        ("12", Unreadable, "off the scale"),
        ("between 7 and 8", Unreadable, "a range"),
        ("7-8", Unreadable, "a range"),
        ("Rating: 7 or 8", Unreadable, "a range"),
        ("Score: 6\nThat is all I can say in 3 words.", rated(6.0), "announced"),
        ("Clarity score: 5\nOverall score: 8", rated(8.0), "the last line that announces one"),
        ("**Rating:** 9/10 - it has 2 typos", rated(9.0), "what follows is not part of it"),
        ("I would rate this response an 8.", rated(8.0), "announced by a verb"),
        ("[[6]] ... Rating: 9", rated(6.0), "a mark is clearer than a line"),
        ("[[6]] [[7]]", Unreadable, "marks that disagree"),
        ("I found 3 errors here.", Missing, "a count is no rating"),
        ("It is good.", Missing, "no number"),
    ];
    check(&numbers("[[{number}]]"), Readout::Number, Parse::Lenient, 1, &table);
}

#[test]
fn json_is_read_by_its_keys() {
    let mut form = letters("[[{label}]]");
    form.json = Some(JsonForm { winner: Some("winner".to_owned()), ..JsonForm::default() });
    let table = [
        (r#"{"winner": "A"}"#, a(), "the object asked for"),
        ("```json\n{\"why\": \"{}\", \"winner\": \"B\"}\n```", b(), "a code fence around it"),
        (r#"{"winner": "B", "winner": "A"}"#, Unreadable, "the key twice, differently"),
        (r#"{"winner": "C"}"#, Unreadable, "no such label"),
        (r#"{"winner": 1}"#, Unreadable, "not a label"),
        (r#"So: {"winner": "A"}"#, Missing, "text around the object was not asked for"),
        (r#"{"verdict": "A"}"#, Missing, "another key"),
        (r#"{"winner": "A""#, Missing, "cut off"),
    ];
    check(&form, Readout::Json, Parse::Strict, 2, &table);
    let table = [
        (r#"So: {"winner": "a"} is my verdict"#, a(), "text around it, lower case"),
        (r#"{"x": 1} {"winner": "Response B"}"#, b(), "the object with the key"),
        (r#"{"winner": "A"} no, {"winner": "B"}"#, Unreadable, "two that disagree"),
        (r#"{{{{ {"winner": "B"}"#, b(), "stray braces"),
    ];
    check(&form, Readout::Json, Parse::Lenient, 2, &table);

    let rating = JsonForm { rating: Some("rating".to_owned()), ..JsonForm::default() };
    let form = VerdictForm { json: Some(rating), ..VerdictForm::default() };
    let table = [
        (r#"{"rating": 8}"#, rated(8.0), "the object asked for"),
        (r#"{"rating": 7.5}"#, Unreadable, "the scale is whole"),
        (r#"{"rating": "8"}"#, Unreadable, "a text is no number"),
        (r#"{"rating": 80}"#, Unreadable, "off the scale"),
    ];
    check(&form, Readout::Json, Parse::Strict, 1, &table);
    let table = [
        (r#"{"rating": 7.5}"#, rated(7.5), "between whole numbers"),
        (r#"{"rating": "8"}"#, rated(8.0), "a number as text"),
    ];
    check(&form, Readout::Json, Parse::Lenient, 1, &table);

    let ratings = JsonForm { ratings: Some("ratings".to_owned()), ..JsonForm::default() };
    let form = VerdictForm { json: Some(ratings), ..VerdictForm::default() };
    let table = [
        (
            r#"{"ratings": {"A": 3, "B": 9}}"#,
            Is::Scores(vec![3.0, 9.0]),
            "one rating per candidate",
        ),
        (r#"{"ratings": {"A": 3}}"#, Unreadable, "a candidate is missing"),
        (r#"{"ratings": {"A": 3, "B": 9, "C": 1}}"#, Unreadable, "a candidate too many"),
    ];
    check(&form, Readout::Json, Parse::Strict, 2, &table);
}

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

#[test]
fn strict_reading_repeats_none_of_the_published_mistakes() {
    let strict = |form: &VerdictForm, readout, reply: &str, candidates| {
        seen(form.read(readout, Parse::Strict, reply, candidates))
    };
    let rating = numbers("{number}");
    assert_ne!(strict(&rating, Readout::Number, "8/10", 1), rated(10.0));
    assert_ne!(strict(&rating, Readout::Number, "9 out of 10", 1), rated(10.0));
    assert_ne!(strict(&rating, Readout::Number, "7.5", 1), rated(5.0));
    assert_eq!(strict(&rating, Readout::Number, "**9**", 1), rated(9.0));
    let letter = letters("[[{label}]]");
    assert_eq!(strict(&letter, Readout::Letter, "Not [[A]], but [[B]]", 2), Unreadable);
    assert_eq!(strict(&letter, Readout::Letter, "After all: [[B]]", 2), b());
    let open = letters("[RESULT] {label}");
    assert_eq!(strict(&open, Readout::Letter, "[RESULT] A. It has a plan B", 2), Unreadable);
}

#[test]
fn parses_and_readouts_have_the_words_of_recipes() {
    for parse in Parse::ALL {
        let word = serde_json::to_value(parse).unwrap();
        assert_eq!(word, parse.word());
    }
    assert_eq!(serde_json::to_value(Readout::LabelLogprob).unwrap(), Readout::LabelLogprob.word());
    assert_eq!(Parse::Rewardbench2.word(), "rewardbench-2");
}
