//! Recorded orders of lists.

use tribunal_api::{Arity, Reason, conformance};

use super::{Folder, Said, ask, build, question, samples, scores};

const ORDER: &str = "answers = \"rankings\"\nfields = { id = \"id\", ranking = \"order\" }\n";

#[tokio::test]
async fn a_candidate_scores_the_number_of_those_behind_it_in_any_presentation() {
    let folder = Folder::new();
    let source = folder.source(
        "a.jsonl",
        "{\"id\": 1, \"order\": [2, 0, 3, 1]}\n{\"id\": 2, \"order\": null}\n{\"id\": 3, \"order\": \"[1, 0]\"}\n",
        ORDER,
    );
    assert_eq!(source.arity(), Arity::LIST);
    // 2 is best (3 behind it), then 0 (2), 3 (1), 1 (0).
    assert_eq!(scores(&*source, "", "1", &[0, 1, 2, 3]).await, [2.0, 0.0, 3.0, 1.0]);
    assert_eq!(scores(&*source, "", "1", &[3, 2, 1, 0]).await, [1.0, 3.0, 0.0, 2.0]);
    assert_eq!(scores(&*source, "", "1", &[1, 2]).await, [0.0, 3.0], "a part of the list");
    assert_eq!(
        ask(&*source, "", "1", &[0, 4]).await,
        Said::Nothing(Reason::Missing, "candidates ranked: 4".to_owned())
    );
    assert_eq!(
        ask(&*source, "", "2", &[0, 1]).await,
        Said::Nothing(Reason::Missing, "the recorded ranking is null".to_owned())
    );
    assert_eq!(scores(&*source, "", "3", &[0, 1]).await, [0.0, 1.0]);
}

#[tokio::test]
async fn candidates_may_be_counted_from_one() {
    let folder = Folder::new();
    let path =
        folder.file("a.jsonl", "{\"id\": 1, \"order\": [2, 1, 3]}\n{\"id\": 2, \"order\": 2}\n");
    let source = build(&path, &format!("candidate-base = 1\n{ORDER}")).unwrap();
    assert_eq!(scores(&*source, "", "1", &[0, 1, 2]).await, [1.0, 2.0, 0.0]);
    assert_eq!(scores(&*source, "", "2", &[2, 1, 0]).await, [0.0, 1.0, 0.0], "the best alone");
    let from_zero = build(&path, ORDER).unwrap().identify().await.unwrap_err().to_string();
    assert!(
        from_zero.contains("record 1, line 1: `[2,1,3]` does not name each candidate once"),
        "{from_zero}"
    );
    assert!(from_zero.contains("set `candidate-base`"), "{from_zero}");
}

#[tokio::test]
async fn a_winner_that_is_not_shown_is_missing() {
    let folder = Folder::new();
    let source = folder.source("a.jsonl", "{\"id\": 1, \"order\": \"3\"}\n", ORDER);
    assert_eq!(scores(&*source, "", "1", &[0, 3]).await, [0.0, 1.0]);
    assert_eq!(scores(&*source, "", "1", &[0, 1, 2]).await, [] as [f64; 0]);
}

#[tokio::test]
async fn equal_ranks_score_equally() {
    let folder = Folder::new();
    let source = folder.source(
        "a.jsonl",
        "{\"id\": 1, \"ranks\": [1, 3, 1, 4]}\n{\"id\": 2, \"ranks\": [[2, 1], null, [1, 2]]}\n{\"id\": 3, \"ranks\": [1, null]}\n",
        "answers = \"rankings\"\nfields = { id = \"id\", ranks = \"ranks\" }",
    );
    // Behind rank 1 stand the 3 and the 4; behind rank 3 the 4; behind rank 4 nothing.
    assert_eq!(scores(&*source, "", "1", &[0, 1, 2, 3]).await, [2.0, 1.0, 2.0, 0.0]);
    assert_eq!(scores(&*source, "", "1", &[1, 0]).await, [1.0, 2.0]);
    assert!(source.draws());
    let asked = question("", "2", &[0, 1]).with_seeds([1, 2, 3]);
    assert_eq!(
        samples(&*source, asked).await,
        [
            Said::Scores(vec![0.0, 1.0]),
            Said::Nothing(Reason::Missing, "the recorded ranks are null".to_owned()),
            Said::Scores(vec![1.0, 0.0])
        ]
    );
    assert_eq!(
        ask(&*source, "", "3", &[0, 1]).await,
        Said::Nothing(Reason::Missing, "a recorded rank is null".to_owned())
    );
}

#[tokio::test]
async fn recorded_rankings_pass_conformance() {
    let folder = Folder::new();
    let source = folder.source("a.jsonl", "{\"id\": 1, \"order\": [2, 0, 1]}\n", ORDER);
    let found = conformance::source(&*source, &conformance::questions(3)).await;
    assert_eq!(found, [] as [&str; 0]);
}
