//! Equal children that answer as one source.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fixture::{bounded, broken, question, script, serving, source, value};

#[tokio::test]
async fn calls_are_spread_and_each_child_knows_its_number() {
    let mut spec = serving(
        "score() { sleep 0.3; say \"{\\\"id\\\":$id,\\\"scores\\\":[[$TRIBUNAL_REPLICA$DEVICE]]}\"; }",
    );
    spec.replicas = 3;
    spec.env.insert("DEVICE".to_owned(), ".{replica}5".to_owned());
    let source = source(&spec);
    assert_eq!(source.limits().in_flight, 12);
    let batch = [question()];
    let calls = (0..6).map(|_| source.score(&batch));
    let mut calls: Vec<_> = calls.collect();
    let mut counts = BTreeMap::new();
    let both = async {
        let [a, b, c, d, e, f] = &mut calls[..] else { panic!("six") };
        let (a, b, c, d, e, f) = tokio::join!(a, b, c, d, e, f);
        for answers in [a, b, c, d, e, f] {
            let answer = answers.into_vec().remove(0).unwrap();
            *counts.entry(value(&answer[0]).to_string()).or_insert(0) += 1;
        }
    };
    bounded(both).await;
    let expect =
        [("0.05", 2), ("1.15", 2), ("2.25", 2)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(counts, BTreeMap::from(expect));
}

#[tokio::test]
async fn a_child_that_ended_too_often_is_left_out() {
    let mut spec = script(
        "score() { [ $TRIBUNAL_REPLICA = 0 ] && exit 1; say \"{\\\"id\\\":$id,\\\"scores\\\":[[1]]}\"; }\nhello\nserve",
    );
    spec.replicas = 2;
    spec.restarts = 0;
    let source = source(&spec);
    // One after the other, so that all go to the first until it is given up.
    assert!(super::fixture::ask(&*source).await.is_err());
    broken(super::fixture::ask(&*source).await);
    for _ in 0..3 {
        assert_eq!(super::fixture::ask(&*source).await, Ok(1.0));
    }
    tokio::time::sleep(Duration::ZERO).await;
}
