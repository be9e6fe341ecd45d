//! Settings against schemas: those of our own types, and those that a plugin might send.

use super::*;
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(dead_code, reason = "only the schema is looked at")]
struct Config {
    /// Where the scores are. Any table.
    path: PathSetting,
    /// A built-in style or a file.
    style: Option<NameOrPath>,
    /// What is counted.
    #[serde(default)]
    unit: Unit,
    generator: Option<GeneratorRef>,
    #[schemars(range(min = 1, max = 9))]
    count: Option<u32>,
    fields: Option<Inner>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only the schema is looked at")]
enum Unit {
    /// Unicode scalar values.
    #[default]
    Characters,
    /// Bytes of UTF-8.
    Bytes,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[allow(dead_code, reason = "only the schema is looked at")]
struct Inner {
    id: String,
}

fn faults(settings: Value) -> Vec<(String, String)> {
    check(&schema_of::<Config>(), &settings)
        .into_iter()
        .map(|fault| (dotted(&fault.path), fault.message))
        .collect()
}

#[test]
fn good_settings_have_no_faults() {
    assert_eq!(
        faults(json!({"path": "x", "unit": "bytes", "count": 3, "fields": {"id": "a"}})),
        []
    );
}

#[test]
fn every_fault_is_named_with_its_path() {
    let found = faults(json!({
        "unit": "byte", "count": 12, "fields": {"id": 3, "ix": 1}, "paht": "x", "generator": 1
    }));
    let expect = [
        ("unit", "`byte` is not a known value"),
        ("count", "`12` is above 9"),
        ("fields.id", "expected text, found the number `3`"),
        ("fields.ix", "unknown key `ix`"),
        ("paht", "unknown key `paht`"),
        ("generator", "expected text, found the number `1`"),
        ("", "the key `path` is missing"),
    ];
    let expect: Vec<_> =
        expect.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    assert_eq!(found, expect);
}

#[test]
fn a_missing_key_is_explained_by_its_documentation() {
    let fault = &check(&schema_of::<Config>(), &json!({}))[0];
    assert_eq!(fault.hint.as_deref(), Some("set `path`: Where the scores are"));
}

#[test]
fn paths_and_references_are_found_by_their_marks() {
    let schema = schema_of::<Config>();
    let settings = json!({"path": "x", "generator": "g"});
    let mut seen = Vec::new();
    for mark in [PATH_MARK, REFERENCE_MARK] {
        marked(&schema, &settings, mark, &mut |path, value, _| {
            seen.push(format!("{}={value}", dotted(path)));
        });
    }
    assert_eq!(seen, ["path=\"x\"", "generator=\"g\""]);
}

#[test]
fn a_name_is_no_path_where_both_may_stand() {
    let schema = schema_of::<Config>();
    for (text, path) in [("plain", false), ("own.toml", true), ("styles/own", true)] {
        let settings = json!({"path": "x", "style": text});
        let mut seen = Vec::new();
        marked(&schema, &settings, PATH_MARK, &mut |path, _, _| seen.push(dotted(path)));
        assert_eq!(seen.contains(&"style".to_owned()), path, "{text}");
        assert_eq!(NameOrPath(text.to_owned()).as_path().is_some(), path, "{text}");
    }
}

fn messages(schema: Value, settings: Value) -> Vec<String> {
    check(&schema, &settings).into_iter().map(|fault| fault.message).collect()
}

#[test]
fn what_a_schema_says_in_unknown_words_allows_everything() {
    let schemas = [
        json!(null),
        json!(true),
        json!(7),
        json!("object"),
        json!([]),
        json!({"$ref": "#/$defs/own"}),
        json!({"type": "quaternion"}),
        json!({"type": []}),
        json!({"type": 7, "properties": [1], "required": {"a": 1}, "additionalProperties": "no"}),
        json!({"minimum": "low", "enum": "a", "oneOf": [], "anyOf": {"a": 1}, "items": 3}),
        json!({"allOf": [{"type": "string"}], "pattern": "(", "minLength": -1}),
    ];
    let settings = json!({"a": [1, {"b": null}], "c": "d"});
    for schema in schemas {
        assert_eq!(check(&schema, &settings), [], "{schema}");
        marked(&schema, &settings, PATH_MARK, &mut |path, _, _| panic!("{path:?}"));
    }
}

#[test]
fn a_schema_of_unnamed_types_still_says_what_it_found() {
    let unnamed = json!({"anyOf": [{"type": ["null"]}, {"type": ["null"]}]});
    assert_eq!(messages(unnamed, json!(3)), ["expected something else, found the number `3`"]);
    let null = json!({"type": ["null"]});
    assert_eq!(messages(null, json!([])), ["expected something else, found a list"]);
}

#[test]
fn what_lies_deeper_than_settings_do_is_passed_over() {
    let deep = |levels: usize| {
        let mut schema = json!({"type": "string", "x-tribunal-path": true});
        let mut settings = json!(3);
        for _ in 0..levels {
            schema = json!({"properties": {"a": schema}});
            settings = json!({"a": settings});
        }
        let mut seen = 0;
        marked(&schema, &settings, PATH_MARK, &mut |_, _, _| seen += 1);
        (check(&schema, &settings).len(), seen)
    };
    assert_eq!(deep(MOST_DEPTH), (1, 1));
    assert_eq!(deep(MOST_DEPTH + 1), (0, 0));
    assert_eq!(deep(4 * MOST_DEPTH), (0, 0));
}
