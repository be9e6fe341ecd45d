//! Reading `.json` files, whole and broken.

use serde::Deserialize;
use serde_json::Value;
use tribunal_tables::{MAX_RECORD_BYTES, TableError, read, records};

use crate::{Pair, Scratch, assert_says, refused};

const GOOD: &str =
    r#"{"pair_uid": "1", "chosen": {"answer": "a"}, "reject": {"answer": "b", "score": 2}}"#;

fn places(content: &str) -> Vec<(u64, Option<u64>)> {
    let scratch = Scratch::new("a.json", content);
    records::<Value>(&scratch.path)
        .unwrap()
        .into_iter()
        .map(|(place, _)| (place.record, place.line))
        .collect()
}

#[test]
fn an_array_gives_its_objects_with_their_lines() {
    let content = "\u{feff} [\r\n {\"a\": 1},\n\n {\"a\":\n 2}, {\"a\": 3}\n]\n";
    assert_eq!(places(content), [(1, Some(2)), (2, Some(4)), (3, Some(5))]);
}

#[test]
fn one_object_is_one_record() {
    assert_eq!(places("{\"a\": [1, {\"b\": 2}]}"), [(1, Some(1))]);
}

#[test]
fn json_lines_named_json_are_read() {
    assert_eq!(
        places("{\"a\": 1}\n{\"a\": 2}\r\n\r\n{\"a\": 3}"),
        [(1, Some(1)), (2, Some(2)), (3, Some(4))]
    );
}

#[test]
fn an_array_of_nothing_holds_no_records() {
    assert_eq!(places(" [ ] "), []);
}

#[test]
fn typed_records_come_out_as_written() {
    let scratch = Scratch::new("a.json", format!("[{GOOD},{GOOD}]"));
    let all = records::<Pair>(&scratch.path).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].1.reject.score, Some(2.0));
}

#[test]
fn a_visitor_can_stop() {
    let scratch = Scratch::new("a.json", "[{},{},{}]");
    let mut seen = 0;
    let result = read(&scratch.path, |place, _: Value| {
        seen += 1;
        match place.record {
            2 => Err(TableError::misfit(&scratch.path, place, "enough")),
            _ => Ok(()),
        }
    });
    assert_says(&result.unwrap_err(), "a.json` record 2, line 1: enough");
    assert_eq!(seen, 2);
}

#[test]
fn a_missing_file_is_an_open_error() {
    let error = records::<Value>(std::path::Path::new("/nowhere/a.json")).unwrap_err();
    assert!(matches!(error, TableError::Open { .. }));
    assert_says(&error, "a.json`");
}

#[test]
fn a_wrong_key_is_told_with_the_keys_that_are_there() {
    let wrong = GOOD.replace("\"reject\"", "\"rejected\"");
    let error = refused::<Pair>("a.json", format!("[\n{GOOD},\n{wrong}]"));
    assert!(matches!(error, TableError::Misfit { .. }));
    assert_says(
        &error,
        &format!(
            "a.json` record 2, line 3, column {}: missing field `reject`, the record has `pair_uid`, \
             `chosen`, `rejected`",
            wrong.len()
        ),
    );
    assert_eq!(
        error.hint(),
        Some("rename the key `rejected` to `reject`, or name it in a field map")
    );
}

#[test]
fn a_missing_inner_key_is_told_with_the_keys_of_its_object() {
    let wrong = r#"{"pair_uid": "1", "chosen": {"text": "}"}, "reject": {"answer": "b"}}"#;
    let error = refused::<Pair>("a.json", format!("[{wrong}]"));
    assert_says(
        &error,
        "a.json` record 1, line 1, column 42: in `chosen`: missing field `answer`, it has `text`",
    );
}

#[test]
fn a_wrong_type_is_told_with_its_path() {
    let wrong = GOOD.replace('2', "\"high\"");
    let error = refused::<Pair>("a.json", format!("[{GOOD},{wrong}]"));
    let message = error.to_string();
    assert!(message.contains("record 2, line 1"), "{message}");
    assert!(
        message.contains("in `reject.score`: invalid type: string \"high\", expected f64"),
        "{message}"
    );
}

#[test]
fn a_key_twice_in_one_object_is_refused() {
    let error = refused::<Pair>("a.json", "[{\"pair_uid\": \"1\", \"pair_uid\": \"2\"}]");
    assert!(error.to_string().contains("duplicate field `pair_uid`"));
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let whole = format!("[{GOOD},\n{GOOD}]");
    for end in 1..whole.len() {
        let error = refused::<Pair>("a.json", &whole[..end]);
        assert!(error.spot().unwrap().line.is_some(), "{error}");
    }
    let error = refused::<Pair>("a.json", &whole[..whole.len() - 5]);
    assert!(matches!(error, TableError::Malformed { .. }));
    let message = error.to_string();
    assert!(
        message.contains("record 2, line 2") && message.contains("the file ends inside the record"),
        "{message}"
    );
    let error = refused::<Pair>("a.json", &whole[..whole.len() - 1]);
    assert!(error.to_string().contains("record 2, line 2"), "{error}");
    assert!(error.to_string().contains("the file ends before the array does"));
}

#[test]
fn nan_and_infinity_get_a_hint() {
    for word in ["NaN", "Infinity", "-Infinity"] {
        let content = format!("[{{\"a\": 1}},\n{{\"a\": {word}}}]");
        let error = refused::<Value>("a.json", content);
        assert!(error.to_string().contains("record 2, line 2"), "{error}");
        assert_eq!(
            error.hint(),
            Some("write null in place of the value, JSON has no NaN and no Infinity")
        );
    }
}

#[test]
fn a_number_out_of_range_is_refused() {
    let error = refused::<Value>("a.json", "[{\"a\": 1e999}]");
    assert!(error.to_string().contains("record 1, line 1"), "{error}");
    assert!(error.to_string().contains("number out of range"), "{error}");
}

#[test]
fn bytes_that_are_not_utf8_are_placed() {
    let error = refused::<Value>("a.json", b"[{\"a\": 1},\n{\"b\": \"x\xff\"}]");
    assert_says(&error, "a.json` record 2, line 2, column 9: the text is not UTF-8");
    let error = refused::<Value>("a.json", b"[{\"a\": 1}] \xff");
    assert!(error.to_string().contains("not UTF-8"), "{error}");
    let error = refused::<Value>("a.json", b"\xff\xfe[");
    assert!(error.to_string().contains("line 1, column 1"), "{error}");
}

#[test]
fn deep_nesting_is_refused() {
    let content = format!("[{{}},{{\"a\": {}{}}}]", "[".repeat(100_000), "]".repeat(100_000));
    let error = refused::<Value>("a.json", &content);
    assert!(error.to_string().contains("record 2, line 1"), "{error}");
    assert!(error.to_string().contains("recursion limit exceeded"));
    assert!(error.hint().unwrap().contains("127 levels"));
    // The level that the hint speaks of is read, the record itself being one of them.
    let allowed = format!("[{{\"a\": {}{}}}]", "[".repeat(126), "]".repeat(126));
    assert_eq!(places(&allowed).len(), 1);
}

#[test]
fn empty_files_are_refused() {
    assert_says(&refused::<Value>("a.json", ""), "a.json`: the file is empty");
    assert_says(&refused::<Value>("a.json", " \n"), "a.json`: the file is empty");
    assert_says(&refused::<Value>("a.json", "\u{feff}"), "a.json`: the file is empty");
}

#[test]
fn a_top_level_of_another_kind_is_refused() {
    assert_says(
        &refused::<Value>("a.json", "\n 12"),
        "a.json` line 2, column 2: the file starts with a number, not an array or an object",
    );
    assert!(refused::<Value>("a.json", "\"x\"").to_string().contains("a string"));
    assert!(refused::<Value>("a.json", "id,x\n").to_string().contains("text that is not JSON"));
}

#[test]
fn records_that_are_no_objects_are_refused() {
    assert_says(
        &refused::<Value>("a.json", "[{\"a\": 1},\n [2]]"),
        "a.json` record 2, line 2, column 2: the record is an array, not an object",
    );
}

#[test]
fn faults_between_records_are_refused() {
    let says = |content: &str, wanted: &str| {
        let error = refused::<Value>("a.json", content).to_string();
        assert!(error.contains(wanted), "{content}: {error}");
    };
    says("[{},]", "a comma stands before the end of the array");
    says("[{} {}]", "no `,` and no `]` follows the record");
    says("[{}] {}", "more text follows the array");
    says("{} x", "the record is text that is not JSON, not an object");
}

#[test]
fn a_record_above_the_limit_is_refused() {
    let long = "x".repeat(MAX_RECORD_BYTES);
    let error = refused::<Value>("a.json", format!("[{{}},\n{{\"a\": \"{long}\"}}]"));
    assert!(matches!(error, TableError::TooLarge { .. }));
    assert_says(&error, "a.json` record 2, line 2: the record is larger than 67108864 bytes");
}

#[test]
fn untagged_types_still_get_a_place() {
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only the failure to read it matters")]
    enum Either {
        Left { left: u8 },
        Right { right: u8 },
    }
    let error = refused::<Either>("a.json", "[{\"left\": 1},{\"middle\": 1}]");
    assert!(error.to_string().contains("record 2, line 1"), "{error}");
}
