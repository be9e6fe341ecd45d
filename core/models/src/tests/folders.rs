//! Model folders as they come, whole and broken.

use std::path::Path;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{ChatTemplate, TemplateError, TokenizerConfig};

fn folder(files: &[(&str, Value)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn text_of(path: &Path, name: Option<&str>) -> String {
    let template = ChatTemplate::from_config(path, name).unwrap();
    template.render(&[], false, &Map::new()).unwrap()
}

#[test]
fn tokens_are_texts_or_objects_and_reach_the_template() {
    let folder = folder(&[(
        "tokenizer_config.json",
        json!({
            "bos_token": {"__type": "AddedToken", "content": "<s>", "lstrip": false},
            "eos_token": "</s>",
            "pad_token": null,
            "sep_token": "[SEP]",
            "add_bos_token": true,
            "add_eos_token": false,
            "model_max_length": 4096,
            "tokenizer_class": "LlamaTokenizer",
            "chat_template": "{{ bos_token }}{{ eos_token }}{{ sep_token }}{{ pad_token is defined }}",
        }),
    )]);
    let config = TokenizerConfig::read(folder.path()).unwrap();
    assert_eq!(config.bos_token.as_deref(), Some("<s>"));
    assert_eq!(config.eos_token.as_deref(), Some("</s>"));
    assert_eq!((config.pad_token.as_deref(), config.add_bos_token), (None, Some(true)));
    assert_eq!(config.model_max_length, Some(4096));
    assert_eq!(text_of(folder.path(), None), "<s></s>[SEP]False");
    assert_eq!(text_of(&folder.path().join("tokenizer_config.json"), None), "<s></s>[SEP]False");
}

#[test]
fn variables_of_the_caller_go_before_tokens() {
    let config = json!({"bos_token": "<s>", "chat_template": "{{ bos_token }}"});
    let folder = folder(&[("tokenizer_config.json", config)]);
    let template = ChatTemplate::from_config(folder.path(), None).unwrap();
    let extra = json!({"bos_token": "<b>"});
    assert_eq!(template.render(&[], false, extra.as_object().unwrap()).unwrap(), "<b>");
}

#[test]
fn a_limit_beyond_all_numbers_is_no_limit() {
    let text = r#"{"model_max_length": 1000000000000000019884624838656}"#;
    let folder = folder(&[("tokenizer_config.json", json!(text))]);
    assert_eq!(TokenizerConfig::read(folder.path()).unwrap().model_max_length, None);
}

#[test]
fn a_named_template_is_chosen_by_name() {
    let list = json!([
        {"name": "default", "template": "plain"},
        {"name": "rag", "template": "with sources"},
    ]);
    let folder = folder(&[("tokenizer_config.json", json!({"chat_template": list}))]);
    assert_eq!(text_of(folder.path(), None), "plain");
    assert_eq!(text_of(folder.path(), Some("rag")), "with sources");
    let error = ChatTemplate::from_config(folder.path(), Some("tool")).unwrap_err();
    assert!(error.to_string().ends_with("no chat template named `tool`, only `default`, `rag`"));
    assert_eq!(error.hint(), "choose one of `default`, `rag`");
}

#[test]
fn named_templates_without_a_default_must_be_chosen() {
    let list = json!([{"name": "a", "template": "A"}, {"name": "b", "template": "B"}]);
    let folder = folder(&[("tokenizer_config.json", json!({"chat_template": list}))]);
    let error = ChatTemplate::from_config(folder.path(), None).unwrap_err();
    assert!(matches!(error, TemplateError::Unnamed { .. }), "{error:?}");
}

#[test]
fn a_template_file_beside_the_settings_goes_first() {
    let files = [
        ("tokenizer_config.json", json!({"chat_template": "inside", "eos_token": "</s>"})),
        ("chat_template.jinja", json!("beside {{ eos_token }}\n")),
        ("additional_chat_templates/rag.jinja", json!("more")),
    ];
    assert_eq!(text_of(folder(&files[..1]).path(), None), "inside");
    let all = folder(&files);
    assert_eq!(text_of(all.path(), None), "beside </s>");
    assert_eq!(text_of(all.path(), Some("rag")), "more");
    let template = ChatTemplate::from_config(all.path(), None).unwrap();
    assert!(template.origin().ends_with("chat_template.jinja"), "{}", template.origin());
    assert_eq!(template.text(), "beside {{ eos_token }}\n");
}

#[test]
fn a_template_file_can_be_read_alone() {
    let folder = folder(&[("own.jinja", json!("{{ bos_token }}x"))]);
    let template = ChatTemplate::from_file(folder.path().join("own.jinja")).unwrap();
    assert_eq!(template.render(&[], false, &Map::new()).unwrap(), "x");
}

#[test]
fn old_folders_keep_their_tokens_in_a_map() {
    let map = json!({"bos_token": {"content": "<s>"}});
    let old = [
        ("tokenizer_config.json", json!({"chat_template": "{{ bos_token }}"})),
        ("special_tokens_map.json", map.clone()),
    ];
    assert_eq!(text_of(folder(&old).path(), None), "<s>");
    let config = json!({"chat_template": "{{ bos_token }}", "added_tokens_decoder": {}});
    let new = [("tokenizer_config.json", config), ("special_tokens_map.json", map)];
    assert_eq!(text_of(folder(&new).path(), None), "");
}

#[test]
fn a_begin_token_is_doubled_when_template_and_tokenizer_both_write_it() {
    let steps = |token: &str| {
        json!({"post_processor": {"type": "Sequence", "processors": [
            {"type": "ByteLevel"},
            {"type": "TemplateProcessing", "single": [
                {"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            ]},
        ]}})
    };
    let none = json!({"post_processor": null});
    let roberta = json!({"post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 0]}});
    let bare = json!({"bos_token": "<s>"});
    let class = |class: &str| json!({"bos_token": "<s>", "tokenizer_class": class});
    let said = |adds: bool| json!({"bos_token": "<s>", "add_bos_token": adds});
    for (config, tokenizer, doubled) in [
        (bare.clone(), Some(steps("<s>")), true),
        (bare.clone(), Some(steps("[CLS]")), false),
        (bare.clone(), Some(none.clone()), false),
        (bare.clone(), Some(roberta), true),
        (bare, None, false),
        (said(true), Some(none.clone()), true),
        (said(false), Some(steps("<s>")), false),
        (class("LlamaTokenizerFast"), None, true),
        (class("GemmaTokenizer"), None, true),
        (class("LlamaTokenizer"), Some(none), false),
        (class("Qwen2Tokenizer"), None, false),
        (json!({"bos_token": null, "add_bos_token": true}), None, false),
        (json!({"bos_token": "", "add_bos_token": true}), None, false),
    ] {
        let mut files = vec![("tokenizer_config.json", config.clone())];
        files.extend(tokenizer.clone().map(|file| ("tokenizer.json", file)));
        let folder = folder(&files);
        let read = TokenizerConfig::read(folder.path()).unwrap();
        assert_eq!(read.doubles_bos("<s>Hello"), doubled, "{config} {tokenizer:?}");
        assert!(!read.doubles_bos("Hello<s>"), "{config}");
    }
}

#[test]
fn a_folder_without_a_template_says_where_it_looked() {
    let folder = folder(&[("tokenizer_config.json", json!({"chat_template": null}))]);
    let error = ChatTemplate::from_config(folder.path(), None).unwrap_err();
    assert!(matches!(error, TemplateError::Missing { .. }), "{error:?}");
    assert!(error.to_string().contains("tokenizer_config.json"), "{error}");
    assert_eq!(error.hint(), "give a chat template file for this model");
}

#[test]
fn broken_folders_are_errors_that_name_the_file() {
    for (text, part) in [
        (json!("{\n\"bos_token\": "), "not valid JSON at line 2"),
        (json!("[]"), "not valid JSON"),
        (json!({"bos_token": 5}), "`bos_token` in `"),
        (json!({"bos_token": {"text": "<s>"}}), "is another object, not a text or an object"),
        (json!({"add_bos_token": "yes"}), "is a text, not true or false"),
        (json!({"chat_template": 5}), "is `5`, not a text or a list"),
        (json!({"chat_template": [{"name": "default"}]}), "is another list, not a text or a list"),
        (json!({"chat_template": {"default": "x"}}), "is another object, not a text or a list"),
        (json!({"chat_template": "{% for %}"}), "line 1 of the chat template in `"),
    ] {
        let folder = folder(&[("tokenizer_config.json", text.clone())]);
        let error = ChatTemplate::from_config(folder.path(), None).unwrap_err();
        assert!(error.to_string().contains(part), "{text}: {error}");
        assert!(error.to_string().contains("tokenizer_config.json"), "{text}: {error}");
        assert!(!error.hint().is_empty());
    }
    let error = ChatTemplate::from_config("/nowhere/at/all", None).unwrap_err();
    assert!(error.to_string().starts_with("cannot read `/nowhere/at/all`"), "{error}");
}
