//! Schemas and settings as a plugin might send them: any JSON at all.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tribunal_api::settings::{
    OPERATIONAL_MARK, PATH_MARK, REFERENCE_MARK, Step, check, dotted, marked,
};

/// Keys of schemas and settings alike, so that both meet.
const WORDS: [&str; 22] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "oneOf",
    "anyOf",
    "allOf",
    "$ref",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "minItems",
    "description",
    PATH_MARK,
    REFERENCE_MARK,
    OPERATIONAL_MARK,
    "a",
    "b",
    "",
];

const TEXTS: [&str; 10] = [
    "string",
    "integer",
    "number",
    "boolean",
    "array",
    "object",
    "null",
    "or-name",
    "a",
    "#/$defs/a",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned), any::<String>(),]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ]
}

/// Any JSON, of words that mean something more often than chance would have it.
fn json() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(6, 96, 6, |inner| {
        let key = prop_oneof![
            4 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            3 => proptest::collection::vec((key, inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The value at a path, as far as the path leads.
fn found<'a>(settings: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(settings, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_json_is_a_schema_and_its_faults_lie_in_the_settings(
        schema in json(),
        settings in json(),
    ) {
        for fault in check(&schema, &settings) {
            prop_assert!(!fault.message.is_empty());
            prop_assert!(found(&settings, &fault.path).is_some(), "{}", dotted(&fault.path));
        }
        for mark in [PATH_MARK, REFERENCE_MARK, OPERATIONAL_MARK] {
            marked(&schema, &settings, mark, &mut |path, value, _| {
                assert_eq!(found(&settings, path), Some(value), "{}", dotted(path));
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn a_schema_of_alternatives_in_one_another_is_read_in_good_time(
        word in proptest::sample::select(&["anyOf", "oneOf", "items", "properties", "additionalProperties"][..]),
        other in proptest::sample::select(&["anyOf", "oneOf"][..]),
        levels in 1usize..150,
    ) {
        let nest = |inner: Value, word: &str| match word {
            "anyOf" | "oneOf" => json!({ word: [inner, { "type": "boolean" }] }),
            "properties" => json!({ word: { "a": inner } }),
            _ => json!({ word: inner }),
        };
        let mut schema = json!({ "type": "integer", PATH_MARK: true });
        let mut settings = json!("a");
        for _ in 0..levels {
            schema = nest(nest(schema, word), other);
            settings = match word {
                "items" => json!([settings]),
                "properties" | "additionalProperties" => json!({ "a": settings }),
                _ => settings,
            };
        }
        let faults = check(&schema, &settings);
        prop_assert!(faults.iter().all(|fault| fault.path.len() <= 64));
        let mut visited = 0;
        marked(&schema, &settings, PATH_MARK, &mut |path, _, _| {
            visited += 1;
            assert!(path.len() <= 64);
        });
        prop_assert!(visited <= 1);
    }
}
