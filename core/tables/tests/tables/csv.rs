//! Reading CSV and TSV, whole and broken.

use serde::Deserialize;
use serde_json::{Value, json};
use tribunal_tables::{TableError, records};

use crate::{Scratch, assert_says, refused};

#[derive(Debug, PartialEq, Deserialize)]
struct Scored {
    id: String,
    score: f64,
    rank: Option<u32>,
    #[serde(default)]
    good: bool,
    verdict: Option<Verdict>,
    #[serde(default)]
    samples: Option<Vec<f64>>,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Verdict {
    A,
    B,
}

fn values(name: &str, content: &str) -> Vec<Value> {
    let scratch = Scratch::new(name, content);
    let all = records::<Value>(&scratch.path).unwrap();
    all.into_iter().map(|(_, value)| value).collect()
}

#[test]
fn the_wanted_type_decides_how_a_cell_is_read() {
    let content =
        "id,score,rank,good,verdict,samples\n007,1.5,3,True,A,\"[1, 2.5]\"\n8,-2,,false,,\n";
    let scratch = Scratch::new("a.csv", content);
    let all = records::<Scored>(&scratch.path).unwrap();
    assert_eq!(
        all[0].1,
        Scored {
            id: "007".to_owned(),
            score: 1.5,
            rank: Some(3),
            good: true,
            verdict: Some(Verdict::A),
            samples: Some(vec![1.0, 2.5]),
        }
    );
    assert_eq!(all[1].1.rank, None);
    assert_eq!(all[1].1.id, "8");
    assert_eq!(all[1].0.to_string(), "record 2, line 3");
}

#[test]
fn without_a_wanted_type_cells_are_text_and_empty_cells_null() {
    assert_eq!(
        values("a.csv", "\u{feff}id,text\r\n1,\"a,\"\"b\"\"\nc\"\r\n,x\r\n"),
        [json!({"id": "1", "text": "a,\"b\"\nc"}), json!({"id": null, "text": "x"})]
    );
    assert_eq!(values("a.tsv", "id\ttext\n1\ta, b\n"), [json!({"id": "1", "text": "a, b"})]);
}

#[test]
fn lines_count_through_quoted_line_ends() {
    let scratch = Scratch::new("a.csv", "id,text\n1,\"a\n\nb\"\n2,c\n");
    let all = records::<Value>(&scratch.path).unwrap();
    assert_eq!(all[1].0.line, Some(5));
}

#[test]
fn a_header_alone_holds_no_records() {
    assert_eq!(values("a.csv", "id,text\n"), Vec::<Value>::new());
}

#[test]
fn unequal_rows_are_placed() {
    let error = refused::<Value>("a.csv", "id,text\n1,a\n2,b,c\n");
    assert!(matches!(error, TableError::Malformed { .. }));
    assert_says(&error, "a.csv` record 2, line 3: the row has 3 cells, the header has 2");
    assert!(error.hint().unwrap().contains("quote"));
    assert!(refused::<Value>("a.csv", "id,text\n1\n").to_string().contains("has 1 cells"));
}

#[test]
fn a_missing_column_is_told_with_the_columns_that_are_there() {
    let error = refused::<Scored>("a.csv", "id,scores\n1,2\n");
    assert_says(
        &error,
        "a.csv` record 1, line 2: missing field `score`, the record has `id`, `scores`",
    );
    assert_eq!(error.hint(), Some("rename the key `scores` to `score`, or name it in a field map"));
}

#[test]
fn cells_that_do_not_fit_are_told_with_their_column() {
    let says = |row: &str, wanted: &str| {
        let content = format!("id,score,rank,good,verdict,samples\nx,1,,true,,\n{row}\n");
        let error = refused::<Scored>("a.csv", content);
        assert_says(&error, &format!("a.csv` record 2, line 3: {wanted}"));
    };
    says("a,high,,true,,", "in `score`: `high` is not a number");
    says("a,,,true,,", "in `score`: `` is not a number");
    says("a,nan,,true,,", "in `score`: `nan` is not a finite number");
    says("a,-inf,,true,,", "in `score`: `-inf` is not a finite number");
    says("a,1,-2,true,,", "in `rank`: `-2` is not a whole number of 32 bits from 0 up");
    says("a,1,,yes,,", "in `good`: `yes` is neither `true` nor `false`");
    says("a,1,,true,C,", "in `verdict`: unknown variant `C`, expected `A` or `B`");
    says(
        "a,1,,true,,[1",
        "in `samples`: the cell is read as JSON: EOF while parsing a list at line 1 column 2",
    );
}

#[test]
fn a_column_named_twice_is_refused() {
    assert_says(
        &refused::<Value>("a.csv", "id,text,id\n1,2,3\n"),
        "a.csv` line 1: the header names the column `id` twice",
    );
}

#[test]
fn an_empty_file_is_refused() {
    assert_says(&refused::<Value>("a.csv", ""), "a.csv`: the file is empty");
    assert_says(&refused::<Value>("a.csv", "\n\n"), "a.csv`: the file is empty");
}

#[test]
fn bytes_that_are_not_utf8_are_placed() {
    let error = refused::<Value>("a.csv", b"id,text\n1,a\n2,\xff\n");
    assert_says(&error, "a.csv` record 2, line 3: the text is not UTF-8");
    let error = refused::<Value>("a.csv", b"id,\xff\n1,2\n");
    assert_says(&error, "a.csv` line 1: the text is not UTF-8");
}

#[test]
fn a_file_that_ends_inside_quotes_is_refused() {
    let error = refused::<Value>("a.csv", "id,text\n1,\"a\"\n2,\"b");
    assert_says(&error, "a.csv` record 2: the file ends inside a quoted cell");
    let error = refused::<Value>("a.csv", "\u{feff}id,text\n1,\"\"\"");
    assert_says(&error, "a.csv` record 1: the file ends inside a quoted cell");
    assert_eq!(values("a.csv", "id,text\n1,5\" long"), [json!({"id": "1", "text": "5\" long"})]);
}

#[test]
fn a_row_above_the_limit_is_refused_without_being_held() {
    let mut content = b"id,text\n1,a\n2,\"".to_vec();
    content.resize(content.len() + (100 << 20), b'x');
    let error = refused::<Value>("a.csv", content);
    assert!(matches!(error, TableError::TooLarge { .. }));
    assert_says(&error, "a.csv` record 2, line 3: the record is larger than 67108864 bytes");
}
