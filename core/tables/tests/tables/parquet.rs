//! Reading Parquet written by another program, whole and broken.
//!
//! The fixtures are made by `tests/fixtures/make_nested.py`, which says what is in them.

use serde::Deserialize;
use serde_json::{Value, json};
use tribunal_tables::{TableError, records};

use crate::{assert_says, fixture, refused};

fn values(name: &str) -> Vec<Value> {
    let all = records::<Value>(&fixture(name)).unwrap();
    all.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn nested_lists_structs_and_maps_come_out_as_json() {
    assert_eq!(
        values("nested.parquet"),
        [
            json!({
                "id": "a",
                "chosen": ["x"],
                "turns": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": null}],
                "scores": [[1, 2], []],
                "additional_metadata": {"category": "math", "correct": 1, "inner": {"deep": true}},
                "tags": {"k": 1},
                "pairs": [{"t": [1], "s": {"q": ["u", "v"]}}],
            }),
            json!({
                "id": "b",
                "chosen": ["y", "z"],
                "turns": [],
                "scores": [[3]],
                "additional_metadata": {"category": null, "correct": null, "inner": null},
                "tags": {},
                "pairs": null,
            }),
            json!({
                "id": "c",
                "chosen": [],
                "turns": null,
                "scores": [null, [4, null]],
                "additional_metadata": null,
                "tags": null,
                "pairs": [],
            }),
            json!({
                "id": "d",
                "chosen": null,
                "turns": [null, {"role": "user", "content": "é 漢"}],
                "scores": [],
                "additional_metadata": {"category": "chat", "correct": -1, "inner": {"deep": false}},
                "tags": {"a": 2, "b": null},
                "pairs": [{"t": null, "s": null}, {"t": [2, 3], "s": {"q": []}}],
            }),
        ]
    );
}

#[test]
fn nested_values_fit_types() {
    #[derive(Deserialize)]
    struct Item {
        id: String,
        chosen: Option<Vec<String>>,
        additional_metadata: Option<Metadata>,
    }
    #[derive(Deserialize)]
    struct Metadata {
        category: Option<String>,
        correct: Option<i64>,
    }
    let all = records::<Item>(&fixture("nested.parquet")).unwrap();
    assert_eq!(all[3].0.record, 4);
    assert_eq!(all[3].0.line, None);
    assert_eq!(all[1].1.id, "b");
    assert_eq!(all[1].1.chosen.as_deref().unwrap(), ["y", "z"]);
    let metadata = all[0].1.additional_metadata.as_ref().unwrap();
    assert_eq!(metadata.category.as_deref(), Some("math"));
    assert_eq!(metadata.correct, Some(1));
}

#[test]
fn every_type_has_a_json_form() {
    let rows = values("types.parquet");
    assert_eq!(
        rows[0],
        json!({
            "i8": -128,
            "i16": -32768,
            "i32": -2147483648,
            "i64": i64::MIN,
            "u8": 255,
            "u16": 65535,
            "u32": 4294967295_u64,
            "u64": u64::MAX,
            "f16": 0.5,
            "f32": 0.25,
            "f64": 0.1,
            "bool": true,
            "text": "a",
            "large_text": "b",
            "dictionary": "c",
            "binary": "d",
            "date": "2024-02-29",
            "time": "01:02:03.000000",
            "timestamp_ms": "2024-02-29 01:02:03.000 +00:00",
            "timestamp_us": "2024-02-29 01:02:03.000000 +00:00",
            "timestamp_ns": 1_000_000_000,
            "decimal": "12.34",
            "nothing": null,
        })
    );
    let second = rows[1].as_object().unwrap();
    assert_eq!(second.len(), 23);
    assert!(second.values().all(Value::is_null));
}

#[test]
fn a_float_that_is_not_finite_is_refused_where_it_is_read() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the failure to read it matters")]
    struct Scored {
        score: Option<f64>,
    }
    #[derive(Deserialize)]
    struct Noted {
        note: String,
    }
    let wanted = "nan.parquet` record 2: in `score`: `NaN` is not a finite number";
    assert_says(&records::<Scored>(&fixture("nan.parquet")).unwrap_err(), wanted);
    assert_says(&records::<Value>(&fixture("nan.parquet")).unwrap_err(), wanted);
    let noted = records::<Noted>(&fixture("nan.parquet")).unwrap();
    assert_eq!(noted[1].1.note, "x");
}

#[test]
fn binary_that_is_not_text_is_refused() {
    let error = records::<Value>(&fixture("bytes.parquet")).unwrap_err();
    assert_says(&error, "bytes.parquet` record 2: in `raw`: the bytes are not UTF-8 text");
}

#[test]
fn a_compression_that_is_not_built_in_gets_a_hint() {
    let error = records::<Value>(&fixture("gzip.parquet")).unwrap_err();
    assert!(matches!(error, TableError::Malformed { .. }));
    assert!(error.to_string().contains("gzip.parquet` record 1"), "{error}");
    assert!(error.hint().unwrap().contains("Snappy"), "{error}");
}

#[test]
fn wrong_columns_and_types_are_placed() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the failure to read it matters")]
    struct Renamed {
        chosen: Option<Vec<String>>,
        reject: Vec<String>,
    }
    let error = records::<Renamed>(&fixture("nested.parquet")).unwrap_err();
    assert!(matches!(error, TableError::Misfit { .. }));
    assert_says(
        &error,
        "nested.parquet` record 1: missing field `reject`, the record has `id`, `chosen`, `turns`, `scores`, \
         `additional_metadata`, `tags`, `pairs`",
    );

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the failure to read it matters")]
    struct Whole {
        turns: Vec<Turn>,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the failure to read it matters")]
    struct Turn {
        content: String,
    }
    assert_says(
        &records::<Whole>(&fixture("nested.parquet")).unwrap_err(),
        "nested.parquet` record 1: in `turns.1.content`: invalid type: null, expected a string",
    );
}

#[test]
fn files_that_are_not_parquet_are_refused() {
    assert_says(&refused::<Value>("a.parquet", ""), "a.parquet`: the file is empty");
    for content in [&b"PAR1"[..], b"{\"a\": 1}\n", b"PAR1PAR1", &[0; 4096]] {
        let error = refused::<Value>("a.parquet", content);
        assert!(matches!(error, TableError::Malformed { .. }), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let whole = std::fs::read(fixture("nested.parquet")).unwrap();
    for end in (0..whole.len()).step_by(7) {
        refused::<Value>("a.parquet", &whole[..end]);
    }
}

/// Any single damaged byte gives records or an error, never a panic. Which of the two depends on the byte: values
/// and names carry no checksum.
#[test]
fn a_damaged_byte_never_panics() {
    let scratch = crate::Scratch::new("a.parquet", "");
    for name in ["nested.parquet", "types.parquet"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        // Every fifth byte: a whole pass takes half a minute and has found no more.
        for at in (0..whole.len()).step_by(5) {
            let mut damaged = whole.clone();
            damaged[at] ^= [0x01, 0x80, 0xff][at % 3];
            std::fs::write(&scratch.path, &damaged).unwrap();
            let _ = records::<Value>(&scratch.path);
        }
    }
}
