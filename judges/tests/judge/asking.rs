//! What a judge says of itself, and what it sends.

use std::sync::Arc;

use serde_json::json;
use tribunal_api::{Counted, Question, Reads, Role, Strength, Turn};

use crate::scripted::{Scripted, ask_one, judge, pair};

const FILE: &str = r#"
name = "own"
source = "a test"
candidates = 2
sampling = { temperature = 0.5, max-tokens = 77 }

[[turns]]
role = "system"
text = "Be fair."

[[turns]]
role = "user"
text = "{{ question }} {{ answer_a }} {{ answer_b }} {{ reference }} {{ criteria }} {{ reasoning }} {{ verdict }}"

[verdict.letter]
"#;

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn limits_and_lane_are_the_generator_s() {
    let judge = judge(&Scripted::saying(""), json!({"prompt": "pairwise"}));
    let limits = judge.limits();
    assert_eq!((limits.batch, limits.in_flight, limits.lane), (1, 7, None));
    assert_eq!(judge.quota(), None);
}

#[tokio::test]
async fn the_identity_holds_the_generator_s_and_what_the_files_say_but_not_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let generator = Scripted::saying("");
    let identity = async |settings| judge(&generator, settings).identify().await.unwrap();
    let own = file(&folder, "a.toml", FILE);
    let first = identity(json!({"prompt": own})).await;
    assert_eq!(first.strength, Strength::Name);
    assert!(first.fingerprint.starts_with("judge-8b "), "{first:?}");
    assert_eq!(first.name, "judge-8b with the prompt own");
    let copy = file(&folder, "b.toml", FILE);
    assert_eq!(identity(json!({"prompt": copy})).await, first);
    let other = file(&folder, "c.toml", &FILE.replace("Be fair.", "Be very fair."));
    assert_ne!(identity(json!({"prompt": other})).await, first);
    let mut seen = vec![first.fingerprint];
    for criteria in ["general", "per-scenario", "self-generated"] {
        seen.push(identity(json!({"prompt": own, "criteria": criteria})).await.fingerprint);
    }
    let references = file(&folder, "r.jsonl", "{\"question\": \"q\", \"reference\": \"r\"}\n");
    seen.push(identity(json!({"prompt": own, "references": references})).await.fingerprint);
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[tokio::test]
async fn the_identity_is_what_the_settings_come_to() {
    let generator = Scripted::saying("");
    let identity = async |settings: serde_json::Value| {
        judge(&generator, settings).identify().await.unwrap().fingerprint
    };
    let plain = identity(json!({"prompt": "pairwise"})).await;
    // Defaults written out, and what only decides what is kept, are the same judge.
    for same in [
        json!({"parse": "strict"}),
        json!({"readout": "letter", "reasoning": "before", "criteria": "none"}),
        json!({"sampling": {"temperature": 0, "max-tokens": 1024}}),
        json!({"re-ask": 0, "examples": false, "constrain": false, "system-prompt": "keep"}),
        json!({"chat-markers": "keep", "keep-prompt": true}),
        json!({"criteria-sampling": {"max-tokens": 9}}),
    ] {
        let mut settings = json!({"prompt": "pairwise"});
        settings.as_object_mut().unwrap().extend(same.as_object().unwrap().clone());
        assert_eq!(identity(settings).await, plain, "{same}");
    }
    let mut seen = vec![plain];
    for other in [
        json!({"parse": "lenient"}),
        json!({"reasoning": "after"}),
        json!({"readout": "json"}),
        json!({"readout": "label-logprob"}),
        json!({"sampling": {"temperature": 0.5}}),
        json!({"sampling": {"max-tokens": 77}}),
        json!({"re-ask": 1}),
        json!({"reasoning": "none", "constrain": true}),
        json!({"reasoning": "none"}),
        json!({"system-prompt": "merge"}),
        json!({"system-prompt": "drop"}),
        json!({"chat-markers": "break"}),
        json!({"criteria": "self-generated"}),
        json!({"criteria": "self-generated", "criteria-sampling": {"max-tokens": 9}}),
    ] {
        let mut settings = json!({"prompt": "pairwise"});
        settings.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let found = identity(settings).await;
        assert!(!seen.contains(&found), "{other}");
        seen.push(found);
    }
}

#[test]
fn the_fingerprint_stands_for_the_settings_in_the_engine_s_digest() {
    use tribunal_api::settings::{OPERATIONAL_MARK, REFERENCE_MARK, marked};
    let mut registry = tribunal_api::Registry::new();
    tribunal_judges::register(&mut registry);
    let kind = registry.find(tribunal_api::Component::Source, "judge").unwrap();
    for (key, schema) in kind.schema["properties"].as_object().unwrap() {
        assert_eq!(schema[OPERATIONAL_MARK], true, "{key}");
    }
    // The generator is found nevertheless: its digest is the engine's to take.
    let settings = json!({"generator": "chat", "prompt": "pairwise"});
    let mut found = Vec::new();
    marked(&kind.schema, &settings, REFERENCE_MARK, &mut |_, value, table| {
        found.push((value.clone(), table.clone()));
    });
    assert_eq!(found, [(json!("chat"), json!("generator"))]);
}

#[tokio::test]
async fn criteria_by_scenario_read_the_topic_and_general_ones_do_not() {
    let generator = Scripted::saying("[[A]]");
    let reads =
        |criteria| judge(&generator, json!({"prompt": "pairwise", "criteria": criteria})).reads();
    assert_eq!(reads("none"), Reads::Text);
    assert_eq!(reads("general"), Reads::Text);
    assert_eq!(reads("self-generated"), Reads::Text);
    assert_eq!(reads("per-scenario"), Reads::Subset);
    let judge = judge(&generator, json!({"prompt": "pairwise", "criteria": "per-scenario"}));
    let known = pair().with_subset(Arc::from("Helpfulness/Code/Documentation"));
    assert!(ask_one(&judge, &known).await.transcript.unwrap().get("criteria").is_none());
    let unknown = pair().with_subset(Arc::from("no such topic"));
    assert_eq!(ask_one(&judge, &unknown).await.transcript.unwrap()["criteria"], "general");
    let text = |call: usize| generator.prompt(call).turns.last().unwrap().content.clone();
    assert_ne!(text(0), text(1));
}

#[tokio::test]
async fn own_criteria_and_references_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let own = file(&folder, "p.toml", FILE);
    let criteria = file(&folder, "c.toml", "name = \"c\"\ntext = \"Count the vowels.\"\n");
    let line =
        json!({"question": "Which planet is closest to the Sun?", "reference": "It is Mercury."});
    let references = file(&folder, "r.jsonl", &format!("{line}\n\n"));
    let generator = Scripted::saying("[[A]]");
    let settings = json!({"prompt": own, "criteria": criteria, "references": references});
    let judge = judge(&generator, settings);
    ask_one(&judge, &pair()).await;
    ask_one(&judge, &Question::of_text("Another one?", &["a", "b"])).await;
    let user = |call: usize| generator.prompt(call).turns[1].content.clone();
    assert!(
        user(0).contains("Count the vowels.") && user(0).contains("\nIt is Mercury.\n</reference-")
    );
    assert!(!user(1).contains("reference"));
}

#[tokio::test]
async fn sampling_is_the_recipe_s_then_the_prompt_s() {
    let folder = tempfile::tempdir().unwrap();
    let own = file(&folder, "p.toml", FILE);
    let generator = Scripted::saying("[[A]]");
    ask_one(&judge(&generator, json!({"prompt": own})), &pair()).await;
    let recipe = json!({"prompt": own, "sampling": {"temperature": 0.0, "stop": ["END"]}});
    ask_one(&judge(&generator, recipe), &pair()).await;
    let sampling = |call: usize| generator.prompt(call).sampling;
    assert_eq!((sampling(0).temperature, sampling(0).max_tokens), (0.5, 77));
    assert_eq!((sampling(1).temperature, sampling(1).max_tokens), (0.0, 77));
    assert_eq!((sampling(1).stop, sampling(1).top_p), (vec!["END".to_owned()], 1.0));
}

#[tokio::test]
async fn the_system_turn_is_kept_merged_or_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let own = file(&folder, "p.toml", FILE);
    let generator = Scripted::saying("[[A]]");
    for treatment in ["keep", "merge", "drop"] {
        ask_one(&judge(&generator, json!({"prompt": own, "system-prompt": treatment})), &pair())
            .await;
    }
    let roles =
        |call: usize| generator.prompt(call).turns.iter().map(|turn| turn.role).collect::<Vec<_>>();
    assert_eq!(roles(0), [Role::System, Role::User]);
    assert_eq!((roles(1), roles(2)), (vec![Role::User], vec![Role::User]));
    let text = |call: usize| generator.prompt(call).turns[0].content.clone();
    assert!(text(1).starts_with("Be fair.\n\n<question-"), "{}", text(1));
    assert!(text(2).starts_with("<question-"), "{}", text(2));
}

#[tokio::test]
async fn turns_that_a_prompt_does_not_show_are_counted_in_the_transcript() {
    let folder = tempfile::tempdir().unwrap();
    let own = file(&folder, "p.toml", FILE);
    let turns = vec![Turn::user("hi"), Turn::assistant("hello"), Turn::user("q")];
    let question = Question::new(turns, vec![Arc::from("a"), Arc::from("b")]);
    let generator = Scripted::saying("[[A]]");
    let answer = ask_one(&judge(&generator, json!({"prompt": own})), &question).await;
    assert_eq!(answer.transcript.unwrap()["turns-not-shown"], 2);
    let answer = ask_one(&judge(&generator, json!({"prompt": "pairwise"})), &question).await;
    assert!(answer.transcript.unwrap().get("turns-not-shown").is_none());
}

#[tokio::test]
async fn the_prompt_is_kept_on_request_alone() {
    let generator = Scripted::saying("[[A]]");
    let kept = judge(&generator, json!({"prompt": "pairwise", "keep-prompt": true}));
    let transcript = ask_one(&kept, &pair()).await.transcript.unwrap();
    let last = transcript["prompt"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["role"], "user");
    assert!(last["content"].as_str().unwrap().contains("Mercury."));
    let plain = judge(&generator, json!({"prompt": "pairwise"}));
    assert!(ask_one(&plain, &pair()).await.transcript.unwrap().get("prompt").is_none());
}

#[tokio::test]
async fn an_estimate_counts_steps_samples_and_characters() {
    let folder = tempfile::tempdir().unwrap();
    let own = file(&folder, "p.toml", FILE);
    let generator = Scripted::saying("[[A]]");
    let plain = judge(&generator, json!({"prompt": own}));
    let question = pair().with_seeds(vec![1, 2, 3]);
    let estimate = plain.estimate(&question).unwrap();
    assert_eq!((estimate.calls, estimate.output_tokens), (1, 3 * 77));
    assert_eq!(estimate.counted, Counted::Characters);
    ask_one(&plain, &pair()).await;
    let characters: usize =
        generator.prompt(0).turns.iter().map(|turn| turn.content.chars().count().div_ceil(4)).sum();
    assert_eq!(estimate.input_tokens, characters as u64);
    let steps = judge(&generator, json!({"prompt": own, "criteria": "self-generated"}));
    let estimate = steps.estimate(&question).unwrap();
    assert_eq!((estimate.calls, estimate.output_tokens), (2, 3 * 77 + 512));
    assert_eq!(generator.calls(), 1, "an estimate asks nobody");
}

#[tokio::test]
async fn an_inspection_shows_what_is_sent_and_how_it_is_read() {
    let generator = Scripted::saying("[[A]]");
    let judge = judge(&generator, json!({"prompt": "pairwise"}));
    let seen = judge.inspect(&pair()).await.unwrap().unwrap();
    assert!(seen.rendered.contains("[system]\n") && seen.rendered.contains("Mercury."));
    assert!(!seen.exact);
    assert_eq!(seen.read_at, "`letter` of the reply, parse `strict`");
    assert_eq!(generator.calls(), 0);
}
