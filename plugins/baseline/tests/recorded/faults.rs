//! Wrong settings and broken files.

use tribunal_api::settings::dotted;

use super::{Folder, build, question};

const WIDE: &str = r#"fields = { id = "id", scores = "scores" }"#;

/// The message of the error that a file causes, without the path of its folder.
async fn broken(name: &str, content: &str, block: &str) -> String {
    let folder = Folder::new();
    let source = folder.source(name, content, block);
    assert!(!source.draws(), "of a broken file nothing is known");
    let error = source.identify().await.unwrap_err();
    assert_eq!(error.name(), "broken");
    let answers =
        source.score(&[question("", "1", &[0]), question("", "2", &[0])]).await.into_vec();
    assert_eq!(answers, [Err(error.clone()), Err(error.clone())], "every question gets the error");
    error.to_string().replace(&format!("{}/", folder.0.path().display()), "")
}

async fn expect(name: &str, content: &str, block: &str, parts: &[&str]) {
    let message = broken(name, content, block).await;
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in `{message}`");
    }
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let folder = Folder::new();
    let source = build(&folder.0.path().join("none.jsonl"), WIDE).unwrap();
    let message = source.identify().await.unwrap_err().to_string();
    assert!(message.contains("none.jsonl`"), "{message}");
    assert!(message.ends_with("check `path`"), "{message}");
}

#[tokio::test]
async fn malformed_files_are_named_with_the_record() {
    let good = "{\"id\": 1, \"scores\": [1]}\n";
    expect("a.jsonl", &format!("{good}{{\"id\": 2, \"sco"), WIDE, &["`a.jsonl`", "line 2"]).await;
    expect("a.json", "[{\"id\": 1, \"scores\": [1]}, {\"id\"", WIDE, &["`a.json`"]).await;
    expect("a.jsonl", &format!("{good}{{\"id\": 2, \"scores\": [NaN]}}\n"), WIDE, &["line 2"])
        .await;
    expect("a.jsonl", "", WIDE, &["`a.jsonl`"]).await;
    expect("a.json", "[]", WIDE, &["`a.json`: there are no records; "]).await;
    expect("a.txt", good, WIDE, &["`a.txt`", ".jsonl"]).await;
}

#[tokio::test]
async fn values_that_are_no_scores_are_named_with_the_record() {
    let row = |scores: &str| {
        format!("{{\"id\": 1, \"scores\": [1]}}\n{{\"id\": 2, \"scores\": {scores}}}\n")
    };
    let cases = [
        ("[\"good\"]", "`\"good\"` is no score"),
        ("[\"NaN\"]", "`\"NaN\"` is no score"),
        ("[\"-inf\"]", "`\"-inf\"` is no score"),
        ("[true]", "`true` is no score"),
        ("[{\"s\": 1}]", "`{\"s\":1}` is no score"),
        ("[[[1]]]", "`[1]` is no score"),
        ("[]", "the list `scores` is empty"),
        ("3", "`scores` is no list; name the path of a list, or a list of paths"),
    ];
    for (scores, expected) in cases {
        expect("a.jsonl", &row(scores), WIDE, &["`a.jsonl` record 2, line 2: ", expected]).await;
    }
    let long = r#"fields = { id = "id", candidate = "c", score = "s" }"#;
    expect(
        "a.csv",
        "id,c,s\n1,0,0.5\n1,1,nan\n",
        long,
        &["`a.csv` record 2", "`\"nan\"` is no score"],
    )
    .await;
    expect("a.csv", "id,c,s\n1,x,0.5\n", long, &["record 1", "`\"x\"` is no candidate"]).await;
    expect("a.csv", "id,c,s\n1,-1,0.5\n", long, &["there is no candidate `-1`"]).await;
    expect("a.csv", "id,c,s\n1,1.5,0.5\n", long, &["`\"1.5\"` is no candidate"]).await;
    let from_one = format!("candidate-base = 1\n{long}");
    let parts = ["there is no candidate `0` when the first is `1`; set `candidate-base = 0`"];
    expect("a.csv", "id,c,s\n1,0,0.5\n", &from_one, &parts).await;
}

#[tokio::test]
async fn two_records_of_one_key_are_an_error_that_names_both() {
    let twice = "{\"id\": 1, \"scores\": [1]}\n\n{\"id\": \"1\", \"scores\": [1]}\n";
    let parts = ["`a.jsonl` record 2, line 3: `1` is already in record 1, line 1; map `subset`"];
    expect("a.jsonl", twice, WIDE, &parts).await;
    let empty = "{\"id\": 1, \"scores\": null}\n{\"id\": 1, \"scores\": [2]}\n";
    expect("a.jsonl", empty, WIDE, &["record 2, line 2: `1` is already in record 1"]).await;
    let long = r#"fields = { subset = "b", id = "id", candidate = "c", score = "s" }"#;
    let rows = "id,b,c,s\n1,x,0,1\n1,x,1,2\n1,y,1,3\n1,x,1,2\n";
    let parts = ["record 4, line 5: candidate `1` of `x`, `1` is already in record 2, line 3"];
    expect("a.csv", rows, long, &parts).await;
    let pairs =
        "answers = \"verdicts\"\nfields = { id = \"id\", pair = [\"i\", \"j\"], verdict = \"v\" }";
    let rows = "id,i,j,v\n1,0,1,A\n1,1,0,A\n1,0,1,B\n";
    let parts =
        ["record 3, line 4: candidate `0` before `1` of `1` is already in record 1, line 2"];
    expect("a.csv", rows, pairs, &parts).await;
    expect("a.csv", "id,i,j,v\n1,2,2,A\n", pairs, &["the pair names one candidate twice"]).await;
}

#[tokio::test]
async fn mistyped_paths_are_found() {
    let row = "{\"id\": 1, \"scores\": [1]}\n";
    let block = r#"fields = { id = "id", scores = "score" }"#;
    expect("a.jsonl", row, block, &["`a.jsonl`: no record has `score`; check the path"]).await;
    let block = r#"fields = { id = "uid", scores = "scores" }"#;
    expect("a.jsonl", row, block, &["record 1, line 1: the record has no `uid`: it has `id`"])
        .await;
    let block = r#"fields = { id = "id", subset = "scores", scores = "scores" }"#;
    expect("a.jsonl", row, block, &["`scores` is neither a text nor a number"]).await;
}

#[tokio::test]
async fn verdicts_and_rankings_that_cannot_be_one_are_errors() {
    let verdicts = "answers = \"verdicts\"\nfields = { id = \"id\", verdicts = \"v\" }";
    expect("a.jsonl", "{\"id\": 1, \"v\": [{}]}", verdicts, &["`{}` is no verdict"]).await;
    let parts = ["a pair has two orders, found 3 verdicts"];
    expect("a.jsonl", "{\"id\": 1, \"v\": [\"A\", \"B\", \"A\"]}", verdicts, &parts).await;
    let ranking = "answers = \"rankings\"\nfields = { id = \"id\", ranking = \"r\" }";
    for order in ["[0, 0]", "[0, 2]", "[]", "[1, 2]"] {
        let row = format!("{{\"id\": 1, \"r\": {order}}}");
        expect("a.jsonl", &row, ranking, &["does not name each candidate once"]).await;
    }
    let ranks = "answers = \"rankings\"\nfields = { id = \"id\", ranks = \"r\" }";
    expect("a.jsonl", "{\"id\": 1, \"r\": [1, \"x\"]}", ranks, &["`\"x\"` is no rank"]).await;
    expect("a.jsonl", "{\"id\": 1, \"r\": 2}", ranks, &["`2` is no list of ranks"]).await;
}

#[test]
fn settings_that_contradict_themselves_are_faults_with_their_key() {
    let cases = [
        (r#"fields = { id = "a" }"#, "fields", "there is no path to scores"),
        (r#"fields = { id = "a", score = "s" }"#, "fields", "`score` needs `candidate`"),
        (r#"fields = { id = "a", candidate = "s" }"#, "fields", "`candidate` needs `score`"),
        (
            r#"fields = { id = "a", scores = "s", score = "t" }"#,
            "fields.scores",
            "`scores` stands beside `candidate` and `score`",
        ),
        (
            r#"fields = { id = "a", verdict = "s" }"#,
            "fields.verdict",
            "`verdict` has no effect on scores",
        ),
        (
            r#"swapped = "flip"
            fields = { id = "a", scores = "s" }"#,
            "swapped",
            "`swapped` has no effect on scores",
        ),
        (r#"fields = { id = "", scores = "s" }"#, "fields.id", "`` is not a path into a record"),
        (
            r#"fields = { id = "a", scores = ["s", "."] }"#,
            "fields.scores[1]",
            "`.` is not a path into a record",
        ),
        (
            r#"fields = { id = "a", scores = [] }"#,
            "fields.scores",
            "a list of at least 1 is needed, found 0",
        ),
        (
            r#"fields = { id = "a", scores = 3 }"#,
            "fields.scores",
            "expected text or a list, found the number `3`",
        ),
        (
            r#"answers = "verdicts"
            fields = { id = "a", verdicts = ["s", "t", "u"] }"#,
            "fields.verdicts",
            "a pair has two orders, found 3 paths",
        ),
        (
            r#"answers = "verdicts"
            values = { first = ["b"] }
            fields = { id = "a", verdict = "s" }"#,
            "values.second",
            "`B` stands for two verdicts",
        ),
        (
            r#"candidate-base = 2
            fields = { id = "a", scores = "s" }"#,
            "candidate-base",
            "`2` is above 1",
        ),
    ];
    for (block, place, message) in cases {
        let Err(fault) = build("x.jsonl".as_ref(), block) else { panic!("no fault in {block}") };
        assert_eq!((&*dotted(&fault.path), &*fault.message), (place, message), "{block}");
    }
}
