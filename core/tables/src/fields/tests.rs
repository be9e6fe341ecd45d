//! What a field map finds in records, and what it says when it finds nothing.

use serde_json::json;

use super::*;

fn path(written: &str) -> FieldPath {
    written.parse().unwrap()
}

fn found(written: &str, record: &Value) -> Option<Value> {
    path(written).get(record).map(Cow::into_owned)
}

#[test]
fn keys_dots_and_pointers_lead_to_the_same_value() {
    let record = json!({"id": 7, "judgments": [{"decision": "A>B"}]});
    assert_eq!(found("id", &record), Some(json!(7)));
    assert_eq!(found("judgments.0.decision", &record), Some(json!("A>B")));
    assert_eq!(found("/judgments/0/decision", &record), Some(json!("A>B")));
    assert_eq!(found("judgments.1.decision", &record), None);
    assert_eq!(found("judgments.00.decision", &record), None);
    assert_eq!(found("judgments.+0.decision", &record), None);
    assert_eq!(found("id.x", &record), None);
}

#[test]
fn a_key_with_dots_wins_over_the_split() {
    let record = json!({"a.b": 1, "a": {"b": 2, "c": 3}});
    assert_eq!(found("a.b", &record), Some(json!(1)));
    assert_eq!(found("/a/b", &record), Some(json!(2)));
    assert_eq!(found("a.c", &record), Some(json!(3)));
}

#[test]
fn a_key_with_dots_that_leads_nowhere_gives_way() {
    let record = json!({"a.b": {}, "a": {"b": {"c": 4}}});
    assert_eq!(found("a.b.c", &record), Some(json!(4)));
}

#[test]
fn pointers_escape_slashes_and_tildes() {
    let record = json!({"a/b": {"~": 1}});
    assert_eq!(found("/a~1b/~0", &record), Some(json!(1)));
}

#[test]
fn text_that_holds_json_is_stepped_into() {
    let record = json!({"judgment": {"scores": "[5.6, 14.6]", "note": "see [1]"}});
    assert_eq!(found("judgment.scores.1", &record), Some(json!(14.6)));
    assert_eq!(found("judgment.scores", &record), Some(json!("[5.6, 14.6]")));
    assert_eq!(found("judgment.note.0", &record), None);
}

#[test]
fn a_null_that_is_there_is_a_value() {
    assert_eq!(found("a", &json!({"a": null})), Some(Value::Null));
}

#[test]
fn an_absent_key_lists_the_keys_and_the_closest() {
    let record = json!({"pair_uid": 1, "rejected": "b"});
    let absent = path("reject").require(&record).unwrap_err();
    assert_eq!(absent.to_string(), "the record has no `reject`: it has `pair_uid`, `rejected`");
    assert_eq!(absent.hint.as_deref(), Some("write `rejected` in place of `reject`"));
}

#[test]
fn an_absent_inner_key_lists_the_keys_where_the_path_breaks_off() {
    let record = json!({"a": [{"score": 1, "text": ""}]});
    let absent = path("a.0.scor").require(&record).unwrap_err();
    assert_eq!(absent.reason, "`a.0` has `score`, `text`");
    let absent = path("a.9").require(&record).unwrap_err();
    assert_eq!(absent.reason, "`a` is a list of 1 elements");
}

#[test]
fn an_absent_path_becomes_an_error_about_a_record() {
    let place = Place { record: 3, line: Some(9) };
    let absent = path("b").require(&json!({"a": 1})).unwrap_err();
    let error = absent.in_record(Path::new("x.jsonl"), place);
    assert_eq!(error.to_string(), "`x.jsonl` record 3, line 9: the record has no `b`: it has `a`");
}

#[test]
fn a_path_of_nothing_is_refused() {
    for written in ["", "/", ".", "..", "//"] {
        assert!(written.parse::<FieldPath>().is_err(), "{written}");
    }
}

#[test]
fn a_map_is_a_table_of_texts() {
    let fields: Fields = serde_json::from_str(r#"{"id": "pair_id", "score": "/s/0"}"#).unwrap();
    let record = json!({"pair_id": "x", "s": [0.5]});
    assert_eq!(fields.get("score", &record).unwrap().unwrap().as_ref(), &json!(0.5));
    assert_eq!(fields.get("subset", &record), Ok(None));
    let back = serde_json::to_string(&fields).unwrap();
    assert_eq!(back, r#"{"id":"pair_id","score":"/s/0"}"#);
    assert!(serde_json::from_str::<Fields>(r#"{"id": ""}"#).is_err());
}

#[test]
fn a_default_path_does_not_replace_a_given_one() {
    let fields = Fields::default().or("id", path("a")).or("id", path("b")).or("text", path("c"));
    assert_eq!(fields.path("id"), Some(&path("a")));
    assert_eq!(fields.iter().count(), 2);
}
