//! Writing tables, and reading them back.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tribunal_tables::{Cell, Column, ColumnKind, Format, TableError, Writer, read_as, records};

use crate::assert_says;

const KINDS: [(&str, ColumnKind); 5] = [
    ("text", ColumnKind::Text),
    ("whole", ColumnKind::Integer),
    ("a \"b\",\tc", ColumnKind::Float),
    ("flag", ColumnKind::Boolean),
    ("nested.json", ColumnKind::Json),
];

type Row = (Option<String>, Option<i64>, Option<f64>, Option<bool>, Option<Vec<String>>);

fn columns() -> Vec<Column> {
    KINDS.map(|(name, kind)| Column::new(name, kind)).to_vec()
}

fn cells(row: &Row) -> Vec<Cell<'_>> {
    let (text, whole, float, flag, nested) = row;
    vec![
        text.as_deref().into(),
        (*whole).into(),
        (*float).into(),
        (*flag).into(),
        nested.as_ref().map(|list| json!({ "list": list })).into(),
    ]
}

/// What a row reads back as. CSV knows text only, and takes the empty text for nothing.
fn expected(row: &Row, format: Format) -> Value {
    let (text, whole, float, flag, nested) = row;
    let nested = nested.as_ref().map(|list| json!({ "list": list }));
    let as_text = |value: &Option<Value>| value.as_ref().map(ToString::to_string);
    let values = match format {
        Format::Json | Format::JsonLines => {
            [json!(text), json!(whole), json!(float), json!(flag), json!(nested)]
        }
        Format::Parquet => {
            [json!(text), json!(whole), json!(float), json!(flag), json!(as_text(&nested))]
        }
        Format::Csv | Format::Tsv => [
            json!(text.as_ref().filter(|text| !text.is_empty())),
            json!(whole.map(|value| value.to_string())),
            json!(float.map(|value| json!(value).to_string())),
            json!(flag.map(|value| value.to_string())),
            json!(as_text(&nested)),
        ],
    };
    let names = KINDS.map(|(name, _)| name.to_owned());
    Value::Object(names.into_iter().zip(values).collect::<Map<_, _>>())
}

fn write(path: &Path, format: Format, rows: &[Row]) {
    let mut table = Writer::create(path, format, &columns()).unwrap();
    for row in rows {
        table.write(&cells(row)).unwrap();
    }
    assert_eq!(table.rows(), rows.len() as u64);
    table.finish().unwrap();
}

/// The bytes of a table in a stream.
fn written(format: Format, rows: &[Row]) -> Vec<u8> {
    let output = Shared::default();
    let mut table =
        Writer::to_stream(output.clone(), "standard output", format, &columns()).unwrap();
    for row in rows {
        table.write(&cells(row)).unwrap();
    }
    table.finish().unwrap();
    let bytes = output.0.lock().unwrap();
    bytes.clone()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = prop_oneof![any::<String>(), "[a\"',;\t\r\n\\\\ ]{0,6}", Just(String::new())];
    let float = any::<f64>().prop_filter("finite", |value| value.is_finite());
    let nested = prop::collection::vec("[a\"\n]{0,3}", 0..3);
    let row = (
        prop::option::of(text),
        prop::option::of(any::<i64>()),
        prop::option::of(float),
        prop::option::of(any::<bool>()),
        prop::option::of(nested),
    );
    prop::collection::vec(row, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn what_is_written_is_read_back(rows in rows()) {
        let folder = tempfile::tempdir().unwrap();
        for format in Format::ALL {
            let path = folder.path().join("table");
            std::fs::write(&path, written(format, &rows)).unwrap();
            let mut back = Vec::new();
            read_as(&path, format, |_, value: Value| {
                back.push(value);
                Ok::<(), TableError>(())
            })
            .unwrap();
            let wanted: Vec<Value> = rows.iter().map(|row| expected(row, format)).collect();
            prop_assert_eq!(back, wanted, "{:?}", format);
        }
    }
}

fn sample(count: i64) -> Vec<Row> {
    (0..count)
        .map(|n| {
            (
                Some(format!("row {n}")),
                (n % 3 != 0).then_some(n),
                Some(n as f64 / 7.0),
                Some(n % 2 == 0),
                None,
            )
        })
        .collect()
}

#[test]
fn several_row_groups_are_read_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let rows = sample(70_000);
    write(&path, Format::Parquet, &rows);
    let back = records::<Value>(&path).unwrap();
    assert_eq!(back.len(), rows.len());
    for ((place, value), row) in back.iter().zip(&rows).step_by(997) {
        assert_eq!(value, &expected(row, Format::Parquet), "{place}");
    }
    assert_eq!(back[69_999].1, expected(&rows[69_999], Format::Parquet));
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for format in Format::ALL {
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        write(&first, format, &sample(1000));
        write(&second, format, &sample(1000));
        assert!(std::fs::read(first).unwrap() == std::fs::read(second).unwrap(), "{format:?}");
    }
}

#[test]
fn no_version_of_a_library_is_written_into_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, Format::Parquet, &sample(3));
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(10).any(|part| part == b"parquet-rs"));
}

#[test]
fn tables_without_rows_are_tables() {
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::Json, Format::Csv, Format::Tsv, Format::Parquet] {
        let path = folder.path().join("none").with_extension(format.extension());
        write(&path, format, &[]);
        assert!(records::<Value>(&path).unwrap().is_empty(), "{format:?}");
    }
}

#[test]
fn the_text_formats_look_as_expected() {
    let folder = tempfile::tempdir().unwrap();
    let text = |format: Format| {
        let path = folder.path().join("table");
        let columns = [
            Column::new("id", ColumnKind::Text),
            Column::new("score", ColumnKind::Float),
            Column::new("more", ColumnKind::Json),
        ];
        let mut table = Writer::create(&path, format, &columns).unwrap();
        table
            .write(&["a,b".into(), Cell::Integer(2), json!({"z": 1, "a": [true]}).into()])
            .unwrap();
        table.write(&[Cell::Null, 0.5.into(), Cell::Null]).unwrap();
        table.finish().unwrap();
        std::fs::read_to_string(&path).unwrap()
    };
    let lines = [
        "{\"id\":\"a,b\",\"score\":2,\"more\":{\"z\":1,\"a\":[true]}}",
        "{\"id\":null,\"score\":0.5,\"more\":null}",
    ];
    assert_eq!(text(Format::JsonLines), format!("{}\n{}\n", lines[0], lines[1]));
    assert_eq!(text(Format::Json), format!("[\n{},\n{}\n]\n", lines[0], lines[1]));
    assert_eq!(
        text(Format::Csv),
        "id,score,more\n\"a,b\",2,\"{\"\"z\"\":1,\"\"a\"\":[true]}\"\n,0.5,\n"
    );
}

#[test]
fn a_writer_that_is_dropped_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, "old").unwrap();
    let mut table = Writer::create(&path, Format::JsonLines, &columns()).unwrap();
    table.write(&cells(&sample(1)[0])).unwrap();
    drop(table);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    write(&path, Format::JsonLines, &sample(2));
    assert_eq!(records::<Value>(&path).unwrap().len(), 2);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let columns = [Column::new("score", ColumnKind::Float)];
    let mut table = Writer::create(&path, Format::Csv, &columns).unwrap();
    table.write(&[1.0.into()]).unwrap();
    let refused = |table: &mut Writer, cells: &[Cell<'_>], wanted: &str| {
        assert_says(&table.write(cells).unwrap_err(), &format!("a.csv` record 2: {wanted}"));
    };
    refused(&mut table, &[], "the row has 0 cells, the table has 1 columns");
    refused(&mut table, &[f64::NAN.into()], "in `score`: `NaN` is not a finite number");
    refused(&mut table, &[true.into()], "in `score`: Boolean(true) in a column of Float");
    table.finish().unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "score\n1.0\n");
}

#[test]
fn columns_must_be_there_and_differ() {
    let path = Path::new("a.csv");
    let error = Writer::create(path, Format::Csv, &[]).err().unwrap();
    assert_says(&error, "`a.csv`: a table needs at least one column");
    let twice = [Column::new("a", ColumnKind::Text), Column::new("a", ColumnKind::Float)];
    let error = Writer::create(path, Format::Csv, &twice).err().unwrap();
    assert_says(&error, "`a.csv`: the column `a` is named twice");
    assert!(!path.exists());
}

#[test]
fn a_folder_that_is_not_there_is_an_open_error() {
    let path = Path::new("/nowhere/at/all/a.csv");
    let error = Writer::create(path, Format::Csv, &columns()).err().unwrap();
    assert!(matches!(error, TableError::Open { .. }));
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_gets_the_bytes_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for format in Format::ALL {
        let output = Shared::default();
        let mut table =
            Writer::to_stream(output.clone(), "standard output", format, &columns()).unwrap();
        for row in sample(10) {
            table.write(&cells(&row)).unwrap();
        }
        table.finish().unwrap();
        let path = folder.path().join("table");
        write(&path, format, &sample(10));
        assert!(*output.0.lock().unwrap() == std::fs::read(path).unwrap(), "{format:?}");
    }
}
