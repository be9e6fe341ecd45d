//! Laws of reading: no text makes it fail or takes long, and what a prompt asks for is read back.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn forms() -> Vec<(VerdictForm, usize)> {
    let letter = |letter: LetterForm| VerdictForm {
        letter: Some(letter),
        json: Some(JsonForm { winner: Some("winner".into()), ..JsonForm::default() }),
        label_logprob: Some(LabelForm::default()),
        ..VerdictForm::default()
    };
    let marked = |marker: &str| LetterForm { marker: Some(marker.into()), ..LetterForm::default() };
    let number = |marker: &str| VerdictForm {
        number: Some(NumberForm { marker: Some(marker.into()), ..NumberForm::default() }),
        json: Some(JsonForm { rating: Some("rating".into()), ..JsonForm::default() }),
        label_logprob: Some(LabelForm::default()),
        ..VerdictForm::default()
    };
    vec![
        (letter(marked("[[{label}]]")), 2),
        (letter(marked("[[{label}]]")), 4),
        (letter(LetterForm { tie: Some("C".into()), ..marked("[RESULT] {label}") }), 2),
        (letter(LetterForm { comparison: true, ..marked("[[{label}]]") }), 2),
        (letter(marked("{label}")), 3),
        (letter(marked("{label} wins")), 2),
        (number("[[{number}]]"), 1),
        (number("Rating: {number}"), 1),
        (number("{number}"), 1),
    ]
}

/// Every way to read a reply.
fn read_all(reply: &str, mut each: impl FnMut(&str, Verdict, usize)) {
    for (form, candidates) in forms() {
        for readout in form.readouts() {
            let reading = Parse::ALL.into_iter().filter(|parse| parse.reads(readout, candidates));
            for parse in reading {
                let verdict = form.read(readout, parse, reply, candidates);
                each(&format!("{readout:?} {parse:?} {form:?}"), verdict, candidates);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_a_verdict_of_the_right_length(reply in "\\PC{0,200}|[\\[\\]AB<>= .0-9a-z{}\":\n*/]{0,120}") {
        read_all(&reply, |how, verdict, candidates| {
            if let Verdict::Scores(scores) = verdict {
                assert_eq!(scores.len(), candidates, "{how}");
                assert!(scores.iter().all(|score| score.is_finite()), "{how}");
            }
        });
    }

    #[test]
    fn what_stands_before_a_think_tag_ends_changes_nothing(thought in "[\\[\\]ABC1-9 \n]{0,60}", said in "[\\[\\]AB1-9 \n]{0,30}") {
        for (form, candidates) in forms() {
            for readout in form.readouts() {
                for parse in [Parse::Strict, Parse::Lenient] {
                    let alone = form.read(readout, parse, &said, candidates);
                    let whole = format!("<think>{thought}</think>{said}");
                    prop_assert_eq!(alone, form.read(readout, parse, &whole, candidates));
                }
            }
        }
    }

    #[test]
    fn what_strict_reading_finds_lenient_reading_finds_too(
        reply in "(\\[\\[[ABC1-9]\\]\\]|[ABC]|[1-9]|10|Answer: |Rating: |Score |is |wrong|better|than |Response |\\[RESULT\\] |</think>|<think>|\\\\boxed\\{B\\}|wins|\"winner\": |\\{|\\}|[ .,\n]){0,14}"
    ) {
        for (form, candidates) in forms() {
            for readout in form.readouts() {
                let strict = form.read(readout, Parse::Strict, &reply, candidates);
                if let Verdict::Scores(_) = strict {
                    let lenient = form.read(readout, Parse::Lenient, &reply, candidates);
                    prop_assert_eq!(strict, lenient, "{:?} {:?}", form, readout);
                }
            }
        }
    }

    #[test]
    fn a_conflict_in_marks_is_an_abstention_wherever_the_marks_stand(before in "[a-z .]{0,40}", between in "[a-z .\n]{0,40}") {
        let form = VerdictForm { letter: Some(LetterForm::default()), ..VerdictForm::default() };
        for parse in [Parse::Strict, Parse::Lenient] {
            let reply = format!("{before}[[A]]{between}[[B]]");
            let verdict = form.read(Readout::Letter, parse, &reply, 2);
            prop_assert!(matches!(verdict, Verdict::Unreadable(_)), "{:?}", verdict);
        }
    }
}

#[test]
fn hostile_texts_are_read_in_linear_time() {
    let size = 10_000;
    let repeated = [
        "[",
        "[[",
        "{",
        "{\"",
        "{\"a\":",
        "[[A",
        "[[A>",
        "score ",
        "Rating: ",
        "1",
        "1 ",
        "*",
        "\n",
        "[RESULT]",
        "é",
        "{\"a\":[1,",
        "result\n",
        " ",
    ];
    for piece in repeated {
        let reply = piece.repeat(size / piece.len());
        let longer = reply.repeat(4);
        let started = Instant::now();
        read_all(&reply, |_, _, _| {});
        let short = started.elapsed();
        let started = Instant::now();
        read_all(&longer, |_, _, _| {});
        let long = started.elapsed();
        // Four times the text may take four times as long, not sixteen times; half a second absorbs a busy machine.
        assert!(
            long < short * 10 + Duration::from_millis(500),
            "{piece:?}: {short:?}, then {long:?}"
        );
    }
}

#[test]
fn what_is_asked_for_is_read_back() {
    for (form, candidates) in forms() {
        for readout in form.readouts() {
            let Some(Grammar::OneOf(texts)) = form.grammar(readout, candidates) else { continue };
            let labels = form.labels(readout, candidates);
            assert_eq!(texts.len(), labels.len());
            for (text, label) in texts.iter().zip(labels) {
                let read = form.read(readout, Parse::Strict, text, candidates);
                assert_eq!(read, Verdict::Scores(label.scores.clone()), "{text}");
                let read = form.read(readout, Parse::Lenient, text, candidates);
                assert_eq!(read, Verdict::Scores(label.scores), "{text}");
            }
        }
    }
}

#[test]
fn instructions_show_every_label_in_its_mark() {
    for (form, candidates) in forms() {
        let Some(letter) = &form.letter else { continue };
        let text = form.instruction(Readout::Letter, candidates);
        for label in form.labels(Readout::Letter, candidates) {
            let marked = letter.marker.clone().unwrap().replace("{label}", &label.text);
            assert!(text.contains(&marked), "{marked} is not in: {text}");
        }
    }
}

#[test]
fn an_instruction_reads_as_a_sentence() {
    let form = VerdictForm {
        letter: Some(LetterForm { tie: Some("C".into()), ..LetterForm::default() }),
        ..VerdictForm::default()
    };
    assert_eq!(
        form.instruction(Readout::Letter, 2),
        "Give your verdict once, in exactly this form: [[A]] if Response A is better, [[B]] if Response B is better \
         or [[C]] if they are equally good."
    );
}

#[test]
fn a_rating_of_all_labels_is_their_scale() {
    let form = VerdictForm {
        number: Some(NumberForm { low: 1, high: 5, ..NumberForm::default() }),
        label_logprob: Some(LabelForm::default()),
        ..VerdictForm::default()
    };
    let labels = form.labels(Readout::LabelLogprob, 1);
    let texts: Vec<&str> = labels.iter().map(|label| label.text.as_str()).collect();
    assert_eq!(texts, ["1", "2", "3", "4", "5"]);
    assert_eq!(labels[3].scores, [4.0]);
    assert_eq!(form.scale(), Some((1.0, 5.0)));
}

#[test]
fn a_schema_names_its_keys_in_the_order_of_the_instruction() {
    let form = VerdictForm {
        json: Some(JsonForm {
            reason: Some("why".into()),
            winner: Some("winner".into()),
            ..JsonForm::default()
        }),
        ..VerdictForm::default()
    };
    let Some(Grammar::JsonSchema(schema)) = form.grammar(Readout::Json, 2) else {
        panic!("no schema")
    };
    assert_eq!(schema["required"], serde_json::json!(["why", "winner"]));
    assert_eq!(schema["properties"]["winner"]["enum"], serde_json::json!(["A", "B"]));
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn labels_go_on_after_z() {
    let names: Vec<String> = [0, 1, 25, 26, 27, 701, 702].into_iter().map(token::letter).collect();
    assert_eq!(names, ["A", "B", "Z", "AA", "AB", "ZZ", "AAA"]);
}

#[test]
fn faults_of_a_form_name_key_and_remedy() {
    let form: VerdictForm = toml::from_str(
        "readout = \"json\"\n[letter]\nmarker = \"[[label]]\"\ncandidates = [\"A\", \"A\"]\n[number]\nlow = 5\nhigh = 5\n",
    )
    .unwrap();
    let faults = form.faults(2);
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key).collect();
    assert_eq!(
        keys,
        [
            "verdict.readout",
            "verdict.letter.marker",
            "verdict.number.high",
            "verdict.letter.candidates"
        ]
    );
    assert!(faults.iter().all(|fault| !fault.message.is_empty() && !fault.hint.is_empty()));
    let empty = VerdictForm::default();
    assert_eq!(empty.faults(2).len(), 1);
    assert_eq!(empty.default_readout(), None);
}

#[test]
fn labels_that_differ_in_case_alone_or_stand_for_two_things_are_faults() {
    let keys = |text: &str, most: usize| -> Vec<&'static str> {
        let form: VerdictForm = toml::from_str(text).unwrap();
        form.faults(most).iter().map(|fault| fault.key).collect()
    };
    let labels = ["verdict.letter.candidates"];
    for (text, most, expected) in [
        ("[letter]\ntie = \"B\"", 2, &labels[..]),
        ("[letter]\ntie = \"b\"", 2, &labels),
        ("[letter]\ntie = \"C\"", 2, &[]),
        ("[letter]\ntie = \"C\"", 26, &labels),
        ("[letter]\ntie = \"tie\"", 26, &[]),
        ("[letter]\ncandidates = [\"a\", \"A\"]", 2, &labels),
        ("[letter]\ncandidates = [\"a\", \"b\"]\ntie = \"A\"", 2, &labels),
        ("[letter]\nwords = { Yes = 1, YES = 0 }", 1, &labels),
        ("[letter]\nwords = { Yes = 1, No = 0 }", 1, &[]),
        ("follow-up = \" \"\n[letter]", 2, &["verdict.follow-up"]),
    ] {
        assert_eq!(keys(text, most), expected, "{text} of {most}");
    }
}

#[test]
fn a_readout_says_which_questions_it_fits() {
    let (letters, _) = forms().swap_remove(0);
    assert_eq!(letters.fits(Readout::Letter, 2), Ok(()));
    assert_eq!(letters.fits(Readout::Letter, 5), Ok(()));
    assert!(letters.fits(Readout::Letter, 1).is_err());
    assert!(letters.fits(Readout::Number, 1).is_err());
    let (compared, _) = forms().swap_remove(3);
    assert!(compared.fits(Readout::Letter, 3).unwrap_err().contains("`3`"));
    let (ratings, _) = forms().swap_remove(6);
    assert_eq!(ratings.fits(Readout::Number, 1), Ok(()));
    assert_eq!(ratings.fits(Readout::LabelLogprob, 1), Ok(()));
    assert!(ratings.fits(Readout::Number, 2).is_err());
}

#[test]
fn a_form_with_an_unknown_key_is_refused() {
    let error = toml::from_str::<VerdictForm>("[letter]\nmark = \"x\"\n").unwrap_err();
    assert!(error.to_string().contains("mark"), "{error}");
}
