//! Texts and tokens of another program for three small models, where that data lies beside the project.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{ChatTemplate, Message, TokenizerConfig};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

/// The data's folder, or nothing and a printed line.
fn data() -> Option<PathBuf> {
    let folder = PathBuf::from(DATA);
    if folder.join("models").is_dir() && folder.join("rmb").is_dir() {
        return Some(folder);
    }
    println!("skipped: no reference data in {DATA}");
    None
}

fn rows(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("reference.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All records of a set, by their identifier.
fn records(folder: &Path, uid: &str, found: &mut HashMap<String, Value>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            records(&path, uid, found);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            let list: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            for record in list {
                let key = &record[uid];
                let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                found.insert(key, record);
            }
        }
    }
}

fn suites(data: &Path) -> HashMap<&'static str, HashMap<String, Value>> {
    let mut suites = HashMap::new();
    for (suite, folder, uid) in
        [("rmb-pairwise", "Pairwise_set", "pair_uid"), ("rmb-bon", "BoN_set", "bon_uid")]
    {
        let mut found = HashMap::new();
        records(&data.join("rmb").join(folder), uid, &mut found);
        suites.insert(suite, found);
    }
    suites
}

fn answer<'a>(record: &'a Value, candidate: &str) -> &'a str {
    let answer = match candidate.strip_prefix("loser-") {
        Some(index) => &record["loser_list"][index.parse::<usize>().unwrap()],
        None if candidate == "best" => &record["bon_best"],
        None => &record[candidate],
    };
    answer["answer"].as_str().unwrap()
}

/// The bytes of a token in the byte-level alphabet: printable Latin letters stand for themselves, the other
/// bytes for the letters from 256 on, in order.
fn bytes_of(token: &str) -> Vec<u8> {
    let own = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let others: Vec<u8> = (0..=255).filter(|byte| !own(*byte)).collect();
    let byte = |letter: char| match u8::try_from(letter) {
        Ok(byte) if own(byte) => byte,
        _ => others[letter as usize - 256],
    };
    token.chars().map(byte).collect()
}

/// The bytes of each token of a `tokenizer.json`, by number.
fn vocabulary(folder: &Path) -> HashMap<u64, Vec<u8>> {
    let file: Value =
        serde_json::from_slice(&fs::read(folder.join("tokenizer.json")).unwrap()).unwrap();
    let mut tokens: HashMap<u64, Vec<u8>> = HashMap::new();
    for (token, id) in file["model"]["vocab"].as_object().unwrap() {
        tokens.insert(id.as_u64().unwrap(), bytes_of(token));
    }
    for token in file["added_tokens"].as_array().unwrap() {
        let content = token["content"].as_str().unwrap();
        tokens.insert(token["id"].as_u64().unwrap(), content.as_bytes().to_vec());
    }
    tokens
}

fn decode(ids: &Value, vocabulary: &HashMap<u64, Vec<u8>>) -> Vec<u8> {
    let ids = ids.as_array().unwrap().iter();
    ids.flat_map(|id| vocabulary[&id.as_u64().unwrap()].clone()).collect()
}

#[test]
fn conversations_begin_and_end_with_the_tokens_that_the_reward_models_were_given() {
    let Some(data) = data() else { return };
    let suites = suites(&data);
    for model in ["tiny-llama-rm", "tiny-qwen2-rm"] {
        let folder = data.join("models").join(model);
        let template = ChatTemplate::from_config(&folder, None).unwrap();
        let vocabulary = vocabulary(&folder);
        let rows = rows(&folder);
        assert_eq!(rows.len(), 300);
        for row in rows {
            let uid = row["uid"].as_str().unwrap();
            let record = &suites[row["suite"].as_str().unwrap()][uid];
            let mut messages: Vec<Message<'_>> = record["conversation_input"]
                .as_array()
                .unwrap()
                .iter()
                .map(|turn| Message {
                    role: turn["role"].as_str().unwrap(),
                    content: turn["content"].as_str().unwrap(),
                })
                .collect();
            let content = answer(record, row["candidate"].as_str().unwrap());
            messages.push(Message { role: "assistant", content });
            let text = template.render(&messages, false, &Map::new()).unwrap();
            let first = decode(&row["first_ids"], &vocabulary);
            let last = decode(&row["last_ids"], &vocabulary);
            assert!(text.as_bytes().starts_with(&first), "{model} {uid}: {text:?}");
            assert!(text.as_bytes().ends_with(&last), "{model} {uid}: {text:?}");
        }
    }
}

#[test]
fn prompts_of_the_judge_are_the_reference_letter_by_letter() {
    let Some(data) = data() else { return };
    let suites = suites(&data);
    let folder = data.join("models/tiny-qwen3-judge");
    let template = ChatTemplate::from_config(&folder, None).unwrap();
    let cut = |text: &str, letters: usize| text.chars().take(letters).collect::<String>();
    let mut kinds = [0, 0];
    for row in rows(&folder) {
        let uid = row["uid"].as_str().unwrap();
        let record = &suites[row["suite"].as_str().unwrap()][uid];
        let turns = record["conversation_input"].as_array().unwrap();
        let last = turns.iter().rfind(|turn| turn["role"] == "user").unwrap();
        let question = cut(last["content"].as_str().unwrap(), 240);
        let answer = |candidate: &str| cut(answer(record, candidate), 420);
        let (content, prefix) = if row["kind"] == "pair" {
            kinds[0] += 1;
            let (a, b) = (answer("chosen"), answer("reject"));
            let (a, b) = if row["order"] == "AB" { (a, b) } else { (b, a) };
            let content = format!(
                "Compare two answers to the question below.\n\n[Question]\n{question}\n\n[Answer A]\n{a}\n\n\
                 [Answer B]\n{b}\n\nWhich answer is better? Reply with [[A]] or [[B]]."
            );
            (content, "[[")
        } else {
            kinds[1] += 1;
            let answer = answer(row["candidate"].as_str().unwrap());
            let content = format!(
                "Rate the answer to the question below.\n\n[Question]\n{question}\n\n[Answer]\n{answer}\n\n\
                 Is the answer good? Reply with Yes or No."
            );
            (content, "Verdict:")
        };
        let messages = [Message { role: "user", content: &content }];
        let text = template.render(&messages, true, &Map::new()).unwrap() + prefix;
        assert_eq!(text, row["prompt"].as_str().unwrap(), "{uid}");
    }
    assert_eq!(kinds, [200, 50]);
}

#[test]
fn only_the_llama_model_would_get_its_begin_token_twice() {
    let Some(data) = data() else { return };
    let ask = [Message { role: "user", content: "Hello" }];
    for (model, doubled) in
        [("tiny-llama-rm", true), ("tiny-qwen2-rm", false), ("tiny-qwen3-judge", false)]
    {
        let config = TokenizerConfig::read(data.join("models").join(model)).unwrap();
        let text = config.chat_template(None).unwrap().render(&ask, false, &Map::new()).unwrap();
        assert_eq!(config.doubles_bos(&text), doubled, "{model}");
        assert_eq!(config.model_max_length, Some(16384));
    }
}
