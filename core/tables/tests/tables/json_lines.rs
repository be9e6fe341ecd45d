//! Reading `.jsonl` files, whole and broken.

use std::io::Write;

use serde_json::Value;
use tribunal_tables::{MAX_RECORD_BYTES, TableError, records};

use crate::{Pair, Scratch, assert_says, refused};

#[test]
fn blank_lines_line_ends_and_byte_order_marks_are_no_trouble() {
    let content = "\u{feff}{\"a\": 1}\r\n\r\n  \n {\"a\": 2} \n{\"a\": 3}";
    let scratch = Scratch::new("a.ndjson", content);
    let places: Vec<_> = records::<Value>(&scratch.path)
        .unwrap()
        .into_iter()
        .map(|(place, value)| (place.record, place.line.unwrap(), value["a"].as_u64().unwrap()))
        .collect();
    assert_eq!(places, [(1, 1, 1), (2, 4, 2), (3, 5, 3)]);
}

#[test]
fn a_line_that_ends_early_is_placed() {
    let error = refused::<Value>("a.jsonl", "{\"a\": 1}\n\n{\"a\": [1,\n{\"a\": 2}\n");
    assert!(matches!(error, TableError::Malformed { .. }));
    assert_says(&error, "a.jsonl` record 2, line 3, column 9: the line ends inside the record");
}

#[test]
fn a_wrong_key_is_told_with_the_keys_that_are_there() {
    let error = refused::<Pair>("a.jsonl", "\n  {\"pair_uid\": \"1\", \"choosen\": 2}");
    assert_says(
        &error,
        "a.jsonl` record 1, line 2, column 33: missing field `chosen`, the record has `pair_uid`, `choosen`",
    );
    assert!(error.hint().unwrap().contains("`choosen` to `chosen`"));
}

#[test]
fn nan_gets_a_hint() {
    let error = refused::<Value>("a.jsonl", "{\"a\": NaN}");
    assert!(error.to_string().contains("record 1, line 1"), "{error}");
    assert!(error.hint().unwrap().contains("JSON has no NaN"));
}

#[test]
fn bytes_that_are_not_utf8_are_placed() {
    let error = refused::<Value>("a.jsonl", b"{\"a\": 1}\n{\"a\": \"\xc3\"}\n");
    assert_says(&error, "a.jsonl` record 2, line 2, column 8: the text is not UTF-8");
}

#[test]
fn two_records_on_a_line_are_refused() {
    let error = refused::<Value>("a.jsonl", "{\"a\": 1} {\"a\": 2}\n");
    assert_says(&error, "a.jsonl` record 1, line 1, column 10: trailing characters");
}

#[test]
fn an_array_is_refused_with_a_hint() {
    let error = refused::<Value>("a.jsonl", "[{\"a\": 1}]");
    assert_says(
        &error,
        "a.jsonl` record 1, line 1, column 1: the line starts with an array, not an object",
    );
    assert!(error.hint().unwrap().contains(".json"));
}

#[test]
fn empty_files_are_refused() {
    assert_says(&refused::<Value>("a.jsonl", ""), "a.jsonl`: the file is empty");
    assert_says(&refused::<Value>("a.jsonl", "\n\r\n "), "a.jsonl`: the file is empty");
}

#[test]
fn deep_nesting_is_refused() {
    let line = format!("{{\"a\": {}", "{\"a\":".repeat(50_000));
    let error = refused::<Value>("a.jsonl", line);
    assert!(error.to_string().contains("record 1, line 1"), "{error}");
    assert!(error.to_string().contains("recursion limit exceeded"));
}

#[test]
fn a_line_of_200_megabytes_is_refused() {
    let scratch = Scratch::new("a.jsonl", "{\"a\": 1}\n");
    let mut file = std::fs::OpenOptions::new().append(true).open(&scratch.path).unwrap();
    file.write_all(b"{\"a\": \"").unwrap();
    for _ in 0..200 {
        file.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    file.write_all(b"\"}\n").unwrap();
    let error = records::<Value>(&scratch.path).unwrap_err();
    assert!(matches!(error, TableError::TooLarge { .. }));
    assert_says(&error, "a.jsonl` record 2, line 2: the record is larger than 67108864 bytes");
}

#[test]
fn a_line_of_the_limit_is_read() {
    let text = "x".repeat(MAX_RECORD_BYTES - "{\"a\":\"\"}".len());
    let scratch = Scratch::new("a.jsonl", format!("{{\"a\":\"{text}\"}}\r\n"));
    assert_eq!(records::<Value>(&scratch.path).unwrap().len(), 1);
    let scratch = Scratch::new("a.jsonl", format!("{{\"a\":\"{text}x\"}}\r\n"));
    assert!(records::<Value>(&scratch.path).is_err());
}
