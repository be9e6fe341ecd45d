//! When a reply counts, when it does not, and what stands then.

use serde_json::json;
use tribunal_api::{Finish, SourceError, Text};

use crate::scripted::{
    Scripted, ask, ask_one, build, completion, cut, judge, numbers, pair, reason,
};

async fn read(settings: serde_json::Value, text: Text) -> tribunal_api::Answer {
    let generator = Scripted::new(move |_, _| Ok(completion(vec![text.clone()])));
    let judge = judge(&generator, settings);
    let question = match judge.arity().most {
        1 => tribunal_api::Question::of_text("q", &["a"]),
        _ => pair(),
    };
    ask_one(&judge, &question).await
}

#[tokio::test]
async fn a_cut_reply_counts_only_if_its_verdict_was_finished() {
    let none = json!({"prompt": "pairwise", "reasoning": "none"});
    let before = json!({"prompt": "pairwise", "reasoning": "before"});
    let after = json!({"prompt": "pairwise", "reasoning": "after"});
    // No verdict yet.
    assert_eq!(reason(&read(before.clone(), cut("Let me compare")).await).0, "truncated");
    // The explanation quotes a label; the verdict was still to come.
    assert_eq!(reason(&read(before.clone(), cut("I lean to [[A]] but")).await).0, "truncated");
    // The verdict comes first, or nothing else does.
    assert_eq!(numbers(&read(after, cut("[[B]]\nBecause the")).await), [0.0, 1.0]);
    assert_eq!(numbers(&read(none.clone(), cut("[[B]]")).await), [0.0, 1.0]);
    // A finished reply always counts.
    assert_eq!(numbers(&read(before, Text::of("Both are fine. [[A]]")).await), [1.0, 0.0]);
    assert_eq!(reason(&read(none.clone(), cut("")).await).0, "truncated");
    assert_eq!(reason(&read(none, Text::of(" \n")).await).0, "unreadable");
}

#[tokio::test]
async fn published_parses_do_not_look_at_why_a_reply_ended_but_mark_what_was_cut() {
    let settings = json!({"prompt": "pairwise", "reasoning": "before", "parse": "rewardbench"});
    let answer = read(settings.clone(), cut("I lean to [[A]] but")).await;
    assert_eq!(numbers(&answer), [1.0, 0.0]);
    assert_eq!(answer.parts["cut"], [1.0, 1.0]);
    assert!(read(settings, Text::of("I lean to [[A]]")).await.parts.is_empty());
}

#[tokio::test]
async fn a_cut_reply_that_ends_with_its_label_counts_only_if_the_mark_is_closed() {
    let pair =
        |parse: &str| json!({"prompt": "prometheus-relative", "parse": parse, "reasoning": "none"});
    let yes = |parse: &str| json!({"prompt": "yes-no", "readout": "letter", "parse": parse});
    let none = |parse: &str| json!({"prompt": "pairwise", "parse": parse, "reasoning": "none"});
    for (settings, reply, counts) in [
        (pair("strict"), "[RESULT] A", false),
        (pair("lenient"), "[RESULT] A", false),
        (pair("strict"), "[RESULT] A\nBecause it", true),
        (yes("strict"), "No", false),
        (yes("strict"), "No.", true),
        (yes("lenient"), "no", false),
        (none("strict"), "[[A]] because it", true),
        (none("lenient"), "[[A]] because it", true),
        (none("lenient"), "Answer: A", false),
        (none("lenient"), "Answer: A\nIt is", true),
    ] {
        let answer = read(settings.clone(), cut(reply)).await;
        match counts {
            true => assert_eq!(
                numbers(&answer)[0],
                if reply == "No." { 0.0 } else { 1.0 },
                "{settings}"
            ),
            false => assert_eq!(reason(&answer).0, "truncated", "{settings} {reply}"),
        }
        assert_eq!(answer.parts.contains_key("cut"), counts, "{settings} {reply}");
        let finished = read(settings, Text::of(reply)).await;
        assert!(finished.readout.scores().is_some() || reply.contains("ecause"), "{reply}");
    }
}

#[tokio::test]
async fn a_protocol_that_knows_no_thinking_reads_the_reply_as_the_server_wrote_it() {
    let inside = Text {
        reasoning: Some("[[A]] at first".into()),
        whole: Some("<think>[[A]] at first</think>\n[[B]]".into()),
        ..Text::of("[[B]]")
    };
    let apart = Text { whole: None, ..inside.clone() };
    for (parse, inside_is, apart_is) in [
        ("rewardbench", Some(0), Some(1)),
        ("rm-r1", None, Some(1)),
        ("skywork-critic", Some(0), Some(1)),
        ("strict", Some(1), Some(1)),
        ("lenient", Some(1), Some(1)),
    ] {
        for (text, winner) in [(&inside, inside_is), (&apart, apart_is)] {
            let settings = json!({"prompt": "pairwise", "parse": parse, "reasoning": "native"});
            let answer = read(settings, text.clone()).await;
            let best = answer.readout.scores().map(|scores| usize::from(scores[1].value() > 0.5));
            assert_eq!(best, winner, "{parse} {text:?}");
        }
    }
}

#[tokio::test]
async fn tags_of_thinking_are_text_where_the_backend_has_told_the_reasoning_apart() {
    let settings = json!({"prompt": "pairwise", "reasoning": "native"});
    let text = Text {
        reasoning: Some("hm".into()),
        ..Text::of("B holds </think>, so it is worse.\n[[A]]")
    };
    assert_eq!(numbers(&read(settings.clone(), text).await), [1.0, 0.0]);
    let text = Text { reasoning: Some("hm".into()), ..Text::of("<think> stands in B. [[A]]") };
    assert_eq!(numbers(&read(settings, text).await), [1.0, 0.0]);
}

#[tokio::test]
async fn a_number_that_may_lack_digits_is_truncated() {
    let settings =
        json!({"prompt": "rewardbench-2-ratings", "parse": "strict", "reasoning": "none"});
    assert_eq!(reason(&read(settings.clone(), cut("1")).await).0, "truncated");
    assert_eq!(numbers(&read(settings, Text::of("1")).await), [1.0]);
}

#[tokio::test]
async fn refusals_and_conflicts_are_told_apart() {
    let settings = json!({"prompt": "pairwise"});
    let refused = Text { finish: Finish::Refused, ..Text::of("I cannot judge this. [[A]]") };
    let (why, note) = reason(&read(settings.clone(), refused).await);
    assert_eq!((why, note.as_str()), ("refused", "I cannot judge this. [[A]]"));
    let reply = Text::of("[[A]]\n[[B]]\n");
    let answer = read(settings, reply).await;
    let transcript = answer.transcript.clone().unwrap();
    assert_eq!(transcript, json!({"reply": "[[A]]\n[[B]]\n", "finish": "stop"}));
}

#[tokio::test]
async fn a_reply_without_log_probabilities_names_the_remedy() {
    let settings = json!({"prompt": "pairwise", "readout": "label-logprob", "reasoning": "none"});
    let (why, note) = reason(&read(settings, Text::of("A")).await);
    assert_eq!(why, "unreadable");
    assert!(note.contains("take a backend that reports them"), "{note}");
}

#[tokio::test]
async fn errors_of_the_generator_pass_through_and_a_long_prompt_is_an_abstention() {
    let failing = |error: SourceError| {
        let generator = Scripted::new(move |_, _| Err(error.clone()));
        build(&generator, json!({"prompt": "pairwise"})).unwrap()
    };
    let long = SourceError::Rejected { message: "too long: 9000 tokens, 8192 fit".into() };
    let answers = ask(&failing(long), &pair().with_seeds(vec![1, 2])).await.unwrap();
    assert_eq!(answers.len(), 2);
    assert_eq!(reason(&answers[1]), ("too-long", "9000 tokens, 8192 fit".into()));
    for error in [
        SourceError::Rejected { message: "no such model".into() },
        SourceError::Denied { message: "key".into() },
        SourceError::Unreachable { message: "gone".into() },
    ] {
        assert_eq!(ask(&failing(error.clone()), &pair()).await, Err(error));
    }
}

#[tokio::test]
async fn a_generator_that_miscounts_is_broken() {
    let generator = Scripted::new(|_, _| Ok(completion(vec![Text::of("[[A]]"); 3])));
    let judge = judge(&generator, json!({"prompt": "pairwise"}));
    let error = ask(&judge, &pair()).await.unwrap_err();
    assert_eq!(error.name(), "broken");
    assert!(error.to_string().contains("1 samples were asked for, 3 came back"), "{error}");
}

#[tokio::test]
async fn reasoning_is_kept_and_not_read() {
    let text = Text { reasoning: Some("first [[B]], no".into()), ..Text::of("[[A]]") };
    let answer = read(json!({"prompt": "pairwise", "reasoning": "native"}), text).await;
    assert_eq!(numbers(&answer), [1.0, 0.0]);
    assert_eq!(answer.transcript.unwrap()["reasoning"], "first [[B]], no");
}

#[tokio::test]
async fn a_list_that_is_longer_than_the_parse_can_read_is_rejected_before_it_is_asked() {
    let generator = Scripted::saying("[[A]]");
    let settings = json!({"prompt": "ranking", "parse": "rewardbench-2"});
    let judge = judge(&generator, settings);
    let list =
        |count: usize| tribunal_api::Question::of_text("q", &["a", "b", "c", "d", "e"][..count]);
    assert_eq!(numbers(&ask_one(&judge, &list(4)).await), [1.0, 0.0, 0.0, 0.0]);
    let error = ask(&judge, &list(5)).await.unwrap_err();
    assert_eq!(error.name(), "rejected");
    assert!(error.to_string().contains("no rule for `5` candidates"), "{error}");
    assert_eq!(generator.calls(), 1);
}
