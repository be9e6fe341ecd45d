//! Templates in the manner of known model families, with texts worked out by hand.

use serde_json::{Map, Value, json};

use crate::{ChatTemplate, Message, TemplateError, TokenizerConfig};

const SYSTEM: Message<'_> = Message { role: "system", content: "Be brief.\n" };
const ASKED: Message<'_> = Message { role: "user", content: " Two plus two?" };
const ANSWERED: Message<'_> = Message { role: "assistant", content: "Four. " };
const AGAIN: Message<'_> = Message { role: "user", content: "And \"three\" <é>?\n" };

fn template(text: &str) -> ChatTemplate {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"bos_token": "<s>", "eos_token": {"content": "</s>"}});
    std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let config = TokenizerConfig::read(folder.path()).unwrap();
    ChatTemplate::from_text(text).unwrap().with_tokens(&config)
}

fn extra(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn render(text: &str, messages: &[Message<'_>], generation: bool, more: Value) -> String {
    template(text).render(messages, generation, &extra(more)).unwrap()
}

fn refusal(text: &str, messages: &[Message<'_>]) -> (String, usize) {
    match template(text).render(messages, false, &Map::new()) {
        Err(TemplateError::Refused { message, line, .. }) => (message, line),
        other => panic!("not a refusal: {other:?}"),
    }
}

const CHATML: &str = include_str!("templates/chatml.jinja");
const INTERNLM2: &str = include_str!("templates/internlm2.jinja");
const LLAMA3: &str = include_str!("templates/llama3.jinja");
const LLAMA32: &str = include_str!("templates/llama32.jinja");
const QWEN2: &str = include_str!("templates/qwen2.jinja");
const QWEN3: &str = include_str!("templates/qwen3.jinja");
const GEMMA: &str = include_str!("templates/gemma.jinja");
const MISTRAL: &str = include_str!("templates/mistral.jinja");

#[test]
fn chatml_writes_every_message_as_it_is() {
    let text = render(CHATML, &[SYSTEM, ASKED, ANSWERED], true, json!({}));
    assert_eq!(
        text,
        "<|im_start|>system\nBe brief.\n<|im_end|>\n<|im_start|>user\n Two plus two?<|im_end|>\n\
         <|im_start|>assistant\nFour. <|im_end|>\n<|im_start|>assistant\n"
    );
    assert_eq!(render(CHATML, &[], false, json!({})), "");
}

#[test]
fn internlm2_is_chatml_after_the_begin_token() {
    let text = render(INTERNLM2, &[ASKED, ANSWERED], false, json!({}));
    let turns =
        "<|im_start|>user\n Two plus two?<|im_end|>\n<|im_start|>assistant\nFour. <|im_end|>\n";
    assert_eq!(text, format!("<s>{turns}"));
}

#[test]
fn llama_3_trims_messages_and_begins_once() {
    let text = render(LLAMA3, &[SYSTEM, ASKED], true, json!({}));
    assert_eq!(
        text,
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>\
         <|start_header_id|>user<|end_header_id|>\n\nTwo plus two?<|eot_id|>\
         <|start_header_id|>assistant<|end_header_id|>\n\n"
    );
}

/// What the Llama 3.2 manner writes before the first turn.
fn llama_32_head(date: &str, system: &str) -> String {
    format!(
        "<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n\
         Today Date: {date}\n\n{system}<|eot_id|>"
    )
}

#[test]
fn llama_3_2_writes_the_date_that_is_given_and_no_other() {
    let turn = "<|start_header_id|>user<|end_header_id|>\n\nTwo plus two?<|eot_id|>";
    let dated = template(LLAMA32).at_date("2025-02-03".parse().unwrap());
    let text = dated.render(&[SYSTEM, ASKED], false, &Map::new()).unwrap();
    assert_eq!(text, llama_32_head("03 Feb 2025", "Be brief.") + turn);
    let text = render(LLAMA32, &[ASKED], false, json!({"date_string": "1 Jan 2000"}));
    assert_eq!(text, llama_32_head("1 Jan 2000", "") + turn);
}

#[test]
fn a_template_that_wants_the_date_is_never_given_the_clock() {
    let error = template(LLAMA32).render(&[ASKED], false, &Map::new()).unwrap_err();
    assert!(matches!(error, TemplateError::NeedsDate { line: 4, .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "line 4 of the chat template in `the text given` asks for today's date, and none is given"
    );
    assert_eq!(error.hint(), "give the date that the template is to write, as `2024-07-26`");
}

#[test]
fn tools_are_written_as_python_writes_json() {
    let tools =
        json!({"date_string": "1 Jan 2000", "tools": [{"name": "é<", "sizes": [1, 2.5, null]}]});
    let text = render(LLAMA32, &[ASKED], false, tools);
    let tool = "{\n    \"name\": \"é<\",\n    \"sizes\": [\n        1,\n        2.5,\n        null\n    ]\n}\n\n";
    assert!(text.contains("\n\nEnvironment: ipython\nCutting"), "{text}");
    assert!(text.contains(&format!("Today Date: 1 Jan 2000\n\n{tool}<|eot_id|>")), "{text}");
}

#[test]
fn qwen_2_brings_its_own_system_message() {
    let own = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n";
    let turn = "<|im_start|>user\n Two plus two?<|im_end|>\n";
    assert_eq!(render(QWEN2, &[ASKED], false, json!({})), format!("{own}{turn}"));
    let given = "<|im_start|>system\nBe brief.\n<|im_end|>\n";
    let text = render(QWEN2, &[SYSTEM, ASKED], true, json!({}));
    assert_eq!(text, format!("{given}{turn}<|im_start|>assistant\n"));
}

#[test]
fn qwen_3_drops_the_thoughts_of_earlier_turns_and_keeps_the_last() {
    let thought = Message { role: "assistant", content: "<think>\n2 and 2\n</think>\n\nFour." };
    let text = render(QWEN3, &[ASKED, thought, AGAIN, thought], false, json!({}));
    assert_eq!(
        text,
        "<|im_start|>user\n Two plus two?<|im_end|>\n<|im_start|>assistant\nFour.<|im_end|>\n\
         <|im_start|>user\nAnd \"three\" <é>?\n<|im_end|>\n\
         <|im_start|>assistant\n<think>\n2 and 2\n</think>\n\nFour.<|im_end|>\n"
    );
}

#[test]
fn qwen_3_gives_a_last_answer_without_thoughts_empty_ones() {
    let text = render(QWEN3, &[ASKED, ANSWERED], false, json!({}));
    assert_eq!(
        text,
        "<|im_start|>user\n Two plus two?<|im_end|>\n\
         <|im_start|>assistant\n<think>\n\n</think>\n\nFour. <|im_end|>\n"
    );
}

#[test]
fn qwen_3_closes_the_thoughts_before_an_answer_only_when_thinking_is_off() {
    let asked = "<|im_start|>user\n Two plus two?<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(render(QWEN3, &[ASKED], true, json!({})), asked);
    assert_eq!(render(QWEN3, &[ASKED], true, json!({"enable_thinking": true})), asked);
    let off = render(QWEN3, &[ASKED], true, json!({"enable_thinking": false}));
    assert_eq!(off, format!("{asked}<think>\n\n</think>\n\n"));
    let variables = template(QWEN3).variables();
    assert!(variables.contains("enable_thinking") && variables.contains("messages"));
    assert!(!template(CHATML).variables().contains("enable_thinking"));
}

#[test]
fn gemma_calls_the_assistant_model() {
    let text = render(GEMMA, &[ASKED, ANSWERED, AGAIN], true, json!({}));
    assert_eq!(
        text,
        "<s><start_of_turn>user\nTwo plus two?<end_of_turn>\n<start_of_turn>model\nFour.<end_of_turn>\n\
         <start_of_turn>user\nAnd \"three\" <é>?<end_of_turn>\n<start_of_turn>model\n"
    );
}

#[test]
fn gemma_refuses_a_system_message_in_its_own_words() {
    assert_eq!(refusal(GEMMA, &[SYSTEM, ASKED]), ("System role not supported".to_owned(), 3));
    let error = template(GEMMA).render(&[SYSTEM, ASKED], false, &Map::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the chat template in `the text given` refuses these messages at line 3: \
         `System role not supported`"
    );
    assert!(error.hint().starts_with("use only the roles and the order"), "{}", error.hint());
}

#[test]
fn gemma_refuses_two_turns_of_one_speaker() {
    let (message, line) = refusal(GEMMA, &[ASKED, AGAIN]);
    assert!(message.starts_with("Conversation roles must alternate"), "{message}");
    assert_eq!(line, 7);
}

#[test]
fn mistral_puts_the_system_message_into_the_last_question() {
    let text = render(MISTRAL, &[SYSTEM, ASKED, ANSWERED, AGAIN], false, json!({}));
    assert_eq!(
        text,
        "<s>[INST]  Two plus two?[/INST] Four.</s>[INST] Be brief.\n\n\nAnd \"three\" <é>?\n[/INST]"
    );
    let text = render(MISTRAL, &[ASKED, ANSWERED], false, json!({}));
    assert_eq!(text, "<s>[INST]  Two plus two?[/INST] Four.</s>");
}

#[test]
fn mistral_refuses_turns_that_do_not_alternate() {
    for messages in [&[ANSWERED][..], &[ASKED, ASKED], &[SYSTEM, ANSWERED]] {
        let (message, line) = refusal(MISTRAL, messages);
        assert!(message.contains("roles must alternate user and assistant"), "{message}");
        assert_eq!(line, 10);
    }
}
