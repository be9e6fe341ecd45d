//! Settings that cannot be followed, the documentation of all keys, and the examples.

use serde_json::{Value, json};
use tribunal_api::registry::NoGenerators;
use tribunal_api::settings::{self, PATH_MARK, dotted};
use tribunal_api::{Component, SelfCheck};

use crate::{WITHOUT_BOS, file, keys, registry, try_build};

const KINDS: [&str; 2] = ["http.likelihood", "http.reward"];

fn fault(server: &str, more: Value) -> (String, String) {
    let error = try_build("http.reward", keys(server, "http://127.0.0.1:9", more)).err();
    let error = error.unwrap_or_else(|| panic!("`{server}` builds"));
    assert!(error.hint.is_some() || !error.known.is_empty(), "no remedy: {error}");
    (dotted(&error.path), error.message)
}

#[test]
fn what_a_server_cannot_do_is_a_fault_at_its_key() {
    let (_folder, template) = file("chat.jinja", WITHOUT_BOS);
    let template = json!(template);
    for (server, more, key, words) in [
        ("tei-predict", json!({}), "template", "nothing says how a dialogue becomes"),
        ("openrlhf", json!({}), "template", "nothing says how a dialogue becomes"),
        ("sglang-classify", json!({"render": "server"}), "render", "applies no chat template"),
        ("tei-predict", json!({"render": "template"}), "template", "none is set"),
        ("tei-predict", json!({"render": "plain", "template": template}), "template", "unused"),
        ("tei-rerank", json!({"template": template}), "template", "a form of its own"),
        ("openrlhf", json!({"render": "plain", "special-tokens": true}), "special-tokens", "never"),
        (
            "tei-predict",
            json!({"render": "plain", "special-tokens": false}),
            "special-tokens",
            "always",
        ),
        ("vllm-score", json!({"special-tokens": true}), "special-tokens", "changes nothing"),
        (
            "sglang-classify",
            json!({"render": "plain", "truncate": "left"}),
            "truncate",
            "cannot be asked",
        ),
        ("vllm-classify", json!({"step": "last"}), "step", "one row"),
        ("vllm-classify", json!({"batch-size": 4}), "batch-size", "one dialogue a request"),
        ("vllm-classify", json!({"label": "good"}), "label", "no names of classes"),
        ("tei-predict", json!({"render": "plain", "label": 1}), "label", "sorts its classes"),
        ("sglang-score", json!({}), "label-tokens", "needs `label-tokens`"),
        ("vllm-score", json!({"label-tokens": [1]}), "label-tokens", "belongs to `sglang-score`"),
        ("generic", json!({}), "request", "needs `request`"),
        ("vllm-score", json!({"pointers": {"scores": "/x"}}), "pointers", "belongs to `generic`"),
        ("vllm-scores", json!({}), "server", "not a known value"),
        ("vllm-classify", json!({"base-urls": ["http://127.0.0.1:8"]}), "base-urls", "both say"),
    ] {
        if key == "label" && words.starts_with("expected") || key == "concurrency" {
            let error =
                try_build("http.reward", keys(server, "http://127.0.0.1:9", more)).err().unwrap();
            assert_eq!(dotted(&error.path), key);
            assert!(error.message.contains(words), "{error}");
            continue;
        }
        let (found, message) = fault(server, more.clone());
        assert_eq!(found, key, "{server} {more}: {message}");
        assert!(message.contains(words), "{server} {more}: {message}");
    }
}

#[test]
fn a_template_that_cannot_serve_is_a_fault_with_its_line() {
    for (name, text, words) in [
        ("chat.jinja", "{% for m in messages %}\n{{ m.role }", "line 2"),
        ("chat.jinja", "{{ messages[0].content }}", "leaves the reply out"),
        ("chat.jinja", "{{ strftime_now('%Y') }}{{ messages[1].content }}", "today's date"),
        ("tokenizer_config.json", "{\"chat_template\": ", "not valid JSON"),
        ("tokenizer_config.json", "{}", "no `chat_template`"),
    ] {
        let (_folder, path) = file(name, text);
        let (key, message) = fault("openrlhf", json!({"template": path}));
        assert_eq!(key, "template");
        assert!(message.contains(words), "{message}");
    }
    let error = try_build(
        "http.reward",
        keys("vllm-classify", "http://127.0.0.1:9", json!({"template": "/nowhere/server"})),
    );
    assert_eq!(
        error.err().unwrap().hint.as_deref(),
        Some("write `render = \"server\"` to do without a template")
    );
}

#[test]
fn a_body_that_renders_no_json_points_at_its_line() {
    let more = json!({
        "request": {"url": "/r", "body": "{\n \"t\": {{ nothing | tojson }}\n}"},
        "pointers": {"scores": "/s"},
    });
    let (key, message) = fault("generic", more);
    assert_eq!(key, "request.body");
    assert!(message.starts_with("line 2: ") && message.contains("`nothing`"), "{message}");
}

#[test]
fn values_of_the_wrong_type_or_range_are_faults_of_the_schema() {
    for (key, value, words) in [
        ("label", json!(1.5), "expected a whole number or text"),
        ("concurrency", json!(0), "below 1"),
        ("base-urls", json!([]), "at least 1"),
    ] {
        let error = try_build("http.reward", json!({"server": "vllm-classify", key: value}));
        let error = error.err().unwrap();
        assert_eq!(dotted(&error.path), key);
        assert!(error.message.contains(words), "{error}");
    }
}

#[test]
fn a_whole_url_beside_a_base_url_is_a_fault() {
    let more = json!({
        "request": {"url": "http://127.0.0.1:1/r", "body": "{}"}, "pointers": {"scores": "/s"},
    });
    assert_eq!(fault("generic", more).0, "request");
}

#[test]
fn a_url_that_is_none_is_a_fault_where_it_stands() {
    let block = json!({
        "server": "generic",
        "request": {"url": "ftp://127.0.0.1:1/r", "body": "{}"}, "pointers": {"scores": "/s"},
    });
    let error = try_build("http.reward", block).err().unwrap();
    assert_eq!(dotted(&error.path), "request.url");
}

#[test]
fn every_key_of_every_settings_table_is_documented() {
    fn undocumented(path: &str, schema: &Value, found: &mut Vec<String>) {
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if inner["description"].as_str().is_none_or(str::is_empty) {
                found.push(path.clone());
            }
            undocumented(&path, inner, found);
            for branch in inner["anyOf"].as_array().into_iter().flatten() {
                undocumented(&path, branch, found);
            }
        }
    }
    let registry = registry();
    let mut found = Vec::new();
    for kind in KINDS {
        let registered = registry.find(Component::Source, kind).unwrap();
        assert_eq!(registered.card.self_check, SelfCheck::KnownPairs);
        undocumented(kind, &registered.schema, &mut found);
    }
    assert_eq!(found, [] as [&str; 0]);
}

#[test]
fn every_example_builds() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let registry = registry();
    for kind in KINDS {
        let registered = registry.find(Component::Source, kind).unwrap();
        let example: Value = toml::from_str(registered.card.example).unwrap();
        let sources = example["source"].as_object().unwrap();
        let mut block = sources.values().next().unwrap().clone();
        assert_eq!(block.as_object_mut().unwrap().remove("kind"), Some(json!(kind)));
        assert_eq!(settings::check(&registered.schema, &block), [], "{kind}");
        let mut paths = Vec::new();
        settings::marked(&registered.schema, &block, PATH_MARK, &mut |steps, value, _| {
            paths.push((dotted(steps), value.as_str().unwrap().to_owned()));
        });
        for (key, path) in paths {
            block[key] = json!(format!("{root}/{path}"));
        }
        assert!(registry.build_source(kind, block, &NoGenerators).is_ok(), "{kind}");
    }
}

#[test]
fn settings_that_change_no_answer_are_marked_so() {
    let registry = registry();
    let marked = |kind: &str, table: &str| -> Vec<String> {
        let schema = &registry.find(Component::Source, kind).unwrap().schema;
        let properties = schema.pointer(table).and_then(Value::as_object).unwrap();
        let marked = properties.iter().filter(|(_, key)| key["x-tribunal-operational"] == true);
        let mut names: Vec<String> = marked.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    };
    let wanted =
        ["api-key-env", "base-url", "base-urls", "concurrency", "headers-env", "most-bytes"];
    assert_eq!(marked("http.reward", "/properties"), wanted);
}
