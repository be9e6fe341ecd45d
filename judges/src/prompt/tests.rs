//! Prompt files: reading, filling, and their faults.

use std::sync::Arc;

use tribunal_api::{Question, Turn};

use super::*;
use crate::verdict::Readout;

const PLAIN: Filling<'static> = Filling {
    readout: Readout::Letter,
    reasoning: Reasoning::Before,
    examples: true,
    criteria: "",
    criteria_are_data: false,
    reference: None,
    chat_markers: ChatMarkers::Keep,
};

fn file(candidates: &str, text: &str) -> String {
    format!(
        "name = \"p\"\nsource = \"test\"\ncandidates = {candidates}\nfence = \"published\"\n\n[[turns]]\nrole = \"user\"\n\
         text = \"\"\"\n{text}\"\"\"\n\n[verdict.letter]\n"
    )
}

fn filled(text: &str, question: &Question, filling: &Filling<'_>) -> String {
    let prompt = JudgePrompt::read("p.toml", text).unwrap();
    let turns = prompt.fill(Shown::Judgment, question, filling).unwrap();
    turns.iter().map(|turn| turn.content.as_str()).collect::<Vec<_>>().join("\n---\n")
}

#[test]
fn an_unknown_slot_is_a_fault_with_its_line() {
    let text = file("2", "{{ question }}\n{{ answer_a }}\n\nthe anser_b: {{ anser_b }}");
    let fault = JudgePrompt::read("p.toml", &text).unwrap_err();
    // Lines 1 to 5 are the head, 6 to 8 open the text, so its fourth line is line 12 of the file.
    assert_eq!(fault.line, Some(12), "{fault:?}");
    assert_eq!(fault.message, "`anser_b` is not a slot");
    assert!(fault.known.contains(&"answer_b".to_owned()), "{fault:?}");
    let error = fault.of_key("prompt");
    assert_eq!(error.message, "`anser_b` is not a slot: line 12 of `p.toml`");
}

#[test]
fn slots_of_pairs_are_unknown_to_other_prompts() {
    for (candidates, slot) in [("1", "answer_a"), ("\"n\"", "answer_a"), ("2", "answer")] {
        let fault = JudgePrompt::read("p", &file(candidates, &format!("{{{{ {slot} }}}}")));
        assert!(fault.unwrap_err().message.contains("is not a slot"), "{candidates} {slot}");
    }
}

#[test]
fn text_that_is_no_template_is_a_fault_with_its_line() {
    let text = file("2", "{{ question }}\n{% if criteria %}\n{{ answer_a ");
    let fault = JudgePrompt::read("p", &text).unwrap_err();
    assert!(fault.message.starts_with("the text is no template"), "{fault:?}");
    assert!((10..=12).contains(&fault.line.unwrap()), "{fault:?}");
}

#[test]
fn a_prompt_that_never_shows_a_candidate_or_the_question_is_a_fault() {
    for (candidates, text, missing) in [
        ("2", "{{ question }} {{ answer_a }} {{ answer_a }}", "candidate 2"),
        ("2", "{{ answer_a }} {{ answer_b }}", "the question"),
        ("1", "{{ question }}", "candidate 1"),
        (
            "\"n\"",
            "{{ question }} {{ candidates[0].text }} {{ candidates[1].text }}",
            "candidate 3",
        ),
        (
            "2",
            "{{ question }} {% if not multi_turn %}{{ answer_a }} {{ answer_b }}{% endif %}",
            "candidate 1",
        ),
    ] {
        let prompt = JudgePrompt::read("p", &file(candidates, text)).unwrap();
        let fault = prompt.try_out(&PLAIN, false).unwrap_err();
        assert!(fault.message.ends_with(&format!("never show {missing}")), "{fault:?}");
    }
}

#[test]
fn an_attribute_that_candidates_do_not_have_is_found_before_anything_is_asked() {
    let text = file("\"n\"", "{{ question }}\n{% for c in candidates %}{{ c.txt }}{% endfor %}");
    let prompt = JudgePrompt::read("p", &text).unwrap();
    let fault = prompt.try_out(&PLAIN, false).unwrap_err();
    assert!(fault.message.contains("cannot be filled"), "{fault:?}");
}

#[test]
fn faults_of_keys_name_their_line() {
    let text = file("2", "x").replace("fence =", "fense =");
    let fault = JudgePrompt::read("p", &text).unwrap_err();
    assert_eq!(fault.line, Some(4), "{fault:?}");
    let text = file("3", "x");
    assert!(JudgePrompt::read("p", &text).unwrap_err().message.contains("is not 1, 2 or"));
    let text = file("2", "x").replace("\"user\"", "\"assistant\"");
    assert!(JudgePrompt::read("p", &text).unwrap_err().message.contains("ends with `assistant`"));
}

#[test]
fn data_are_never_read_as_templates() {
    let text = file("2", "{{ question }}|{{ answer_a }}|{{ answer_b }}");
    let question = Question::of_text("{{ answer_b }}", &["{% if x %}", "{{ 1 + 1 }}"]);
    assert_eq!(filled(&text, &question, &PLAIN), "{{ answer_b }}|{% if x %}|{{ 1 + 1 }}");
}

#[test]
fn a_dialogue_is_shown_once_or_with_each_candidate() {
    let dialogue = vec![Turn::user("hi"), Turn::assistant("hello"), Turn::user("2 + 2?")];
    let answers: Vec<Arc<str>> = vec![Arc::from("4"), Arc::from("5")];
    let question = Question::new(dialogue, answers);
    let once = file("2", "{{ history }}|{{ question }}|{{ answer_a }}|{{ answer_b }}");
    assert_eq!(filled(&once, &question, &PLAIN), "User:\nhi\n\nAssistant:\nhello|2 + 2?|4|5");
    let each = file("2", "{{ transcript_a }}|{{ candidates[1].transcript }}");
    assert_eq!(
        filled(&each, &question, &PLAIN),
        "User:\nhi\n\nAssistant:\nhello\n\nUser:\n2 + 2?\n\nAssistant:\n4|\
         User:\nhi\n\nAssistant:\nhello\n\nUser:\n2 + 2?\n\nAssistant:\n5"
    );
    let prompt = JudgePrompt::read("p", &file("2", "{{ question }} {{ answer_a }} {{ answer_b }}"));
    assert!(!prompt.unwrap().try_out(&PLAIN, false).unwrap(), "the history is not shown");
    assert!(JudgePrompt::read("p", &each).unwrap().try_out(&PLAIN, false).unwrap());
}

#[test]
fn every_slot_has_a_value() {
    for candidates in [Candidates::One, Candidates::Two, Candidates::Many] {
        let word = match candidates {
            Candidates::One => "1",
            Candidates::Two => "2",
            Candidates::Many => "\"n\"",
        };
        let all: Vec<String> =
            slots(candidates).iter().map(|slot| format!("{slot}={{{{ {slot} }}}}")).collect();
        let prompt = JudgePrompt::read("p", &file(word, &all.join("\n"))).unwrap();
        assert_eq!(prompt.try_out(&PLAIN, true), Ok(true), "{candidates:?}");
    }
}

#[test]
fn a_variant_stands_in_for_its_topics() {
    let text = file("1", "long {{ question }} {{ answer }}")
        + "\n[[variants]]\ntopics = [\"Ties\"]\nturns = [{ role = \"user\", text = \"short {{ question }} {{ answer }}\" }]\n";
    let prompt = JudgePrompt::read("p", &text).unwrap();
    assert!(prompt.reads_topic());
    let question = Question::of_text("q", &["a"]);
    assert_eq!(filled(&text, &question, &PLAIN), "long q a");
    assert_eq!(filled(&text, &question.with_subset(Arc::from("Ties")), &PLAIN), "short q a");
}

#[test]
fn examples_and_references_stand_in_their_slots() {
    let text = file(
        "2",
        "{% for e in examples %}{{ e.question }}/{{ e.answers[1] }}/{{ e.verdict }};{% endfor %}\
         {{ question }}{{ answer_a }}{{ answer_b }}{% if reference %} ref {{ reference }}{% endif %}",
    ) + "\n[[examples]]\nquestion = \"q\"\nanswers = [\"a\", \"b\"]\nverdict = \"[[A]]\"\n";
    let question = Question::of_text("Q", &["1", "2"]);
    assert_eq!(filled(&text, &question, &PLAIN), "q/b/[[A]];Q12");
    let filling = Filling { examples: false, reference: Some("R"), ..PLAIN };
    assert_eq!(filled(&text, &question, &filling), "Q12 ref R");
    let short = text.replace("[\"a\", \"b\"]", "[\"a\"]");
    assert!(JudgePrompt::read("p", &short).unwrap_err().message.contains("holds 1 answers"));
}

#[test]
fn an_empty_turn_is_left_out() {
    let text = file("2", "{{ question }}{{ answer_a }}{{ answer_b }}").replace(
        "[[turns]]",
        "[[turns]]\nrole = \"system\"\ntext = \"{% if criteria %}{{ criteria }}{% endif %}\"\n\n[[turns]]",
    );
    let question = Question::of_text("Q", &["1", "2"]);
    assert_eq!(filled(&text, &question, &PLAIN), "Q12");
    let filling = Filling { criteria: "be kind", ..PLAIN };
    assert_eq!(filled(&text, &question, &filling), "be kind\n---\nQ12");
}

#[test]
fn a_heading_with_an_unknown_slot_is_a_fault() {
    let text = file("2", "x") + "\n[transcript]\nuser = \"{{ label }}:\"\n";
    assert!(JudgePrompt::read("p", &text).unwrap_err().message.contains("transcript.user"));
}

#[test]
fn sampling_of_a_prompt_file_has_the_ranges_of_a_recipe() {
    for (sampling, wrong) in [
        ("temperature = -3.0", "sampling.temperature"),
        ("temperature = nan", "sampling.temperature"),
        ("temperature = inf", "sampling.temperature"),
        ("top-p = 0.0", "sampling.top-p"),
        ("top-p = 1.5", "sampling.top-p"),
        ("max-tokens = 0", "sampling.max-tokens"),
    ] {
        let text = file("2", "{{ question }}{{ answer_a }}{{ answer_b }}")
            .replace("\n\n[[turns]]", &format!("\nsampling = {{ {sampling} }}\n\n[[turns]]"));
        let fault = JudgePrompt::read("p", &text).unwrap_err();
        assert!(fault.message.ends_with(&format!("in `{wrong}`")), "{sampling}: {fault:?}");
        assert_eq!(fault.line, Some(5), "{sampling}");
    }
}

#[test]
fn turns_that_ask_for_criteria_are_the_same_for_both_orders() {
    let text = file("2", "{{ question }}{{ answer_a }}{{ answer_b }}{{ criteria }}")
        .replace("fence = \"published\"\n", "");
    let prompt = JudgePrompt::read("p", &text).unwrap();
    let asked = |answers: &[&str]| {
        prompt.fill(Shown::SelfCriteria, &Question::of_text("Q", answers), &PLAIN).unwrap()
    };
    assert_eq!(asked(&["one", "two"]), asked(&["two", "one"]));
    assert_eq!(asked(&["one", "two"]), asked(&["other", "texts"]));
    // Turns of one's own that show the candidates are fenced by them.
    let shown = format!(
        "{text}\n[self-criteria]\nturns = [{{ role = \"user\", text = \"{{{{ question }}}}{{{{ answer_a }}}}\" }}]\n"
    );
    let prompt = JudgePrompt::read("p", &shown).unwrap();
    let question = Question::of_text("Q", &["one", "two"]);
    let turns = prompt.fill(Shown::SelfCriteria, &question, &PLAIN).unwrap();
    assert!(turns[0].content.contains("\none\n"), "{}", turns[0].content);
}
