//! Recorded verdicts on pairs.

use tribunal_api::{Arity, Reason, conformance};

use super::{Folder, Said, ask, build, question, samples, scores};

const GAMES: &str = r#"
answers = "verdicts"
fields = { id = "id", verdicts = ["games.0.decision", "games.1.decision"] }
"#;

#[tokio::test]
async fn each_order_has_its_own_verdict_as_it_was_given() {
    let folder = Folder::new();
    let source = folder.source(
        "a.jsonl",
        "{\"id\": \"1\", \"games\": [{\"decision\": \"A>B\"}, {\"decision\": \"B>A\"}]}\n\
         {\"id\": \"2\", \"games\": [{\"decision\": \"A>B\"}, {\"decision\": \"A>B\"}]}\n\
         {\"id\": \"3\", \"games\": [{\"decision\": null}, {\"decision\": \"I like both\"}]}\n\
         {\"id\": \"4\", \"games\": [{\"decision\": \"A=B\"}, null]}\n",
        GAMES,
    );
    assert_eq!(source.arity(), Arity::TWO);
    // Consistent: candidate 0 wins both games, shown first and shown second.
    assert_eq!(scores(&*source, "", "1", &[0, 1]).await, [1.0, 0.0]);
    assert_eq!(scores(&*source, "", "1", &[1, 0]).await, [0.0, 1.0]);
    // The first shown wins both games: candidate 0, then candidate 1.
    assert_eq!(scores(&*source, "", "2", &[0, 1]).await, [1.0, 0.0]);
    assert_eq!(scores(&*source, "", "2", &[1, 0]).await, [1.0, 0.0]);
    let unreadable = |note: &str| Said::Nothing(Reason::Unreadable, note.to_owned());
    assert_eq!(ask(&*source, "", "3", &[0, 1]).await, unreadable(""));
    assert_eq!(ask(&*source, "", "3", &[1, 0]).await, unreadable("I like both"));
    assert_eq!(scores(&*source, "", "4", &[0, 1]).await, [0.5, 0.5]);
    let Said::Nothing(reason, _) = ask(&*source, "", "4", &[1, 0]).await else { panic!() };
    assert_eq!(reason, Reason::Missing, "a game that was not played");
}

#[tokio::test]
async fn one_verdict_is_turned_round_only_when_asked() {
    let folder = Folder::new();
    let content = "{\"id\": 1, \"winner\": \"B\"}\n{\"id\": 2, \"winner\": \"tie\"}\n";
    let block = "answers = \"verdicts\"\nfields = { id = \"id\", verdict = \"winner\" }\n";
    let path = folder.file("a.jsonl", content);
    let plain = build(&path, block).unwrap();
    let flip = build(&path, &format!("swapped = \"flip\"\n{block}")).unwrap();
    for source in [&plain, &flip] {
        assert_eq!(scores(&**source, "", "1", &[0, 1]).await, [0.0, 1.0]);
    }
    let Said::Nothing(reason, note) = ask(&*plain, "", "1", &[1, 0]).await else { panic!() };
    assert_eq!(
        (reason, &*note),
        (Reason::Missing, "no verdict is recorded for this pair in this order")
    );
    assert_eq!(scores(&*flip, "", "1", &[1, 0]).await, [1.0, 0.0]);
    assert_eq!(scores(&*flip, "", "2", &[1, 0]).await, [0.5, 0.5]);
    assert_eq!(scores(&*flip, "", "1", &[0, 2]).await, [] as [f64; 0], "another pair of the item");
}

#[tokio::test]
async fn the_usual_words_are_known_and_others_can_be_named() {
    let (first, second, tie) = ([1.0, 0.0], [0.0, 1.0], [0.5, 0.5]);
    let usual = [
        ("\"A>B\"", first),
        ("\" a>>b \"", first),
        ("\"[[A]]\"", first),
        ("\"[[A>>B]]\"", first),
        ("1", first),
        ("1.0", first),
        ("\"1.0\"", first),
        ("\"First\"", first),
        ("\"B>A\"", second),
        ("\"B>>A\"", second),
        ("\"B\"", second),
        ("2", second),
        ("\"second\"", second),
        ("\"A=B\"", tie),
        ("\"TIE\"", tie),
        ("\"C\"", tie),
        ("\"[[C]]\"", tie),
        ("0.5", tie),
    ];
    let rows: String = usual
        .iter()
        .enumerate()
        .map(|(id, (word, _))| format!("{{\"id\": {id}, \"winner\": {word}}}\n"))
        .collect();
    let folder = Folder::new();
    let block = "answers = \"verdicts\"\nfields = { id = \"id\", verdict = \"winner\" }\n";
    let source = folder.source("a.jsonl", &rows, block);
    for (id, (word, expected)) in usual.iter().enumerate() {
        assert_eq!(scores(&*source, "", &id.to_string(), &[0, 1]).await, expected, "{word}");
    }
    // 0 is the first of two for some and the loss of the first for others: it must be named.
    let rows = "{\"id\": 0, \"winner\": 0}\n{\"id\": 1, \"winner\": 1}\n{\"id\": 2, \"winner\": \"tie\"}\n";
    let source = folder.source("b.jsonl", rows, block);
    assert_eq!(scores(&*source, "", "0", &[0, 1]).await, [] as [f64; 0]);
    let named = format!("{block}values = {{ first = [\"0\"], second = [\"1\"] }}\n");
    let source = folder.source("c.jsonl", rows, &named);
    assert_eq!(scores(&*source, "", "0", &[0, 1]).await, first);
    assert_eq!(scores(&*source, "", "1", &[0, 1]).await, second);
    assert_eq!(
        scores(&*source, "", "2", &[0, 1]).await,
        tie,
        "the list left out keeps its default"
    );
}

#[tokio::test]
async fn pairs_of_a_longer_list_are_named_by_their_candidates() {
    let folder = Folder::new();
    let source = folder.source(
        "a.csv",
        "id,i,j,winner\n5,0,1,A\n5,0,2,B\n5,2,0,A\n5,0,3,maybe\n",
        r#"
        answers = "verdicts"
        fields = { id = "id", pair = ["i", "j"], verdict = "winner" }
        swapped = "flip"
        "#,
    );
    assert_eq!(scores(&*source, "", "5", &[0, 1]).await, [1.0, 0.0]);
    assert_eq!(scores(&*source, "", "5", &[1, 0]).await, [0.0, 1.0], "turned round");
    assert_eq!(scores(&*source, "", "5", &[0, 2]).await, [0.0, 1.0]);
    assert_eq!(scores(&*source, "", "5", &[2, 0]).await, [1.0, 0.0], "recorded, not turned round");
    assert_eq!(
        ask(&*source, "", "5", &[3, 0]).await,
        Said::Nothing(Reason::Unreadable, "maybe".to_owned()),
        "an unreadable verdict stays one"
    );
    assert_eq!(scores(&*source, "", "5", &[1, 2]).await, [] as [f64; 0]);
}

#[tokio::test]
async fn verdicts_may_be_lists_of_samples() {
    let folder = Folder::new();
    let source = folder.source(
        "a.jsonl",
        "{\"id\": 1, \"votes\": [[\"A\", null, \"B\"], [\"B\", \"B\"]]}\n",
        "answers = \"verdicts\"\nfields = { id = \"id\", verdicts = \"votes\" }",
    );
    assert!(source.draws());
    assert_eq!(
        samples(&*source, question("", "1", &[0, 1]).with_seeds([1, 2, 3])).await,
        [
            Said::Scores(vec![1.0, 0.0]),
            Said::Nothing(Reason::Unreadable, String::new()),
            Said::Scores(vec![0.0, 1.0])
        ]
    );
    assert_eq!(
        samples(&*source, question("", "1", &[1, 0]).with_seeds([1, 2, 3])).await[2],
        Said::Nothing(Reason::Missing, "recorded samples: 2".to_owned())
    );
}

#[tokio::test]
async fn recorded_verdicts_pass_conformance() {
    let folder = Folder::new();
    let source = folder.source(
        "a.jsonl",
        "{\"id\": 1, \"games\": [{\"decision\": \"A>B\"}, {\"decision\": \"B\"}]}\n",
        GAMES,
    );
    let found = conformance::source(&*source, &conformance::questions(2)).await;
    assert_eq!(found, [] as [&str; 0]);
}
