//! The built-in prompts and criteria: each is read, filled and asks for what its protocol reads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tribunal_api::{Question, Role, Turn};
use tribunal_judges::builtin;
use tribunal_judges::prompt::{ChatMarkers, Filling, JudgePrompt, Reasoning, Shown};
use tribunal_judges::verdict::{Parse, Readout, Verdict};

fn prompts() -> Vec<JudgePrompt> {
    let read = |name: &&str| {
        let text = builtin::prompt(name).unwrap();
        JudgePrompt::read(name, text).unwrap_or_else(|fault| panic!("{name}: {fault:?}"))
    };
    builtin::names().iter().map(read).collect()
}

fn filling(readout: Readout, reasoning: Reasoning) -> Filling<'static> {
    Filling {
        readout,
        reasoning,
        examples: false,
        criteria: "",
        criteria_are_data: false,
        reference: None,
        chat_markers: ChatMarkers::default(),
    }
}

fn question(prompt: &JudgePrompt, turns: Vec<Turn>) -> Question {
    let answers: Vec<String> =
        (0..prompt.candidates.some()).map(|at| format!("the answer number {at}")).collect();
    let answers: Vec<std::sync::Arc<str>> = answers.into_iter().map(Into::into).collect();
    Question::new(turns, answers)
}

fn text_of(turns: &[Turn]) -> String {
    turns.iter().map(|turn| turn.content.as_str()).collect::<Vec<_>>().join("\n----\n")
}

#[test]
fn every_built_in_prompt_can_be_filled_with_every_readout_and_reasoning() {
    let modes = [Reasoning::None, Reasoning::Before, Reasoning::After, Reasoning::Native];
    for prompt in prompts() {
        assert_eq!(prompt.form.faults(prompt.candidates.some()), [], "{}", prompt.name);
        assert!(!prompt.source.is_empty());
        assert!(prompt.form.default_readout().is_some(), "{}", prompt.name);
        for readout in prompt.form.readouts() {
            let count = prompt.candidates.some();
            assert_eq!(prompt.form.fits(readout, count), Ok(()), "{}", prompt.name);
            for mode in modes {
                prompt.try_out(&filling(readout, mode), true).unwrap();
                let one = question(&prompt, vec![Turn::user("What is 2 + 2?")]);
                let turns = prompt.fill(Shown::Judgment, &one, &filling(readout, mode)).unwrap();
                let text = text_of(&turns);
                let instruction = prompt.form.instruction(readout, count);
                assert!(text.contains(&instruction), "{}: {instruction}\n{text}", prompt.name);
                assert!(!text.contains("{{") && !text.contains("{%"), "{}: {text}", prompt.name);
                assert!(!text.contains("\n\n\n\n"), "{}: {text}", prompt.name);
            }
        }
    }
}

#[test]
fn names_are_those_of_the_files_and_of_their_tables() {
    for (name, prompt) in builtin::names().iter().zip(prompts()) {
        assert_eq!(*name, prompt.name);
    }
    assert_eq!(builtin::prompt("pairwise.toml"), None);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|file| file.trim_end_matches(".toml").to_owned())
        .collect();
    let named: BTreeSet<String> = builtin::names().iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(files, named);
}

#[test]
fn all_turns_of_a_dialogue_are_shown_by_every_prompt() {
    let turns = vec![
        Turn::user("the first request"),
        Turn::assistant("the first reply"),
        Turn::user("the second request"),
    ];
    for prompt in prompts() {
        let readout = prompt.form.default_readout().unwrap();
        let asked = question(&prompt, turns.clone());
        let shown =
            prompt.fill(Shown::Judgment, &asked, &filling(readout, prompt.reasoning)).unwrap();
        let text = text_of(&shown);
        for turn in &turns {
            assert!(text.contains(&turn.content), "{}: {text}", prompt.name);
        }
        assert_eq!(shown.last().map(|turn| turn.role), Some(Role::User));
    }
}

#[test]
fn the_two_transcripts_of_rmb_and_rewardbench_are_complete() {
    let turns = vec![Turn::user("hi"), Turn::assistant("hello"), Turn::user("2 + 2?")];
    for (name, opening) in [
        (
            "rmb-pairwise",
            "[The Start of the Conversation between Chatbot B and the Client]\n[Client]\nhi",
        ),
        (
            "rewardbench",
            "<|The Start of Assistant B's Conversation with User|>\n\n### User:\nhi\n\n### Assistant B:\nhello",
        ),
    ] {
        let prompt = JudgePrompt::read(name, builtin::prompt(name).unwrap()).unwrap();
        let asked = question(&prompt, turns.clone());
        let shown = prompt
            .fill(Shown::Judgment, &asked, &filling(Readout::Letter, Reasoning::Before))
            .unwrap();
        let text = text_of(&shown);
        assert!(text.contains(opening), "{text}");
        assert_eq!(text.matches("hello").count(), 2, "{text}");
    }
}

#[test]
fn protocols_read_by_their_own_rule_and_decode_as_published() {
    let expected = [
        ("rewardbench", Parse::Rewardbench, Readout::Letter, 2048),
        ("rewardbench-2-ranking", Parse::Rewardbench2, Readout::Letter, 2048),
        ("rewardbench-2-ratings", Parse::Rewardbench2, Readout::Number, 1024),
        ("rewardbench-2-ties", Parse::Rewardbench2, Readout::Number, 1024),
        ("judgebench-arena-hard", Parse::ArenaHard, Readout::Letter, 4096),
        ("judgebench-vanilla", Parse::Vanilla, Readout::Letter, 1024),
        ("rmb-pairwise", Parse::RmR1, Readout::Letter, 4096),
        ("prometheus-absolute", Parse::Prometheus, Readout::Number, 1024),
        ("prometheus-relative", Parse::Prometheus, Readout::Letter, 1024),
        ("skywork-critic", Parse::SkyworkCritic, Readout::Letter, 2048),
    ];
    for (name, parse, readout, max_tokens) in expected {
        let prompt = JudgePrompt::read(name, builtin::prompt(name).unwrap()).unwrap();
        assert_eq!(prompt.form.parse, parse, "{name}");
        assert_eq!(prompt.form.default_readout(), Some(readout), "{name}");
        assert_eq!(prompt.sampling.temperature, Some(0.0), "{name}");
        assert_eq!(prompt.sampling.max_tokens, Some(max_tokens), "{name}");
        assert!(prompt.source.contains("arXiv") || prompt.source.contains("JudgeBench"), "{name}");
    }
}

#[test]
fn a_reply_in_the_form_of_its_instruction_is_read_by_every_protocol() {
    for prompt in prompts() {
        let readout = prompt.form.default_readout().unwrap();
        let count = prompt.candidates.some();
        let Some(tribunal_api::Grammar::OneOf(texts)) = prompt.form.grammar(readout, count) else {
            continue;
        };
        let labels = prompt.form.labels(readout, count);
        for (text, label) in texts.iter().zip(labels) {
            // The vanilla judge is asked for nothing but its words, and every other one may explain itself before.
            let reply = match prompt.form.parse {
                Parse::Vanilla => text.clone(),
                _ => format!("it is right.\n\n{text}"),
            };
            let read = prompt.form.read(readout, prompt.form.parse, &reply, count);
            assert_eq!(read, Verdict::Scores(label.scores), "{}: {reply}", prompt.name);
        }
    }
}

#[test]
fn criteria_add_a_section_and_nothing_else_to_a_protocol() {
    for name in
        ["rewardbench", "rewardbench-2-ranking", "rewardbench-2-ratings", "rewardbench-2-ties"]
    {
        let prompt = JudgePrompt::read(name, builtin::prompt(name).unwrap()).unwrap();
        assert!(prompt.uses("criteria"), "{name}");
        let asked = question(&prompt, vec![Turn::user("q")]);
        let readout = prompt.form.default_readout().unwrap();
        let plain = filling(readout, Reasoning::Before);
        let shown = |filling: &Filling<'_>| {
            text_of(&prompt.fill(Shown::Judgment, &asked, filling).unwrap())
        };
        let without = shown(&plain);
        let with = shown(&Filling { criteria: "Be right.", ..plain });
        assert!(!without.contains("criteria"), "{without}");
        let heading = with.find("by these criteria:\nBe right.\n").unwrap();
        let (word, digits) = (["Judge ", "Rate "], "4- ");
        let start = word.iter().find_map(|word| with[..heading].strip_suffix(word)).unwrap();
        let start = start.strip_suffix(digits).unwrap_or(start);
        let rest = &with[heading + "by these criteria:\nBe right.\n".len()..];
        assert_eq!(format!("{start}{rest}"), without, "{name}");
    }
}

#[test]
fn the_ties_variant_leaves_depth_and_detail_out() {
    let shown = |name: &str| {
        let prompt = JudgePrompt::read(name, builtin::prompt(name).unwrap()).unwrap();
        let asked = question(&prompt, vec![Turn::user("q")]);
        text_of(
            &prompt
                .fill(Shown::Judgment, &asked, &filling(Readout::Number, Reasoning::Before))
                .unwrap(),
        )
    };
    let (ratings, ties) = (shown("rewardbench-2-ratings"), shown("rewardbench-2-ties"));
    assert!(ties.contains("need not matter") && !ratings.contains("need not matter"));
    let differing = ratings.lines().zip(ties.lines()).filter(|(one, other)| one != other).count();
    assert_eq!(differing, 1, "{ratings}\n{ties}");
}

#[derive(Deserialize)]
struct Topics {
    topics: BTreeMap<String, String>,
}

fn topics(file: &str) -> BTreeMap<String, String> {
    let files = builtin::criteria("per-scenario").unwrap();
    let (_, text) = files.iter().find(|(name, _)| *name == file).unwrap();
    toml::from_str::<Topics>(text).unwrap().topics
}

/// The scenarios as the RMB suite names them, from its own source.
fn scenarios() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../suites/src/rmb/scenarios.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let quoted = text.split('"').skip(1).step_by(2);
    quoted
        .filter(|name| name.starts_with("Helpfulness/") || name.starts_with("Harmlessness/"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_scenario_of_rmb_has_criteria_of_its_own() {
    let topics = topics("rmb");
    let named: BTreeSet<String> = topics.keys().cloned().collect();
    assert_eq!(named, scenarios());
    assert_eq!(named.len(), 49);
    for (topic, text) in &topics {
        let lines = text.lines().filter(|line| line.starts_with("- ")).count();
        assert!((2..=4).contains(&lines), "{topic} has {lines} criteria");
        assert!(
            text.lines().filter(|line| !line.trim().is_empty()).count() == lines,
            "{topic}: {text}"
        );
    }
    let distinct: BTreeSet<&str> = topics.values().flat_map(|text| text.lines()).collect();
    let all: usize = topics.values().map(|text| text.lines().count()).sum();
    assert_eq!(distinct.len(), all, "some criterion stands in two scenarios");
}

#[test]
fn every_subset_of_rewardbench_2_has_criteria_of_its_own() {
    let topics = topics("rewardbench-2");
    let named: Vec<&str> = topics.keys().map(String::as_str).collect();
    assert_eq!(named, ["Factuality", "Focus", "Math", "Precise IF", "Safety", "Ties"]);
    let distinct: BTreeSet<&str> = topics.values().flat_map(|text| text.lines()).collect();
    assert_eq!(distinct.len(), topics.values().map(|text| text.lines().count()).sum::<usize>());
    assert_eq!(builtin::criteria("nothing"), None);
    assert!(builtin::criteria_sets().iter().all(|set| builtin::criteria(set).is_some()));
}
