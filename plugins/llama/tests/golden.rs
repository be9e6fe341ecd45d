//! Held against numbers of transformers: tiny models that are made here (`golden.json`), and trained ones where they are at hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tribunal_api::{Prompt, Question, Role, Sampling, Turn};
use tribunal_models::import::{ImportOptions, WeightType, import};
use tribunal_models::tiny::{TinyFamily, TinyKind};

use crate::common::{Models, block_on, generate, generator, number, score, source};

fn questions(golden: &Value) -> Vec<Question> {
    let one = |question: &Value| {
        let turns: Vec<Turn> = question["turns"].as_array().unwrap().iter().map(turn).collect();
        let reply: Arc<str> = question["reply"].as_str().unwrap().into();
        Question::new(turns, vec![reply])
    };
    golden["questions"].as_array().unwrap().iter().map(one).collect()
}

fn turn(pair: &Value) -> Turn {
    let content = pair[1].as_str().unwrap().to_owned();
    let role = if pair[0] == "user" { Role::User } else { Role::Assistant };
    Turn { role, content }
}

fn close(got: f64, wanted: f64, most: f64, what: &str) {
    assert!((got - wanted).abs() <= most, "{what}: {got}, transformers computes {wanted}");
}

#[test]
fn tiny_models_of_every_family_score_as_in_transformers() {
    let golden: Value = serde_json::from_str(include_str!("golden.json")).unwrap();
    let questions = questions(&golden);
    let models = Models::new();
    for (family, name) in [
        (TinyFamily::Llama, "llama"),
        (TinyFamily::Mistral, "mistral"),
        (TinyFamily::Qwen2, "qwen2"),
        (TinyFamily::Qwen3, "qwen3"),
        (TinyFamily::Gemma2, "gemma2"),
    ] {
        let most = 1e-5;
        let golden = &golden[name];
        let make = |kind| models.tiny(family, kind, WeightType::F32);
        let classifier = source("llama.classifier", &make(TinyKind::Classifier), json!({}));
        // The labels' weights are those of `Models::tiny`.
        let labels = source("llama.classifier", &make(TinyKind::Labels), json!({}));
        let causal = source("llama.likelihood", &make(TinyKind::Causal), json!({}));
        for (place, question) in questions.iter().enumerate() {
            let what = format!("{name}, question {place}");
            let length = block_on(classifier.inspect(question)).unwrap().unwrap().tokens.len();
            if family == TinyFamily::Mistral && length > 256 {
                // Its sliding window cuts the context: what is longer is no question for llama.cpp.
                assert!(score(&*classifier, question).unwrap().readout.scores().is_none());
                continue;
            }
            let wanted = golden["classifier"][place][0].as_f64().unwrap();
            close(number(&score(&*classifier, question).unwrap()), wanted, most, &what);
            let label = |at: usize| golden["labels"][place][at].as_f64().unwrap();
            let answer = score(&*labels, question).unwrap();
            let weighted = 0.5 * label(0) + 0.25 * label(1) - label(2);
            close(number(&answer), weighted, 2.0 * most, &what);
            for (at, part) in ["helpful", "correct", "verbose"].into_iter().enumerate() {
                close(answer.parts[part][0], label(at), most, &format!("{what}, {part}"));
            }
            let answer = score(&*causal, question).unwrap();
            let wanted = golden["causal"][place]["sum"].as_f64().unwrap();
            close(number(&answer), wanted, wanted.abs() * most, &what);
            assert_eq!(
                answer.parts["reply-tokens"][0],
                golden["causal"][place]["tokens"].as_f64().unwrap()
            );
        }
    }
}

#[test]
fn implicit_rewards_are_differences_of_likelihoods() {
    let models = Models::new();
    let policy = models.tiny(TinyFamily::Qwen2, TinyKind::Causal, WeightType::F32);
    let reference = models.tiny(TinyFamily::Qwen2, TinyKind::Causal, WeightType::Q8_0);
    let question = Question::of_text("What is 2 + 2?", &["It is four."]);
    let alone = |model: &Path, further| {
        let answer = score(&*source("llama.likelihood", model, further), &question).unwrap();
        (number(&answer), answer.parts["reply-tokens"][0])
    };
    let ((plain, tokens), (other, _)) = (alone(&policy, json!({})), alone(&reference, json!({})));
    assert!(plain != other);
    let (reward, _) = alone(&policy, json!({ "reference": reference }));
    assert_eq!(reward, plain - other);
    let (per_token, _) = alone(&policy, json!({ "normalise": "tokens", "reference": reference }));
    assert_eq!(per_token, (plain - other) / tokens);
    let (per_character, _) = alone(&policy, json!({ "normalise": "characters" }));
    assert_eq!(per_character, plain / 11.0);
}

/// The folder of trained models; `None`, with a word, where it is not there.
fn trained() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.join("models").is_dir() {
        println!("skipped: there is no `{}`", folder.join("models").display());
        return None;
    }
    Some(folder)
}

fn import_trained(folder: &Path, models: &Models, name: &str) -> PathBuf {
    let options = ImportOptions { weights: WeightType::F32, ..ImportOptions::default() };
    import(&folder.join("models").join(name), models.path(), &options, &mut |_| {}).unwrap();
    models.path().join(format!("{name}.gguf"))
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn json_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            json_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            found.push(path);
        }
    }
}

/// Items of RMB by the value of their id.
fn rmb(folder: &Path, id: &str) -> std::collections::HashMap<String, Value> {
    let mut files = Vec::new();
    json_files(folder, &mut files);
    let mut items = std::collections::HashMap::new();
    for file in files {
        let all: Vec<Value> =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        items.extend(all.into_iter().map(|item| (text_of(&item[id]), item)));
    }
    items
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn trained_reward_models_give_their_reference_scores() {
    let Some(folder) = trained() else { return };
    let pairs = rmb(&folder.join("rmb/Pairwise_set"), "pair_uid");
    let lists = rmb(&folder.join("rmb/BoN_set"), "bon_uid");
    let models = Models::new();
    for name in ["tiny-qwen2-rm", "tiny-llama-rm"] {
        let source = source(
            "llama.classifier",
            &import_trained(&folder, &models, name),
            json!({ "context": 16384 }),
        );
        let mut rows = lines(&folder.join("models").join(name).join("reference.jsonl"));
        // The others, up to 7,375 tokens, are left to `make test-parity`.
        rows.retain(|row| row["n_tokens"].as_u64().unwrap() <= 400);
        assert!(rows.len() > 80);
        let mut most = 0.0_f64;
        for row in &rows {
            let uid = row["uid"].as_str().unwrap();
            let item = if row["suite"] == "rmb-pairwise" { &pairs[uid] } else { &lists[uid] };
            let candidate = row["candidate"].as_str().unwrap();
            let answer = match (candidate, candidate.strip_prefix("loser-")) {
                (_, Some(place)) => &item["loser_list"][place.parse::<usize>().unwrap()],
                ("best", _) => &item["bon_best"],
                _ => &item[candidate],
            };
            let turns = item["conversation_input"].as_array().unwrap().iter();
            let turns: Vec<Turn> =
                turns.map(|one| turn(&json!([one["role"], one["content"]]))).collect();
            let reply: Arc<str> = answer["answer"].as_str().unwrap().into();
            let question = Question::new(turns, vec![reply]);
            let tokens = block_on(source.inspect(&question)).unwrap().unwrap().tokens;
            assert_eq!(tokens.len() as u64, row["n_tokens"].as_u64().unwrap(), "{uid}");
            assert_eq!(json!(tokens[..8]), row["first_ids"], "{uid}");
            assert_eq!(json!(tokens[tokens.len() - 8..]), row["last_ids"], "{uid}");
            let got = number(&score(&*source, &question).unwrap());
            most = most.max((got - row["score"].as_f64().unwrap()).abs());
        }
        println!("{name}: {} rows, largest difference {most:.1e}", rows.len());
        assert!(most <= 1e-5, "{name}: {most}");
    }
}

#[test]
fn a_trained_judge_gives_its_reference_probabilities() {
    let Some(folder) = trained() else { return };
    let models = Models::new();
    let model = import_trained(&folder, &models, "tiny-qwen3-judge");
    let generator = generator(&model, json!({ "context": 4096, "slots": 2 }));
    let mut most = 0.0_f64;
    let mut rows = lines(&folder.join("models/tiny-qwen3-judge/reference.jsonl"));
    rows.retain(|row| row["prompt"].as_str().unwrap().len() <= 1200);
    assert!(rows.len() > 50, "{}", rows.len());
    for row in &rows {
        let prompt = row["prompt"].as_str().unwrap();
        let (before, prefix) = prompt.rsplit_once("<|im_end|>\n<|im_start|>assistant\n").unwrap();
        let content = before.strip_prefix("<|im_start|>user\n").unwrap();
        let labels: [(&str, &str); 2] = match row["kind"].as_str() {
            Some("pair") => [("A", "logprob_a"), ("B", "logprob_b")],
            _ => [(" Yes", "logprob_yes"), (" No", "logprob_no")],
        };
        let asked = Prompt {
            turns: vec![Turn::user(content), Turn::assistant(prefix)],
            sampling: Sampling { max_tokens: 1, ..Sampling::default() },
            seeds: vec![1],
            labels: labels.iter().map(|(label, _)| (*label).to_owned()).collect(),
            ..Prompt::default()
        };
        assert_eq!(block_on(generator.inspect(&asked)).unwrap().unwrap().rendered, prompt);
        let completion = generate(&*generator, &asked).unwrap();
        let others = &completion.texts[0].tokens[0].others;
        for (label, key) in labels {
            let (_, got) = others.iter().find(|(text, _)| text == label).unwrap();
            most = most.max((got - row[key].as_f64().unwrap()).abs());
        }
    }
    println!("{} rows, largest difference {most:.1e}", rows.len());
    assert!(most <= 1e-4, "{most}");
}
