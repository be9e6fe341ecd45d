//! Settings that cannot work are told before anything is asked.

use serde_json::{Value, json};
use tribunal_api::settings::{self, SettingsError, dotted};
use tribunal_api::{Component, Registry};

use crate::scripted::{Scripted, build, judge};

fn fault(settings: Value) -> SettingsError {
    match build(&Scripted::saying(""), settings.clone()) {
        Ok(_) => panic!("{settings} has no fault"),
        Err(fault) => fault,
    }
}

const FILE: &str = r#"name = "bare"
source = "a test"
candidates = 2
fence = "published"

[[turns]]
role = "user"
text = """
{{ question }}
{{ answer_a }}
{{ answer_b }}
Say [[A]] or [[B]]."""

[verdict.letter]

[verdict.json]
winner = "winner"
"#;

fn file(folder: &tempfile::TempDir, text: &str) -> String {
    let path = folder.path().join("own.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_prompt_that_is_not_built_in_is_a_fault_that_lists_those_that_are() {
    let fault = fault(json!({"prompt": "pairwize"}));
    assert_eq!(
        (dotted(&fault.path).as_str(), fault.message.as_str()),
        ("prompt", "`pairwize` is no built-in prompt")
    );
    assert!(fault.known.contains(&"pairwise".to_owned()));
    assert!(fault.hint.is_some());
}

#[test]
fn a_prompt_file_with_an_unknown_slot_is_a_fault_of_the_recipe_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &FILE.replace("{{ answer_b }}", "{{ answer_be }}"));
    let fault = fault(json!({"prompt": path}));
    assert_eq!(dotted(&fault.path), "prompt");
    assert_eq!(fault.message, format!("`answer_be` is not a slot: line 11 of `{path}`"));
    assert!(fault.known.contains(&"answer_b".to_owned()));
}

#[test]
fn a_prompt_file_that_does_not_exist_is_a_fault() {
    let fault = fault(json!({"prompt": "./nowhere.toml"}));
    assert!(
        fault.message.contains("cannot be read") && fault.message.contains("nowhere.toml"),
        "{fault:?}"
    );
}

#[test]
fn settings_without_a_slot_are_faults() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, FILE);
    let references = folder.path().join("r.jsonl");
    std::fs::write(&references, "").unwrap();
    judge(&Scripted::saying(""), json!({"prompt": path}));
    judge(&Scripted::saying(""), json!({"prompt": path, "reasoning": "none", "readout": "letter"}));
    for (key, value, slot) in [
        ("criteria", json!("general"), "criteria"),
        ("reasoning", json!("before"), "reasoning"),
        ("readout", json!("json"), "verdict"),
        ("references", json!(references), "reference"),
    ] {
        let fault = fault(json!({"prompt": path, key: value}));
        assert_eq!(dotted(&fault.path), key);
        assert_eq!(fault.message, format!("the prompt `{path}` has no slot `{slot}`"));
        assert!(fault.hint.is_some_and(|hint| hint.contains(&format!("{{{{ {slot} }}}}"))));
    }
    let fault = fault(json!({"prompt": path, "examples": true}));
    assert!(fault.message.contains("has no examples to show"), "{fault:?}");
}

#[test]
fn a_readout_or_parse_that_the_prompt_cannot_give_is_a_fault() {
    let fault_of = |settings| fault(settings);
    let fault = fault_of(json!({"prompt": "pairwise", "readout": "number"}));
    assert_eq!(dotted(&fault.path), "readout");
    assert!(fault.hint.unwrap().contains("letter"), "known readouts are named");
    let fault = fault_of(json!({"prompt": "pairwise", "readout": "json", "parse": "arena-hard"}));
    assert_eq!(dotted(&fault.path), "parse");
    assert!(fault.hint.unwrap().contains("lenient"));
}

#[test]
fn a_shape_that_leaves_no_room_for_the_reasoning_is_a_fault_when_it_is_asked_for() {
    for reasoning in ["before", "after"] {
        for readout in ["letter", "json", "label-logprob"] {
            let settings = json!({"prompt": "pairwise", "constrain": true,
                                  "reasoning": reasoning, "readout": readout});
            let fault = fault(settings);
            assert_eq!(dotted(&fault.path), "constrain");
            assert!(fault.message.contains(&format!("`{reasoning}`")), "{fault:?}");
        }
    }
    let none = json!({"prompt": "pairwise", "constrain": true, "reasoning": "none"});
    judge(&Scripted::saying(""), none);
    judge(&Scripted::saying(""), json!({"prompt": "pairwise", "constrain": false}));
}

#[test]
fn a_system_turn_that_alone_says_what_is_asked_cannot_be_dropped() {
    for (prompt, dropped) in [
        ("rewardbench-2-ranking", false),
        ("rewardbench", false),
        ("judgebench-arena-hard", false),
        ("pairwise", true),
        ("pointwise", true),
        ("rewardbench-2-ratings", true),
    ] {
        let settings = json!({"prompt": prompt, "system-prompt": "drop"});
        match dropped {
            true => drop(judge(&Scripted::saying(""), settings)),
            false => {
                let fault = fault(settings);
                assert_eq!(dotted(&fault.path), "system-prompt", "{prompt}");
                assert!(fault.hint.unwrap().contains("merge"));
            }
        }
        judge(&Scripted::saying(""), json!({"prompt": prompt, "system-prompt": "merge"}));
    }
}

#[test]
fn a_prompt_whose_verdict_fits_no_question_of_its_own_is_a_fault_of_the_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let text = FILE.replace("candidates = 2", "candidates = 1").replace("{{ answer_a }}", "");
    let path = file(&folder, &text.replace("{{ answer_b }}", "{{ answer }}"));
    let fault = fault(json!({"prompt": path}));
    assert_eq!(dotted(&fault.path), "prompt");
    assert_eq!(fault.message, "one candidate leaves nothing to choose");
    assert!(fault.hint.is_some_and(|hint| hint.contains("[verdict]")));
}

#[test]
fn words_ranges_and_keys_are_checked_by_the_schema() {
    for (settings, path) in [
        (json!({"prompt": "pairwise", "reasoning": "later"}), "reasoning"),
        (json!({"prompt": "pairwise", "re-ask": 11}), "re-ask"),
        (json!({"prompt": "pairwise", "sampling": {"temperature": -0.1}}), "sampling.temperature"),
        (json!({"prompt": "pairwise", "sampling": {"top-p": 0.0}}), "sampling.top-p"),
        (json!({"prompt": "pairwise", "sampling": {"max-tokens": 0}}), "sampling.max-tokens"),
        (json!({"prompt": "pairwise", "sampling": {"top-k": 3}}), "sampling.top-k"),
        (json!({"prompt": "pairwise", "criteria": "genral"}), "criteria"),
        (json!({"prompts": "pairwise"}), "prompts"),
    ] {
        assert_eq!(dotted(&fault(settings.clone()).path), path, "{settings}");
    }
    let known = fault(json!({"prompt": "pairwise", "criteria": "genral"})).known;
    assert_eq!(known, ["none", "general", "per-scenario", "self-generated"]);
}

#[test]
fn faults_of_criteria_and_references_name_the_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let criteria = file(&folder, "name = \"c\"\n\n[topic]\na = \"b\"\n");
    let found = fault(json!({"prompt": "pairwise", "criteria": criteria}));
    assert_eq!(dotted(&found.path), "criteria");
    assert!(found.message.contains(&format!("line 3 of `{criteria}`")), "{found:?}");
    let references = folder.path().join("r.jsonl");
    std::fs::write(&references, "{\"question\": \"q\", \"reference\": \"r\"}\n{\"question\": 1}\n")
        .unwrap();
    let found = fault(json!({"prompt": "pairwise", "references": references}));
    assert_eq!(dotted(&found.path), "references");
    assert!(found.message.contains("line 2 of"), "{found:?}");
}

#[test]
fn the_card_s_example_builds_and_every_setting_is_documented() {
    let mut registry = Registry::new();
    tribunal_judges::register(&mut registry);
    let kind = registry.find(Component::Source, "judge").unwrap();
    let example: toml::Table = toml::from_str(kind.card.example).unwrap();
    let mut block = example["source"]["judge"].as_table().unwrap().clone();
    assert_eq!(block.remove("kind").unwrap().as_str(), Some("judge"));
    let settings = serde_json::to_value(block).unwrap();
    assert_eq!(settings::check(&kind.schema, &settings), []);
    judge(&Scripted::saying(""), settings);
    for (key, schema) in kind.schema["properties"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "`{key}` is not documented");
        let engine = [
            "kind",
            "suites",
            "order",
            "samples",
            "failures",
            "ties",
            "timeout",
            "retry",
            "batch",
            "in-flight",
            "protocol",
            "vote",
        ];
        assert!(!engine.contains(&key.as_str()), "`{key}` is a key of the engine");
    }
}

#[test]
fn the_example_of_the_documentation_builds() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/judges.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<&str> =
        text.split("```toml\n").skip(1).filter_map(|part| part.split("```").next()).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut prompts = 0;
    for block in blocks {
        let table: toml::Table =
            toml::from_str(block).unwrap_or_else(|error| panic!("{error}\n{block}"));
        if table.contains_key("candidates") {
            let path = file(&folder, block);
            judge(&Scripted::saying(""), json!({"prompt": path}));
            judge(&Scripted::saying(""), json!({"prompt": path, "criteria": "self-generated"}));
            prompts += 1;
        }
        if table.contains_key("topics") {
            let path = file(&folder, block);
            judge(&Scripted::saying(""), json!({"prompt": "pairwise", "criteria": path}));
        }
    }
    assert!(prompts >= 1, "the documentation holds no prompt file");
}
