//! The recorded shapes of every server, and what may be wrong with them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const KNOWN: [Server; 12] = [
    Server::VllmClassify,
    Server::VllmPooling,
    Server::VllmScore,
    Server::VllmRerank,
    Server::SglangClassify,
    Server::SglangEmbeddings,
    Server::SglangScore,
    Server::TeiPredict,
    Server::TeiRerank,
    Server::LlamaServerRerank,
    Server::LlamaServerEmbedding,
    Server::Openrlhf,
];

/// The reply of a server to these scores, as it was recorded. Entries with an index stand in this order.
fn reply(server: Server, scores: &[Value], order: &[usize]) -> Value {
    let indexed = |entry: &dyn Fn(usize) -> Value| -> Value {
        order.iter().map(|place| entry(*place)).collect()
    };
    let usage = json!({"prompt_tokens": 9, "total_tokens": 9, "completion_tokens": 0});
    match server {
        Server::VllmClassify => json!({
            "id": "classify-1", "object": "list", "created": 1, "model": "m", "usage": usage,
            "data": indexed(&|i| json!({"index": i, "label": "LABEL_0", "probs": [scores[i]], "num_classes": 1})),
        }),
        Server::VllmPooling => json!({
            "id": "pool-1", "object": "list", "model": "m", "usage": usage,
            "data": indexed(&|i| json!({"index": i, "object": "pooling", "data": [scores[i]]})),
        }),
        Server::VllmScore => json!({
            "object": "list", "usage": {},
            "data": indexed(&|i| json!({"index": i, "object": "score", "score": scores[i]})),
        }),
        Server::VllmRerank | Server::LlamaServerRerank => json!({
            "id": "rerank-1", "model": "m", "usage": {"total_tokens": 56},
            "results": indexed(&|i| json!({"index": i, "document": {"text": "d"}, "relevance_score": scores[i]})),
        }),
        Server::SglangClassify => scores
            .iter()
            .map(|score| json!({"embedding": [score], "meta_info": {"prompt_tokens": 9}}))
            .collect(),
        Server::SglangEmbeddings => json!({
            "object": "list", "model": "m", "usage": usage,
            "data": indexed(&|i| json!({"index": i, "object": "embedding", "embedding": [scores[i]]})),
        }),
        Server::SglangScore => {
            let rows: Vec<Value> = scores.iter().map(|score| json!([score])).collect();
            json!({"scores": rows, "model": "m"})
        }
        Server::TeiPredict => {
            scores.iter().map(|score| json!([{"label": "LABEL_0", "score": score}])).collect()
        }
        Server::TeiRerank => indexed(&|i| json!({"index": i, "score": scores[i]})),
        Server::LlamaServerEmbedding => {
            indexed(&|i| json!({"index": i, "embedding": [[scores[i]]]}))
        }
        Server::Openrlhf => {
            json!({"rewards": scores, "scores": scores, "extra_logs": {"x": [0.1]}})
        }
        Server::Generic => Value::Null,
    }
}

/// The list whose entries the server puts in an order of its own.
fn entries(server: Server, reply: &mut Value) -> Option<&mut Vec<Value>> {
    match server {
        Server::VllmClassify
        | Server::VllmPooling
        | Server::VllmScore
        | Server::SglangEmbeddings => reply["data"].as_array_mut(),
        Server::VllmRerank | Server::LlamaServerRerank => reply["results"].as_array_mut(),
        Server::TeiRerank | Server::LlamaServerEmbedding => reply.as_array_mut(),
        _ => None,
    }
}

fn numbers(page: &Page) -> Vec<Option<f64>> {
    page.rows
        .iter()
        .map(|row| {
            row.as_ref().ok().map(|row| {
                assert_eq!(row.values.len(), 1);
                row.values[0]
            })
        })
        .collect()
}

#[test]
fn each_recorded_shape_is_read_in_the_order_asked() {
    let scores = [json!(1.73), json!(-0.5), json!(2)];
    for server in KNOWN {
        let page = page(server, &reply(server, &scores, &[2, 0, 1]), 3, None).unwrap();
        assert_eq!(numbers(&page), [Some(1.73), Some(-0.5), Some(2.0)], "{server:?}");
    }
}

#[test]
fn a_single_text_is_read_whether_its_reply_is_a_list_or_not() {
    let bare = json!({"embedding": [1.73], "meta_info": {"prompt_tokens": 9}});
    let found = page(Server::SglangClassify, &bare, 1, None).unwrap();
    assert_eq!(found.rows, [Ok(Row { tokens: Some(9), ..Row::of(1.73) })]);
    assert!(page(Server::SglangClassify, &bare, 2, None).is_err());
    let flat = json!([{"label": "good", "score": 1.5}, {"label": "bad", "score": -1.0}]);
    let found = page(Server::TeiPredict, &flat, 1, None).unwrap();
    assert_eq!(found.rows[0].as_ref().unwrap().names, ["good", "bad"]);
    // Two texts, one flat list of two classes: the reply to a pair, which was not asked.
    assert!(page(Server::TeiPredict, &flat, 2, None).unwrap().rows.iter().all(Result::is_err));
}

#[test]
fn openrlhf_gives_rewards_or_scores_flat_or_nested() {
    for (body, count, expected) in [
        (json!({"rewards": [1.2]}), 1, vec![Some(1.2)]),
        (json!({"rewards": [[1.2]]}), 1, vec![Some(1.2)]),
        (json!({"rewards": null, "scores": [0.5, 1.5]}), 2, vec![Some(0.5), Some(1.5)]),
        (json!({"rewards": [[0.5], [1.5]]}), 2, vec![Some(0.5), Some(1.5)]),
        (json!({"rewards": [[0.5, 1.5]]}), 2, vec![Some(0.5), Some(1.5)]),
    ] {
        assert_eq!(
            numbers(&page(Server::Openrlhf, &body, count, None).unwrap()),
            expected,
            "{body}"
        );
    }
    let error = page(Server::Openrlhf, &json!({"reward": [1]}), 1, None).unwrap_err();
    assert_eq!(error, "expected `rewards` or `scores`, found a table of `reward`");
}

#[test]
fn rows_of_tokens_are_read_at_the_last_only_when_it_is_asked_for() {
    let body =
        json!({"data": [{"index": 0, "object": "pooling", "data": [[0.25], [0.5], [0.75]]}]});
    let without = page(Server::VllmPooling, &body, 1, None).unwrap();
    let error = without.rows[0].clone().unwrap_err();
    assert!(error.contains("3 rows, one per token or step"), "{error}");
    let with = page(Server::VllmPooling, &body, 1, Some(Step::Last)).unwrap();
    assert_eq!(numbers(&with), [Some(0.75)]);
}

#[test]
fn classes_that_do_not_match_their_count_are_an_error() {
    let body = json!({"data": [{"index": 0, "label": "x", "probs": [1.0, 2.0], "num_classes": 3}]});
    assert!(page(Server::VllmClassify, &body, 1, None).unwrap().rows[0].is_err());
}

#[test]
fn what_a_reply_says_beside_the_scores_is_kept() {
    let body = reply(Server::VllmClassify, &[json!(1)], &[0]);
    let found = page(Server::VllmClassify, &body, 1, None).unwrap();
    assert_eq!((found.model.as_deref(), found.tokens), (Some("m"), Some(9)));
    assert_eq!(found.id.as_deref(), Some("classify-1"));
}

#[test]
fn a_text_that_the_server_cut_is_marked() {
    let body = json!([{"index": 0, "embedding": [[1.0]], "truncated": true}]);
    let found = page(Server::LlamaServerEmbedding, &body, 1, None).unwrap();
    assert!(found.rows[0].as_ref().unwrap().cut);
}

/// What is done to a reply.
#[derive(Clone, Debug)]
enum Harm {
    Nothing,
    /// The entry at this place is left out.
    Short(usize),
    /// The entry at this place has the index of the next one.
    Twice(usize),
    /// The entry at this place has an index that is none.
    Index(usize, Value),
    /// The score at this place is another value.
    Score(usize, Value),
}

fn harm(count: usize) -> impl Strategy<Value = Harm> {
    let odd = prop_oneof![
        Just(Value::Null),
        Just(json!("NaN")),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[1.0], [2.0]])),
    ];
    let index = prop_oneof![
        Just(Value::Null),
        Just(json!(-1)),
        Just(json!(1.5)),
        Just(json!("0")),
        Just(json!(u64::MAX)),
        Just(json!(100)),
    ];
    prop_oneof![
        Just(Harm::Nothing),
        (0..count).prop_map(Harm::Short),
        (0..count).prop_map(Harm::Twice),
        (0..count, index).prop_map(|(place, index)| Harm::Index(place, index)),
        (0..count, odd).prop_map(|(place, odd)| Harm::Score(place, odd)),
    ]
}

/// Scores, the order in which they come back, and what is wrong.
fn cases() -> impl Strategy<Value = (Vec<f64>, Vec<usize>, Harm)> {
    (2usize..9).prop_flat_map(|count| {
        let order: Vec<usize> = (0..count).collect();
        let scores = prop::collection::vec(-1e6f64..1e6, count);
        (scores, Just(order).prop_shuffle(), harm(count))
    })
}

proptest! {
    #[test]
    fn a_score_never_stands_at_another_text((scores, order, harm) in cases()) {
        for server in KNOWN {
            let mut given: Vec<Value> = scores.iter().map(|score| json!(score)).collect();
            if let Harm::Score(place, odd) = &harm {
                given[*place] = odd.clone();
            }
            let mut body = reply(server, &given, &order);
            let has_index = entries(server, &mut body).is_some();
            match &harm {
                Harm::Nothing | Harm::Score(..) => {}
                Harm::Short(place) => match entries(server, &mut body) {
                    Some(list) => {
                        list.remove(*place);
                    }
                    None => {
                        given.remove(*place);
                        body = reply(server, &given, &order);
                    }
                },
                Harm::Twice(place) => {
                    if let Some(list) = entries(server, &mut body) {
                        let next = list[(place + 1) % scores.len()]["index"].clone();
                        list[*place]["index"] = next;
                    }
                }
                Harm::Index(place, index) => {
                    if let Some(list) = entries(server, &mut body) {
                        list[*place]["index"] = index.clone();
                    }
                }
            }
            let found = page(server, &body, scores.len(), None);
            let right: Vec<Option<f64>> = scores.iter().map(|score| Some(*score)).collect();
            match &harm {
                Harm::Nothing => prop_assert_eq!(numbers(&found.unwrap()), right),
                Harm::Short(_) => prop_assert!(found.is_err(), "{:?}", server),
                Harm::Twice(_) | Harm::Index(..) if has_index => {
                    prop_assert!(found.is_err(), "{:?}", server);
                }
                Harm::Twice(_) | Harm::Index(..) => {
                    prop_assert_eq!(numbers(&found.unwrap()), right);
                }
                Harm::Score(place, _) => {
                    let found = numbers(&found.unwrap());
                    for (at, (found, right)) in found.into_iter().zip(right).enumerate() {
                        let expected = if at == *place { None } else { right };
                        prop_assert_eq!(found, expected, "{:?} at {}", server, at);
                    }
                }
            }
        }
    }

    #[test]
    fn no_reply_makes_the_reader_panic(
        keys in prop::collection::vec("data|results|scores|rewards|index|embedding|probs|label|score", 0..4),
        leaf in prop_oneof![Just(Value::Null), Just(json!(1)), Just(json!([[]])), Just(json!([{"index": 0}]))],
        count in 0usize..3,
    ) {
        let body = keys.into_iter().fold(leaf, |inner, key| match inner {
            Value::Object(_) => json!([inner]),
            inner => json!({key: inner}),
        });
        for server in KNOWN {
            if let Ok(found) = page(server, &body, count, Some(Step::Last)) {
                prop_assert_eq!(found.rows.len(), count);
            }
        }
    }
}
