//! Reading rows from all three formats, and rows that are refused.

use std::fs::File;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use tribunal_api::TagValue;

use super::*;

const ROWS: [&str; 3] = [
    r#"{"id": "3", "prompt": "p", "chosen": ["a"], "rejected": ["b", "c", "d"], "num_correct": 1,
        "models": ["m1", "m2", "m3", "m4"], "subset": "Math",
        "additional_metadata": {"category": "algebra", "valid": 1.0,
            "instruction_id_list": ["x:one", "x:two"], "prompt_norm": "p"}}"#,
    r#"{"id": "3", "prompt": "p", "chosen": ["a"], "rejected": ["b", "c", "d"], "num_correct": 1,
        "models": null, "subset": "Precise IF", "additional_metadata": null}"#,
    r#"{"id": "tied:0", "prompt": "q", "chosen": ["e", "f"], "rejected": ["g"], "num_correct": 2,
        "models": ["m1"], "subset": "Ties", "additional_metadata": null}"#,
];

fn one_line(row: &str) -> String {
    row.replace('\n', " ")
}

fn read(name: &str, content: impl AsRef<[u8]>) -> Result<Loaded, SuiteError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    suite(folder.path()).items()
}

type Group<'w, 'f> = &'w mut SerializedRowGroupWriter<'f, File>;

/// Texts of a column; `levels` holds how deep each is defined and whether it repeats.
fn texts(group: Group<'_, '_>, texts: &[&str], defined: &[i16], repeated: Option<&[i16]>) {
    let values: Vec<ByteArray> = texts.iter().map(|text| ByteArray::from(*text)).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&values, Some(defined), repeated).unwrap();
    column.close().unwrap();
}

/// The three rows as the published file stores them: lists of three levels, a nullable struct, missing numbers
/// as "not a number".
fn parquet(path: &Path) {
    let list = |name: &str| {
        format!(
            "optional group {name} (LIST) {{ repeated group list {{ optional binary element (STRING); }} }}"
        )
    };
    let schema = format!(
        "message schema {{ optional binary id (STRING); optional binary prompt (STRING); {} {} \
         optional int64 num_correct; {} optional binary subset (STRING); \
         optional group additional_metadata {{ optional binary category (STRING); {} optional double valid; }} }}",
        list("chosen"),
        list("rejected"),
        list("models"),
        list("instruction_id_list"),
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    texts(&mut group, &["3", "3", "tied:0"], &[1, 1, 1], None);
    texts(&mut group, &["p", "p", "q"], &[1, 1, 1], None);
    texts(&mut group, &["a", "a", "e", "f"], &[3; 4], Some(&[0, 0, 0, 1]));
    texts(&mut group, &["b", "c", "d", "b", "c", "d", "g"], &[3; 7], Some(&[0, 1, 1, 0, 1, 1, 0]));
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1, 1, 2], Some(&[1, 1, 1]), None).unwrap();
    column.close().unwrap();
    let models = ["m1", "m2", "m3", "m4", "m1"];
    texts(&mut group, &models, &[3, 3, 3, 3, 0, 3], Some(&[0, 1, 1, 1, 0, 0]));
    texts(&mut group, &["Math", "Precise IF", "Ties"], &[1, 1, 1], None);
    texts(&mut group, &["algebra"], &[2, 0, 0], None);
    texts(&mut group, &["x:one", "x:two"], &[4, 4, 0, 0], Some(&[0, 1, 0, 0]));
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(&[f64::NAN], Some(&[2, 0, 0]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_json_and_json_lines_hold_the_same_items() {
    let lines = read("test.jsonl", ROWS.map(one_line).join("\n")).unwrap();
    let array = read("test.json", format!("[{}]", ROWS.join(","))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    parquet(&folder.path().join("data/test-00000-of-00001.parquet"));
    let table = suite(folder.path()).items().unwrap();
    assert_eq!(lines.items, array.items);
    assert_eq!(lines.items, table.items);
    assert_eq!(lines.absent, table.absent);
}

#[test]
fn a_row_becomes_an_item() {
    let items = read("test.jsonl", ROWS.map(one_line).join("\n")).unwrap().items;
    let [math, precise, tied] = &items[..] else { panic!("three rows, {} items", items.len()) };
    assert_eq!((&*math.subset, &*math.id), ("Math", "3"));
    assert_eq!((&*precise.subset, &*precise.id), ("Precise IF", "3"));
    assert_eq!(math.gold, [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(math.candidates[0].author.as_deref(), Some("m1"));
    assert_eq!(math.candidates[3].author.as_deref(), Some("m4"));
    assert_eq!(math.cluster, tribunal_api::Cluster::Conversation);
    let one = |text: &str| TagValue::One(Arc::from(text));
    assert_eq!(math.tags["category"], one("algebra"));
    assert_eq!(math.tags["num-correct"], one("1"));
    let list = TagValue::Many(vec![Arc::from("x:one"), Arc::from("x:two")]);
    assert_eq!(math.tags["instruction_id_list"], list);
    assert_eq!(math.tags.len(), 3);
    assert_eq!(precise.candidates[0].author, None);
    assert_eq!(tied.gold, [1.0, 1.0, 0.0]);
    assert_eq!(tied.candidates[0].author, None, "one name for three answers names nobody");
    assert_eq!(tied.cluster, tribunal_api::Cluster::Named(Arc::from("Ties/0")));
}

#[test]
fn what_is_not_in_the_file_is_named() {
    let absent = read("test.jsonl", ROWS.map(one_line).join("\n")).unwrap().absent;
    let named: Vec<&str> = absent.iter().map(|one| one.what.as_str()).collect();
    let expected = [
        "subset `Factuality`",
        "159 of 160 rows of subset `Precise IF`",
        "182 of 183 rows of subset `Math`",
        "subset `Safety`",
        "subset `Focus`",
        "101 of 102 rows of subset `Ties`",
    ];
    assert_eq!(named, expected);
}

#[test]
fn rows_that_cannot_be_right_are_refused_with_their_record() {
    let first = one_line(ROWS[0]);
    let message = |second: String| {
        let error = read("test.jsonl", format!("{first}\n{second}\n")).unwrap_err();
        assert!(error.path.is_some(), "{error}");
        (error.message, error.hint.unwrap_or_default())
    };
    let changed = |from: &str, to: &str| {
        let row = first.replace("\"id\": \"3\"", "\"id\": \"4\"");
        assert!(row.contains(from), "{from}");
        message(row.replace(from, to))
    };
    let at = "record 2, line 2: ";
    let (twice, _) = message(first.clone());
    assert!(twice.starts_with(at) && twice.contains("the id `3` of `Math`"), "{twice}");
    let (subset, hint) = changed("\"Math\"", "\"Maths\"");
    assert_eq!(subset, format!("{at}there is no subset `Maths`"));
    assert!(hint.contains("`Math`"), "{hint}");
    assert_eq!(changed("[\"a\"]", "[]").0, format!("{at}`chosen` is empty"));
    assert_eq!(changed("[\"b\", \"c\", \"d\"]", "[]").0, format!("{at}`rejected` is empty"));
    let number = changed("\"num_correct\": 1", "\"num_correct\": 2").0;
    assert_eq!(number, format!("{at}`num_correct` is 2, and `chosen` holds 1"));
    let many = changed("[\"a\"]", "[\"a\", \"e\"]").0;
    assert_eq!(
        many,
        format!("{at}`chosen` holds 2 texts, and only rows of `Ties` hold more than 1")
    );
    let id = changed("\"Math\"", "\"Ties\"").0;
    assert!(id.contains("the id `4` of a row of `Ties`"), "{id}");
    let (key, hint) = changed("\"rejected\"", "\"reject\"");
    assert!(key.contains("missing field `rejected`"), "{key}");
    assert!(hint.contains("`reject`"), "{hint}");
}

#[test]
fn a_folder_must_hold_one_data_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(suite(folder.path()).items().unwrap_err().message.contains("no `.parquet`"));
    for name in ["a.jsonl", "b.parquet"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let error = suite(folder.path()).items().unwrap_err();
    assert_eq!(error.message, "the folder holds 2 data files");
}
