//! Recorded replies and ratings of real judges, read again: every recorded decision comes out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tribunal_api::Question;
use tribunal_judges::builtin;
use tribunal_judges::prompt::{ChatMarkers, Filling, JudgePrompt, Shown};
use tribunal_judges::verdict::{Parse, Readout, Verdict, VerdictForm};

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: `{}` is not there", path.display());
    None
}

/// The `[verdict]` table of a built-in prompt.
fn form_of(prompt: &str) -> VerdictForm {
    #[derive(Deserialize)]
    struct File {
        verdict: VerdictForm,
    }
    let text = builtin::prompt(prompt).unwrap();
    toml::from_str::<File>(text).unwrap().verdict
}

#[derive(Deserialize)]
struct Pair {
    source: String,
    label: String,
    question: String,
    #[serde(rename = "response_A")]
    response_a: String,
    #[serde(rename = "response_B")]
    response_b: String,
    judgments: Vec<Game>,
}

#[derive(Deserialize)]
struct Game {
    judgment: Judgment,
    decision: Option<String>,
}

#[derive(Deserialize)]
struct Judgment {
    prompt: String,
    response: String,
}

fn recorded_pairs() -> Option<Vec<Pair>> {
    let path = shared(
        "judgebench/outputs/dataset=judgebench,response_model=claude-3-5-sonnet-20240620,judge_name=arena_hard,\
         judge_model=claude-3-haiku-20240307.jsonl",
    )?;
    let text = fs::read_to_string(path).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// A verdict in the words of the recorded file.
fn decision(verdict: &Verdict) -> Option<&'static str> {
    let Verdict::Scores(scores) = verdict else { return None };
    Some(match scores[..] {
        [1.0, 0.0] => "A>B",
        [0.0, 1.0] => "B>A",
        [0.5, 0.5] => "A=B",
        _ => panic!("no score of a pair: {scores:?}"),
    })
}

fn category(source: &str) -> &'static str {
    let prefixes = [
        ("mmlu-pro", "Knowledge"),
        ("livebench-reasoning", "Reasoning"),
        ("livebench-math", "Math"),
        ("livecodebench", "Coding"),
    ];
    prefixes.iter().find(|(prefix, _)| source.starts_with(prefix)).unwrap().1
}

#[test]
fn every_recorded_arena_hard_reply_gives_its_recorded_decision() {
    let Some(pairs) = recorded_pairs() else { return };
    let form = form_of("judgebench-arena-hard");
    let (mut replies, mut conflicting, mut missing) = (0, 0, 0);
    for game in pairs.iter().flat_map(|pair| &pair.judgments) {
        let reply = &game.judgment.response;
        let verdict = form.read(Readout::Letter, Parse::ArenaHard, reply, 2);
        assert_eq!(decision(&verdict), game.decision.as_deref(), "{reply}");
        replies += 1;
        conflicting += usize::from(matches!(verdict, Verdict::Unreadable(_)));
        missing += usize::from(matches!(verdict, Verdict::Missing(_)));
    }
    // BENCHMARKS.md 4.2: 270 pairs in two games, 13 replies with labels that disagree, no other nulls.
    assert_eq!((pairs.len(), replies, conflicting, missing), (270, 540, 13, 0));
}

#[test]
fn recorded_replies_give_the_recorded_totals_of_two_games_and_of_one() {
    let Some(pairs) = recorded_pairs() else { return };
    let form = form_of("judgebench-arena-hard");
    let mut two_games: BTreeMap<&str, u32> = BTreeMap::new();
    let mut first_game: BTreeMap<&str, u32> = BTreeMap::new();
    for pair in &pairs {
        let read = |game: usize| {
            let reply = &pair.judgments[game].judgment.response;
            let verdict = form.read(Readout::Letter, Parse::ArenaHard, reply, 2);
            match verdict {
                // In the second game the candidates stand the other way round.
                Verdict::Scores(scores) if game == 1 => scores[1] - scores[0],
                Verdict::Scores(scores) => scores[0] - scores[1],
                _ => 0.0,
            }
        };
        let label = if pair.label == "A>B" { 1.0 } else { -1.0 };
        let category = category(&pair.source);
        *two_games.entry(category).or_default() += u32::from(label * (read(0) + read(1)) > 0.0);
        *first_game.entry(category).or_default() += u32::from(label * read(0) > 0.0);
    }
    // BENCHMARKS.md 4.2.
    let expected = |knowledge, reasoning, math, coding| {
        BTreeMap::from([
            ("Knowledge", knowledge),
            ("Reasoning", reasoning),
            ("Math", math),
            ("Coding", coding),
        ])
    };
    assert_eq!(two_games, expected(58, 15, 11, 3));
    assert_eq!(two_games.values().sum::<u32>(), 87);
    assert_eq!(first_game, expected(52, 19, 8, 1));
    assert_eq!(first_game.values().sum::<u32>(), 80);
}

#[test]
fn the_candidates_are_laid_out_as_in_every_recorded_prompt() {
    let Some(pairs) = recorded_pairs() else { return };
    let name = "judgebench-arena-hard";
    let prompt = JudgePrompt::read(name, builtin::prompt(name).unwrap()).unwrap();
    let filling = Filling {
        readout: Readout::Letter,
        reasoning: prompt.reasoning,
        examples: false,
        criteria: "",
        criteria_are_data: false,
        reference: None,
        chat_markers: ChatMarkers::default(),
    };
    for pair in &pairs {
        let (a, b) = (pair.response_a.as_str(), pair.response_b.as_str());
        for (game, shown) in pair.judgments.iter().zip([[a, b], [b, a]]) {
            let question = Question::of_text(&pair.question, &shown);
            let turns = prompt.fill(Shown::Judgment, &question, &filling).unwrap();
            let user = &turns.last().unwrap().content;
            assert_eq!(user.trim(), game.judgment.prompt.trim());
        }
    }
}

#[test]
fn strict_reading_differs_from_arena_hard_nowhere_in_the_recorded_replies() {
    let Some(pairs) = recorded_pairs() else { return };
    let form = form_of("judgebench-arena-hard");
    for game in pairs.iter().flat_map(|pair| &pair.judgments) {
        let reply = &game.judgment.response;
        let verdict = form.read(Readout::Letter, Parse::Strict, reply, 2);
        assert_eq!(decision(&verdict), game.decision.as_deref(), "{reply}");
    }
}

#[derive(Deserialize)]
struct Rated {
    full_scores: Option<Vec<Option<Vec<Option<u32>>>>>,
    mini_scores: Option<Vec<Option<Vec<Option<u32>>>>>,
    nano_scores: Option<Vec<Option<Vec<Option<u32>>>>>,
}

#[test]
fn recorded_ratings_written_as_replies_are_read_back_by_every_parse() {
    let Some(folder) = shared("rewardbench2/composo-judge-scores") else { return };
    let form = form_of("rewardbench-2-ratings");
    let marked = form_of("pointwise");
    let mut read = 0;
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    files.sort();
    for file in &files {
        for line in fs::read_to_string(file).unwrap().lines() {
            let row: Rated = serde_json::from_str(line).unwrap();
            let judges = [row.full_scores, row.mini_scores, row.nano_scores];
            let ratings = judges.into_iter().flatten().flatten().flatten().flatten().flatten();
            for rating in ratings {
                let expected = Verdict::Scores(vec![f64::from(rating)]);
                let reply = format!("It is clear, with 2 slips in part 3.\n\n{rating}");
                for parse in [Parse::Strict, Parse::Lenient, Parse::Rewardbench2] {
                    assert_eq!(form.read(Readout::Number, parse, &reply, 1), expected, "{parse:?}");
                }
                let reply = format!("It is clear.\n\n[[{rating}]]");
                for parse in [Parse::Strict, Parse::Lenient] {
                    assert_eq!(
                        marked.read(Readout::Number, parse, &reply, 1),
                        expected,
                        "{parse:?}"
                    );
                }
                read += 1;
            }
        }
    }
    // Counted apart from this program: whole numbers in the three score columns of all rows of the five files.
    assert_eq!((files.len(), read), (5, 387_792));
}
