//! Questions that take several calls: criteria first, follow-up turns, asking again.

use serde_json::json;
use tribunal_api::{Finish, Reads, SourceError, Text};

use crate::scripted::{
    Scripted, ask, ask_one, completion, cut, judge, numbers, pair, reason, texts,
};

const SELF: &str = "self-generated";

#[tokio::test]
async fn criteria_are_written_once_for_all_samples_and_shown_behind_a_fence() {
    let generator = Scripted::new(|prompt, call| {
        Ok(texts(prompt, if call == 0 { "1. Be right.\n</criteria>" } else { "[[A]]" }))
    });
    let settings = json!({"prompt": "pairwise", "criteria": SELF, "sampling": {"temperature": 1.0},
                          "criteria-sampling": {"max-tokens": 99}});
    let judge = judge(&generator, settings);
    let answers = ask(&judge, &pair().with_seeds(vec![5, 6])).await.unwrap();
    assert_eq!(generator.calls(), 2);
    let (first, second) = (generator.prompt(0), generator.prompt(1));
    assert_eq!((first.seeds.as_slice(), second.seeds.as_slice()), (&[5][..], &[5, 6][..]));
    assert_eq!((first.sampling.max_tokens, first.sampling.temperature), (99, 0.0));
    assert!(
        !first.turns[0].content.contains("Mercury."),
        "criteria are written without the candidates"
    );
    let user = &second.turns.last().unwrap().content;
    assert!(
        user.contains("<criteria-") && user.contains("1. Be right.\n</criteria>\n</criteria-"),
        "{user}"
    );
    // Two calls of 10 and 20 tokens: the first sample pays for the criteria.
    assert_eq!(answers[0].usage.input_tokens, Some(20));
    assert_eq!(answers[1].usage.input_tokens, Some(10));
    for answer in &answers {
        assert_eq!(numbers(answer), [1.0, 0.0]);
        let transcript = answer.transcript.clone().unwrap();
        assert_eq!(transcript["steps"][0]["step"], "criteria");
        assert_eq!(transcript["steps"][0]["reply"], "1. Be right.\n</criteria>");
    }
}

#[tokio::test]
async fn a_failure_in_the_second_step_does_not_pay_the_first_again() {
    let generator = Scripted::new(|prompt, call| match call {
        0 => Ok(texts(prompt, "Be right.")),
        1 => Err(SourceError::Unreachable { message: "gone".into() }),
        _ => Ok(texts(prompt, "[[B]]")),
    });
    let judge = judge(&generator, json!({"prompt": "pairwise", "criteria": SELF}));
    assert_eq!(ask(&judge, &pair()).await.unwrap_err().name(), "unreachable");
    let answer = ask_one(&judge, &pair()).await;
    assert_eq!(numbers(&answer), [0.0, 1.0]);
    assert_eq!(generator.calls(), 3, "criteria, failure, verdict");
    // What the kept call cost is counted once, with the answer.
    assert_eq!(answer.usage.input_tokens, Some(20));
    // An answered question is forgotten: asked anew, it is asked whole.
    ask_one(&judge, &pair()).await;
    assert_eq!(generator.calls(), 5);
}

#[tokio::test]
async fn criteria_that_are_refused_cut_or_empty_are_an_abstention_of_the_question() {
    for (text, why) in [
        (Text { finish: Finish::Refused, ..Text::of("no") }, "refused"),
        (cut("1. Be"), "truncated"),
        (Text::of(" "), "unreadable"),
    ] {
        let generator = Scripted::new(move |_, _| Ok(completion(vec![text.clone()])));
        let judge = judge(&generator, json!({"prompt": "pairwise", "criteria": SELF}));
        let answer = ask_one(&judge, &pair()).await;
        assert_eq!(reason(&answer).0, why);
        assert_eq!(generator.calls(), 1);
        assert_eq!(answer.transcript.unwrap()["steps"][0]["step"], "criteria");
    }
}

#[tokio::test]
async fn unreadable_samples_alone_are_asked_again_with_other_seeds_and_every_attempt_is_kept() {
    let generator = Scripted::new(|prompt, call| {
        let replies: &[&str] = match call {
            0 => &["[[A]]", "hm", "[[B]]", "hm"],
            1 => &["well", "[[A]]"],
            _ => &["[[B]]"],
        };
        assert_eq!(prompt.seeds.len(), replies.len());
        Ok(completion(replies.iter().map(|text| Text::of(*text)).collect()))
    });
    let settings = json!({"prompt": "pairwise", "re-ask": 3, "sampling": {"temperature": 1.0}});
    let judge = judge(&generator, settings);
    let answers = ask(&judge, &pair().with_seeds(vec![1, 2, 3, 4])).await.unwrap();
    let scores: Vec<Vec<f64>> = answers.iter().map(numbers).collect();
    assert_eq!(scores, [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]);
    assert_eq!(generator.calls(), 3);
    let seeds: Vec<u64> = (0..3).flat_map(|call| generator.prompt(call).seeds).collect();
    let mut distinct = seeds.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!((seeds.len(), distinct.len()), (7, 7), "{seeds:?}");
    let second = answers[1].transcript.clone().unwrap();
    assert_eq!(second["reply"], "[[B]]");
    assert_eq!(second["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(second["attempts"][0]["reply"], "hm");
    assert_eq!(second["attempts"][1]["reply"], "well");
    assert_eq!(second["attempts"][0]["abstained"]["reason"], "unreadable");
    assert!(answers[0].transcript.clone().unwrap().get("attempts").is_none());
    assert_eq!(answers[1].usage.input_tokens, Some(30));
}

#[tokio::test]
async fn a_verdict_that_stays_unreadable_abstains_after_the_last_attempt() {
    let generator = Scripted::saying("hm");
    let judge = judge(&generator, json!({"prompt": "pairwise", "re-ask": 2}));
    let answer = ask_one(&judge, &pair()).await;
    assert_eq!(reason(&answer).0, "unreadable");
    assert_eq!(generator.calls(), 3);
    assert_eq!(answer.transcript.unwrap()["attempts"].as_array().unwrap().len(), 2);
    // Nothing is asked again unless the recipe says so.
    let generator = Scripted::saying("hm");
    ask_one(&crate::scripted::judge(&generator, json!({"prompt": "pairwise"})), &pair()).await;
    assert_eq!(generator.calls(), 1);
}

#[tokio::test]
async fn a_follow_up_turn_asks_for_a_verdict_that_is_missing() {
    let generator = Scripted::new(|prompt, call| {
        Ok(texts(prompt, if call == 0 { "Both have their merits." } else { "So: [[B>A]]" }))
    });
    let judge = judge(&generator, json!({"prompt": "judgebench-arena-hard"}));
    let answer = ask_one(&judge, &pair()).await;
    assert_eq!(numbers(&answer), [0.0, 1.0]);
    let second = generator.prompt(1);
    let said: Vec<&str> =
        second.turns.iter().rev().take(2).map(|turn| turn.role.as_str()).collect();
    assert_eq!(said, ["user", "assistant"]);
    let transcript = answer.transcript.unwrap();
    assert_eq!(transcript["reply"], "Both have their merits.\nSo: [[B>A]]");
    let steps: Vec<&str> = transcript["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["verdict", "follow-up"]);
    assert_eq!(answer.usage.input_tokens, Some(20));
}

#[tokio::test]
async fn conflicting_labels_get_no_follow_up() {
    let generator = Scripted::saying("[[A>B]] or [[B>A]]");
    let judge = judge(&generator, json!({"prompt": "judgebench-arena-hard"}));
    assert_eq!(reason(&ask_one(&judge, &pair()).await).0, "unreadable");
    assert_eq!(generator.calls(), 1);
}

#[tokio::test]
async fn an_empty_reply_gets_the_follow_up_too() {
    for first in [Text::of(""), cut("")] {
        let generator = Scripted::new(move |_, call| {
            let text = if call == 0 { first.clone() } else { Text::of("[[B>A]]") };
            Ok(completion(vec![text]))
        });
        let judge = judge(&generator, json!({"prompt": "judgebench-arena-hard"}));
        assert_eq!(numbers(&ask_one(&judge, &pair()).await), [0.0, 1.0]);
        assert_eq!(generator.calls(), 2);
    }
}

#[tokio::test]
async fn criteria_turns_that_show_the_topic_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let text = tribunal_judges::builtin::prompt("pairwise").unwrap().to_owned()
        + "\n[self-criteria]\nturns = [{ role = \"user\", text = \"Topic {{ topic }}: {{ dialogue }}\" }]\n";
    std::fs::write(&path, text).unwrap();
    let generator = Scripted::new(|prompt, call| {
        Ok(texts(prompt, if call == 0 { "Be right." } else { "[[A]]" }))
    });
    let own = judge(&generator, json!({"prompt": path, "criteria": SELF}));
    assert_eq!(own.reads(), Reads::Subset);
    ask_one(&own, &pair().with_subset(std::sync::Arc::from("Math"))).await;
    assert!(generator.prompt(0).turns[0].content.starts_with("Topic Math: "));
    // Without that call nothing shows the topic.
    assert_eq!(judge(&generator, json!({"prompt": path})).reads(), Reads::Text);
}

#[tokio::test]
async fn both_orders_ask_for_criteria_in_the_same_words() {
    let generator = Scripted::new(|prompt, call| {
        Ok(texts(prompt, if call % 2 == 0 { "Be right." } else { "[[A]]" }))
    });
    let judge = judge(&generator, json!({"prompt": "pairwise", "criteria": SELF}));
    let turned = tribunal_api::Question::of_text(
        "Which planet is closest to the Sun?",
        &["Neptune.", "Mercury."],
    );
    ask_one(&judge, &pair()).await;
    ask_one(&judge, &turned).await;
    assert_eq!(generator.prompt(0).turns, generator.prompt(2).turns);
    assert_ne!(generator.prompt(1).turns, generator.prompt(3).turns);
}
