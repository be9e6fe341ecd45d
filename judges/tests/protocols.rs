//! How replies are read: the rules of every parse, one reply at a time, each with the reason for its verdict.

#[path = "protocols/published.rs"]
mod published;

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
        ("I compare them.</think>\n[[B]]", b(), "the prompt may have opened the thinking"),
        (
            "[[A]] Response B ends with </think>\n[[B]]",
            Unreadable,
            "a candidate's tag is quoted text, and two verdicts disagree",
        ),
        ("[[A]]\nB contains the tag </think> which is odd.", a(), "the tag is quoted"),
        ("<think>x</think>[[A]] and B holds </think>", a(), "only the first block is thinking"),
        ("As [[X]] says, [[A]]", a(), "a link is no label"),
        ("The matrix [[Q]] is one. [[B]]", b(), "nor is a matrix"),
        ("[[A>C]] [[A]]", Unreadable, "a comparison with a candidate that is not there"),
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
        (
            "Final verdict: Response A is worse than Response B.",
            Missing,
            "announced backwards: left alone",
        ),
        ("Verdict: B is wrong", Missing, "what is announced is a fault of B"),
        ("Answer: A is wrong; B is right.", Missing, "the same"),
        ("Conclusion: Response A is not correct.", Missing, "a negation"),
        ("Result: B fails the second test.", Missing, "a verb that turns it"),
        ("Verdict: B misses the point", Missing, "another"),
        ("Result: A has the longer proof", Missing, "a verb that says nothing"),
        ("Worse answer: A", Missing, "the cue is turned"),
        ("Response A's answer: B", Missing, "a candidate's answer, not the judge's"),
        ("Verdict: A, however, is wrong", Missing, "taken back behind a comma"),
        ("Verdict: Response A is clearly better", a(), "announced and said"),
        ("Answer: A, B", Unreadable, "two choices"),
        ("Response A gives the wrong answer.", Missing, "a sentence about a fault"),
        ("Response B is best avoided.", Missing, "praise that is turned"),
        ("Response A could have been better.", Missing, "a wish is no choice"),
        ("Response B needs a better structure.", Missing, "the same"),
        ("The answer is B.", b(), "announced by a sentence"),
        (
            "The correct option is \\boxed{B}, and only Response A has it. [[A]]",
            a(),
            "the prompt's own mark goes before a box",
        ),
        (
            "The correct option is \\boxed{B}, and only Response A has it.",
            Missing,
            "a box inside a sentence is quoted",
        ),
        ("The better response is \\boxed{B}.", b(), "a box behind words that choose"),
        ("选择［［Ｂ］］", b(), "wide brackets and letters"),
        ("结论：\n【A】", a(), "the brackets of other scripts, alone"),
        ("【A】的回答有误。", Missing, "the same inside a sentence"),
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
        ("My overall rating is 9.", rated(9.0), "a cue may be a sentence"),
        ("So 2 + 2 = 4\n\n9", rated(9.0), "another line is another matter"),
        ("Accuracy: 9/10\nStyle: 7/10\n\n8", rated(8.0), "aspects come before it"),
        ("Steps: 1, 2, 3\n\n**7**", rated(7.0), "a list comes before it"),
        ("Clarity score: 5\n\n8", rated(8.0), "the score of one aspect comes before it"),
        ("As shown in step 3", Unreadable, "a step is no rating"),
        ("Style: 7", Unreadable, "an aspect is no rating"),
        ("It passes 4", Unreadable, "a count is no rating"),
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
        ("Rating: 8\nThe final 3 points are weak.", rated(8.0), "`final` announces nothing here"),
        (
            "Rating: 9\n\nIn the final 2 paragraphs the response repeats itself.",
            rated(9.0),
            "nor here",
        ),
        ("The final result 4 is right. I give 9.", rated(9.0), "a result is no rating"),
        ("Final: 8", rated(8.0), "but for a colon"),
        ("Clarity score: 5\n\n8", rated(8.0), "a number alone at the end is the rating"),
        ("Overall, 2 of the 3 claims hold.\n\n7", rated(7.0), "the same"),
        (
            "The response concludes with \\boxed{7}, which is wrong.\n\n2",
            rated(2.0),
            "a box inside a sentence is quoted",
        ),
        ("Score (1-10): 8", rated(8.0), "a scale in brackets is no rating"),
        ("Score (out of 10): 8", rated(8.0), "in words"),
        ("Score on a scale from 1 to 10: 8", rated(8.0), "without brackets"),
        ("Score (8/10)", rated(8.0), "brackets around the rating itself"),
        ("It deserves credit for step 3.", Missing, "a step is no rating"),
        ("As shown in step 3", Missing, "the same"),
        ("I would give it no more than 4.", Missing, "a bound is no rating"),
        ("评分：８", Missing, "wide digits without a cue that is known"),
        ("Score：８", rated(8.0), "wide digits and colon"),
        ("It is good.", Missing, "no number"),
    ];
    check(&numbers("[[{number}]]"), Readout::Number, Parse::Lenient, 1, &table);
    let table = [
        (
            "It claims [[10]] for itself.\n\n3",
            rated(3.0),
            "a mark that was not asked for is quoted",
        ),
        ("The response concludes with \\boxed{7}, which is wrong.\n\n2", rated(2.0), "so is a box"),
        ("Clarity score: 5\n\n8", rated(8.0), "the form asked for goes before a cue"),
        ("Overall, 2 of the 3 claims hold.\n\n7", rated(7.0), "the same"),
        ("Rating: 8\nThat is all.", rated(8.0), "announced, and nothing in the form asked for"),
    ];
    check(&numbers("{number}"), Readout::Number, Parse::Lenient, 1, &table);
}

#[test]
fn json_is_read_by_its_keys() {
    let mut form = letters("[[{label}]]");
    form.json = Some(JsonForm { winner: Some("winner".to_owned()), ..JsonForm::default() });
    let table = [
        (r#"{"winner": "A"}"#, a(), "the object asked for"),
        ("```json\n{\"why\": \"{}\", \"winner\": \"B\"}\n```", b(), "a code fence around it"),
        ("```JSON\n{\"winner\": \"B\"}\n```", b(), "its tag in capitals"),
        (
            r#"{"explanation": "B writes </think> in it", "winner": "A"}"#,
            a(),
            "a tag inside a text is quoted",
        ),
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
