//! Recorded scores, wide and long, with and without samples.

use serde_json::json;
use tribunal_api::{Arity, CandidateIndex, Key, Question, Reads, Reason, Strength, conformance};
use tribunal_tables::{Cell, Column, ColumnKind, Format, Writer};

use super::{Folder, Said, ask, build, question, samples, scores};

const WIDE: &str = r#"fields = { subset = "subset", id = "id", scores = "scores" }"#;

fn missing(note: &str) -> Said {
    Said::Nothing(Reason::Missing, note.to_owned())
}

#[tokio::test]
async fn a_list_of_scores_is_read_by_candidate() {
    let folder = Folder::new();
    let source = folder.source(
        "a.jsonl",
        "{\"subset\": \"s\", \"id\": \"1\", \"scores\": [1.5, null, -2]}\n\
         {\"subset\": \"t\", \"id\": \"1\", \"scores\": \"[5.6, 14.6]\"}\n\
         {\"subset\": \"t\", \"id\": \"2\", \"scores\": null}\n",
        WIDE,
    );
    assert_eq!((source.arity(), source.reads()), (Arity::ONE, Reads::Key));
    assert!(!source.draws());
    assert_eq!(scores(&*source, "s", "1", &[0]).await, [1.5]);
    assert_eq!(ask(&*source, "s", "1", &[1]).await, missing("the recorded score is null"));
    assert_eq!(scores(&*source, "s", "1", &[2]).await, [-2.0]);
    let beyond = missing("no score is recorded for this candidate");
    assert_eq!(ask(&*source, "s", "1", &[3]).await, beyond);
    assert_eq!(scores(&*source, "t", "1", &[1]).await, [14.6], "text that holds a list is a list");
    assert_eq!(ask(&*source, "t", "2", &[0]).await, beyond, "null in place of the list");
    assert_eq!(ask(&*source, "t", "3", &[0]).await, missing("no record has this key"));
    assert_eq!(ask(&*source, "u", "1", &[0]).await, missing("no record has this key"));
}

#[tokio::test]
async fn each_candidate_may_have_a_path_of_its_own() {
    let folder = Folder::new();
    let source = folder.source(
        "a.json",
        r#"[{"uid": 7, "chosen": 0.5, "reject": "0.25"}, {"uid": "8", "chosen": 1.0}]"#,
        r#"fields = { id = "uid", scores = ["chosen", "reject"] }"#,
    );
    assert_eq!(scores(&*source, "any", "7", &[0]).await, [0.5]);
    assert_eq!(scores(&*source, "other", "7", &[1]).await, [0.25], "a subset that is not mapped");
    assert_eq!(scores(&*source, "any", "8", &[0]).await, [1.0]);
    assert_eq!(scores(&*source, "any", "8", &[1]).await, [] as [f64; 0]);
}

#[tokio::test]
async fn whole_numbers_and_their_text_are_the_same_id() {
    let folder = Folder::new();
    let source = folder.source(
        "a.jsonl",
        "{\"id\": 12, \"scores\": [1]}\n{\"id\": \"13\", \"scores\": [2]}\n{\"id\": 14.0, \"scores\": [3]}\n\
         {\"id\": \"014\", \"scores\": [4]}\n",
        r#"fields = { id = "id", scores = "scores" }"#,
    );
    for (id, expected) in [("12", 1.0), ("13", 2.0), ("14", 3.0), ("014", 4.0)] {
        assert_eq!(scores(&*source, "", id, &[0]).await, [expected], "{id}");
    }
}

#[tokio::test]
async fn long_csv_has_a_record_for_each_candidate() {
    let folder = Folder::new();
    let source = folder.source(
        "a.csv",
        "suite,subset,item,candidate,reward\n\
         suite,chat,12,1,0.5\nsuite,chat,12,2,-1e2\nelse,chat,12,1,9\nsuite,code,12,1,\n",
        r#"
        fields = { suite = "suite", subset = "subset", id = "item", candidate = "candidate", score = "reward" }
        candidate-base = 1
        "#,
    );
    assert_eq!(scores(&*source, "chat", "12", &[0]).await, [0.5]);
    assert_eq!(scores(&*source, "chat", "12", &[1]).await, [-100.0]);
    assert_eq!(
        ask(&*source, "code", "12", &[0]).await,
        missing("the recorded score is null"),
        "an empty cell is null"
    );
    assert_eq!(scores(&*source, "chat", "12", &[2]).await, [] as [f64; 0]);
    let elsewhere = Question::new(Vec::new(), Vec::new()).with_key(Key {
        suite: "else".into(),
        subset: "chat".into(),
        id: "12".into(),
        candidates: vec![CandidateIndex(0)],
    });
    assert_eq!(samples(&*source, elsewhere).await, [Said::Scores(vec![9.0])]);
}

#[tokio::test]
async fn samples_are_read_in_recorded_order_and_gaps_are_missing() {
    let folder = Folder::new();
    let source = folder.source(
        "a.jsonl",
        "{\"subset\": \"s\", \"id\": \"1\", \"scores\": [[6, null, 7.5], [1]]}\n\
         {\"subset\": \"s\", \"id\": \"2\", \"scores\": [3, []]}\n",
        WIDE,
    );
    assert!(source.draws());
    let asked = |id: &str, shown| question("s", id, &[shown]).with_seeds([1, 2, 3, 4]);
    let gap = missing("the recorded score is null");
    let beyond = |count| missing(&format!("recorded samples: {count}"));
    assert_eq!(
        samples(&*source, asked("1", 0)).await,
        [Said::Scores(vec![6.0]), gap, Said::Scores(vec![7.5]), beyond(3)]
    );
    assert_eq!(
        samples(&*source, asked("1", 1)).await,
        [Said::Scores(vec![1.0]), beyond(1), beyond(1), beyond(1)]
    );
    assert_eq!(samples(&*source, asked("2", 0)).await[..2], [Said::Scores(vec![3.0]), beyond(1)]);
    assert_eq!(samples(&*source, asked("2", 1)).await[0], beyond(0));
    assert_eq!(samples(&*source, question("s", "1", &[0])).await, [Said::Scores(vec![6.0])]);
}

#[tokio::test]
async fn the_identity_is_the_content_of_the_file() {
    let folder = Folder::new();
    let content = "{\"subset\": \"s\", \"id\": \"1\", \"scores\": [1, 2]}\n";
    let same = folder.source("a.jsonl", content, WIDE).identify().await.unwrap();
    let moved = folder.source("b.jsonl", content, WIDE).identify().await.unwrap();
    let changed = folder.source("c.jsonl", &format!("{content}\n"), WIDE).identify().await.unwrap();
    assert_eq!(same.name, "a.jsonl");
    assert_eq!(same.strength, Strength::Weights);
    assert_eq!(same.fingerprint.len(), 64, "256 bits in hexadecimal");
    assert_eq!(same.fingerprint, moved.fingerprint);
    assert_ne!(same.fingerprint, changed.fingerprint);
}

#[tokio::test]
async fn recorded_scores_pass_conformance() {
    let folder = Folder::new();
    let rows: String = (0..11)
        .map(|id| format!("{{\"suite\": \"conformance\", \"subset\": \"topic\", \"id\": {id}, \"scores\": [{id}, 0]}}\n"))
        .collect();
    let source = folder.source(
        "a.jsonl",
        &rows,
        r#"fields = { suite = "suite", subset = "subset", id = "id", scores = "scores" }"#,
    );
    let found = conformance::source(&*source, &conformance::questions(1)).await;
    assert_eq!(found, [] as [&str; 0]);
}

#[tokio::test]
async fn a_question_without_a_key_is_rejected() {
    let folder = Folder::new();
    let source = folder.source("a.jsonl", "{\"subset\": 1, \"id\": 1, \"scores\": [1]}", WIDE);
    let answers = source.score(&[Question::of_text("a", &["b"])]).await.into_vec();
    assert_eq!(answers[0].as_ref().unwrap_err().name(), "rejected");
}

#[tokio::test]
async fn parquet_holds_numbers_lists_and_nulls() {
    let folder = Folder::new();
    let path = folder.0.path().join("a.parquet");
    let columns = [
        ("id", ColumnKind::Integer),
        ("index", ColumnKind::Integer),
        ("reward", ColumnKind::Float),
        ("all", ColumnKind::Json),
    ]
    .map(|(name, kind)| Column::new(name, kind));
    let mut file = Writer::create(&path, Format::Parquet, &columns).unwrap();
    let all = json!([[1, 2], [null, 4]]);
    file.write(&[12.into(), 0.into(), 0.25.into(), Cell::from(&all)]).unwrap();
    file.write(&[12.into(), 1.into(), None::<f64>.into(), Cell::from(&all)]).unwrap();
    file.finish().unwrap();
    let long = r#"fields = { id = "id", candidate = "index", score = "reward" }"#;
    let source = build(&path, long).unwrap();
    assert_eq!(scores(&*source, "", "12", &[0]).await, [0.25]);
    assert_eq!(ask(&*source, "", "12", &[1]).await, missing("the recorded score is null"));
    let samples_of = r#"fields = { id = "id", candidate = "index", score = "/all/0" }"#;
    let source = build(&path, samples_of).unwrap();
    assert!(source.draws());
    let asked = question("", "12", &[1]).with_seeds([1, 2]);
    assert_eq!(
        samples(&*source, asked).await,
        [Said::Scores(vec![1.0]), Said::Scores(vec![2.0])],
        "a column of JSON text is stepped into"
    );
}
